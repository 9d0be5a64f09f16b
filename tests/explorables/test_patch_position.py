"""The game of patches in a real browser: cut as Python cuts, answered as torch answers."""

import io
import re

import numpy as np
import pytest
import torch
from PIL import Image

from ssl_teach.encoders.networks import ConvNet
from ssl_teach.explorables import PatchGame
from ssl_teach.export import export_weights
from ssl_teach.tasks.patch_position import NEIGHBORS, PatchPosition, patch_pairs

from .made import LAYERS, network, noise, packed_size
from .page import mount

PATCH, GAP, JITTER = 16, 7, 1
NAMES = ("first network", "second network")
PLACES = [
    "above left", "above", "above right", "left", "right", "below left", "below", "below right",
]  # fmt: skip


def build(seed, channels=3):
    """Encoder and task with running statistics that have moved, and clear opinions."""
    torch.manual_seed(seed)
    encoder = ConvNet(channels)
    task = PatchPosition(encoder.widths, patch=PATCH)
    encoder.train()
    with torch.no_grad():
        for _ in range(30):
            encoder(torch.rand(32, channels, PATCH, PATCH))
        task.head[-1].weight.mul_(30)
    return encoder.eval(), task.eval()


def export(name, net, **more):
    layers, weights = export_weights(net[0], net[1].head)
    return {"name": name, "layers": layers, "weights": weights, **more}


@pytest.fixture(scope="module")
def nets():
    return [build(seed) for seed in (0, 1)]


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    coarse = {name: rng.integers(0, 256, (3, 8, 8, 3)) for name in ("plain", "with fringes")}
    return {
        name: np.kron(each, np.ones((1, 8, 8, 1))).astype(np.uint8) for name, each in coarse.items()
    }


def game(pictures, networks, **more):
    options = {"patch": PATCH, "gap": GAP, "jitter": JITTER} | more
    return PatchGame(pictures, networks, **options)


@pytest.fixture
def widget(nets, pictures):
    networks = [export(name, net) for name, net in zip(NAMES, nets, strict=True)]
    return game(pictures, networks, labels=["house", "tree", "car"])


def corners(page, place, draw, spaced=True):
    cut = {"patch": PATCH, "gap": GAP * spaced, "jitter": JITTER * spaced}
    return page.page.evaluate(
        "([cut, place, draw]) => window.module.corners(64, cut, place, draw)", [cut, place, draw]
    )


def probabilities(net, picture, where):
    """What torch says of two patches of a uint8 picture (S, S, C), cut at these corners."""
    encoder, task = net
    pair = np.stack([picture[y : y + PATCH, x : x + PATCH] for y, x in where])
    with torch.no_grad():
        h = encoder(torch.from_numpy(pair).permute(0, 3, 1, 2).float() / 255)
        return task.head(h.reshape(1, -1))[0].softmax(0).numpy()


def shown(page):
    """The eight probabilities in the grid, as bars: in the order of the places."""
    widths = page.page.locator(".ssl-patch-bar").evaluate_all(
        "(bars) => bars.map((bar) => parseFloat(bar.style.width) / 100)"
    )
    return np.array(widths)


def pressed(page):
    """Name of the cell that is marked as the patch's place, without its probability."""
    label = page.page.locator(".ssl-patch-board [aria-pressed=true]").get_attribute("aria-label")
    return label.split(",")[0]


def test_patches_lie_as_in_the_task(browser, widget, tmp_path):
    """Same places, same reach of grid and jitter as `patch_pairs`."""
    with mount(browser, tmp_path, widget) as page:
        cut = {"patch": PATCH, "gap": 4, "jitter": JITTER}
        drawn = np.array(
            page.page.evaluate(
                """(cut) => Array.from({ length: 4000 }, (_, k) =>
                  window.module.corners(64, cut, k % 8, k))""",
                cut,
            )
        )
    rows = torch.arange(64).repeat(64, 1)
    image = torch.stack([rows.T, rows]).expand(4000, 2, 64, 64)  # each pixel tells its place
    pairs, places = patch_pairs(image, PATCH, 4, JITTER, torch.Generator().manual_seed(0))
    expected = pairs[:, :, :, 0, 0].numpy()
    for place in range(8):
        ours, theirs = drawn[place::8], expected[places.numpy() == place]
        for values in (lambda c: c[:, 0], lambda c: c[:, 1] - c[:, 0]):
            assert np.array_equal(np.unique(values(ours)), np.unique(values(theirs)))
            assert np.abs(values(ours).mean(0) - values(theirs).mean(0)).max() < 0.5


