"""The affinity matrix in a real browser: what it shows follows from the mathematics."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from ssl_teach.encoders.networks import ConvNet
from ssl_teach.explorables import AffinityMatrix
from ssl_teach.export import export_weights
from ssl_teach.tasks.simclr import ProjectionHead

from .made import LAYERS, network, noise, packed_size
from .page import mount

IMAGES, DIMENSION = 16, 24


@pytest.fixture(scope="module")
def views():
    """Embeddings whose pairs resemble each other, as after training; noise, as before; pictures."""
    rng = np.random.default_rng(3)
    image = np.repeat(rng.normal(size=(IMAGES, DIMENSION)), 2, axis=0)
    after = image + 0.6 * rng.normal(size=image.shape)
    before = 1 + 0.5 * rng.normal(size=image.shape)
    pictures = rng.integers(0, 256, (2 * IMAGES, 8, 8, 3), dtype=np.uint8)
    return after, before, pictures


@pytest.fixture
def widget(views):
    after, before, pictures = views
    return AffinityMatrix(after, pictures, before=before)


def softmax_rows(z, tau):
    """Shares by the definition, one row after the other."""
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    s = z @ z.T
    e = np.exp(s / tau)
    np.fill_diagonal(e, 0)
    return s, e / e.sum(axis=1, keepdims=True)


def losses(p):
    rows = np.arange(len(p))
    return -np.log(p[rows, rows ^ 1])


def number(text):
    return float(text.replace("−", "-").split()[0])


def shown(page, name):
    return page.text(f'[data-value="{name}"]')


def test_it_starts_in_a_telling_state(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        assert shown(page, "role") == "positive"
        assert page.page.locator(".ssl-pair canvas").count() == 2
        assert "What to notice" in page.text(".ssl-notice")


@pytest.mark.parametrize("tau", [0.05, 0.5, 2])
def test_numbers_are_those_of_numpy(browser, widget, views, tmp_path, tau):
    z = views[0][:16]  # 8 images
    s, p = softmax_rows(z, tau)
    with mount(browser, tmp_path, widget) as page:
        page.set("tau", tau)
        for i, j in [(0, 1), (5, 4), (3, 12)]:
            page.set("selected", [i, j])
            positive = j == i ^ 1
            assert number(shown(page, "cosine")) == pytest.approx(s[i, j], abs=2e-3)
            assert number(shown(page, "share")) == pytest.approx(p[i, j], abs=2e-3)
            assert number(shown(page, "loss")) == pytest.approx(losses(p)[i], abs=0.01)
            slope = (p[i, j] - positive) / (16 * tau)
            assert number(shown(page, "gradient")) == pytest.approx(slope, abs=2e-3)
        assert number(shown(page, "mean")) == pytest.approx(losses(p).mean(), abs=5e-3)
        assert number(shown(page, "chance")) == pytest.approx(np.log(15), abs=5e-4)


def test_share_is_that_of_the_embeddings_sent_to_three_decimals(browser, widget, tmp_path):
    sent = np.frombuffer(widget.z_after, "<f2").reshape(-1, DIMENSION).astype(float)
    _, p = softmax_rows(sent[:16], 0.5)
    with mount(browser, tmp_path, widget) as page:
        for j in range(1, 16):
            page.set("selected", [0, j])
            assert shown(page, "share") == f"{p[0, j]:.3f}"


def test_gradient_is_the_slope_of_the_loss(browser, widget, tmp_path):
    """Finite differences of the mean loss in one entry of the matrix, the others held."""
    with mount(browser, tmp_path, widget) as page:
        worst = page.page.evaluate(
            """() => {
              const { ntXent, rowSoftmax, gradient, partner } = window.module;
              const m = 8, tau = 0.3, step = 1e-5;
              const s = Float64Array.from({ length: m * m }, (_, k) => Math.sin(k * k));
              const p = rowSoftmax(s, m, tau);
              let worst = 0;
              for (const order of ["pairs", "halves"])
                for (let i = 0; i < m; i++) for (let j = 0; j < m; j++) {
                  if (i === j) continue;
                  const up = Float64Array.from(s), down = Float64Array.from(s);
                  up[i * m + j] += step;
                  down[i * m + j] -= step;
                  const rise = ntXent(up, m, tau, order).mean - ntXent(down, m, tau, order).mean;
                  const slope = rise / (2 * step);
                  const said = gradient(p[i * m + j], partner(i, m / 2, order) === j, m, tau);
                  worst = Math.max(worst, Math.abs(slope - said));
                }
              return worst;
            }"""
        )
        assert worst < 1e-7


def test_identical_views_cost_log_2n_minus_1(browser, tmp_path):
    same = AffinityMatrix(np.ones((8, 5)), np.zeros((8, 4, 4), np.uint8))
    with mount(browser, tmp_path, same) as page:
        assert shown(page, "mean") == shown(page, "chance") == f"{np.log(7):.3f}"
        assert shown(page, "accuracy") == "0%"  # ties are not won


def test_order_moves_the_cell_and_keeps_the_loss(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        before = shown(page, "mean"), shown(page, "cosine"), shown(page, "role")
        page.page.get_by_label("halves (k, k+N)").click()
        page.settle()
        assert page.get("order") == "halves"
        assert (shown(page, "mean"), shown(page, "cosine"), shown(page, "role")) == before
        assert page.text("figcaption >> nth=1") == "column 9"  # was 2: k + N with N = 8


def test_pointer_shows_a_cell_and_a_press_keeps_it(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        box = page.page.locator(".ssl-grid").bounding_box()
        cell = (box["width"] - 30) / 16
        x, y = box["x"] + 30 + 6.5 * cell, box["y"] + 30 + 2.5 * cell  # row 3, column 7
        page.page.mouse.move(x, y)
        page.settle()
        assert page.text("figcaption >> nth=1") == "column 7"
        assert page.get("selected") == [0, 1]
        page.page.mouse.click(x, y)
        page.page.mouse.move(5, 5)
        page.settle()
        assert page.get("selected") == [2, 6]
        assert shown(page, "role") == "negative"


def test_keyboard_moves_the_cell_and_is_heard(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        page.page.locator(".ssl-grid").focus()
        for key in ["ArrowDown", "ArrowDown", "p"]:
            page.page.keyboard.press(key)
            page.settle()
        assert page.get("selected") == [2, 3]
        assert page.text("[aria-live]").startswith("Row 3, column 4: positive")
        assert page.page.locator("[role=gridcell]").get_attribute("aria-colindex") == "4"


def test_sliders_and_training(browser, widget, views, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        page.page.get_by_label("images").focus()
        page.page.keyboard.press("End")
        page.settle()
        assert page.get("n") == IMAGES
        assert shown(page, "chance") == f"{np.log(2 * IMAGES - 1):.3f}"
        page.page.get_by_label("temperature").focus()
        page.page.keyboard.press("Home")
        page.settle()
        assert page.get("tau") == 0.05
        after = number(shown(page, "mean"))
        page.page.get_by_label("before training").click()
        page.settle()
        assert number(shown(page, "mean")) > after
        _, p = softmax_rows(views[1], 0.05)
        assert number(shown(page, "mean")) == pytest.approx(losses(p).mean(), abs=0.03)


def test_walk_through_algorithm_1(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        page.page.get_by_role("button", name="Start").click()
        page.settle()
        assert page.text(".ssl-walk b") == "1 of 8. Draw N images."
        assert not page.page.locator('[data-value="share"]').is_visible()  # not known yet
        for _ in range(7):
            page.page.keyboard.press("n")
        page.settle()
        assert page.get("step") == 8
        assert page.page.get_by_role("button", name="Next", disabled=True).is_visible()
        page.page.keyboard.press("b")
        page.settle()
        assert "Pick the positive" in page.text(".ssl-walk")
        page.page.keyboard.press("Escape")
        page.settle()
        assert page.get("step") == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_both_themes_and_a_phone(browser, widget, tmp_path, width, theme):
    with mount(browser, tmp_path, widget, width=width, theme=theme, touch=width == 360) as page:
        assert page.overflow() <= 0
        paper = page.page.evaluate(
            "() => getComputedStyle(document.querySelector('.ssl-explorable')).backgroundColor"
        )
        brightness = sum(int(part) for part in paper[4:-1].split(","))
        assert (brightness > 600) == (theme == "light")
        for step in range(9):
            page.set("step", step)
            assert page.overflow() <= 0


def test_clean_up_leaves_nothing(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        page.take_back()
        page.set("tau", 1.0)  # nothing draws any more, nothing complains


SIZE, RECIPE = 16, {"crop": 0.3, "hue": 0.5}


def smooth(count, seed):
    """Pictures whose colours run smoothly from corner to corner: (count, S, S, 3) uint8."""
    corners = np.random.default_rng(seed).random((count, 2, 2, 3))
    across = np.linspace(0, 1, SIZE)
    ends = np.stack([1 - across, across])  # (2, S)
    return (255 * np.einsum("nabc,ay,bx->nyxc", corners, ends, ends)).astype(np.uint8)


class Trained:
    """An encoder with a head, in evaluation mode, and the pictures whose z they gave."""

    def __init__(self):
        torch.manual_seed(0)
        self.encoder, self.head = ConvNet(widths=(16, 32)), ProjectionHead(32, 32, DIMENSION)
        self.pictures = smooth(2 * IMAGES, seed=4)
        images = torch.from_numpy(self.pictures).permute(0, 3, 1, 2) / 255
        for module in (*self.encoder.modules(), *self.head.modules()):
            if isinstance(module, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
                module.momentum = 1.0  # the statistics of this batch, for good
        with torch.no_grad():
            self.head.train()(self.encoder.train()(images))
        self.encoder.eval()
        self.head.eval()
        self.z = self.project(images)

    @torch.no_grad()
    def project(self, images):
        """(B, 3, S, S) to unit vectors (B, D)."""
        return torch.nn.functional.normalize(self.head(self.encoder(images))).numpy()

    def widget(self):
        """The matrix with this network in the page."""
        layers, weights = export_weights(self.encoder, self.head)
        network = {"name": "trained", "layers": layers, "weights": weights}
        before = np.random.default_rng(1).normal(size=self.z.shape)
        return AffinityMatrix(
            self.z, self.pictures, before=before, network=network, recipe=RECIPE, tau=0.1
        )


@pytest.fixture(scope="module")
def trained():
    return Trained()


def give(page):
    """A picture of the reader's own, by its file; its pixels (S, S, 3)."""
    (mine,) = smooth(1, seed=9)
    file = io.BytesIO()
    Image.fromarray(mine).save(file, "PNG")
    page.page.locator("input[type=file]").set_input_files(
        {"name": "mine.png", "mimeType": "image/png", "buffer": file.getvalue()}
    )
    page.page.get_by_role("button", name="Remove it").wait_for()
    page.settle()
    return mine


