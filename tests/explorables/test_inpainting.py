"""The inpainting studio in a real browser: its fills are those of torch, wherever one cuts."""

import io
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from ssl_teach.encoders.networks import ConvNet
from ssl_teach.evaluation.reconstruction import sharpness
from ssl_teach.explorables import InpaintingStudio
from ssl_teach.export import export_painter
from ssl_teach.tasks.inpainting import (
    Inpainting,
    block_masks,
    centre_mask,
    reconstruction_loss,
    smooth_fill,
)

from .made import network, noise, packed_size
from .page import mount

WIDTHS = (8, 16, 24)
NAMES = ("squared error", "with adversary")
SETS = ("scenes", "photographs")


def build(seed, channels=3, widths=WIDTHS):
    """Encoder and task with weights at random, batch norm and biases too."""
    torch.manual_seed(seed)
    encoder, task = ConvNet(channels, widths), Inpainting(widths, channels=channels)
    with torch.no_grad():
        for module in encoder.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                for each in (module.weight, module.running_var):
                    each.uniform_(0.5, 1.5)
                for each in (module.bias, module.running_mean):
                    each.uniform_(-0.3, 0.3)
        for module in task.decoder.modules():
            if isinstance(module, torch.nn.Conv2d):
                module.bias.uniform_(-0.3, 0.3)
    return encoder.eval(), task.eval()


def export(name, net):
    layers, weights = export_painter(*net)
    return {"name": name, "layers": layers, "weights": weights}


def to_tensor(pictures):
    """(…, S, S, C) uint8 -> (…, C, S, S) in [0, 1]."""
    return torch.from_numpy(np.moveaxis(pictures, -1, -3).copy()).float() / 255


@pytest.fixture(scope="module")
def nets():
    return {group: [build(2 * k), build(2 * k + 1)] for k, group in enumerate(SETS)}


@pytest.fixture(scope="module")
def pictures():
    """Soft ones, so that holes can be filled more or less well."""
    rng = np.random.default_rng(0)
    coarse = torch.from_numpy(rng.uniform(0, 255, (8, 3, 5, 5)))
    soft = F.interpolate(coarse, size=(32, 32), mode="bilinear", align_corners=True)
    noisy = soft + torch.from_numpy(rng.normal(0, 6, soft.shape))
    images = noisy.clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
    return {"scenes": images[:4], "photographs": images[4:]}


@pytest.fixture
def widget(nets, pictures):
    networks = {
        group: [export(name, net) for name, net in zip(NAMES, nets[group], strict=True)]
        for group in SETS
    }
    labels = {
        "scenes": ["house", "tree", "car", "boat"],
        "photographs": ["cat", "cup", "eye", "sky"],
    }
    return InpaintingStudio(pictures, networks, labels=labels, picture=1)


@pytest.fixture(scope="module")
def page(browser, nets, pictures, tmp_path_factory):
    """One page for the functions that do not depend on what is shown."""
    networks = {group: [export("one", nets[group][0])] for group in SETS}
    widget = InpaintingStudio(pictures, networks)
    with mount(browser, tmp_path_factory.mktemp("studio"), widget) as mounted:
        yield mounted


def ready(page):
    """Wait until every fill is that of the hole in sight."""
    page.settle()
    page.page.wait_for_selector(".ssl-studio-fills[aria-busy=false]")


def hole(page):
    """The hole as the page tells Python of it, (32, 32) bool."""
    return np.array([[row >> x & 1 for x in range(32)] for row in page.get("rows")], dtype=bool)


def shown(page):
    """Name, L2 and sharpness in per cent of every fill in sight; None for a dash."""
    rows = []
    for words in page.page.locator(".ssl-studio-fills figcaption").all_inner_texts()[:-1]:
        name, error, share = words.split("\n")
        rows.append((name, number(error), number(share)))
    return rows


def number(words):
    found = words.split()[1].rstrip(",%")
    return None if found == "–" else float(found)


def drawn(page, k):
    """The pixels of a fill, (32, 32, 3) uint8."""
    code = """(k) => {
      const canvas = document.querySelectorAll(".ssl-studio-fills canvas")[k];
      return [...canvas.getContext("2d").getImageData(0, 0, 32, 32).data];
    }"""
    return np.array(page.page.evaluate(code, k), np.uint8).reshape(32, 32, 4)[..., :3]


