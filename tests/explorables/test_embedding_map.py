"""The map of pictures in a real browser: places, neighbours and what is counted of them."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from ssl_teach.data import load
from ssl_teach.explorables import (
    EmbeddingMap,
)
from ssl_teach.explorables.embedding_map import Layout

from .made import noise
from .page import mount

CLASSES = ["house", "tree", "cat"]
SIDE, MARK = 6, [(255, 0, 0), (0, 255, 0), (0, 0, 255)]  # pictures of one colour, by class


def nearest(positions, k):
    """The k nearest of each point in the plane, itself left out: (n, k)."""
    far = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    np.fill_diagonal(far, np.inf)
    return np.argsort(far, axis=1)[:, :k]


def share_of(labels, neighbours):
    """By numpy, what the page has to count."""
    return float((labels[neighbours] == labels[:, None]).mean())


def points(n=60, k=5, seed=0):
    """Labels, a layout that ignores classes and one that groups them."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, len(CLASSES), n)
    scattered = random.normal(size=(n, 2))
    sorted_out = scattered + 3 * np.array([(0, 1), (1, -1), (-1, -1)])[labels]
    layouts = [Layout(places, nearest(places, k)) for places in (scattered, sorted_out)]
    return labels, dict(zip(("random weights", "SimCLR"), layouts, strict=True))


def build(n=60, k=5, **more):
    labels, layouts = points(n, k)
    return EmbeddingMap(layouts, plain(labels), labels, CLASSES, **more)


def plain(labels):
    """Pictures of the colour of their class."""
    colours = np.array(MARK, np.uint8)[np.asarray(labels)]
    return np.broadcast_to(colours[:, None, None], (len(labels), SIDE, SIDE, 3))


# a cross: 0 in the middle, 1 right of it, 2 above, 3 left, 4 below and far to the left
CROSS = np.array([(0, 0), (2, 0), (0, 2), (-1, 0), (-2, -2)], float)


def cross(**more):
    """The cross, and the same seen in a mirror."""
    labels, neighbours = [0, 0, 1, 1, 2], nearest(CROSS, 2)
    layouts = {"drawn": Layout(CROSS, neighbours), "mirrored": Layout(CROSS * (-1, 1), neighbours)}
    return EmbeddingMap(layouts, plain(labels), labels, CLASSES, **more)


def canvas(page):
    return page.page.locator(".ssl-map-stage canvas")


def middle_of(page, widget, i, name):
    """Where picture i is on the page, in pixels, computed as the page should."""
    given = widget.representations.index(name)
    sent = np.frombuffer(widget.positions, "<f2").reshape(-1, widget.shape[0], 2)[given, i]
    box = canvas(page).bounding_box()
    side, n = box["width"], widget.shape[0]
    margin = min(36, max(11, 0.7 * side / n**0.5)) + 4
    x, y = margin + (side - 2 * margin) * (1 + sent.astype(float) * (1, -1)) / 2
    return box["x"] + x, box["y"] + y


COLOUR = """([x, y]) => {
  const canvas = document.querySelector(".ssl-map-stage canvas");
  const { left, top, width } = canvas.getBoundingClientRect(), ratio = canvas.width / width;
  const copy = new OffscreenCanvas(1, 1).getContext("2d"); // a canvas often read becomes slow
  copy.fillStyle = "white";
  copy.fillRect(0, 0, 1, 1);
  copy.drawImage(canvas, -Math.round((x - left) * ratio), -Math.round((y - top) * ratio));
  return [...copy.getImageData(0, 0, 1, 1).data].slice(0, 3);
}"""


def colour_at(page, x, y):
    """(red, green, blue) on the canvas at a point of the page."""
    return tuple(page.page.evaluate(COLOUR, [x, y]))


def sentence(page):
    return page.text('[data-value="sentence"]').replace("\u00a0", " ")


def neighbours_shown(page):
    """Class names in the row, in order, and whether each has a ✓ and a solid frame."""
    return page.page.evaluate(
        """() => [...document.querySelectorAll(".ssl-neighbour")].map((button) => [
          button.textContent.replace(" ✓", ""), button.textContent.includes("✓"),
          getComputedStyle(button).borderTopStyle === "solid"])"""
    )


