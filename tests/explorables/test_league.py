"""The league table in a real browser: it shows the numbers it was given, and compares them."""

import pytest

from ssl_teach.explorables.league import LeagueTable

from .page import mount


def build():
    def both(stage, knn):
        return {"last stage": (stage, 0.02), "k-NN": (knn, float("nan"))}

    return LeagueTable(
        {
            "scenes": {
                "raw pixels": {"100%": {"k-NN": (0.3, 0.0)}},
                "random weights": {"100%": both(0.4, 0.2), "10%": both(0.25, 0.1)},
                "SimCLR": {"100%": both(0.9, 0.85), "10%": both(0.7, 0.6)},
            },
            "sketches": {"random weights": {"100%": both(0.5, 0.3)}},
        },
        chance={"scenes": 0.1},
        reference="random weights",
    )


def rows(page):
    texts = page.page.locator(".ssl-league tbody tr").all()
    return [
        [row.locator("th").inner_text(), *row.locator("td:not(.ssl-track)").all_inner_texts()]
        for row in texts
    ]


def test_best_first_and_against_the_reference(browser, tmp_path):
    with mount(browser, tmp_path, build()) as page:
        page.set("measure", "last stage")
        assert rows(page) == [
            ["SimCLR", "90.0 ± 2.0", "+50.0"],
            ["random weights", "40.0 ± 2.0", "–"],
            ["raw pixels", "n/a", "–"],
        ]
        page.page.get_by_role("button", name="SimCLR").click()
        page.settle()
        assert page.get("reference") == "SimCLR"
        assert rows(page)[1] == ["random weights", "40.0 ± 2.0", "−50.0"]
        assert page.page.evaluate("document.activeElement.textContent") == "SimCLR"


def test_choices_stand_in_the_order_of_the_fullest_row():
    assert build().options["measure"] == ["last stage", "k-NN"]  # raw pixels come first, with one


def test_choices_change_the_numbers(browser, tmp_path):
    with mount(browser, tmp_path, build()) as page:
        page.page.get_by_role("radio", name="10%", exact=True).check()
        page.page.get_by_role("radio", name="k-NN").check()
        page.settle()
        assert (page.get("labels"), page.get("measure")) == ("10%", "k-NN")
        assert rows(page)[0] == ["SimCLR", "60.0", "+50.0"]
        page.page.get_by_label("best first").uncheck()
        page.settle()
        assert [row[0] for row in rows(page)] == ["raw pixels", "random weights", "SimCLR"]
        page.set("data", "sketches")
        assert rows(page) == [["random weights", "n/a", "–"]]


def test_bars_are_as_long_as_their_numbers(browser, tmp_path):
    with mount(browser, tmp_path, build()) as page:
        page.set("measure", "last stage")
        widths = page.page.evaluate(
            "() => [...document.querySelectorAll('.ssl-bar')].map("
            "(bar) => bar.getBoundingClientRect().width / bar.parentElement.clientWidth)"
        )
        assert widths == pytest.approx([0.9, 0.4], abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_fits_a_phone(browser, tmp_path, theme):
    with mount(browser, tmp_path, build(), width=390, theme=theme) as page:
        assert page.overflow() <= 0


def test_takes_itself_back(browser, tmp_path):
    with mount(browser, tmp_path, build()) as page:
        page.take_back()


def test_bad_values_are_named():
    with pytest.raises(ValueError, match="empty"):
        LeagueTable({}, reference="x")
    with pytest.raises(ValueError, match="no method 'SimCLR'"):
        LeagueTable({"scenes": {"pixels": {}}}, reference="SimCLR")
    with pytest.raises(ValueError, match="no method has a number"):
        LeagueTable({"scenes": {"SimCLR": {}}}, reference="SimCLR")