def expected_fill(net, picture, cut):
    """What torch makes of a uint8 picture (S, S, C) with this hole: (1, C, S, S)."""
    return net[1].fill(net[0], to_tensor(picture)[None], torch.from_numpy(cut)[None, None])


def drag(page, places):
    """Drag over the board through places given in pixels of the picture."""
    box = page.page.locator(".ssl-studio-board").bounding_box()
    points = [
        (box["x"] + (x + 0.5) / 32 * box["width"], box["y"] + (y + 0.5) / 32 * box["height"])
        for x, y in places
    ]
    page.page.mouse.move(*points[0])
    page.page.mouse.down()
    for point in points[1:]:
        page.page.mouse.move(*point)
    page.page.mouse.up()
    ready(page)


# ---- what the page computes is what Python computes ----


@pytest.mark.parametrize("sizes", [(4, 8), (5, 9), (17, 33), (3, 10), (13, 25), (4, 4), (7, 5)])
def test_enlarging_repeats_the_pixels_that_torch_repeats(page, sizes):
    x = torch.arange(2.0 * sizes[0] ** 2).view(2, sizes[0], sizes[0])
    code = "([x, size, to]) => [...window.module.enlarged(x, 2, size, to)]"
    got = page.page.evaluate(code, [x.flatten().tolist(), *sizes])
    expected = F.interpolate(x[None], size=(sizes[1], sizes[1]))[0]
    assert got == expected.flatten().tolist()


FILL = """([layers, bytes, image, mask, size]) => {
  const { networkFill, unpackWeights } = window.module;
  const weights = unpackWeights(new Uint8Array(bytes), layers);
  return [...networkFill(layers, weights, Float32Array.from(image), Uint8Array.from(mask), size)];
}"""


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [32, 33])
@pytest.mark.parametrize("widths", [WIDTHS, (6,), (24, 48, 96)])
def test_a_fill_agrees_with_torch(page, channels, size, widths):
    net = build(5, channels, widths)
    generator = torch.Generator().manual_seed(1)
    image = torch.rand(channels, size, size, generator=generator)
    mask = block_masks(image[None], generator)
    expected = net[1].fill(net[0], image[None], mask)[0].numpy()
    stacked = np.zeros((1, size, size, channels), np.uint8)
    widget = InpaintingStudio({"a": stacked}, {"a": [export("one", net)]})  # packs the weights
    got = page.page.evaluate(
        FILL,
        [
            widget.networks[0]["layers"], list(widget.weights), image.flatten().tolist(),
            mask.int().flatten().tolist(), size,
        ],
    )  # fmt: skip
    got = np.reshape(got, expected.shape)
    outside = ~mask[0].expand(channels, -1, -1).numpy()
    np.testing.assert_array_equal(got[outside].astype(np.float32), expected[outside])
    np.testing.assert_allclose(got, expected, atol=0.02)  # 8 bits a weight
    assert np.abs(got - expected).mean() < 0.003


def test_a_pass_is_quick(page):
    """The least of a few: others may be using the processor."""
    net = build(5, 3, (24, 48, 96))
    widget = InpaintingStudio(
        {"a": np.zeros((1, 32, 32, 3), np.uint8)}, {"a": [export("one", net)]}
    )
    code = """([layers, bytes]) => {
      const { paint, unpackWeights } = window.module;
      const weights = unpackWeights(new Uint8Array(bytes), layers);
      const image = new Float32Array(3 * 1024);
      return Math.min(...Array.from({ length: 8 }, () => {
        const start = performance.now();
        paint(layers, weights, image, 32);
        return performance.now() - start;
      }));
    }"""
    took = page.page.evaluate(code, [widget.networks[0]["layers"], list(widget.weights)])
    assert took < 150


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("kind", ["centre", "blocks", "nearly all", "all", "none"])
def test_the_rule_is_that_of_python(page, kind, seed):
    generator = torch.Generator().manual_seed(seed)
    image = F.interpolate(torch.rand(1, 3, 6, 6, generator=generator), size=(32, 32))
    mask = {
        "centre": centre_mask,
        "blocks": lambda x: block_masks(x, generator),
        "nearly all": lambda x: torch.rand(x[:, :1].shape, generator=generator) < 0.95,
        "all": lambda x: torch.ones_like(x[:, :1], dtype=torch.bool),
        "none": lambda x: torch.zeros_like(x[:, :1], dtype=torch.bool),
    }[kind](image)
    got = page.page.evaluate(
        "([image, mask]) => [...window.module.smoothFill(image, mask, 32)]",
        [image.flatten().tolist(), mask.int().flatten().tolist()],
    )
    filled = smooth_fill(image, mask) if mask.any() else image  # Python refuses an empty mask
    expected = filled.flatten().numpy()
    np.testing.assert_allclose(got, expected, atol=5e-4)


