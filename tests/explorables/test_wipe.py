"""The wipe in a real browser: the divider shows the pixels of either side, and their numbers."""

import numpy as np
import pytest

from ssl_teach.explorables.wipe import PictureWipe

from .page import mount

COLORS = {"truth": (200, 10, 10), "L2": (10, 200, 10), "adversary": (10, 10, 200)}
LABELS = ["a cat", "a rocket", "the cat again", "the rocket again"]
GROUPS = ["centre hole", "centre hole", "blocks", "blocks"]


def build(**options):
    """Each series of one colour, so that a pixel tells its series; picture i is i lighter."""
    series = {
        name: np.stack([np.full((8, 8, 3), color, np.uint8) + np.uint8(i) for i in range(4)])
        for name, color in COLORS.items()
    }
    numbers = {
        "L2": {"squared error": [0.01, 0.02, 0.03, 0.04], "PSNR": [28.43, 1.5, np.nan, 3]},
        "adversary": {"squared error": [0.05, 0.06, 0.07, 0.08]},
    }
    return PictureWipe(
        series, numbers, LABELS, groups=GROUPS, left="L2", right="adversary", **options
    )


def pixel(page, across):
    """The colour of the large picture at a share of its width, near the upper edge."""
    return tuple(
        page.page.evaluate(
            """(across) => {
              const canvas = document.querySelector(".ssl-picture");
              const copy = new OffscreenCanvas(canvas.width, canvas.height);
              const context = copy.getContext("2d", { willReadFrequently: true });
              context.drawImage(canvas, 0, 0);
              const x = Math.round(across * (canvas.width - 1));
              return [...context.getImageData(x, 5, 1, 1).data].slice(0, 3);
            }""",
            across,
        )
    )


def row(page, name):
    """What the table says of a series."""
    cells = page.page.locator(".ssl-numbers tbody tr").filter(has_text=name)
    return cells.locator("td:not(.ssl-thumb)").all_inner_texts()


def test_divider_parts_the_two_series(browser, tmp_path):
    with mount(browser, tmp_path, build()) as page:
        page.set("wipe", 70)
        assert pixel(page, 0.6) == COLORS["L2"]
        assert pixel(page, 0.8) == COLORS["adversary"]
        page.set("wipe", 20)
        assert pixel(page, 0.6) == COLORS["adversary"]
        page.set("right", "truth")
        assert pixel(page, 0.6) == COLORS["truth"]
        page.set("wipe", 100)
        assert pixel(page, 0.9) == COLORS["L2"]


def test_numbers_follow_the_picture(browser, tmp_path):
    with mount(browser, tmp_path, build()) as page:
        assert row(page, "L2") == ["0.010", "28.4"]
        assert row(page, "adversary") == ["0.050", "–"]
        assert row(page, "truth") == ["–", "–"]
        page.page.get_by_role("button", name="a rocket").click()
        page.settle()
        assert page.get("picture") == 1
        assert row(page, "L2") == ["0.020", "1.50"]
        assert page.text(".ssl-numbers caption") == "a rocket"
        assert page.text("[aria-live]").startswith("a rocket. L2: squared error 0.020")


def test_keys_slider_and_dragging_move_the_divider(browser, tmp_path):
    with mount(browser, tmp_path, build()) as page:
        page.page.locator(".ssl-picture").focus()
        page.page.keyboard.press("ArrowRight")
        assert page.get("wipe") == 55
        page.page.keyboard.press("Home")
        page.settle()
        assert page.get("wipe") == 0
        assert page.page.locator(".ssl-picture").get_attribute("aria-valuenow") == "0"
        page.page.locator("input[type=range]").press("ArrowRight")
        assert page.get("wipe") == 1
        box = page.page.locator(".ssl-picture").bounding_box()
        y = box["y"] + 20
        page.page.mouse.move(box["x"] + 20, y)
        page.page.mouse.down()
        page.page.mouse.move(box["x"] + 0.4 * box["width"], y)
        page.page.mouse.up()
        assert abs(page.get("wipe") - 40) <= 1
        page.page.mouse.move(box["x"] + 10, y)  # let go: it stays
        assert abs(page.get("wipe") - 40) <= 1