def pair_of(page, mine, seed):
    """The two views of it that the page draws: (2, 3, S, S)."""
    views = page.page.evaluate(
        """([pixels, size, recipe, seed]) => {
          const { imageOf, recipeOf, pairOf } = window.module;
          const image = imageOf(Uint8Array.from(pixels), 3, size);
          return pairOf(image, 3, size, recipeOf(3, recipe), seed).map((view) => [...view]);
        }""",
        [mine.flatten().tolist(), SIZE, RECIPE, seed],
    )
    return torch.tensor(views).reshape(2, 3, SIZE, SIZE)


def test_the_page_gives_the_same_z_as_torch(browser, trained, tmp_path):
    """Bytes for weights cost little: the cosine of the two z, and cosines of pairs."""
    with mount(browser, tmp_path, trained.widget()) as page:
        z = page.page.evaluate(
            """([pixels, size]) => {
              const { imageOf, unpackWeights, forward } = window.module;
              const bytes = window.model.get("weights"), layers = window.model.get("layers");
              const weights = unpackWeights(new Uint8Array(bytes.buffer), layers);
              return pixels.map((picture) =>
                [...forward(layers, weights, imageOf(Uint8Array.from(picture), 3, size), size)]);
            }""",
            [trained.pictures.reshape(2 * IMAGES, -1).tolist(), SIZE],
        )
    z = np.array(z)
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    assert (z * trained.z).sum(axis=1).min() > 0.995
    assert abs(z @ z.T - trained.z @ trained.z.T).max() < 0.02