def test_error_and_sharpness_are_those_of_python(page):
    generator = torch.Generator().manual_seed(3)
    image, made = torch.rand(2, 3, 32, 32, generator=generator)
    for mask in (centre_mask(image[None]), block_masks(image[None], generator)):
        code = """([made, image, mask]) => {
          const { errorIn, sharpnessIn } = window.module;
          return [errorIn(made, image, mask), sharpnessIn(made, mask, 32)];
        }"""
        given = [made.flatten().tolist(), image.flatten().tolist(), mask.int().flatten().tolist()]
        error, steps = page.page.evaluate(code, given)
        assert error == pytest.approx(
            float(reconstruction_loss(made[None], image[None], mask)), abs=1e-5
        )
        assert steps == pytest.approx(sharpness(made[None], mask), abs=1e-5)


@pytest.mark.parametrize("size", [32, 33, 9])
def test_the_centre_is_that_of_python(page, size):
    got = page.page.evaluate("(size) => [...window.module.centreHole(size)]", size)
    assert got == centre_mask(torch.zeros(1, 1, size, size)).int().flatten().tolist()


def test_random_holes_are_drawn_as_in_training(page):
    code = """() => {
      let state = 1;
      const next = () => (state = (state * 16807) % 2147483647) / 2147483647;
      return Array.from({ length: 400 }, () => [...window.module.randomHole(32, next)]);
    }"""
    got = np.array(page.page.evaluate(code))
    theirs = block_masks(torch.zeros(4000, 1, 32, 32), torch.Generator().manual_seed(0))
    assert got.mean() == pytest.approx(float(theirs.float().mean()), rel=0.05)
    where = got.reshape(-1, 32, 32).mean(axis=0)
    np.testing.assert_allclose(where, theirs.float().mean(dim=(0, 1)), atol=0.11)
    assert (got.sum(axis=1) >= 16).all() and (got.sum(axis=1) <= 256).all()


def test_a_hole_travels_as_rows_of_bits(page, widget):
    cut = np.random.default_rng(0).random((32, 32)) < 0.5
    widget.mask = cut
    assert np.array_equal(widget.mask, cut)
    code = "(rows) => [...window.module.fromRows(rows, 32)]"
    assert np.array_equal(np.reshape(page.page.evaluate(code, widget.rows), (32, 32)), cut)
    code = "(mask) => window.module.toRows(mask, 32)"
    assert page.page.evaluate(code, cut.astype(int).flatten().tolist()) == widget.rows
    assert page.page.evaluate("() => [...window.module.fromRows([1], 2)]") == [1, 0, 0, 0]


# ---- what the reader sees and does ----