@pytest.mark.parametrize("name", ["random weights", "SimCLR"])
def test_shares_are_those_of_numpy(browser, tmp_path, name):
    labels, layouts = points()
    neighbours = layouts[name].neighbours
    with mount(browser, tmp_path, build(shown=name)) as page:
        found = page.page.evaluate(
            """([labels, flat]) => {
              const { sameKind, shareOf, chanceOf } = window.module, near = Uint16Array.from(flat);
              return [sameKind(labels, near), shareOf(labels, near), chanceOf(labels)];
            }""",
            [labels.tolist(), neighbours.ravel().tolist()],
        )
        counts = (labels[neighbours] == labels[:, None]).sum(axis=1)
        pairs = labels[:, None] == labels[None]
        chance = (pairs.sum() - len(labels)) / (len(labels) * (len(labels) - 1))
        assert found[0] == counts.tolist()
        assert found[1] == pytest.approx(share_of(labels, neighbours), abs=1e-9)
        assert found[2] == pytest.approx(chance, abs=1e-9)
        assert f"over all 60 images {100 * share_of(labels, neighbours):.1f}%" in sentence(page)
        assert f"by chance {100 * chance:.1f}%" in sentence(page)
        assert sentence(page).startswith(f"{CLASSES[labels[0]]}: {counts[0]} of its 5 nearest")


def test_the_row_shows_the_neighbours_in_order_and_which_are_alike(browser, tmp_path):
    labels, layouts = points()
    neighbours = layouts["random weights"].neighbours
    same = labels[neighbours] == labels[:, None]
    chosen = int(np.flatnonzero(same[:, 0] & ~same[:, 1])[0])  # both classes among its neighbours
    with mount(browser, tmp_path, build(selected=chosen)) as page:
        near, alike = neighbours[chosen], same[chosen].tolist()
        expected = [[CLASSES[labels[i]], yes, yes] for i, yes in zip(near, alike, strict=True)]
        assert neighbours_shown(page) == expected
        assert page.text(".ssl-selected figcaption") == CLASSES[labels[chosen]]
        button = page.page.locator(".ssl-neighbour").nth(2)
        button.click()
        page.settle()
        assert page.get("selected") == near[2]
        assert button.evaluate("(e) => document.activeElement === e")


def test_pictures_stand_where_their_representation_puts_them(browser, tmp_path):
    widget = cross()
    with mount(browser, tmp_path, widget) as page:
        for name in widget.representations:
            page.set("shown", name)
            for i, label in enumerate(widget.labels):
                assert colour_at(page, *middle_of(page, widget, i, name)) == MARK[label]


def test_a_click_selects_and_a_click_beside_does_not(browser, tmp_path):
    widget = build(shown="SimCLR")
    with mount(browser, tmp_path, widget) as page:
        page.page.mouse.click(*middle_of(page, widget, 23, "SimCLR"))
        page.settle()
        assert page.get("selected") == 23
        assert "image 24 of 60" in page.text("[aria-live]")
        box = canvas(page).bounding_box()
        page.page.mouse.click(box["x"] + 2, box["y"] + 2)
        assert page.get("selected") == 23


def test_a_tap_selects(browser, tmp_path):
    widget = cross()
    with mount(browser, tmp_path, widget, width=360, touch=True) as page:
        page.page.touchscreen.tap(*middle_of(page, widget, 2, "drawn"))
        page.settle()
        assert page.get("selected") == 2


@pytest.mark.parametrize(
    ("start", "key", "end"),
    [
        (0, "ArrowRight", 1),
        (0, "ArrowUp", 2),
        (0, "ArrowLeft", 3),
        (0, "ArrowDown", 4),
        (1, "ArrowRight", 4),  # none further right: the leftmost
        (2, "ArrowUp", 4),
        (3, "Home", 0),
        (3, "End", 4),
        (4, "n", 0),
        (0, "p", 4),
    ],
)
def test_keys_go_to_the_next_picture_that_way(browser, tmp_path, start, key, end):
    with mount(browser, tmp_path, cross(selected=start)) as page:
        canvas(page).focus()
        page.page.keyboard.press(key)
        page.settle()
        assert page.get("selected") == end
        assert f"image {end + 1} of 5" in page.text("[aria-live]")


def test_straight_ahead_counts_for_more_than_aside(browser, tmp_path):
    with mount(browser, tmp_path, cross()) as page:
        places = [0, 0, 1, 9, 3, 0, 2, -1.8]  # x, y: the last is nearer, but aside
        towards = "(places) => window.module.towards(places, 0, 1, 0)"
        assert page.page.evaluate(towards, places) == 2


