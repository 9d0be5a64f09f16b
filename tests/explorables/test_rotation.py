"""The rotation game in a real browser: its networks answer as torch does."""

import io
import re
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from ssl_teach.explorables import (
    RotationGame,
)

from .made import LAYERS, network, noise, packed_size
from .page import mount, on_grid

WIDTHS = (3, 32, 64, 128, 256)
NAMES = ("first network", "second network")


def build(seed, channels=3):
    """The encoder's architecture with its batch norm folded, and the head; weights at random."""
    torch.manual_seed(seed)
    widths = (channels, *WIDTHS[1:])
    parts = []
    for inputs, outputs in pairwise(widths):
        conv = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1)
        nn.init.kaiming_normal_(conv.weight)
        parts += [conv, nn.ReLU()]
    net = nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, 4))
    return on_grid(net).eval()


def export(name, net):
    layers, parts = [], []
    for layer in net:
        if isinstance(layer, nn.Conv2d):
            size = {"in": layer.in_channels, "out": layer.out_channels}
            layers.append({"kind": "conv", "stride": 2, **size})
        elif isinstance(layer, nn.Linear):
            size = {"in": layer.in_features, "out": layer.out_features}
            layers.append({"kind": "linear", **size})
        else:
            continue
        parts += [layer.weight.detach().numpy(), layer.bias.detach().numpy()]
    weights = b"".join(part.astype("<f2").tobytes() for part in parts)
    return {"name": name, "layers": layers, "weights": weights}


@pytest.fixture(scope="module")
def nets():
    return [build(seed) for seed in (0, 1)]


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    return {
        name: rng.integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
        for name in ("level horizon", "turned background")
    }


@pytest.fixture
def widget(nets, pictures):
    networks = [export(name, net) for name, net in zip(NAMES, nets, strict=True)]
    return RotationGame(pictures, networks, labels=["house", "tree", "car", "boat", "mug"])


def scores(net, picture, turns):
    """What torch says of a uint8 picture (S, S, C) turned anticlockwise by quarter turns."""
    image = torch.from_numpy(picture).permute(2, 0, 1).float()[None] / 255
    with torch.no_grad():
        return net((torch.rot90(image, turns, dims=(2, 3)) - 0.5) / 0.25)[0]


def shown(page, network):
    """The four probabilities that the page shows for a network."""
    cells = page.page.locator(".ssl-answers table").nth(network).locator("td:last-child")
    return [float(text) for text in cells.all_inner_texts()]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [32, 33])