def test_own_picture_takes_the_place_of_the_first_image(browser, trained, tmp_path):
    with mount(browser, tmp_path, trained.widget()) as page:
        first = number(shown(page, "cosine"))
        assert "place of the first image" in page.text(".ssl-affinity-own")
        page.set("selected", [4, 9])
        kept = shown(page, "cosine")
        mine = give(page)
        assert page.get("selected") == [0, 1]
        assert page.text("figcaption >> nth=0") == "row 1, yours"
        for seed in (0, 1):
            z = trained.z.copy()
            z[:2] = trained.project(pair_of(page, mine, seed))
            s = z @ z.T
            for i, j in [(0, 1), (0, 5), (1, 8), (12, 0)]:
                page.set("selected", [i, j])
                assert number(shown(page, "cosine")) == pytest.approx(s[i, j], abs=0.02)
            page.page.get_by_role("button", name="New views").click()
            page.settle()
            assert page.get("seed") == seed + 1
        page.set("selected", [4, 9])
        assert shown(page, "cosine") == kept  # the others stay as they were
        page.page.get_by_role("button", name="Remove it").click()
        page.settle()
        assert (page.get("selected"), number(shown(page, "cosine"))) == ([0, 1], first)
        assert not page.page.get_by_role("button", name="New views").is_visible()