def test_arrow_right_always_moves_even_where_all_lie_in_one_point(browser, tmp_path):
    layout = Layout(np.ones((3, 2)), [[1], [2], [0]])
    widget = EmbeddingMap({"x": layout}, np.zeros((3, 5, 4), np.uint8), [0, 0, 1], CLASSES)
    with mount(browser, tmp_path, widget) as page:
        canvas(page).focus()
        page.page.keyboard.press("ArrowRight")
        page.settle()
        assert page.get("selected") != 0


def test_switching_the_representation(browser, tmp_path):
    labels, layouts = points()
    with mount(browser, tmp_path, build(selected=4)) as page:
        page.page.get_by_role("radio", name="SimCLR").check()
        page.settle()
        near = layouts["SimCLR"].neighbours
        assert page.get("shown") == "SimCLR"
        assert [row[0] for row in neighbours_shown(page)] == [CLASSES[labels[i]] for i in near[4]]
        assert f"{100 * share_of(labels, near):.1f}%" in sentence(page)
        assert page.text("[aria-live]").startswith("SimCLR, image 5 of 60.")


def test_places_move_for_those_who_like_motion(browser, tmp_path):
    widget = cross(selected=1)
    with mount(browser, tmp_path, widget) as page:
        page.page.emulate_media(reduced_motion="no-preference")
        here, there = (middle_of(page, widget, 1, name) for name in widget.representations)
        first = page.page.evaluate(
            f"""async ([here, there]) => {{
              window.model.set("shown", "mirrored");
              await new Promise(requestAnimationFrame);
              return [here, there].map({COLOUR});
            }}""",
            [here, there],
        )
        assert tuple(first[0]) == MARK[0]  # in the first frame it has not left
        assert tuple(first[1]) != MARK[0]
        page.page.wait_for_function(
            f"(there) => `${{({COLOUR})(there)}}` === '255,0,0'", arg=list(there)
        )
        halfway = page.page.evaluate("() => [...window.module.between([0, 1], [1, 0], 0.5)]")
        assert halfway == [0.5, 0.5]


def test_highlighting_a_class_dims_the_others(browser, tmp_path):
    widget = cross()
    with mount(browser, tmp_path, widget) as page:
        far_off = middle_of(page, widget, 4, "drawn")  # neither selected nor a neighbour
        page.page.get_by_label("highlight a class").select_option("tree")
        page.settle()
        assert page.get("highlighted") == "tree"
        assert min(colour_at(page, *far_off)) > 150  # pale on a light page
        assert "Highlighted: tree" in page.text("[aria-live]")
        page.set("highlighted", "cat")
        assert colour_at(page, *far_off) == MARK[2]


def test_values_that_fit_nothing_show_something_all_the_same(browser, tmp_path):
    with mount(browser, tmp_path, build()) as page:
        for name, value in (("selected", 999), ("shown", "nobody"), ("highlighted", "nobody")):
            page.set(name, value)
        assert "nearest" in sentence(page)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 720, 1280])
def test_both_themes_and_a_phone(browser, tmp_path, width, theme):
    with mount(browser, tmp_path, build(n=400, k=8), width=width, theme=theme) as page:
        assert page.overflow() <= 0
        assert canvas(page).bounding_box()["width"] > 250


def test_takes_itself_back_and_comes_again_as_it_was(browser, tmp_path):
    with mount(browser, tmp_path, build()) as page:
        page.page.get_by_role("radio", name="SimCLR").check()
        page.set("selected", 12)
        shown = sentence(page)
        page.take_back()
        page.page.evaluate(
            """async () => {
              const el = document.getElementById("place");
              window.cleanUp = await window.module.default.render({ model: window.model, el });
            }"""
        )
        page.settle()
        assert sentence(page) == shown
        assert (page.get("selected"), page.get("shown")) == (12, "SimCLR")
        page.take_back()


def test_it_says_what_it_shows():
    assert repr(build()) == "EmbeddingMap(60 pictures, random weights, SimCLR)"


# ---- what Python sends, and what it refuses ----


NEAR = [[1, 2], [0, 3], [3, 0], [2, 1], [0, 1]]


def layout(positions=None, neighbours=NEAR):
    places = np.arange(10.0).reshape(5, 2) if positions is None else positions
    return Layout(places, neighbours)


def embedding_map(
    layouts=None, images=None, labels=(0, 0, 1, 1, 1), classes=("cat", "dog"), **more
):
    layouts = {"one": layout(), "two": layout()} if layouts is None else layouts
    images = noise(5, 6, 4, 3) if images is None else images
    return EmbeddingMap(layouts, images, labels, classes, **more)