def test_group_keeps_the_place(browser, tmp_path):
    with mount(browser, tmp_path, build()) as page:
        page.set("picture", 1)
        assert page.page.locator(".ssl-strip button").count() == 2
        page.page.get_by_label("blocks").click()
        page.settle()
        assert (page.get("group"), page.get("picture")) == ("blocks", 3)
        assert row(page, "L2")[0] == "0.040"
        page.page.keyboard.press("ArrowLeft")  # radio buttons: the browser's own keys
        page.settle()
        assert (page.get("group"), page.get("picture")) == ("centre hole", 1)


def test_sides_are_chosen_and_swapped(browser, tmp_path):
    with mount(browser, tmp_path, build()) as page:
        page.page.get_by_role("group", name="left of the divider").get_by_label("truth").click()
        page.settle()
        assert page.get("left") == "truth"
        assert pixel(page, 0.2) == COLORS["truth"]
        page.page.get_by_role("button", name="Swap").click()
        page.settle()
        assert (page.get("left"), page.get("right")) == ("adversary", "truth")
        assert pixel(page, 0.8) == COLORS["truth"]


def test_pure_functions(browser, tmp_path):
    with mount(browser, tmp_path, build()) as page:
        got = page.page.evaluate(
            """() => [[0.0213, 1.234, 28.43, -12.25, null, undefined, NaN]
              .map(window.module.inDigits), window.module.membersOf(["a", "b", "a"], "a", 3),
              window.module.membersOf([], "", 2)]"""
        )
    assert got[0] == ["0.021", "1.23", "28.4", "-12.3", "–", "–", "–"]
    assert got[1:] == [[0, 2], [0, 1]]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 390, 1280])
def test_both_themes_and_a_phone(browser, tmp_path, width, theme):
    widget = build(title="Fills, and what was there", notice="Sharp is not right.")
    with mount(browser, tmp_path, widget, width=width, theme=theme, touch=width < 400) as page:
        assert page.overflow() <= 0
        assert page.page.locator(".ssl-explorable").get_attribute("data-theme") == theme
        assert "Sharp is not right." in page.text(".ssl-notice")
        box = page.page.locator(".ssl-picture").bounding_box()
        assert box["width"] >= 250


def test_floating_point_grey_and_no_extras(browser, tmp_path):
    grey = np.linspace(0, 1, 2 * 5 * 5).reshape(2, 5, 5)
    with mount(browser, tmp_path, PictureWipe({"one": grey, "other": 1 - grey})) as page:
        page.set("wipe", 0)
        assert pixel(page, 0.02) == (255, 255, 255)
        assert page.page.locator(".ssl-notice").count() == 0
        assert page.page.locator(".ssl-strip button").count() == 2


def test_bad_input_is_named():
    x = np.zeros((2, 4, 4, 3))
    with pytest.raises(ValueError, match="two series"):
        PictureWipe({"one": x})
    with pytest.raises(ValueError, match="must lie in"):
        PictureWipe({"one": x, "other": x + 2})
    with pytest.raises(ValueError, match="no series 'third'"):
        PictureWipe({"one": x, "other": x}, left="third")
    with pytest.raises(ValueError, match="3 values for 2 pictures"):
        PictureWipe({"one": x, "other": x}, {"one": {"L2": [1, 2, 3]}})
    with pytest.raises(ValueError, match="1 groups"):
        PictureWipe({"one": x, "other": x}, groups=["a"])


def test_clean_up_leaves_nothing(browser, tmp_path):
    with mount(browser, tmp_path, build()) as page:
        page.take_back()