def test_it_starts_with_a_filled_centre(browser, widget, nets, pictures, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        ready(page)
        assert np.array_equal(hole(page), widget.mask) and widget.mask.sum() == 256
        assert [name for name, *_ in shown(page)] == [*NAMES, "smooth rule"]
        picture = pictures["scenes"][1]
        image, cut = to_tensor(picture)[None], torch.from_numpy(widget.mask)[None, None]
        fills = [expected_fill(net, picture, widget.mask) for net in nets["scenes"]]
        fills.append(smooth_fill(image, cut))
        errors = []
        for k, (made, (_, error, share)) in enumerate(zip(fills, shown(page), strict=True)):
            errors.append(float(reconstruction_loss(made, image, cut)))
            assert error == pytest.approx(errors[-1], abs=1e-3)
            assert share == pytest.approx(100 * sharpness(made, cut) / sharpness(image, cut), abs=1)
            pixels = 255 * made[0].permute(1, 2, 0).numpy()
            np.testing.assert_allclose(drawn(page, k), pixels, atol=0.02 * 255)
        assert np.array_equal(drawn(page, 3), picture)
        best = page.page.locator(".ssl-studio-fills .ssl-best")
        assert best.count() == 1 and "least" in best.inner_text()
        least = shown(page)[int(np.argmin(errors))][1]
        assert f"L2 {least:.4f}" in best.inner_text()
        assert "256 of 1,024" in page.text(".ssl-studio-missing")


def test_a_drag_cuts_a_block(browser, widget, nets, pictures, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        ready(page)
        page.page.get_by_role("button", name="Restore all").click()
        ready(page)
        assert not hole(page).any()
        assert shown(page)[0] == ("squared error", None, None)
        drag(page, [(20, 9), (12, 12), (11, 14)])
        cut = np.zeros((32, 32), bool)
        cut[9:15, 11:21] = True
        assert np.array_equal(hole(page), cut)
        drag(page, [(0, 0), (1, 2)])  # a second one joins it
        cut[:3, :2] = True
        assert np.array_equal(hole(page), cut)
        made = expected_fill(nets["scenes"][0], pictures["scenes"][1], cut)
        pixels = 255 * made[0].permute(1, 2, 0).numpy()
        np.testing.assert_allclose(drawn(page, 0), pixels, atol=0.02 * 255)
        assert "Squared error in the hole" in page.page.locator("[aria-live]").inner_text()


def test_a_tap_cuts_a_block_and_the_brush_a_line(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        page.page.get_by_role("button", name="Restore all").click()
        drag(page, [(10, 10)])
        cut = np.zeros((32, 32), bool)
        cut[6:14, 6:14] = True
        assert np.array_equal(hole(page), cut)
        page.page.get_by_label("brush", exact=True).click()
        assert page.get("tool") == "brush"
        drag(page, [(3, 20), (25, 20)])
        cut[19:22, 2:27] = True
        assert np.array_equal(hole(page), cut)
        page.page.get_by_label("restore", exact=True).click()
        drag(page, [(13, 10), (13, 25)])
        cut[9:27, 12:15] = False
        assert np.array_equal(hole(page), cut)


def test_the_brush_leaves_no_gaps_and_stays_within(page):
    code = """([from, to]) => {
      const { withStroke } = window.module;
      return [...withStroke(new Uint8Array(1024), 32, from, to, 1)];
    }"""
    for start, end in [((0, 0), (31, 31)), ((31, 3), (2, 30)), ((5, 5), (5, 5))]:
        cut = np.reshape(page.page.evaluate(code, [start, end]), (32, 32))
        assert cut[start[1], start[0]] and cut[end[1], end[0]]
        inner = cut[min(start[1], end[1]) : max(start[1], end[1]) + 1]
        assert (inner.sum(axis=1) >= 2).all()  # at the rim it is narrower
    assert np.reshape(page.page.evaluate(code, [(5, 5), (5, 5)]), (32, 32)).sum() == 9


def test_fills_follow_the_hand_while_it_draws(browser, widget, nets, pictures, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        ready(page)
        before = hole(page)
        box = page.page.locator(".ssl-studio-board").bounding_box()
        page.page.mouse.move(box["x"] + 1, box["y"] + 1)
        page.page.mouse.down()
        page.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 1)
        ready(page)  # the button is still down
        assert np.array_equal(hole(page), before)  # Python hears of it in the end
        cut = before.copy()
        cut[0, :17] = True
        made = expected_fill(nets["scenes"][1], pictures["scenes"][1], cut)
        pixels = 255 * made[0].permute(1, 2, 0).numpy()
        np.testing.assert_allclose(drawn(page, 1), pixels, atol=0.02 * 255)
        page.page.mouse.up()
        page.settle()
        assert np.array_equal(hole(page), cut)


def test_a_redraw_does_not_wait_for_the_networks(browser, widget, tmp_path):
    """Between two calls of one frame, before and after it; the least of ten."""
    with mount(browser, tmp_path, widget) as page:
        ready(page)
        code = """(k) => new Promise((done) => {
          const { withBlock, toRows } = window.module;
          const rows = toRows(withBlock(new Uint8Array(1024), 32, [k, 2], [k + 12, 20], 1), 32);
          let start = 0;
          requestAnimationFrame(() => { start = performance.now(); });
          window.model.set("rows", rows);
          requestAnimationFrame(() => done(performance.now() - start));
        })"""
        assert min(page.page.evaluate(code, k) for k in range(10)) < 16
        ready(page)


def test_the_keyboard_cuts_and_mends(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        page.page.get_by_role("button", name="Restore all").click()
        ready(page)
        board = page.page.locator(".ssl-studio-board")
        board.focus()
        press = page.page.keyboard.press
        live = page.page.locator("[aria-live]")
        press("ArrowRight")
        assert live.inner_text() == "Frame: columns 4 to 11, rows 3 to 10."
        press("ArrowDown")
        press("Shift+ArrowRight")
        press("Shift+ArrowUp")
        assert live.inner_text() == "Frame: columns 4 to 12, rows 4 to 10."
        press("Space")
        ready(page)
        cut = np.zeros((32, 32), bool)
        cut[3:10, 3:12] = True
        assert np.array_equal(hole(page), cut)
        page.page.wait_for_function(
            "() => document.querySelector('[aria-live]').textContent.startsWith('63 of 1,024')"
        )
        for _ in range(40):
            press("ArrowLeft")
        for _ in range(40):
            press("Shift+ArrowLeft")
        assert live.inner_text() == "Frame: columns 1 to 1, rows 4 to 10."
        for _ in range(3):
            press("ArrowRight")
        press("Backspace")
        ready(page)
        cut[3:10, 3] = False
        assert np.array_equal(hole(page), cut)


def test_sets_bring_their_own_networks(browser, widget, nets, pictures, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        page.page.get_by_label("photographs", exact=True).click()
        page.page.get_by_role("button", name="eye").click()
        ready(page)
        assert (page.get("group"), page.get("picture")) == ("photographs", 2)
        made = expected_fill(nets["photographs"][0], pictures["photographs"][2], widget.mask)
        pixels = 255 * made[0].permute(1, 2, 0).numpy()
        np.testing.assert_allclose(drawn(page, 0), pixels, atol=0.02 * 255)
        page.page.get_by_role("button", name="Random blocks").click()
        ready(page)
        assert not np.array_equal(hole(page), widget.mask) and hole(page).any()
        page.page.get_by_role("button", name="Centre block").click()
        ready(page)
        assert np.array_equal(hole(page), widget.mask)
        label = page.page.locator(".ssl-studio-board").get_attribute("aria-label")
        assert label.startswith("eye, with its hole")


def test_python_sets_hole_and_picture(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        page.set("rows", [3, *[0] * 31])
        page.set("picture", 3)
        ready(page)
        assert page.text(".ssl-studio-missing") == "2 of 1,024 pixels are missing."
        assert page.page.get_by_role("button", name="boat").get_attribute("aria-pressed") == "true"
        page.set("picture", 99)  # there is no picture of the reader's own
        ready(page)
        assert page.page.get_by_role("button", name="boat").get_attribute("aria-pressed") == "true"


def test_a_picture_of_the_readers_own(browser, widget, nets, tmp_path):
    pixels = np.random.default_rng(5).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    with mount(browser, tmp_path, widget) as page:
        page.page.locator("input[type=file]").set_input_files(
            {"name": "mine.png", "mimeType": "image/png", "buffer": file.getvalue()}
        )
        page.page.get_by_role("button", name="your image").wait_for()
        ready(page)
        assert page.get("picture") == 4
        assert np.array_equal(drawn(page, 3), pixels)
        made = expected_fill(nets["scenes"][0], pixels, widget.mask)
        np.testing.assert_allclose(
            drawn(page, 0), 255 * made[0].permute(1, 2, 0).numpy(), atol=0.02 * 255
        )
        assert "its centre, 32 × 32 pixels" in page.text(".ssl-studio-hint")
        sent = page.page.evaluate(
            "() => [...new Uint8Array(window.model.get('pictures').buffer)].length"
        )
        assert sent == 2 * 4 * 32 * 32 * 3  # it was not put among those that Python knows


def test_a_link_brings_picture_and_hole_back(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        page.set("group", "photographs")
        page.set("picture", 3)
        rows = [0, 2**32 - 1, *[5] * 30]
        page.set("rows", rows)
        page.page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(''); }")
        page.page.get_by_role("button", name="Copy link").click()
        field = page.page.get_by_role("textbox", name="Link to this state")
        field.wait_for()
        link = field.input_value()
        assert set(parse_qs(urlsplit(link).query)) == {"place.group", "place.picture", "place.rows"}
        page.page.goto("about:blank")
        page.page.goto(link)
        page.page.wait_for_selector("body[data-ready]")
        assert (page.get("group"), page.get("picture")) == ("photographs", 3)
        assert page.get("rows") == rows


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_both_themes_and_a_phone(browser, widget, tmp_path, width, theme):
    with mount(browser, tmp_path, widget, width=width, theme=theme, touch=width == 360) as page:
        ready(page)
        assert page.overflow() <= 0
        assert page.page.locator(".ssl-explorable").get_attribute("data-theme") == theme


def test_grey_pictures(browser, tmp_path):
    grey = np.random.default_rng(0).integers(0, 256, (2, 28, 28), dtype=np.uint8)
    net = build(2, channels=1)
    widget = InpaintingStudio({"drawings": grey}, {"drawings": [export("one", net)]})
    with mount(browser, tmp_path, widget) as page:
        ready(page)
        image, cut = to_tensor(grey[:1, ..., None]), torch.from_numpy(widget.mask)[None, None]
        expected = reconstruction_loss(net[1].fill(net[0], image, cut), image, cut)
        assert shown(page)[0][1] == pytest.approx(float(expected), abs=1e-3)
        assert page.page.get_by_text("images and their networks").count() == 0


def test_clean_up_leaves_nothing(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        page.set("rows", [1] * 32)  # fills are under way
        page.take_back()


# ---- what Python sends, and what it refuses ----


PAINTER_LAYERS = [
    {"kind": "conv", "in": 3, "out": 4, "stride": 2},
    {"kind": "conv", "in": 4, "out": 4, "stride": 1, "up": True, "slope": 0.2},
    {"kind": "conv", "in": 4, "out": 3, "stride": 1, "up": False, "slope": 1.0},
]


def studio(sets=None, networks=None, **more):
    sets = {"one": noise(2, 8, 8, 3), "two": noise(2, 8, 8, 3)} if sets is None else sets
    if networks is None:
        networks = {name: [network("a", PAINTER_LAYERS)] for name in sets}
    return InpaintingStudio(sets, networks, **more)


def test_inpainting_studio_hands_over_networks_and_begins_with_the_centre():
    widget = studio(picture=1)
    each = packed_size(PAINTER_LAYERS)
    found = [(entry["group"], entry["name"], entry["start"]) for entry in widget.networks]
    assert found == [("one", "a", 0), ("two", "a", each)]
    assert len(widget.weights) == 2 * each
    assert (widget.group, widget.picture, widget.tool) == ("one", 1, "block")
    assert widget.mask[2:6, 2:6].all() and widget.mask.sum() == 16
    assert repr(widget) == "InpaintingStudio(2 pictures of each: one, two)"


def test_the_hole_can_be_read_and_set():
    widget = studio()
    widget.set_state({"rows": [1, 128, *[0] * 6], "tool": "restore"})
    assert widget.mask[0, 0] and widget.mask[1, 7] and widget.mask.sum() == 2
    hole = np.random.default_rng(0).random((8, 8)) < 0.5
    widget.mask = hole
    assert np.array_equal(widget.mask, hole)
    for wrong in (hole[:7], hole.astype(int)):
        with pytest.raises(ValueError, match=r"mask must be bool \(8, 8\)"):
            widget.mask = wrong


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sets": {}}, "empty"),
        ({"sets": {"one": noise(2, 60, 60, 3)}}, "52 pixels wide at most, got 60"),
        ({"picture": 2}, r"picture must lie in \[0, 1\], got 2"),
        ({"networks": {"one": []}}, r"networks are given for \['one'\], pictures for"),
        ({"labels": {"two": ["a"] * 2, "one": ["a"] * 2}}, "labels are given for"),
        ({"labels": {"one": ["a"], "two": ["a"]}}, "are 1, for 2 pictures"),
        ({"sets": {"grey": noise(2, 8, 8)}}, "layer 0 takes 3 channels and is given 1"),
    ],
)
def test_inpainting_studio_refuses(change, words):
    with pytest.raises(ValueError, match=words):
        studio(**change)


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        (PAINTER_LAYERS[:2], "a picture takes 3 channels and is given 4"),
        ([PAINTER_LAYERS[0], {"kind": "linear", "in": 4, "out": 3}], "must be convolutions"),
        ([PAINTER_LAYERS[0], {**PAINTER_LAYERS[2]}], "as many of them must grow, not 0"),
    ],
)
def test_inpainting_studio_refuses_layers_that_do_not_lead_back_to_a_picture(layers, words):
    networks = {name: [network("a", layers)] for name in ("one", "two")}
    with pytest.raises(ValueError, match=f"network 'a' of 'one': .*{words}"):
        studio(networks=networks)