@pytest.mark.parametrize("shape", [(5, 6, 4, 3), (5, 6, 4, 1), (5, 6, 4)])
def test_pictures_reach_the_page_in_rows_of_one_png(shape):
    images = noise(*shape)
    widget = embedding_map(images=images)
    sheet = np.asarray(Image.open(io.BytesIO(widget.pictures))).reshape(12, 12, -1)
    assert (widget.shape, widget.columns) == ([5, 6, 4], 3)
    assert len(np.unique(sheet)) <= 16
    for i, image in enumerate(images.reshape(5, 6, 4, -1).astype(int)):
        top, left = 6 * (i // 3), 4 * (i % 3)
        assert abs(sheet[top : top + 6, left : left + 4] - image).max() <= 8


def test_400_sketches_weigh_little():
    sketches = load("sketches", classes=10)
    images = sketches.train.images[:400, 0].numpy()
    neighbours = (np.arange(400)[:, None] + np.arange(1, 9)) % 400
    layouts = {
        str(k): Layout(np.random.default_rng(k).normal(size=(400, 2)), neighbours) for k in range(3)
    }
    labels = sketches.train.labels[:400].numpy()
    widget = EmbeddingMap(layouts, images, labels, sketches.classes)
    sent = widget.pictures + widget.positions + widget.neighbours
    assert len(base64.b64encode(sent)) < 150_000


def test_positions_fill_the_square_and_keep_their_proportions():
    places = np.array([(10, 5), (30, 5), (20, 10), (20, 0), (20, 5)])
    widget = embedding_map({"a": layout(places), "b": layout(np.ones((5, 2)))})
    sent = np.frombuffer(widget.positions, "<f2").reshape(2, 5, 2)
    assert sent[0].tolist() == [[-1, 0], [1, 0], [0, 0.5], [0, -0.5], [0, 0]]
    assert not sent[1].any()
    assert np.frombuffer(widget.neighbours, "<u2").reshape(2, 5, 2).tolist() == [NEAR, NEAR]


def test_embedding_map_begins_where_it_is_told_and_can_be_set():
    widget = embedding_map(selected=3, shown="two")
    assert (widget.selected, widget.shown, widget.highlighted) == (3, "two", "")
    assert embedding_map().shown == "one"
    assert repr(widget) == "EmbeddingMap(5 pictures, one, two)"
    widget.set_state({"selected": 4, "shown": "one", "highlighted": "dog"})
    assert (widget.selected, widget.shown, widget.highlighted) == (4, "one", "dog")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"layouts": {}}, "representations is empty"),
        ({"layouts": {"a": layout(np.zeros((4, 2)))}}, r"positions of 'a' must be \(5, 2\)"),
        ({"layouts": {"a": layout(np.full((5, 2), np.nan))}}, "NaN"),
        ({"layouts": {"a": layout(neighbours=NEAR[:4])}}, r"neighbours of 'a' must be \(5, k\)"),
        ({"layouts": {"a": layout(neighbours=np.ones((5, 2)))}}, "must be integers, got float64"),
        ({"layouts": {"a": layout(neighbours=[*NEAR[:4], [0, 5]])}}, r"\[0, 4\], got 0 to 5"),
        ({"layouts": {"a": layout(neighbours=[*NEAR[:4], [4, 0]])}}, "picture 4 is among its own"),
        ({"layouts": {"a": layout(neighbours=[*NEAR[:4], [0, 0]])}}, "picture 4 has one of them"),
        (
            {"layouts": {"a": layout(), "b": layout(neighbours=[[1], [0], [0], [0], [0]])}},
            "same number of neighbours, got {'a': 2, 'b': 1}",
        ),
        ({"images": noise(1, 4, 4)}, "2 to 1000 pictures, got 1"),
        ({"images": np.zeros((5, 4, 4))}, "uint8"),
        ({"labels": [0, 1]}, r"labels must be \(5,\)"),
        ({"labels": np.zeros(5)}, "labels must be integers"),
        ({"labels": [0, 0, 1, 1, 2]}, "go from 0 to 2, but classes names 2"),
        ({"classes": ("cat", "cat")}, "each its own"),
        ({"selected": 5}, r"selected must lie in \[0, 4\], got 5"),
        ({"shown": "three"}, "no representation 'three'"),
    ],
)
def test_embedding_map_refuses(change, words):
    with pytest.raises(ValueError, match=words):
        embedding_map(**change)
