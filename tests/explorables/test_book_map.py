"""The map of the book in a real browser: a node is chosen, its question shown, its page linked."""

import numpy as np
import pytest

from ssl_teach.explorables import BookMap

from .from_book import explorables
from .page import mount

RED, GREEN = [200, 30, 20], [10, 180, 60]


def plain(colour, side=8):
    return np.tile(np.array(colour, np.uint8), (side, side, 1))


def node(name, **more):
    return {
        "name": name,
        "title": f"The title of {name}",
        "question": f"What is {name}?",
        "facts": {"goes in": "a picture", "from": "nobody"},
        "given": [plain(RED)],
        "wanted": [plain(GREEN)],
    } | more


def build(**more):
    first = [node("one", page="01_one"), node("two", after=["one"], wanted="y = 1")]
    second = [
        node(name, after=["one"], page=f"page_{name}", given=[plain(GREEN, 16), plain(RED)])
        for name in ("three", "four", "five", "six", "seven")
    ]
    return BookMap({"Part I": first, "Part II": second}, **more)


def pressed(page):
    return page.page.locator('.ssl-node[aria-pressed="true"]').all_inner_texts()


def colours(page, selector):
    """The middle pixel of each canvas."""
    return page.page.evaluate(
        """(selector) => [...document.querySelectorAll(selector)].map((c) => [...c.getContext("2d")
        .getImageData(c.width / 2, c.height / 2, 1, 1).data].slice(0, 3))""",
        selector,
    )


def test_it_starts_with_a_question_and_an_example(browser, tmp_path):
    with mount(browser, tmp_path, build()) as page:
        assert pressed(page) == ["The title of one"]
        assert "What is one?" in page.text(".ssl-question")
        assert page.page.locator(".ssl-detail dt").all_inner_texts() == ["goes in", "from"]
        assert colours(page, ".ssl-example canvas") == [RED, GREEN]
        assert len(colours(page, ".ssl-node canvas")) == 7
        words = page.page.locator(".ssl-example").get_attribute("aria-label")
        assert words == "An example: a picture; the answer is an image"
        assert page.page.locator(".ssl-notice").count() == 0


def test_what_to_notice_is_said_where_it_was_given(browser, tmp_path):
    with mount(browser, tmp_path, build(notice="Nobody gives a <label>.")) as page:
        assert page.text(".ssl-notice") == "What to notice. Nobody gives a <label>."


def test_a_click_chooses_and_tells(browser, tmp_path):
    with mount(browser, tmp_path, build(chosen="two")) as page:
        assert page.text(".ssl-wanted") == "y = 1"
        page.page.get_by_role("button", name="The title of four").click()
        page.settle()
        assert page.get("chosen") == "four" and pressed(page) == ["The title of four"]
        assert colours(page, ".ssl-example canvas") == [GREEN, RED, GREEN]
        words = page.page.locator("[aria-live]").text_content()
        assert words == "The title of four. What is four?"


def test_arrow_keys_walk_the_map(browser, tmp_path):
    with mount(browser, tmp_path, build()) as page:
        page.page.locator('[tabindex="0"]').first.focus()
        for key, name in [
            ("ArrowRight", "two"),
            ("ArrowDown", "four"),  # below it, in the same column
            ("ArrowUp", "two"),
            ("ArrowLeft", "one"),
            ("ArrowLeft", "seven"),  # the ends meet
        ]:
            page.page.keyboard.press(key)
            page.settle()
            assert page.get("chosen") == name, key
            assert (
                page.page.evaluate("document.activeElement.textContent") == f"The title of {name}"
            )
        assert page.page.locator('.ssl-explorable [tabindex="0"]').count() == 1


def test_every_line_ends_at_the_nodes_it_joins(browser, tmp_path):
    with mount(browser, tmp_path, build()) as page:
        assert page.page.locator(".ssl-lines path").count() == 6
        gaps = page.page.evaluate(
            """() => {
              const lines = document.querySelector(".ssl-lines").getBoundingClientRect();
              const near = (point, node) => {
                const b = node.getBoundingClientRect();
                const x = point.x + lines.left, y = point.y + lines.top;
                return Math.max(b.left - x, x - b.right, b.top - y, y - b.bottom);
              };
              const nodes = [...document.querySelectorAll(".ssl-node")];
              return [...document.querySelectorAll(".ssl-lines path")].map((path, k) => Math.max(
                near(path.getPointAtLength(0), nodes[0]),
                near(path.getPointAtLength(path.getTotalLength()), nodes[k + 1])));
            }"""
        )
        assert max(gaps) < 1
        assert page.page.locator(".ssl-lines .ssl-near").count() == 6  # all of them meet in "one"
        page.set("chosen", "six")
        assert page.page.locator(".ssl-lines .ssl-near").count() == 1


