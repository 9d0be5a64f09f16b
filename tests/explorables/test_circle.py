"""The circle in a real browser: its loss and gradient are torch's, and it does what they say."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ssl_teach.explorables import Circle
from ssl_teach.losses.alignment_uniformity import alignment, uniformity
from ssl_teach.losses.contrastive import nt_xent

from .page import mount

IN_PAGE = """([u, dimension, tau, negatives]) => {
  const { toSphere, contrast, throughLength } = window.module;
  const { z, lengths } = toSphere(Float64Array.from(u), dimension);
  const found = contrast(z, dimension, tau, negatives);
  return { ...found, grad: [...throughLength(found.grad, z, lengths, dimension)] };
}"""


def by_torch(u, tau, negatives):
    """The loss of z = u/‖u‖ by `nt_xent`, without negatives by `alignment`; autograd for ∂ℒ/∂u."""
    u = torch.tensor(u, requires_grad=True)
    z = F.normalize(u, dim=1)
    loss = nt_xent(z, temperature=tau) if negatives else alignment(z[0::2], z[1::2])
    loss.backward()
    z = z.detach()
    measured = alignment(z[0::2], z[1::2]).item(), uniformity(z).item()
    return loss.item(), u.grad.flatten().tolist(), *measured


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize(("tau", "negatives"), [(0.07, True), (0.5, True), (0.5, False)])
def test_loss_and_gradient_are_those_of_autograd(browser, tmp_path, dimension, tau, negatives):
    u = np.random.default_rng(0).normal(size=(12, dimension))
    with mount(browser, tmp_path, Circle()) as page:
        found = page.page.evaluate(IN_PAGE, [u.flatten().tolist(), dimension, tau, negatives])
    loss, gradient, aligned, uniform = by_torch(u, tau, negatives)
    assert found["loss"] == pytest.approx(loss, abs=1e-6)
    assert found["grad"] == pytest.approx(gradient, abs=1e-6)
    assert found["alignment"] == pytest.approx(aligned, abs=1e-6)
    assert found["uniformity"] == pytest.approx(uniform, abs=1e-6)


@pytest.mark.parametrize("dimension", [2, 3])
def test_even_spread_is_that_of_many_points(browser, tmp_path, dimension):
    points = torch.randn(3000, dimension, generator=torch.Generator().manual_seed(0))
    with mount(browser, tmp_path, Circle()) as page:
        even = page.page.evaluate("(d) => window.module.evenlySpread(d)", dimension)
    assert even == pytest.approx(uniformity(points).item(), abs=0.02)


@pytest.mark.parametrize("space", ["circle", "sphere"])
def test_negatives_spread_the_points_and_without_them_all_collapse(browser, tmp_path, space):
    with mount(browser, tmp_path, Circle(space=space)) as page:
        page.page.get_by_role("button", name="Step", exact=True).click()
        start = page.get("found")
        for _ in range(4):
            page.page.get_by_role("button", name="50 steps").click()
        page.settle()
        spread = page.get("found")
        assert spread["steps"] == 201
        assert spread["alignment"] < start["alignment"]
        assert spread["uniformity"] < start["uniformity"]
        page.page.get_by_role("radio", name="off").check()
        for _ in range(6):
            page.page.get_by_role("button", name="50 steps").click()
        page.settle()
        collapsed = page.get("found")
        assert collapsed["loss"] == collapsed["alignment"] < 0.1
        assert collapsed["uniformity"] > spread["uniformity"] / 2


def test_a_walk_told_to_the_page_is_walked_again(browser, tmp_path):
    with mount(browser, tmp_path, Circle(pairs=4)) as page:
        page.page.get_by_role("button", name="50 steps").click()
        page.page.get_by_role("radio", name="off").check()
        page.page.get_by_role("button", name="Step", exact=True).click()
        page.page.get_by_role("button", name="Step", exact=True).click()
        page.settle()
        walked, found = page.get("walked"), page.get("found")
        assert walked == [[50, 0.2, True], [2, 0.2, False]]
        shown = page.text(".ssl-record")
        page.page.get_by_role("button", name="Reset").click()
        page.settle()
        assert page.get("walked") == []
        page.set("walked", walked)  # as Python does
        assert page.text(".ssl-record") == shown
        assert found["steps"] == 52
        page.set("pairs", 5)  # another start: nothing was walked from there
        assert page.get("walked") == []
        assert page.text('[data-value="steps"]') == "0"


def test_a_small_step_lowers_the_loss_of_what_is_in_sight(browser, tmp_path):
    """Descent by the gradient shown, without new noise: every such step goes down."""
    with mount(browser, tmp_path, Circle()) as page:
        fell = page.page.evaluate(
            """() => {
              const { newWorld, contrast, throughLength, toSphere } = window.module;
              const world = newWorld(6, 3, 5), ones = new Float64Array(12).fill(1);
              let z = world.z, last = contrast(z, 3, 0.2, true).loss, fell = true;
              for (let k = 0; k < 100; k++) {
                const down = throughLength(contrast(z, 3, 0.2, true).grad, z, ones, 3);
                z = toSphere(z.map((value, at) => value - 0.05 * down[at]), 3).z;
                const loss = contrast(z, 3, 0.2, true).loss;
                fell &&= loss <= last + 1e-12;
                last = loss;
              }
              return fell;
            }"""
        )
        assert fell


def test_the_picture_shows_its_numbers_and_the_same_seed_the_same_start(browser, tmp_path):
    with mount(browser, tmp_path, Circle(pairs=5, seed=2)) as page:
        expected = page.page.evaluate(
            "() => { const w = window.module.newWorld(5, 2, 2);"
            " return window.module.contrast(w.z, 2, 0.2, true); }"
        )
        assert page.text('[data-value="steps"]') == "0"
        assert float(page.text('[data-value="loss"]')) == pytest.approx(expected["loss"], abs=6e-4)
        page.page.get_by_role("button", name="Step", exact=True).click()
        page.settle()
        assert page.text('[data-value="steps"]') == "1"
        page.page.get_by_role("button", name="Reset").click()
        page.settle()
        assert float(page.text('[data-value="loss"]')) == pytest.approx(expected["loss"], abs=6e-4)


def test_turning_is_heard_and_changes_no_number(browser, tmp_path):
    with mount(browser, tmp_path, Circle(space="sphere")) as page:
        scene = page.page.locator(".ssl-scene")
        loss = page.text('[data-value="loss"]')
        scene.focus()
        page.page.keyboard.press("ArrowRight")
        page.settle()
        said = page.text("[aria-live]")
        assert said.startswith("Step 0: loss ") and "degrees" in said
        box = scene.bounding_box()
        page.page.mouse.move(box["x"] + 100, box["y"] + 100)
        page.page.mouse.down()
        page.page.mouse.move(box["x"] + 160, box["y"] + 120)
        page.page.mouse.up()
        page.settle()
        assert page.text("[aria-live]") != said
        assert page.text('[data-value="loss"]') == loss
        page.page.keyboard.press("s")
        page.settle()
        assert page.text("[aria-live]").startswith("Step 1: ")


def test_projection_keeps_lengths(browser, tmp_path):
    with mount(browser, tmp_path, Circle()) as page:
        for vector in ([0.6, 0.8], [0.48, 0.6, 0.64]):
            found = page.page.evaluate(
                "(v) => window.module.project(v, { yaw: 0.7, pitch: -0.4 })", vector
            )
            size = math.hypot(*found[: len(vector)])
            assert size == pytest.approx(1)


def test_with_motion_it_plays_and_pauses(browser, tmp_path):
    with mount(browser, tmp_path, Circle()) as page:
        page.page.emulate_media(reduced_motion="no-preference")
        page.page.evaluate(
            "async () => { window.cleanUp(); const el = document.getElementById('place');"
            " window.cleanUp = await window.module.default.render({ model: window.model, el }); }"
        )
        page.settle()
        assert page.text('[data-value="steps"]') == "0"  # nothing moves by itself
        page.page.get_by_role("button", name="Play").click()
        page.page.wait_for_function(
            "() => +document.querySelector('[data-value=steps]').textContent > 2"
        )
        page.page.get_by_role("button", name="Pause").click()
        page.settle()
        steps = page.get("found")["steps"]
        page.page.wait_for_timeout(250)
        assert page.text('[data-value="steps"]') == str(steps)
        assert page.text("[aria-live]").startswith(f"Step {steps}: loss")
        page.page.get_by_role("button", name="Play").click()
        page.page.evaluate("() => window.cleanUp()")  # while it plays


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_both_themes_and_a_phone(browser, tmp_path, width, theme):
    with mount(browser, tmp_path, Circle(pairs=16), width=width, theme=theme) as page:
        for space in ("circle", "sphere"):
            page.page.get_by_role("radio", name=space).check()
            page.settle()
            assert page.overflow() <= 0


def test_takes_itself_back(browser, tmp_path):
    with mount(browser, tmp_path, Circle()) as page:
        page.take_back()


@pytest.mark.parametrize(
    ("change", "words"),
    [({"pairs": 1}, "pairs"), ({"tau": 0}, "tau"), ({"space": "cube"}, "cube")],
)
def test_bad_input_is_named(change, words):
    with pytest.raises(ValueError, match=words):
        Circle(**change)


def test_it_says_what_it_shows():
    assert (
        repr(Circle(negatives=False)) == "Circle(8 pairs on the circle, without negatives, tau=0.2)"
    )
