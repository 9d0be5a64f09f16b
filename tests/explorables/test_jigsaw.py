"""The puzzle in a real browser: its network answers as torch does, and tiles can be moved."""

import numpy as np
import pytest
import torch
import traitlets
from einops import rearrange

from ssl_teach.encoders.networks import ConvNet
from ssl_teach.explorables import JigsawGame
from ssl_teach.explorables.nn.packing import weight_count
from ssl_teach.export import export_weights
from ssl_teach.tasks.jigsaw import Jigsaw, normalize, shuffle

from .page import mount

WIDTHS = (8, 16, 32)
SIZE, GAP, P = 48, 4, 12


def build(channels=3, normalize_tiles=True, seed=0):
    """An encoder with its task; batch norm has seen something, so that its statistics count."""
    torch.manual_seed(seed)
    encoder = ConvNet(channels, widths=WIDTHS)
    task = Jigsaw(WIDTHS, num_permutations=P, gap=GAP, normalize_tiles=normalize_tiles)
    with torch.no_grad():
        encoder.train()(torch.rand(64, channels, SIZE // 3 - GAP, SIZE // 3 - GAP))
        task.head[0].weight *= 30  # so that it is sure of something
    return encoder.eval(), task


@pytest.fixture(scope="module")
def pictures():
    small = np.random.default_rng(0).integers(0, 256, (4, 6, 6, 3), dtype=np.uint8)
    return small.repeat(8, axis=1).repeat(8, axis=2)  # squares of 8 pixels


def game(pictures, encoder, task, **more):
    layers, weights = export_weights(encoder, task.head)
    network = {"name": "the network", "layers": layers, "weights": weights}
    more = {"labels": ["house", "tree", "car", "boat"], **more}
    return JigsawGame(
        pictures, network, task.permutations.numpy(), gap=GAP,
        normalize_tiles=task.normalize_tiles, **more,
    )  # fmt: skip


@pytest.fixture
def widget(pictures):
    return game(pictures, *build())


def corners(page, draw):
    """Where the page cuts the tiles: (9, 2)."""
    return page.page.evaluate(
        "([size, tile, draw]) => window.module.tileCorners(size, tile, draw)",
        [SIZE, SIZE // 3 - GAP, draw],
    )


def expected(encoder, task, picture, where, order):
    """Torch's probabilities for a picture (S, S, C) uint8, its tiles cut there and laid so."""
    x = torch.from_numpy(picture).permute(2, 0, 1).float() / 255
    side = SIZE // 3 - GAP
    pieces = torch.stack([x[:, r : r + side, c : c + side] for r, c in where])[None]
    pieces = normalize(pieces) if task.normalize_tiles else pieces
    pieces = shuffle(pieces, torch.tensor([order]))
    with torch.no_grad():
        h = encoder(rearrange(pieces, "b tile c h w -> (b tile) c h w"))
        return task.head(rearrange(h, "tile d -> 1 (tile d)"))[0].softmax(0).numpy()


def shown(page):
    """The largest probabilities, as the page shows them."""
    words = page.page.locator(".ssl-jig-number").all_inner_texts()
    return [float(text.rstrip("%")) / 100 for text in words]


def tile_at(page, place):
    return page.page.locator(".ssl-jig-tile").nth(place)


def drag(page, a, b):
    start, end = tile_at(page, a).bounding_box(), tile_at(page, b).bounding_box()
    page.page.mouse.move(start["x"] + 20, start["y"] + 20)
    page.page.mouse.down()
    page.page.mouse.move(start["x"] + 40, start["y"] + 30)
    page.page.mouse.move(end["x"] + 25, end["y"] + 25)
    page.page.mouse.up()
    page.settle()


@pytest.mark.parametrize("normalize_tiles", [True, False])
def test_probabilities_are_those_of_torch(browser, pictures, tmp_path, normalize_tiles):
    encoder, task = build(normalize_tiles=normalize_tiles)
    with mount(browser, tmp_path, game(pictures, encoder, task)) as page:
        for picture, draw, permutation in [(0, 0, 1), (3, 17, 5), (2, 1234, 0)]:
            order = task.permutations[permutation].tolist()
            for name, value in {"picture": picture, "draw": draw, "order": order}.items():
                page.set(name, value)
            p = expected(encoder, task, pictures[picture], corners(page, draw), order)
            assert shown(page) == pytest.approx(np.sort(p)[::-1][:3], abs=0.02)
            best = int(p.argmax())
            right = int((task.permutations[best] == task.permutations[permutation]).sum())
            assert f"{right} of 9 in place" in page.text(".ssl-jig-words")


def test_tiles_lie_in_their_cells(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        off = np.array([corners(page, draw) for draw in range(60)])  # (60, 9, 2)
    off -= 16 * np.array([[k // 3, k % 3] for k in range(9)])
    assert (np.unique(off) == np.arange(GAP + 1)).all()
    assert all(len(np.unique(off[:, k, axis])) == GAP + 1 for k in range(9) for axis in (0, 1))


def test_small_parts_compute_what_they_say(browser, widget, tmp_path):
    x = np.random.default_rng(1).random((2, 5, 5), dtype=np.float32)
    with mount(browser, tmp_path, widget) as page:
        run = page.page.evaluate
        got = run(
            "(x) => [...window.module.normalized(Float32Array.from(x), 2)]", x.ravel().tolist()
        )
        np.testing.assert_allclose(got, normalize(torch.from_numpy(x)).flatten(), atol=1e-5)
        assert run("() => window.module.fewestSwaps([1, 0, 2, 4, 5, 3, 6, 7, 8])") == 3
        assert run("() => window.module.swapped([4, 5, 6], 0, 2)") == [6, 5, 4]
        order = [3, 1, 2, 0]
        assert run("(o) => window.module.putBack(o, o)", order) == [0, 1, 2, 3]


def test_starts_shuffled_with_the_network_s_answer_in_sight(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        assert page.get("order") == widget.permutations[1]
        assert shown(page)[0] > 0
        assert "of 9 in place" in page.text(".ssl-jig-words")


def test_the_network_s_answer_shows_its_picture(browser, widget, tmp_path):
    """Solved, and seen as it is: the board shows the picture, tile by tile."""
    with mount(browser, tmp_path, widget) as page:
        page.set("order", list(range(9)))
        same = page.page.evaluate(
            """() => [...document.querySelectorAll('.ssl-jig-tile canvas')].map((canvas) => {
              const middle = canvas.width >> 1;
              const { data } = canvas.getContext('2d').getImageData(middle, middle, 1, 1);
              return [...data.slice(0, 3)];
            })"""
        )
        where, side = corners(page, 0), SIZE // 3 - GAP
    pictures = np.frombuffer(widget.pictures, np.uint8).reshape(widget.shape)
    for (row, column), rgb in zip(where, same, strict=True):
        tile = pictures[0, row : row + side, column : column + side].reshape(-1, 3).tolist()
        assert list(rgb) in tile


def test_tapping_swaps(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        before = page.get("order")
        tile_at(page, 0).click()
        page.settle()
        assert tile_at(page, 0).get_attribute("aria-pressed") == "true"
        tile_at(page, 5).click()
        page.settle()
        after = page.get("order")
        assert (after[0], after[5]) == (before[5], before[0])
        assert after[1:5] == before[1:5] and page.get("moves") == 1
        tile_at(page, 2).click()
        tile_at(page, 2).click()  # put back
        page.settle()
        assert page.get("order") == after and page.get("moves") == 1


def test_dragging_swaps(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        before = page.get("order")
        drag(page, 1, 8)
        after = page.get("order")
        assert (after[1], after[8]) == (before[8], before[1])
        assert page.page.locator('[aria-pressed="true"].ssl-jig-tile').count() == 0
        drag(page, 4, 3)  # and a second one, after the click that a drag may leave behind
        assert page.get("moves") == 2
        tile_at(page, 0).click()
        page.settle()
        assert tile_at(page, 0).get_attribute("aria-pressed") == "true"


def test_keys_swap_and_say_so(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        before, press = page.get("order"), page.page.keyboard.press
        page.page.locator('[tabindex="0"]').first.focus()
        press("ArrowRight")
        page.settle()
        assert page.text("[aria-live]") == "top: tile B"
        press("Enter")
        press("ArrowDown")
        page.settle()
        assert page.text("[aria-live]") == "centre: tile E, holding tile B"
        press("Space")
        page.settle()
        after = page.get("order")
        assert (after[1], after[4]) == (before[4], before[1])
        assert page.text("[aria-live]").startswith("Swapped tile B and tile E.")
        press("Enter")
        press("Escape")
        page.settle()
        assert page.text("[aria-live]") == "Put tile B back."
        assert page.get("moves") == 1


@pytest.mark.parametrize("state", [{"permutation": 10**4}, {"order": []}, {"order": [0] * 9}])
def test_a_state_that_cannot_be_is_refused(pictures, state):
    widget = game(pictures, *build())
    (name, value) = *state, *state.values()
    with pytest.raises(traitlets.TraitError, match=f"{name} must"):
        setattr(widget, name, value)


def test_a_round_solved(browser, pictures, tmp_path):
    encoder, task = build()
    with mount(browser, tmp_path, game(pictures, encoder, task)) as page:
        page.page.get_by_role("button", name="Play against").click()
        page.settle()
        assert "?" in page.text(".ssl-jig-number")
        assert not page.page.locator(".ssl-jig-strip").is_visible()
        dealt, picture = page.get("order"), page.get("picture")
        assert dealt == widget_permutation(task, page)
        p = expected(encoder, task, pictures[picture], corners(page, page.get("draw")), dealt)
        order, swaps = list(dealt), 0
        for place in range(9):
            at = order.index(place)
            if at == place:
                continue
            tile_at(page, place).click()
            tile_at(page, at).click()
            page.settle()
            order[place], order[at] = order[at], order[place]
            swaps += 1
            assert page.get("order") == order
        right = int(p.argmax() == page.get("permutation"))
        assert page.get("score") == {"rounds": 1, "you": 1, "network": right}
        assert page.get("solved") and page.get("moves") == swaps
        assert f"{swaps} swaps; {swaps} would be enough" in page.text(".ssl-jig-game p")
        assert page.page.locator(".ssl-jig-strip").is_visible()
        assert "After 1: you 1" in page.text(".ssl-jig-score")
        page.page.get_by_role("button", name="Shuffle back").press("Enter")
        page.settle()
        assert page.get("order") == dealt
        focused = page.page.evaluate("() => document.activeElement.textContent")
        assert focused == "Play against the network"  # the button pressed is gone


def widget_permutation(task, page):
    return task.permutations[page.get("permutation")].tolist()


def test_a_round_given_up(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        page.page.keyboard.press("Tab")
        page.page.locator(".ssl-jig-tile").first.focus()
        page.page.keyboard.press("n")
        page.settle()
        drag(page, 0, 1)
        page.page.get_by_role("button", name="Give up").click()
        page.settle()
        score = page.get("score")
        assert (score["rounds"], score["you"]) == (1, 0)
        assert page.get("order") == widget.permutations[page.get("permutation")]
        assert page.page.evaluate("() => document.activeElement.textContent") == "Next puzzle"


def test_the_tally_counts_every_shuffle(browser, pictures, tmp_path):
    encoder, task = build()
    orders = task.permutations.tolist()
    with mount(browser, tmp_path, game(pictures, encoder, task)) as page:
        page.page.wait_for_function(
            "() => document.querySelector('.ssl-jig-tally').textContent.includes('correctly')",
            timeout=20_000,
        )
        right = [
            expected(encoder, task, pictures[k], corners(page, k), order).argmax() == p
            for k in range(4)
            for p, order in enumerate(orders)
        ]
        counted = int(page.text(".ssl-jig-tally").split("%")[0].split()[-1])
    assert counted == pytest.approx(100 * np.mean(right), abs=4)


def test_pictures_and_the_look_of_tiles_are_chosen(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        page.page.get_by_role("button", name="boat").click()
        page.settle()
        assert page.get("picture") == 3
        assert "boat" in page.page.locator(".ssl-jig-board").get_attribute("aria-label")
        page.page.get_by_label("as the network sees them").click()
        page.settle()
        assert page.get("as_seen") is True


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_both_themes_and_a_phone(browser, widget, tmp_path, width, theme):
    with mount(browser, tmp_path, widget, width=width, theme=theme, touch=width == 360) as page:
        assert page.overflow() <= 0
        assert page.page.locator(".ssl-explorable").get_attribute("data-theme") == theme
        if width == 360:
            before = page.get("order")
            tile_at(page, 0).tap()
            tile_at(page, 3).tap()
            page.settle()
            assert page.get("order")[3] == before[0]


def test_grey_pictures(browser, pictures, tmp_path):
    encoder, task = build(channels=1)
    with mount(browser, tmp_path, game(pictures[..., 0], encoder, task)) as page:
        order = page.get("order")
        p = expected(encoder, task, pictures[0][..., :1], corners(page, 0), order)
        assert shown(page)[0] == pytest.approx(p.max(), abs=0.02)


def test_clean_up_leaves_nothing(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        page.take_back()


# ---- what Python sends, and what it refuses ----


LAYERS = [
    {"kind": "conv", "in": 3, "out": 4, "stride": 2},
    {"kind": "linear", "in": 36, "out": 5, "relu": True},
    {"kind": "linear", "in": 5, "out": 3, "relu": False},
]
ORDERS = np.array([range(9), [8, 7, 6, 5, 4, 3, 2, 1, 0], [1, 2, 3, 4, 5, 6, 7, 8, 0]])
PICTURES = np.random.default_rng(0).integers(0, 256, (2, 30, 30, 3), dtype=np.uint8)


def network(layers=LAYERS, name="a"):
    weights = np.zeros(weight_count(layers), "<f2").tobytes()
    return {"name": name, "layers": layers, "weights": weights}


def test_the_puzzle_begins_shuffled():
    widget = JigsawGame(PICTURES, network(), ORDERS, gap=2, permutation=2)
    assert (widget.order, widget.tile, widget.solved) == (ORDERS[2].tolist(), 8, False)
    assert widget.permutations == ORDERS.tolist()
    assert widget.score == {"rounds": 0, "you": 0, "network": 0}
    assert np.array_equal(np.frombuffer(widget.pictures, np.uint8).reshape(2, 30, 30, 3), PICTURES)
    assert repr(widget) == "JigsawGame(2 pictures, 3 permutations, network: a)"


def test_the_identity_is_solved_from_the_start():
    assert JigsawGame(PICTURES, network(), ORDERS, gap=2, permutation=0).solved


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pictures": PICTURES[:, :, :20]}, "square"),
        ({"pictures": PICTURES[..., 0]}, "takes 3 channels, the pictures have 1"),
        ({"labels": ["house"]}, "1 labels for 2"),
        ({"gap": 10}, "between 0 and 9"),
        ({"permutations": ORDERS[:, :8]}, r"\(P, 9\)"),
        ({"permutations": np.zeros((3, 9), int)}, "each once"),
        ({"permutations": ORDERS[:2]}, "2 outputs"),
        ({"network": network([LAYERS[0], {**LAYERS[1], "in": 4}, LAYERS[2]])}, "must read 9 part"),
        ({"network": {**network(), "weights": b"12"}}, "2 bytes of weights"),
        ({"network": {**network(), "layers": [{"kind": "pool"}]}}, "pool"),
        ({"permutation": 3}, "no permutation 3"),
        ({"picture": 2}, "no picture 2"),
    ],
)
def test_jigsaw_game_refuses(changes, words):
    given = {"pictures": PICTURES, "network": network(), "permutations": ORDERS, "gap": 2}
    with pytest.raises(ValueError, match=words):
        JigsawGame(**{**given, **changes})