def test_the_centre_stays_when_the_place_changes(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        for spaced in (True, False):
            cuts = [corners(page, place, 5, spaced) for place in range(8)]
            assert all(cut[0] == cuts[0][0] for cut in cuts)
        step = np.array([np.subtract(*cut[::-1]) for cut in cuts])
        assert np.array_equal(step, PATCH * (np.array(NEIGHBORS) - 1))  # they touch


def test_cut_pixels_are_those_of_the_picture(browser, widget, tmp_path):
    picture = np.arange(9 * 9 * 3, dtype=np.uint8).reshape(9, 9, 3)
    with mount(browser, tmp_path, widget) as page:
        got = page.page.evaluate(
            "(pixels) => [...window.module.cutOut(pixels, 9, 3, [2, 4], 5)]",
            picture.flatten().tolist(),
        )
    expected = picture[2:7, 4:9].transpose(2, 0, 1) / 255
    np.testing.assert_allclose(np.reshape(got, (3, 5, 5)), expected, atol=1e-6)


def test_probabilities_are_those_of_torch(browser, widget, nets, pictures, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        for scene, picture, place, draw, spaced, k in [
            ("plain", 0, 1, 0, True, 0),
            ("plain", 2, 7, 11, False, 1),
            ("with fringes", 1, 3, 4, True, 1),
        ]:
            state = {"scene": scene, "picture": picture, "place": place, "draw": draw}
            for name, value in {**state, "spaced": spaced, "network": NAMES[k]}.items():
                page.set(name, value)
            where = corners(page, place, draw, spaced)
            expected = probabilities(nets[k], pictures[scene][picture], where)
            np.testing.assert_allclose(shown(page), expected, atol=5e-3)
            assert expected.max() > 0.2  # networks with opinions, or this tests little
            numbers = page.page.locator(".ssl-patch-number").all_inner_texts()
            assert [int(text.rstrip("%")) for text in numbers] == pytest.approx(
                100 * expected, abs=1.1
            )


def test_a_network_that_drops_colour_sees_green_alone(browser, nets, pictures, tmp_path):
    networks = [export("one", nets[0], drop_color=True)]
    with mount(browser, tmp_path, game(pictures, networks)) as page:
        (y, x), (v, u) = corners(page, page.get("place"), page.get("draw"))
        encoder, task = nets[0]
        images = torch.from_numpy(pictures["plain"][0]).permute(2, 0, 1).float() / 255
        images[[0, 2]] = 0.5
        pair = torch.stack(
            [images[:, y : y + PATCH, x : x + PATCH], images[:, v : v + PATCH, u : u + PATCH]]
        )
        with torch.no_grad():
            expected = task.head(encoder(pair).reshape(1, -1))[0].softmax(0).numpy()
        np.testing.assert_allclose(shown(page), expected, atol=5e-3)


def test_it_begins_with_a_pair_and_the_probabilities(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        assert shown(page).sum() == pytest.approx(1, abs=1e-5)
        assert "first network says" in page.text(".ssl-patch-title")
        assert pressed(page) == "above"
        assert page.page.locator(".ssl-patch-pair canvas").count() == 2


def test_arrows_walk_round_the_centre(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        page.page.locator('.ssl-explorable [tabindex="0"]').first.focus()
        for key, place in [
            ("ArrowRight", 2), ("ArrowDown", 4), ("ArrowLeft", 3), ("ArrowRight", 4),
            ("ArrowDown", 7), ("ArrowLeft", 6), ("ArrowUp", 1), ("ArrowUp", 6), ("ArrowRight", 7),
            ("ArrowRight", 5),
        ]:  # fmt: skip
            page.page.keyboard.press(key)
            page.settle()
            assert page.get("place") == place
            assert pressed(page) == PLACES[place]
            live = page.text("[aria-live]")
            assert live.startswith(f"The patch is {PLACES[place]}. first network:")
            focused = page.page.evaluate("() => document.activeElement.getAttribute('aria-label')")
            assert focused.startswith(PLACES[place])
        assert page.page.locator('.ssl-patch-board [tabindex="0"]').count() == 1


def test_pictures_sets_spacing_network_and_cut_are_chosen(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        page.page.get_by_role("button", name="tree").click()
        assert page.get("picture") == 1
        page.page.get_by_label("with fringes").click()
        assert page.get("scene") == "with fringes"
        before = shown(page)
        page.page.get_by_label("touching").click()
        page.settle()
        assert page.get("spaced") is False
        assert not np.allclose(shown(page), before)
        page.page.keyboard.press("ArrowLeft")
        page.settle()
        assert page.get("spaced") is True
        page.page.get_by_label("second network").click()
        page.settle()
        assert page.get("network") == "second network"
        assert "second network says" in page.text(".ssl-patch-title")
        page.page.get_by_role("button", name="Cut again").click()
        assert page.get("draw") == 1
        page.page.locator(".ssl-patch-board button").nth(6).click()
        page.settle()
        assert page.get("place") == 6
        assert "below" in page.page.locator(".ssl-patch-whole canvas").get_attribute("aria-label")


def play(page, nets, pictures, answer):
    """Answer one open round; return the points of all players."""
    place, picture, draw = (page.get(name) for name in ("place", "picture", "draw"))
    assert set(page.page.locator(".ssl-patch-number").all_inner_texts()) == {"?"}
    assert shown(page).sum() == 0
    assert not page.page.locator(".ssl-patch-strip").is_visible()  # whole pictures would tell
    assert page.page.locator(".ssl-patch-board [aria-pressed=true]").count() == 0
    where = corners(page, place, draw)
    best = [int(probabilities(n, pictures["plain"][picture], where).argmax()) for n in nets]
    answer()
    page.settle()
    told, answered = re.match(
        r"It is ([a-z ]+)\. You said ([a-z ]+):", page.text(".ssl-patch-words")
    ).groups()
    assert told == PLACES[place] == pressed(page)
    return int(told == answered), [int(guess == place) for guess in best], answered


def test_rounds_by_keyboard_and_by_mouse(browser, widget, nets, pictures, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        page.page.get_by_role("button", name="Play against").click()
        page.settle()
        before = page.get("picture")

        def by_keys():
            page.page.keyboard.press("ArrowRight")  # the grid has the focus, at "above"
            page.page.keyboard.press("ArrowDown")
            page.settle()
            assert page.text("[aria-live]") == "right"
            page.page.keyboard.press("Enter")

        you, networks, answered = play(page, nets, pictures, by_keys)
        assert answered == "right"
        assert page.get("score") == {"rounds": 1, "you": you, "networks": networks}
        page.page.keyboard.press("Enter")  # next pair
        page.settle()
        assert page.get("picture") != before
        cell = page.page.get_by_role("button", name="below left", exact=True)
        more, theirs, answered = play(page, nets, pictures, cell.click)
        assert answered == "below left"
        assert page.get("score") == {
            "rounds": 2,
            "you": you + more,
            "networks": [a + b for a, b in zip(networks, theirs, strict=True)],
        }
        assert "After 2" in page.text(".ssl-patch-score")
        page.page.get_by_role("button", name="Stop").click()
        page.settle()
        assert "Or play" in page.text(".ssl-patch-words")
        assert (
            page.page.evaluate("() => document.activeElement.textContent")
            == "Play against the networks"
        )  # Stop is gone, and had the focus


def test_table_counts_what_the_networks_get_right(browser, widget, nets, pictures, tmp_path):
    done = "() => !document.querySelector('.ssl-patch-tally').textContent.includes('…')"
    with mount(browser, tmp_path, widget) as page:
        for spaced in (True, False):
            page.set("spaced", spaced)
            page.page.wait_for_function(done, timeout=20_000)
            page.settle()
            cells = page.page.locator(".ssl-patch-tally tbody td:nth-child(n + 3)")
            counted = [int(text.rstrip("%")) for text in cells.all_inner_texts()]
            expected = [
                100
                * np.mean(
                    [
                        probabilities(net, each[k], corners(page, place, k, spaced)).argmax()
                        == place
                        for k in range(3)
                        for place in range(8)
                    ]
                )
                for net in nets
                for each in pictures.values()
            ]
            assert counted == pytest.approx(expected, abs=5)  # one pair in 24 may lie on the edge


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 800, 1280])
def test_both_themes_and_a_phone(browser, widget, tmp_path, width, theme):
    with mount(browser, tmp_path, widget, width=width, theme=theme, touch=width == 360) as page:
        assert page.overflow() <= 0
        assert page.page.locator(".ssl-explorable").get_attribute("data-theme") == theme
        for canvas in page.page.locator(".ssl-patches canvas").all():
            assert canvas.bounding_box()["width"] >= 60


def test_grey_pictures_and_one_network(browser, tmp_path):
    grey = np.random.default_rng(0).integers(0, 256, (2, 64, 64), dtype=np.uint8)
    with mount(browser, tmp_path, game({"grey": grey}, [export("one", build(2, 1))])) as page:
        assert shown(page).sum() == pytest.approx(1, abs=1e-5)


def own(seed=5):
    """A picture of the right size, and the file it comes in."""
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3))
    pixels = np.kron(coarse, np.ones((8, 8, 1))).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return pixels, file.getvalue()


def give(page, content):
    """Choose a file, as with the button."""
    file = {"name": "mine.png", "mimeType": "image/png", "buffer": content}
    page.page.locator("input[type=file]").set_input_files(file)


def drop(page, content):
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
        page.page.dispatch_event(".ssl-explorable", name, {"dataTransfer": transfer})


@pytest.mark.parametrize("way", [give, drop])
def test_a_picture_of_the_readers_own_is_cut_and_judged(
    browser, widget, nets, pictures, tmp_path, way
):
    picture, content = own()
    with mount(browser, tmp_path, widget) as page:
        way(page, content)
        yours = page.page.get_by_role("button", name="your image")
        yours.wait_for()
        page.settle()
        assert yours.get_attribute("aria-pressed") == "true"
        assert yours.inner_text() == "yours"
        assert page.get("picture") == 3
        for scene, place, spaced, k in [("plain", 1, True, 0), ("with fringes", 7, False, 1)]:
            for name, value in {
                "scene": scene, "place": place, "spaced": spaced, "network": NAMES[k],
            }.items():  # fmt: skip
                page.set(name, value)
            where = corners(page, place, page.get("draw"), spaced)
            expected = probabilities(nets[k], picture, where)
            np.testing.assert_allclose(shown(page), expected, atol=2e-2)
        assert "all 3 images" in page.text(".ssl-patch-tally caption")  # as many as before
        label = page.page.locator(".ssl-patch-whole canvas").get_attribute("aria-label")
        assert label.startswith("your image; the patch is below right")


def test_an_own_picture_is_seen_as_one_of_the_album_is(browser, widget, pictures, tmp_path):
    file = io.BytesIO()
    Image.fromarray(pictures["plain"][2]).save(file, "PNG")
    with mount(browser, tmp_path, widget) as page:
        page.set("picture", 2)
        before = shown(page)
        give(page, file.getvalue())
        page.page.get_by_role("button", name="your image").wait_for()
        page.settle()
        assert page.get("picture") == 3
        assert np.array_equal(shown(page), before)


def test_another_own_picture_is_judged_anew(browser, widget, nets, tmp_path):
    """What a network made of the first one's patches is not taken for the second's."""
    with mount(browser, tmp_path, widget) as page:
        for seed in (5, 6):
            picture, content = own(seed)
            give(page, content)
            page.page.wait_for_function(
                "(n) => window.saved === n", arg={5: 1, 6: 2}[seed]
            )  # the model was told
            page.settle()
            where = corners(page, page.get("place"), page.get("draw"))
            np.testing.assert_allclose(
                shown(page), probabilities(nets[0], picture, where), atol=2e-2
            )
        assert page.page.locator(".ssl-patch-strip button").count() == 4


def test_own_pictures_play_too_and_fall_back(browser, nets, tmp_path):
    one = np.zeros((1, 64, 64, 3), np.uint8)
    picture, content = own()
    with mount(browser, tmp_path, game({"one": one}, [export("one", nets[0])])) as page:
        page.set("picture", 1)
        label = page.page.locator(".ssl-patch-whole canvas").get_attribute("aria-label")
        assert label.startswith("image 1;")  # there is none of the reader's own yet
        give(page, content)
        page.page.get_by_role("button", name="your image").wait_for()
        page.page.get_by_role("button", name="image 1").click()
        page.page.get_by_role("button", name="Play against").click()
        page.settle()
        assert page.get("picture") == 1
        assert not page.page.locator(".ssl-own").is_visible()
        place = page.get("place")
        where = corners(page, place, page.get("draw"))
        page.page.keyboard.press("Enter")
        page.settle()
        best = int(probabilities(nets[0], picture, where).argmax())
        assert page.get("score")["networks"] == [int(best == place)]


@pytest.mark.parametrize("way", [give, drop])
def test_a_file_that_is_no_picture_gives_words(browser, widget, tmp_path, way):
    with mount(browser, tmp_path, widget) as page:
        way(page, b"no picture at all")
        page.page.get_by_text("mine.png could not be read as an image").wait_for()
        assert page.get("picture") == 0
        assert page.page.get_by_role("button", name="your image").count() == 0


def test_clean_up_leaves_nothing(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        page.take_back()


# ---- what Python sends, and what it refuses ----


PAIR_LAYERS = [
    {"kind": "conv", "in": 3, "out": 8, "stride": 2},
    {"kind": "linear", "in": 16, "out": 5, "relu": True},
    {"kind": "linear", "in": 5, "out": 8, "relu": False},
]


def patch_game(scenes=None, networks=None, **more):
    scenes = {"one": noise(2, 20, 20, 3)} if scenes is None else scenes
    networks = [network("a", PAIR_LAYERS)] if networks is None else networks
    return PatchGame(scenes, networks, **{"patch": 4, "gap": 2, "jitter": 1} | more)


def test_patch_game_hands_over_networks_and_the_cut():
    colour_blind = {**network("b", PAIR_LAYERS), "drop_color": True}
    widget = patch_game(networks=[network("a", PAIR_LAYERS), colour_blind], place=4)
    each = packed_size(PAIR_LAYERS)
    assert [entry["start"] for entry in widget.networks] == [0, each]
    assert [entry["drop_color"] for entry in widget.networks] == [False, True]
    assert len(widget.weights) == 2 * each
    assert (widget.patch, widget.gap, widget.jitter, widget.place) == (4, 2, 1, 4)
    assert (widget.scene, widget.network, widget.spaced) == ("one", "a", True)
    assert repr(widget) == "PatchGame(2 pictures, networks: a, b)"
    widget.set_state({"place": 7, "spaced": False, "network": "b"})
    assert (widget.place, widget.spaced, widget.network) == (7, False, "b")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scenes": {}}, "empty"),
        ({"scenes": {"one": noise(2, 17, 17, 3)}}, "at least 18 pixels, got 17"),
        ({"gap": -1}, "gap and jitter at least 0"),
        ({"labels": ["house"]}, "1 labels for 2"),
        ({"networks": []}, "at least one"),
        ({"networks": [{**network("a", PAIR_LAYERS), "weights": b"12"}]}, "2 bytes of weights"),
        ({"networks": [network("a", LAYERS)]}, "side by side"),
        ({"networks": [network("a", PAIR_LAYERS[:2])]}, "8 outputs"),
        ({"scenes": {"grey": noise(2, 20, 20)}}, "takes 3 channels"),
        ({"place": 8}, "8"),
    ],
)
def test_patch_game_refuses(change, words):
    with pytest.raises(Exception, match=words):
        patch_game(**change)
