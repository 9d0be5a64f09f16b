"""The transfer table in a real browser: a cell shows its rule, its bars, what each trains."""

from dataclasses import replace

import pytest

from ssl_teach.explorables.transfer import Cell, Measured, TransferTable, words_of

from .page import mount

STRATEGIES = [
    *(f"probe_{k}" for k in (4, 3, 2, 1)),
    *(f"tune_{k}" for k in (1, 2, 3, 4)),
    "scratch",
]


def cell(rule, follows, base):
    bars = {
        name: Measured(base + 0.05 * i, 0.02 if i else float("nan"), 1000 * (i + 1), 1.5)
        for i, name in enumerate(STRATEGIES)
    }
    return Cell(rule, follows, f"learn {rule}", bars, chance=0.1, verdict=f"{rule}: it holds.")


CELLS = [
    cell("top", ["probe_4"], 0.2),
    cell("stages", ["probe_2", "probe_1"], 0.3),
    cell("few", ["tune_1"], 0.4),
    cell("more", ["tune_3", "tune_4"], 0.5),
]


def build():
    return TransferTable(CELLS)


def stages(page):
    """Kind of each box of the stack, from the image up."""
    boxes = page.page.locator(".ssl-stack > .ssl-stage").all()
    return [box.get_attribute("class").split("ssl-")[-1] for box in boxes]


def proposed(page):
    return page.page.locator(".ssl-proposed th").all_inner_texts()


def test_a_new_drawing_leaves_the_focus_where_it_was(browser, tmp_path):
    with mount(browser, tmp_path, build()) as page:
        page.page.locator(".ssl-chart button").nth(4).focus()
        page.page.set_viewport_size({"width": 700, "height": 800})  # not pressed, only reached
        page.settle()
        focused = page.page.evaluate("() => document.activeElement.textContent")
        assert focused == page.page.locator(".ssl-chart button").nth(4).text_content()
        page.page.keyboard.press("Enter")
        page.settle()
        pressed = "() => document.activeElement.getAttribute('aria-pressed')"
        assert page.page.evaluate(pressed) == "true"


def test_it_opens_on_a_telling_cell(browser, tmp_path):
    with mount(browser, tmp_path, build()) as page:
        assert stages(page) == ["image", *["frozen"] * 4, "head"]
        assert proposed(page) == ["linear, on stage 4 (top) ★"]
        assert page.page.locator(".ssl-notice").inner_text() == "top: it holds."


def test_a_click_on_a_cell_shows_its_rule_and_bars(browser, tmp_path):
    with mount(browser, tmp_path, build()) as page:
        page.page.get_by_role("button", name="more", exact=True).click()
        page.settle()
        assert (page.get("cell"), page.get("strategy")) == (3, "tune_3")
        assert proposed(page) == ["fine-tune the last 3 stages ★", "fine-tune all ★"]
        assert stages(page) == ["image", "frozen", *["trained"] * 3, "head"]
        numbers = page.page.locator(".ssl-chart tbody tr td:nth-child(3)").all_inner_texts()
        assert numbers[0] == "50.0" and numbers[8] == "90.0 ± 2.0"


def test_arrow_keys_go_about_the_table(browser, tmp_path):
    with mount(browser, tmp_path, build()) as page:
        page.page.locator(".ssl-transfer button").first.focus()
        for key, expected in (
            ("ArrowRight", 1),
            ("ArrowDown", 3),
            ("ArrowLeft", 2),
            ("ArrowUp", 0),
        ):
            page.page.keyboard.press(key)
            page.settle()
            assert page.get("cell") == expected
        assert "the rule says top" in page.page.locator("[aria-live]").inner_text()


def test_a_strategy_shows_what_it_trains(browser, tmp_path):
    with mount(browser, tmp_path, build()) as page:
        page.page.get_by_role("button", name="linear, on stage 2").click()
        page.settle()
        assert stages(page) == ["image", "frozen", "frozen", "head", "unused", "unused"]
        assert "reads stage 2" in page.page.locator(".ssl-stack").get_attribute("aria-label")
        assert "It trains" in page.page.locator(".ssl-stack").get_attribute("aria-label")
        page.page.get_by_role("button", name="from scratch").click()
        page.settle()
        assert stages(page) == ["image", *["fresh"] * 4, "head"]


@pytest.mark.parametrize("count", [4, 5])
def test_the_plan_is_what_holding_blocks_does(browser, tmp_path, count):
    from ssl_teach.encoders.networks import ConvNet

    encoder = ConvNet(widths=(2,) * count)
    with mount(browser, tmp_path, build()) as page:
        for k in range(1, count + 1):
            made = page.page.evaluate(
                "([s, n]) => window.module.plan(s, n).stages", [f"tune_{k}", count]
            )
            encoder.freeze(count - k)
            moves = [all(p.requires_grad for p in block.parameters()) for block in encoder.blocks]
            assert made == ["trained" if each else "frozen" for each in moves]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_fits_a_phone(browser, tmp_path, theme):
    with mount(browser, tmp_path, build(), width=360, theme=theme) as page:
        assert page.overflow() <= 0


def test_takes_itself_back(browser, tmp_path):
    with mount(browser, tmp_path, build()) as page:
        page.take_back()


def test_bad_cells_are_named():
    with pytest.raises(ValueError, match="four cells, got 1"):
        TransferTable(CELLS[:1])
    with pytest.raises(ValueError, match=r"strange ones: \['probe_5'\]"):
        strange = replace(CELLS[0], bars={"probe_5": Measured(0.5, 0.1, 1, 1.0)})
        TransferTable([strange, *CELLS[1:]])
    with pytest.raises(ValueError, match="cell 1: its rule proposes"):
        TransferTable([CELLS[0], replace(CELLS[1], follows=[]), *CELLS[2:]])


def test_names_are_words():
    assert [words_of(name, 4) for name in ("probe_1", "tune_1", "tune_4", "scratch")] == [
        "linear, on stage 1",
        "fine-tune the last stage",
        "fine-tune all",
        "from scratch",
    ]
