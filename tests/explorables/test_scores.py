"""Scores to loss in a real browser: softmax, loss and gradient are those of `info_nce`."""

import math

import pytest
import torch

from ssl_teach.explorables import ScoresToLoss
from ssl_teach.losses.contrastive import info_nce

from .page import mount

GIVEN = (0.6, 0.55, 0.2, 0.1, -0.1, -0.2, -0.35, -0.5)


def number(page, name):
    return float(page.text(f'[data-value="{name}"]').replace("−", "-"))


def columns(page):
    return page.page.locator(".ssl-score")


def by_torch(scores, tau):
    """Loss and gradient by `info_nce` and autograd: keys of one number, a query that is 1."""
    keys = torch.tensor(scores, dtype=torch.float64)[:, None].requires_grad_()
    query = torch.ones(1, 1, dtype=torch.float64)
    loss = info_nce(query, keys, torch.tensor([0]), temperature=tau)[0]
    loss.backward()
    return loss.item(), keys.grad[:, 0].tolist()


@pytest.mark.parametrize("tau", [0.05, 0.3, 2.0])
def test_loss_and_gradient_are_those_of_info_nce(browser, tmp_path, tau):
    with mount(browser, tmp_path, ScoresToLoss()) as page:
        found = page.page.evaluate(
            "([scores, tau]) => window.module.softmaxLoss(scores, tau)", [list(GIVEN), tau]
        )
        loss, gradient = by_torch(GIVEN, tau)
        assert found["loss"] == pytest.approx(loss, abs=1e-9)
        assert found["gradient"] == pytest.approx(gradient, abs=1e-9)
        assert sum(found["shares"]) == pytest.approx(1)


def test_a_hopeless_positive_has_a_finite_loss(browser, tmp_path):
    with mount(browser, tmp_path, ScoresToLoss()) as page:
        far = page.page.evaluate("() => window.module.softmaxLoss([-1, 1, 1, 1], 0.001).loss")
        assert far == pytest.approx(2 / 0.001 + math.log(3))  # p of the positive rounds to 0


def test_it_shows_the_numbers_of_its_scores(browser, tmp_path):
    with mount(browser, tmp_path, ScoresToLoss(GIVEN, tau=0.2)) as page:
        loss, gradient = by_torch(GIVEN, 0.2)
        assert number(page, "loss") == pytest.approx(loss, abs=6e-4)
        assert number(page, "gradient") == pytest.approx(gradient[0], abs=6e-4)
        assert number(page, "chance") == pytest.approx(math.log(8), abs=6e-4)
        assert number(page, "certified") == pytest.approx(math.log(8) - loss, abs=6e-4)
        hardest = max(gradient[1:]) / sum(gradient[1:])
        assert number(page, "hardest") == pytest.approx(hardest, abs=6e-4)
        page.set("selected", 3)
        assert number(page, "gradient") == pytest.approx(gradient[3], abs=6e-4)


@pytest.mark.parametrize("ways", [4, 8, 16])
def test_chance_and_the_bare_cosine(browser, tmp_path, ways):
    with mount(browser, tmp_path, ScoresToLoss()) as page:
        page.page.get_by_role("radio", name=str(ways), exact=True).check()
        page.page.get_by_role("button", name="Chance").click()
        page.settle()
        assert len(page.get("scores")) == columns(page).count() == ways
        assert number(page, "loss") == pytest.approx(math.log(ways), abs=6e-4)
        page.page.get_by_role("button", name="Bare cosine at its best").click()
        page.settle()
        least = math.log(1 + (ways - 1) * math.exp(-2))
        assert page.get("tau") == 1
        assert number(page, "loss") == number(page, "least") == pytest.approx(least, abs=6e-4)


def test_colder_means_harder(browser, tmp_path):
    with mount(browser, tmp_path, ScoresToLoss()) as page:
        page.page.get_by_role("button", name="One hard negative").click()
        page.settle()
        before = number(page, "hardest")
        page.page.get_by_label("temperature").focus()
        page.page.keyboard.press("Home")
        page.settle()
        assert page.get("tau") == 0.05
        assert number(page, "hardest") > before


def test_keyboard_moves_a_score_and_is_heard(browser, tmp_path):
    with mount(browser, tmp_path, ScoresToLoss(GIVEN, tau=0.2)) as page:
        columns(page).nth(1).focus()
        for key in ("ArrowRight", "ArrowUp", "ArrowDown", "PageDown"):
            page.page.keyboard.press(key)
        page.settle()
        assert page.get("scores")[1] == pytest.approx(0.35)
        assert page.get("selected") == 1
        assert page.text("[aria-live]").startswith("negative 1: cosine 0.35, share ")
        assert columns(page).nth(1).get_attribute("aria-valuenow") == "0.35"
        page.page.keyboard.press("End")
        page.settle()
        assert page.get("scores")[1] == 1


def test_a_drag_moves_a_score(browser, tmp_path):
    with mount(browser, tmp_path, ScoresToLoss(GIVEN)) as page:
        box = columns(page).nth(2).bounding_box()
        x = box["x"] + box["width"] / 2
        page.page.mouse.move(x, box["y"] + box["height"] * 0.5)
        page.page.mouse.down()
        page.page.mouse.move(x, box["y"] + box["height"] * 0.25)
        page.page.mouse.up()
        page.page.mouse.move(x, box["y"] + box["height"] * 0.9)  # let go: it stays
        page.settle()
        assert page.get("scores")[2] == pytest.approx(0.5, abs=0.051)
        assert page.get("scores")[3:] == list(GIVEN[3:])


def test_arrows_point_down_the_gradient(browser, tmp_path):
    with mount(browser, tmp_path, ScoresToLoss(GIVEN, tau=0.5)) as page:
        arrows = page.page.locator(".ssl-arrow")
        assert "ssl-up" in arrows.nth(0).get_attribute("class")
        heights = [arrows.nth(k).evaluate("(e) => e.offsetHeight") for k in range(1, 8)]
        assert all("ssl-down" in arrows.nth(k).get_attribute("class") for k in range(1, 8))
        assert heights == sorted(heights, reverse=True)  # the scores fall, so do the pushes


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_both_themes_and_a_phone(browser, tmp_path, width, theme):
    with mount(browser, tmp_path, ScoresToLoss(), width=width, theme=theme) as page:
        for ways in ("4", "8", "16"):
            page.page.get_by_role("radio", name=ways, exact=True).check()
            page.settle()
            assert page.overflow() <= 0


def test_takes_itself_back(browser, tmp_path):
    with mount(browser, tmp_path, ScoresToLoss()) as page:
        page.take_back()


@pytest.mark.parametrize(
    ("scores", "tau", "words"),
    [
        ((0.1, 0.2, 0.3), 0.2, "got 3"),
        ((0.1, 0.2, 0.3, 1.5), 0.2, "cosines"),
        ((0.1, 0.2, 0.3, math.nan), 0.2, "cosines"),
        (GIVEN, 0.0, "tau"),
    ],
)
def test_bad_input_is_named(scores, tau, words):
    with pytest.raises(ValueError, match=words):
        ScoresToLoss(scores, tau=tau)


def test_it_says_what_it_shows():
    assert (
        repr(ScoresToLoss(GIVEN[:4], tau=0.5)) == "ScoresToLoss(1 positive, 3 negatives, tau=0.5)"
    )