def test_whether_own_views_find_each_other_is_said(browser, trained, tmp_path):
    said = set()
    with mount(browser, tmp_path, trained.widget()) as page:
        mine = give(page)
        for seed in range(12):
            page.set("seed", seed)
            z = trained.z[:16].copy()  # eight images
            z[:2] = trained.project(pair_of(page, mine, seed))
            s = z @ z.T
            lead = [s[0, 1] - s[i, 2:].max() for i in (0, 1)]
            if min(map(abs, lead)) < 0.03:
                continue  # too close for bytes
            expected = ["Neither finds", "One of them finds", "Each finds"][
                sum(v > 0 for v in lead)
            ]
            words = page.text(".ssl-affinity-own")
            assert (
                f"Rows 1 and 2 are two views of your image. {expected} the other among 15" in words
            )
            said.add(expected)
        page.set("order", "halves")
        assert "Rows 1 and 9" in page.text(".ssl-affinity-own")
        page.page.locator(".ssl-grid").focus()
        assert page.page.evaluate("() => window.model.get('order')") == "halves"
    assert said


def test_own_picture_waits_until_after_training(browser, trained, tmp_path):
    with mount(browser, tmp_path, trained.widget()) as page:
        page.set("trained", False)
        first = shown(page, "cosine")
        assert page.page.locator("input[type=file]").is_disabled()
        assert "of your own can be shown only after training" in page.text(".ssl-affinity-own")
        page.set("trained", True)
        give(page)
        after = shown(page, "cosine")
        page.page.get_by_label("before training").click()
        page.settle()
        assert shown(page, "cosine") == first
        assert "Your image is shown only after training" in page.text(".ssl-affinity-own")
        assert page.text("figcaption >> nth=0") == "row 1"
        page.page.get_by_label("after training").click()
        page.settle()
        assert shown(page, "cosine") == after