def test_pages_are_links_in_the_book_and_names_elsewhere(browser, tmp_path):
    with mount(browser, tmp_path, build()) as page:
        assert page.text(".ssl-where") == "notebook 01_one.ipynb"
        assert page.page.locator(".ssl-where a").count() == 0
        page.page.evaluate("document.getElementById('place').classList.add('bd-article')")
        page.set("chosen", "five")
        assert page.page.locator(".ssl-where a").get_attribute("href") == "page_five.html"
        page.set("chosen", "two")
        assert page.page.locator(".ssl-where").count() == 0


def test_rows_and_steps_are_pure(browser, tmp_path):
    with mount(browser, tmp_path, build()) as page:
        found = page.page.evaluate(
            """() => {
              const { rowTo, stepTo } = window.module;
              const places = [
                ["a", 0, 0], ["b", 100, 2], ["c", 10, 50], ["d", 90, 50], ["e", 60, 99]];
              const boxes = places.map(([name, x, y]) => ({ name, x, y }));
              return [rowTo(boxes, "b", 1), rowTo(boxes, "a", 1), rowTo(boxes, "a", -1),
                rowTo(boxes, "e", -1), rowTo(boxes, "e", 1), stepTo(["a", "b", "c"], "a", -1),
                stepTo(["a", "b", "c"], "c", 1)];
            }"""
        )
        assert found == ["d", "c", "a", "d", "e", "c", "a"]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["two", "three"])
def test_fits_a_phone(browser, tmp_path, theme, name):
    with mount(browser, tmp_path, build(chosen=name), width=360, theme=theme) as page:
        assert page.overflow() <= 0
        wide = page.page.evaluate(
            "() => [...document.querySelectorAll('.ssl-node')]"
            ".filter((e) => e.scrollWidth > e.clientWidth).length"
        )
        assert wide == 0


def test_a_tap_chooses(browser, tmp_path):
    with mount(browser, tmp_path, build(), width=390, touch=True) as page:
        page.page.get_by_role("button", name="The title of six").tap()
        page.settle()
        assert page.get("chosen") == "six"


def test_takes_itself_back(browser, tmp_path):
    with mount(browser, tmp_path, build()) as page:
        page.take_back()


def test_the_name_is_the_same_in_every_run():
    assert repr(build()) == "BookMap(one, two, three, four, five, six, seven)"


@pytest.mark.parametrize(
    ("parts", "more", "words"),
    [
        ({}, {}, "empty"),
        ({"I": []}, {}, "empty"),
        ({"I": [node("a"), node("a")]}, {}, "two nodes are called 'a'"),
        ({"I": [node("a", question="")]}, {}, "node 'a' has no question"),
        ({"I": [{"title": "x"}]}, {}, "has no name, question, facts, given, wanted"),
        ({"I": [node("a", after=["b"])]}, {}, "no node is called 'b'"),
        ({"I": [node("a")]}, {"chosen": "c"}, "no node is called 'c'"),
        ({"I": [node("a", given=[np.zeros((4, 4))])]}, {}, "node 'a' must be uint8"),
        ({"I": [node("a", wanted=[np.zeros((3, 4, 4), np.uint8)])]}, {}, "channels last"),
    ],
)
def test_bad_nodes_are_named(parts, more, words):
    with pytest.raises(ValueError, match=words):
        BookMap(parts, **more)


def test_pictures_lie_one_behind_the_other():
    widget = build()
    four = widget.nodes["four"]["given"]
    assert [each["shape"] for each in four] == [[16, 16, 3], [8, 8, 3]]
    assert four[1]["start"] - four[0]["start"] == 16 * 16 * 3
    sent = np.frombuffer(widget.pictures, np.uint8)
    assert sent[four[0]["start"] :][:3].tolist() == GREEN
    assert sent[four[1]["start"] :][:3].tolist() == RED


def test_neighbours_are_told_and_marked(browser, tmp_path):
    with mount(browser, tmp_path, build()) as page:
        after = ("two", "three", "four", "five", "six", "seven")
        titles = [f"The title of {name}" for name in after]
        assert f"Leads to {', '.join(titles)}." in page.text(".ssl-detail")
        assert page.page.locator(".ssl-node.ssl-linked").count() == 6
        page.page.get_by_role("button", name="The title of two").click()
        page.settle()
        assert "Builds on The title of one." in page.text(".ssl-detail")
        assert "Leads to" not in page.text(".ssl-detail")
        assert page.page.locator(".ssl-node.ssl-linked").all_inner_texts() == ["The title of one"]


def test_the_books_map_leads_to_every_lesson_but_its_own(book):
    nodes = explorables([book / "notebooks" / "01_introduction.html"])["BookMap"].nodes
    assert [name for name, node in nodes.items() if not node["page"]] == ["labels"]
    assert all(
        (book / "notebooks" / f"{n['page']}.html").exists() for n in nodes.values() if n["page"]
    )