def test_forward_agrees_with_torch(browser, widget, tmp_path, channels, size):
    net = build(4, channels)
    exported = export("it", net)
    image = torch.rand(channels, size, size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = net(((image - 0.5) / 0.25)[None])[0].numpy()
    with mount(browser, tmp_path, widget) as page:
        got = page.page.evaluate(
            """([layers, bytes, image, size]) => {
              const { forward, decodeHalf } = window.module;
              return [...forward(layers, decodeHalf(new Uint8Array(bytes)), image, size)];
            }""",
            [exported["layers"], list(exported["weights"]), image.flatten().tolist(), size],
        )
    assert np.abs(got - expected).max() <= 1e-2 * np.abs(expected).max()


def test_half_precision_is_read_exactly(browser, widget, tmp_path):
    values = np.array([0, -0.0, 1, -2.5, 6e-8, -6.1e-5, 65504, 1 / 3, np.inf, -np.inf], "<f2")
    with mount(browser, tmp_path, widget) as page:
        got = page.page.evaluate(
            "(bytes) => [...window.module.decodeHalf(new Uint8Array(bytes))].map(String)",
            list(values.tobytes()),
        )
    read = [float(text.replace("Infinity", "inf")) for text in got]
    assert np.array_equal(np.float32(read), values.astype(np.float32))


def test_quarter_turns_are_those_of_torch(browser, widget, tmp_path):
    picture = np.arange(5 * 5 * 3, dtype=np.uint8).reshape(5, 5, 3)
    with mount(browser, tmp_path, widget) as page:
        for turns in range(4):
            got = page.page.evaluate(
                "([pixels, angle]) => [...window.module.rotated(pixels, 5, 3, angle)]",
                [picture.flatten().tolist(), 90 * turns],
            )
            expected = np.rot90(picture, turns).transpose(2, 0, 1) / 255
            np.testing.assert_allclose(np.reshape(got, (3, 5, 5)), expected, atol=1e-6)


def test_probabilities_follow_from_the_weights(browser, widget, nets, pictures, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        for scene, picture, turns in [("level horizon", 0, 1), ("turned background", 3, 2)]:
            page.set("scene", scene)
            page.set("picture", picture)
            page.set("angle", 90 * turns)
            for k, net in enumerate(nets):
                expected = scores(net, pictures[scene][picture], turns).softmax(0).numpy()
                assert shown(page, k) == pytest.approx(expected, abs=0.02)
                assert sum(shown(page, k)) == pytest.approx(1, abs=0.003)


def test_buttons_slider_and_keys_turn(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        assert page.get("angle") == 90
        before = shown(page, 0)
        page.page.get_by_role("button", name="Rotate left").click()
        page.settle()
        assert page.get("angle") == 180
        assert shown(page, 0) != before
        page.page.get_by_role("button", name="Rotate right").click()
        page.page.locator(".ssl-picture").focus()
        page.page.keyboard.press("ArrowRight")
        page.page.keyboard.press("ArrowRight")
        page.settle()
        assert page.get("angle") == 270
        assert page.text("[aria-live]").startswith("270 degrees. first network:")
        page.page.get_by_label("rotated", exact=False).first.focus()
        page.page.locator("input[type=range]").press("ArrowLeft")
        page.settle()
        assert page.get("angle") == 269
        assert "never saw in training" in page.text(".ssl-stage p")


def test_dragging_turns_the_picture(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        page.set("angle", 0)
        box = page.page.locator(".ssl-picture").bounding_box()
        x, y, reach = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, 100
        page.page.mouse.move(x + reach, y)
        page.page.mouse.down()
        page.page.mouse.move(x + reach * 0.7, y - reach * 0.7)  # up on the right: anticlockwise
        page.settle()
        assert 40 <= page.get("angle") <= 50
        page.page.mouse.move(x + 3, y - reach)
        page.page.mouse.up()
        assert page.get("angle") == 90  # caught by the quarter turn


def test_tally_counts_what_the_networks_get_right(browser, widget, nets, pictures, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        page.page.wait_for_function(
            "() => !document.querySelector('.ssl-tally').textContent.includes('…')", timeout=20_000
        )
        cells = page.page.locator(".ssl-tally tbody td").all_inner_texts()
    expected = []
    for net in nets:
        for images in pictures.values():
            right = [scores(net, x, k).argmax() == k for x in images for k in range(4)]
            expected.append(100 * np.mean(right))
    assert [int(cell.rstrip("%")) for cell in cells] == pytest.approx(expected, abs=5.1)


def test_a_round_of_the_game(browser, widget, nets, pictures, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        page.page.get_by_role("button", name="Play against").click()
        page.settle()
        assert "?" in page.text(".ssl-answers")
        assert not page.page.locator(".ssl-strip").is_visible()  # upright pictures would tell
        picture = page.get("picture")
        page.page.keyboard.press("3")  # the picture has the focus
        page.settle()
        told, answered = map(int, re.findall(r"(\d+)°", page.text(".ssl-words")))
        assert answered == 180
        assert page.get("angle") == told
        guesses = [
            int(scores(net, pictures["level horizon"][picture], told // 90).argmax())
            for net in nets
        ]
        assert page.get("score") == {
            "rounds": 1,
            "you": int(told == 180),
            "networks": [int(90 * guess == told) for guess in guesses],
        }
        page.page.keyboard.press("Enter")  # next picture
        page.settle()
        page.page.get_by_role("button", name="1 0°").click()
        page.settle()
        assert page.get("score")["rounds"] == 2
        assert "After 2" in page.text(".ssl-score")


def test_set_of_pictures_is_chosen_by_mouse_and_keyboard(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        page.page.get_by_label("turned background").click()
        assert page.get("scene") == "turned background"
        page.page.keyboard.press("ArrowLeft")
        assert page.get("scene") == "level horizon"
        page.page.get_by_role("button", name="boat").click()
        page.settle()
        assert page.get("picture") == 3
        assert "boat" in page.page.locator(".ssl-picture").get_attribute("aria-label")


@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_both_themes_and_a_phone(browser, nets, pictures, tmp_path, width, theme, compact):
    networks = [export(name, net) for name, net in zip(NAMES, nets, strict=True)]
    widget = RotationGame(pictures, networks, compact=compact)
    with mount(browser, tmp_path, widget, width=width, theme=theme, touch=width == 360) as page:
        assert page.overflow() <= 0
        assert page.page.locator(".ssl-explorable").get_attribute("data-theme") == theme
        assert (page.page.locator(".ssl-tally").count() == 0) == compact


def test_grey_pictures(browser, tmp_path):
    grey = np.random.default_rng(0).integers(0, 256, (2, 28, 28), dtype=np.uint8)
    widget = RotationGame({"drawings": grey}, [export("one", build(2, channels=1))])
    with mount(browser, tmp_path, widget) as page:
        assert sum(shown(page, 0)) == pytest.approx(1, abs=0.003)


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


OWN = np.random.default_rng(7).integers(0, 256, (32, 32, 3), dtype=np.uint8)


def give(page, content, name="mine.png"):
    """Choose a file, as with the button."""
    file = {"name": name, "mimeType": "image/png", "buffer": content}
    page.page.locator("input[type=file]").set_input_files(file)


def drop(page, content, selector=".ssl-explorable"):
    """Let a file fall onto the figure."""
    transfer = page.page.evaluate_handle(
        """(bytes) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(bytes)], "mine.png", { type: "image/png" }));
          return transfer;
        }""",
        list(content),
    )
    for name in ("dragover", "drop"):
        page.page.dispatch_event(selector, name, {"dataTransfer": transfer})


@pytest.mark.parametrize("way", [give, drop])
def test_a_picture_of_the_readers_own_is_turned_and_judged(browser, widget, nets, tmp_path, way):
    with mount(browser, tmp_path, widget) as page:
        way(page, png(OWN))
        yours = page.page.get_by_role("button", name="your image")
        yours.wait_for()
        page.settle()
        assert yours.get_attribute("aria-pressed") == "true"
        assert yours.inner_text() == "yours"
        assert "stays in this page" in page.text(".ssl-own")
        assert page.get("picture") == 5
        for scene in ("level horizon", "turned background"):
            page.set("scene", scene)
            for turns in (0, 3):
                page.set("angle", 90 * turns)
                for k, net in enumerate(nets):
                    expected = scores(net, OWN, turns).softmax(0).numpy()
                    assert shown(page, k) == pytest.approx(expected, abs=2e-3)
        assert "its centre, 32 × 32 pixels" in page.text(".ssl-stage p")
        page.page.get_by_role("button", name="boat").click()
        page.settle()
        assert page.get("picture") == 3
        yours.click()
        page.settle()
        assert page.get("picture") == 5
        heading = page.page.locator(".ssl-tally caption").inner_text()
        assert heading.startswith("Correct answers, all 5 images")  # as many as before


def test_another_picture_of_ones_own_takes_the_place_of_the_first(browser, widget, nets, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        give(page, png(OWN))
        page.page.get_by_role("button", name="your image").wait_for()
        large = np.kron(255 - OWN, np.ones((4, 4, 1), np.uint8))
        wide = np.pad(large, ((0, 0), (50, 50), (0, 0)))
        give(page, png(wide))
        expected = scores(nets[0], 255 - OWN, 1).softmax(0).numpy()
        page.page.wait_for_function(
            "(text) => document.querySelector('.ssl-answers td:last-child').textContent === text",
            arg=f"{expected[0]:.3f}",
        )
        assert shown(page, 0) == pytest.approx(expected, abs=2e-3)
        assert page.page.locator(".ssl-strip button").count() == 6


def test_own_pictures_play_too(browser, nets, tmp_path):
    one = np.zeros((1, 32, 32, 3), np.uint8)
    widget = RotationGame({"one": one}, [export(NAMES[0], nets[0])])
    with mount(browser, tmp_path, widget) as page:
        give(page, png(OWN))
        page.page.get_by_role("button", name="your image").wait_for()
        page.page.get_by_role("button", name="image 1").click()
        page.page.get_by_role("button", name="Play against").click()
        page.settle()
        assert page.get("picture") == 1  # the only other one
        assert not page.page.locator(".ssl-own").is_visible()
        page.page.keyboard.press("2")
        page.settle()
        told = int(re.search(r"(\d+)°", page.text(".ssl-words")).group(1))
        guess = int(scores(nets[0], OWN, told // 90).argmax())
        assert page.get("score")["networks"] == [int(90 * guess == told)]
        page.page.get_by_role("button", name="Stop").press("Enter")
        page.settle()
        focused = page.page.evaluate("() => document.activeElement.textContent")
        assert focused == "Play against the network"  # Stop is gone, and had the focus


def test_an_own_picture_that_is_not_there_falls_back(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        page.set("picture", 5)
        assert "mug" in page.page.locator(".ssl-picture").get_attribute("aria-label")
        page.page.goto(f"{page.page.url}?place.picture=5&place.angle=180#place")
        page.page.wait_for_selector("body[data-ready]")
        assert (page.get("picture"), page.get("angle")) == (0, 180)
        page.page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(1); }")
        give(page, png(OWN))
        page.page.get_by_role("button", name="your image").wait_for()
        page.page.get_by_role("button", name="Copy link").click()
        page.page.get_by_text("your own image, for example, stays in this page").wait_for()
        link = page.page.get_by_role("textbox", name="Link to this state").input_value()
        assert "place.angle=180" in link and "place.picture" not in link


@pytest.mark.parametrize("way", [give, drop])
def test_a_file_that_is_no_picture_gives_words(browser, widget, tmp_path, way):
    with mount(browser, tmp_path, widget) as page:
        way(page, b"no picture at all")
        page.page.get_by_text("mine.png could not be read as an image").wait_for()
        assert page.get("picture") == 0
        assert page.page.get_by_role("button", name="your image").count() == 0
        give(page, png(OWN))
        page.page.get_by_text("It stays in this page.").wait_for()


def test_words_dragged_over_it_are_no_picture(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        page.page.evaluate(
            """() => {
              const dataTransfer = new DataTransfer();
              dataTransfer.setData("text/plain", "hello");
              const drop = new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true });
              document.querySelector(".ssl-explorable").dispatchEvent(drop);
            }"""
        )
        page.settle()
        assert page.text(".ssl-own") == "Use your own image"


def test_own_pictures_by_keyboard_and_on_a_phone(browser, nets, pictures, tmp_path):
    networks = [export(name, net) for name, net in zip(NAMES, nets, strict=True)]
    widget = RotationGame(pictures, networks, compact=True)
    with mount(browser, tmp_path, widget, width=360, theme="dark", touch=True) as page:
        # Listened for from the start: Playwright does not wait until it stands between the page
        # and the chooser, and a key that came first would open one that nobody hears of.
        page.page.on("filechooser", lambda chooser: None)
        give(page, png(OWN))
        page.page.get_by_role("button", name="your image").wait_for()
        assert page.overflow() <= 0
        page.page.locator("input[type=file]").focus()
        with page.page.expect_event("filechooser"):
            page.page.keyboard.press("Space")


def test_clean_up_leaves_nothing(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        page.take_back()


# ---- what Python sends, and what it refuses ----


def test_networks_lie_one_behind_the_other():
    widget = RotationGame({"one": noise(2, 8, 8, 3)}, [network("a"), network("b")])
    starts = [entry["start"] for entry in widget.networks]
    assert starts == [0, packed_size(LAYERS)]
    assert len(widget.weights) == 2 * packed_size(LAYERS)
    assert widget.score == {"rounds": 0, "you": 0, "networks": [0, 0]}


SET = {"one": noise(2, 8, 8, 3)}


@pytest.mark.parametrize(
    ("scenes", "networks", "labels", "words"),
    [
        ({}, [network()], None, "empty"),
        ({"one": noise(2, 8, 9, 3)}, [network()], None, "square"),
        ({**SET, "two": noise(3, 8, 8, 3)}, [network()], None, "same number"),
        (SET, [network()], ["house"], "1 labels for 2"),
        (SET, [{**network(), "weights": b"1234"}], None, "4 bytes of weights"),
        ({"grey": noise(2, 8, 8)}, [network()], None, "takes 3 channels"),
        (SET, [network(layers=LAYERS[:1])], None, "end in a linear layer"),
        (SET, [{**network(), "layers": [{"kind": "pool"}]}], None, "pool"),
    ],
)
def test_rotation_game_refuses(scenes, networks, labels, words):
    with pytest.raises(ValueError, match=words):
        RotationGame(scenes, networks, labels=labels)