def test_without_a_network_no_own_picture(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        assert page.page.locator("input[type=file]").count() == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_own_picture_on_a_phone(browser, trained, tmp_path, theme):
    widget = trained.widget()
    with mount(browser, tmp_path, widget, width=360, theme=theme, touch=True) as page:
        assert page.overflow() <= 0
        give(page)
        assert page.overflow() <= 0
        page.take_back()


def test_a_link_brings_back_the_state(browser, widget, tmp_path):
    state = "tau=0.2&n=4&order=halves&show=share&selected=2,3&trained=false&step=99"
    with mount(browser, tmp_path, widget) as page:
        query = "&".join(f"place.{part}" for part in state.split("&"))
        page.page.goto(f"{page.page.url}?{query}")
        page.page.wait_for_selector("body[data-ready]")
        names = ("tau", "n", "order", "show", "selected", "trained", "step")
        expected = [0.2, 4, "halves", "share", [2, 3], False, 0]
        assert [page.get(name) for name in names] == expected


# ---- what Python sends, and what it refuses ----


def test_embeddings_reach_the_page_with_unit_length_in_half_precision():
    z = np.random.default_rng(0).normal(size=(12, 7)) * 50
    widget = AffinityMatrix(z, noise(12, 9, 8, 3))
    sent = np.frombuffer(widget.z_after, "<f2").reshape(12, 7).astype(float)
    np.testing.assert_allclose(sent, z / np.linalg.norm(z, axis=1, keepdims=True), atol=1e-3)
    assert (widget.shape, widget.dimension, widget.n) == ([12, 9, 8, 3], 7, 6)
    assert widget.z_before == b""


def test_thumbnails_reach_the_page_unchanged():
    images = noise(4, 5, 6)
    widget = AffinityMatrix(np.eye(4), images)
    assert np.array_equal(np.frombuffer(widget.thumbnails, np.uint8).reshape(4, 5, 6), images)


@pytest.mark.parametrize(
    ("z", "images", "more", "words"),
    [
        (np.eye(5), noise(5, 4, 4, 3), {}, "two views of each"),
        (np.ones(6), noise(6, 4, 4, 3), {}, "2N, D"),
        (np.eye(6), noise(5, 4, 4, 3), {}, "6 embeddings but 5 images"),
        (np.zeros((4, 3)), noise(4, 4, 4, 3), {}, "row of zeros"),
        (np.full((4, 3), np.nan), noise(4, 4, 4, 3), {}, "NaN"),
        (np.eye(130), noise(130, 4, 4, 3), {}, "at most 64"),
        (np.eye(4), noise(4, 4, 4, 3), {"tau": 0}, "tau must be above 0"),
        (np.eye(4), noise(4, 4, 4, 3), {"before": np.eye(6)}, "before is"),
        (np.eye(4), noise(4, 4, 4, 3), {"order": "triples"}, "triples"),
    ],
)
def test_affinity_matrix_refuses(z, images, more, words):
    with pytest.raises(Exception, match=words):
        AffinityMatrix(z, images, **more)


def test_state_can_be_set_from_python():
    widget = AffinityMatrix(np.eye(4), noise(4, 4, 4, 3))
    widget.set_state({"tau": 0.2, "selected": [2, 3], "order": "halves"})
    assert (widget.tau, widget.selected, widget.order) == (0.2, (2, 3), "halves")


TO_Z = [
    {"kind": "conv", "in": 3, "out": 8, "stride": 2},
    {"kind": "linear", "in": 8, "out": 6, "relu": False},
]


def matrix(**more):
    return AffinityMatrix(**{"embeddings": np.eye(6), "images": noise(6, 8, 8, 3)} | more)


def test_affinity_matrix_takes_a_network_for_own_pictures():
    recipe = {"crop": 0.3, "hue": None, "transforms": ("crop", "color")}
    widget = matrix(network=network("a", TO_Z), recipe=recipe)
    assert len(widget.weights) == packed_size(TO_Z)
    assert widget.layers == TO_Z
    assert widget.recipe == recipe | {"transforms": ["crop", "color"]}
    assert (matrix().weights, matrix().layers) == (b"", [])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"network": network("a", LAYERS)}, "6 outputs"),
        ({"images": noise(6, 8, 8), "network": network("a", TO_Z)}, "takes 3 channels"),
        ({"images": noise(6, 8, 9, 3), "network": network("a", TO_Z)}, "square"),
        ({"recipe": {"crop": 0}}, "crop must lie in"),
        ({"recipe": {"hue": 0.7}}, "hue must lie in"),
        ({"recipe": {"strenght": 1}}, "strenght"),
        ({"recipe": {"transforms": ["flip"]}}, "made by some of crop, color, gray, blur"),
        ({"images": noise(6, 8, 8), "recipe": {"transforms": ["gray"]}}, "1 channels"),
    ],
)
def test_affinity_matrix_refuses_networks_and_recipes(change, words):
    with pytest.raises(ValueError, match=words):
        matrix(**change)
