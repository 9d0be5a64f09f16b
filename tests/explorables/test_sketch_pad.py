"""The sketch pad in a real browser: strokes become pictures, and neighbours, as in Python."""

from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

from ssl_teach.data import load
from ssl_teach.encoders.networks import ConvNet
from ssl_teach.evaluation.features import features
from ssl_teach.explorables import SketchPad
from ssl_teach.explorables.sketch_pad import (
    STEPS,
    centred,
    draw_strokes,
    pack_features,
    simplified,
    thickened,
)
from ssl_teach.export import export_weights

from .made import network, noise, packed_size
from .page import Mounted, mount

KINDS = ("cat", "house", "fish", "star")
K = {"one": 5, "two": 3}
HOUSE = [[(0.3, 0.5), (0.3, 0.8), (0.7, 0.8), (0.7, 0.5)], [(0.25, 0.5), (0.5, 0.25), (0.75, 0.5)]]

# Drawings of class "line" that are made of few straight pieces, with the corners (0 to 255) that
# make them: found by search, so they prove that the rules of drawing are those of the data.
LINES = {
    44: [(0, 1), (255, 0)],
    57: [(0, 6), (255, 0)],
    93: [(0, 0), (3, 255)],
    37: [(0, 4), (9, 6), (255, 0)],
    71: [(0, 10), (233, 0), (255, 2)],
    34: [(7, 0), (0, 29), (0, 255)],
}


@pytest.fixture(scope="module")
def sketches():
    data = load("sketches", classes=KINDS)
    return data, centred(data.images[:, 0].numpy())


@pytest.fixture(scope="module")
def library(sketches):
    data, pictures = sketches
    rows = np.concatenate(
        [data.splits["train"][data.train.labels == kind][:8] for kind in range(4)]
    )
    return pictures[rows], np.repeat(np.arange(4), 8)


@pytest.fixture(scope="module")
def examples(sketches):
    data, pictures = sketches
    return pictures[data.splits["test"][::30]], data.test.labels[::30].numpy()


@pytest.fixture(scope="module")
def nets():
    """Encoders whose batch norm has something to say, so that its folding is put to the test."""
    made = {}
    for seed, name in enumerate(K):
        torch.manual_seed(seed)
        net = ConvNet(channels=1, widths=(8, 16, 24))
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.running_mean, std=0.3)
                nn.init.uniform_(module.running_var, 0.5, 2)
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, std=0.3)
        made[name] = net.eval()
    return made


def embed(net, pictures):
    return features(net, torch.from_numpy(np.ascontiguousarray(pictures))[:, None])[-1]


@pytest.fixture
def widget(nets, library, examples):
    encoders = []
    for name, net in nets.items():
        layers, weights = export_weights(net, nn.Sequential())
        entry = {"name": name, "layers": layers, "weights": weights, "k": K[name]}
        encoders.append({**entry, "features": embed(net, library[0])})
    return SketchPad(
        *library, KINDS, encoders,
        examples=examples[0], example_labels=examples[1], example=2, words="It was chosen.",
    )  # fmt: skip


def looked(page: Mounted) -> None:
    """Wait until the networks have looked at the latest drawing."""
    page.page.wait_for_timeout(250)
    page.settle()


def embedding(page: Mounted, number: int, picture) -> np.ndarray:
    """What an encoder of the page makes of a picture."""
    return np.array(
        page.page.evaluate(
            """([number, picture]) => {
              const { encode, unpackWeights } = window.module, model = window.model;
              const { layers, start } = model.get("encoders")[number];
              const { buffer, byteOffset } = model.get("weights");
              const own = unpackWeights(new Uint8Array(buffer, byteOffset + start), layers);
              return [...encode(layers, own, picture.map((v) => v / 255), model.get("size"))];
            }""",
            [number, np.asarray(picture).flatten().tolist()],
        )
    )


def seen(page: Mounted) -> np.ndarray:
    """The picture that the page says the networks get."""
    values = page.page.evaluate(
        """() => {
          const canvas = document.querySelector(".ssl-pad-seen canvas");
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          return [...data].filter((_, i) => i % 4 === 0);
        }"""
    )
    return np.reshape(values, (28, 28))


def draw(page: Mounted, strokes) -> None:
    """By mouse."""
    box = page.page.locator(".ssl-pad").bounding_box()
    for stroke in strokes:
        for k, (x, y) in enumerate(stroke):
            page.page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
            if k == 0:
                page.page.mouse.down()
        page.page.mouse.up()


def pad_of(widget: SketchPad, page: Mounted) -> SketchPad:
    """The widget with the page's state, as a kernel would hold it."""
    names = ("strokes", "example", "turns", "mirrored", "thick", "fit")
    widget.set_state({name: page.get(name) for name in names})
    return widget


@pytest.mark.parametrize("number", LINES)
def test_strokes_are_drawn_as_the_shipped_sketches_are(number):
    data = load("sketches")
    shipped = data.images[100 * data.classes.index("line") + number, 0].numpy()
    drawn = draw_strokes([[(x / 255, y / 255) for x, y in LINES[number]]])
    assert np.array_equal(drawn, centred(shipped[None])[0])


def test_shipped_sketches_fill_their_square_and_have_16_levels(sketches):
    data, pictures = sketches
    shipped = data.images[:, 0].numpy()
    assert set(np.unique(shipped)) <= set(range(0, 256, 17))
    longest = np.maximum((shipped > 0).any(2).sum(1), (shipped > 0).any(1).sum(1))
    assert np.mean(shipped[:, 0].any(1)) > 0.98  # they touch the upper edge
    assert np.mean(longest >= 26) > 0.95
    moved = np.flatnonzero((pictures != shipped).any((1, 2)))[:50]
    for i in moved:
        rows = np.flatnonzero(pictures[i].any(1))
        assert abs((27 - rows[-1]) - rows[0]) <= 1
        assert sorted(pictures[i][pictures[i] > 0]) == sorted(shipped[i][shipped[i] > 0])


def random_strokes(seed):
    draws = np.random.default_rng(seed)
    walks = [
        draws.uniform(0.1, 0.9, 2) + draws.normal(0, 0.04, (40, 2)).cumsum(0) for _ in range(4)
    ]
    dot = [[[0.5, 0.25]], [[0.3, 0.3], [0.3, 0.3]]]
    return [np.clip(walk, 0, 1).tolist() for walk in walks] + dot


def test_the_page_draws_as_python_does(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        for seed in range(6):
            strokes = random_strokes(seed)
            for fit in (True, False):
                got = page.page.evaluate(
                    "([strokes, fit]) => [...window.module.drawStrokes(strokes, 28, fit)]",
                    [strokes, fit],
                )
                assert np.array_equal(np.reshape(got, (28, 28)), draw_strokes(strokes, fit=fit))
        points = (np.array(random_strokes(7)[0]) * 255).round().tolist()
        kept = page.page.evaluate("(points) => window.module.simplified(points, 2)", points)
        assert kept == simplified(points) and 2 < len(kept) < len(points)


def test_pictures_arrive_unchanged_and_are_changed_as_in_numpy(browser, widget, library, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        arrived = page.page.evaluate(
            """() => {
              const data = window.model.get("pictures");
              return [...window.module.unpackPictures(new Uint8Array(data.buffer), 28 * 28)];
            }"""
        )
        picture = library[0][0]
        assert np.array_equal(np.reshape(arrived, (28, 28)), picture)
        for turns in range(4):
            for mirrored in (False, True):
                got = page.page.evaluate(
                    "([p, turns, m]) => [...window.module.placed(p, 28, turns, m)]",
                    [arrived, turns, mirrored],
                )
                flipped = picture[:, ::-1] if mirrored else picture
                assert np.array_equal(np.reshape(got, (28, 28)), np.rot90(flipped, turns))
                back = page.page.evaluate(
                    """([place, turns, m]) => {
                      const { fromScreen, toScreen } = window.module;
                      return toScreen(fromScreen(place, turns, m), turns, m);
                    }""",
                    [[0.2, 0.7], turns, mirrored],
                )
                assert back == pytest.approx([0.2, 0.7])
        thick = page.page.evaluate("(p) => window.module.thickened(p, 28)", arrived)
        assert np.array_equal(np.reshape(thick, (28, 28)), thickened(picture))


def test_features_in_bytes_keep_their_cosines(nets, library):
    rows = embed(nets["one"], library[0])
    packed = np.frombuffer(pack_features(rows), np.int8).reshape(rows.shape).astype(float)
    assert np.abs(packed).max(axis=1).tolist() == [STEPS] * len(rows)

    def cosines(x):
        x = x / np.linalg.norm(x, axis=1, keepdims=True)
        return x @ x.T

    assert np.abs(cosines(packed) - cosines(rows)).max() < 0.01


def test_neighbours_and_votes_follow_from_the_features(browser, widget, nets, library, tmp_path):
    pictures, labels = library
    with mount(browser, tmp_path, widget) as page:
        image = pad_of(widget, page).picture()
        assert np.array_equal(seen(page), image)
        start = 0
        for number, (name, net) in enumerate(nets.items()):
            h, expected = embedding(page, number, image), embed(net, image[None])[0]
            agreement = h @ expected / np.linalg.norm(h) / np.linalg.norm(expected)
            assert agreement > 0.999
            size = len(pictures) * len(h)
            rows = np.frombuffer(widget.features, np.int8)[start : start + size].astype(float)
            rows, start = rows.reshape(len(pictures), -1), start + size
            cosines = rows @ h / np.linalg.norm(rows, axis=1) / np.linalg.norm(h)
            order = np.argsort(-cosines, kind="stable")
            assert page.get("nearest")[name] == order[:6].tolist()

            panel = page.page.locator(".ssl-pad-panel").nth(number)
            told = panel.locator(".ssl-pad-near .ssl-quiet").all_inner_texts()
            assert [float(text) for text in told] == pytest.approx(cosines[order[:6]], abs=6e-4)
            kinds = panel.locator(".ssl-pad-near li > span:first-of-type").all_inner_texts()
            assert [kind.split()[0] for kind in kinds] == [KINDS[labels[i]] for i in order[:6]]

            model = KNeighborsClassifier(K[name], metric="cosine").fit(rows, labels)
            shares = model.predict_proba(h[None])[0]
            votes = page.page.evaluate(
                "(labels) => window.module.vote(labels)", labels[order[: K[name]]].tolist()
            )
            assert [share for _, share in votes] == sorted((s for _, s in votes), reverse=True)
            for label, share in votes:
                assert share == pytest.approx(shares[label], abs=1e-3)
            said = panel.locator(".ssl-pad-votes li:not(.ssl-covered)").all_inner_texts()
            for line, (label, share) in zip(said, votes, strict=False):
                assert line.removeprefix("✓ ").split()[0] == KINDS[label]
                assert f"{round(share * K[name])} of {K[name]}" in line


def test_a_tie_goes_to_the_nearer_kind(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        votes = page.page.evaluate("() => window.module.vote([3, 1, 1, 3, 0])")
        assert votes == [[3, pytest.approx(0.4)], [1, pytest.approx(0.4)], [0, pytest.approx(0.2)]]


def test_drawing_by_mouse(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        assert page.get("example") == 2
        assert "It was chosen." in page.text(".ssl-pad-words")
        before = page.get("nearest")
        draw(page, HOUSE)
        looked(page)
        assert (page.get("example"), len(page.get("strokes"))) == (-1, 2)
        assert np.allclose(page.get("strokes")[0], HOUSE[0], atol=0.01)
        assert page.get("nearest") != before
        assert np.array_equal(seen(page), pad_of(widget, page).picture())
        assert page.text("[aria-live]").startswith("Pen up, 2 strokes. one:")
        assert page.text(".ssl-pad-words") == "Your own drawing."

        page.page.get_by_role("button", name="Undo").click()
        looked(page)
        assert len(page.get("strokes")) == 1
        page.page.get_by_role("button", name="Clear").click()
        looked(page)
        assert (page.get("strokes"), page.get("nearest")) == ([], {})
        assert "waits for a drawing" in page.text(".ssl-pad-panel")
        assert page.text("[aria-live]") == "Cleared. The pad is empty."


def test_drawing_by_keyboard(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        page.page.locator(".ssl-pad").focus()
        press = page.page.keyboard.press
        press("ArrowLeft")
        assert page.text("[aria-live]") == "46 across, 50 down, pen up."
        press("Space")
        assert page.text("[aria-live]").startswith("The example is gone. Pen down at 46 across")
        press("ArrowDown")
        press("Shift+ArrowRight")
        assert page.text("[aria-live]") == "61 across, 54 down, pen down."
        press("Enter")
        looked(page)
        assert page.text("[aria-live]").startswith("Pen up, 1 stroke. one:")
        step = 1 / 28
        corners = [[0.5 - step, 0.5], [0.5 - step, 0.5 + step], [0.5 + 3 * step, 0.5 + step]]
        assert np.allclose(page.get("strokes"), [corners], atol=1e-3)
        press("Backspace")
        looked(page)
        assert page.get("strokes") == []
        press("Backspace")
        assert page.text("[aria-live]") == "There is no stroke to undo."
        press("Space")
        press("ArrowUp")
        press("Escape")
        looked(page)
        assert len(page.get("strokes")) == 1
        press("Delete")
        looked(page)
        assert page.get("strokes") == []


def test_a_finger_draws_and_does_not_scroll(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget, width=360, touch=True) as page:
        box = page.page.locator(".ssl-pad").bounding_box()
        page.page.touchscreen.tap(box["x"] + 30, box["y"] + 60)
        looked(page)
        (dot,) = page.get("strokes")
        assert np.allclose(dot, [[30 / box["width"], 60 / box["height"]]], atol=0.01)
        picture = seen(page)
        assert picture.max() == 255 and (picture > 0).sum() == 1
        how = page.page.locator(".ssl-pad").evaluate("(e) => getComputedStyle(e).touchAction")
        assert how == "none"
        assert "one:" in page.text(".ssl-pad-brief")


def test_turning_and_mirroring_what_is_on_the_screen(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        turn = page.page.get_by_role("button", name="Rotate left")
        mirror = page.page.get_by_role("button", name="Mirror")
        draw(page, HOUSE)
        looked(page)
        upright = seen(page)
        turn.click()
        looked(page)
        assert np.array_equal(seen(page), np.rot90(upright))
        assert page.text("[aria-live]").startswith("Rotated left by 90 degrees. one:")
        mirror.click()
        looked(page)
        assert np.array_equal(seen(page), np.rot90(upright)[:, ::-1])
        draw(page, [[(0.1, 0.1), (0.2, 0.1)]])  # lands where the pointer is, turned or not
        looked(page)
        stroke = page.page.evaluate(
            """() => {
              const [turns, mirrored] = ["turns", "mirrored"].map((name) => window.model.get(name));
              const stroke = window.model.get("strokes").at(-1);
              return stroke.map((point) => window.module.toScreen(point, turns, mirrored));
            }"""
        )
        assert np.allclose(stroke, [(0.1, 0.1), (0.2, 0.1)], atol=0.01)
        assert np.array_equal(seen(page), pad_of(widget, page).picture())
        page.page.get_by_label("thick").click()
        page.page.get_by_label("as drawn").click()
        looked(page)
        assert (page.get("thick"), page.get("fit")) == (True, False)
        assert np.array_equal(seen(page), pad_of(widget, page).picture())


def test_examples_come_at_random_and_are_marked(browser, widget, examples, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        met = set()
        for _ in range(12):
            before = page.get("example")
            page.page.get_by_role("button", name="Another example").click()
            looked(page)
            example = page.get("example")
            assert example != before
            met.add(example)
            kind = KINDS[examples[1][example]]
            assert f"not in the library: {kind}." in page.text(".ssl-pad-words")
            assert page.text("[aria-live]").startswith(f"An example: {kind}. one:")
            assert np.array_equal(seen(page), examples[0][example])
        assert len(met) >= 3
        assert page.page.get_by_label("as drawn").is_disabled()
        page.page.get_by_role("button", name="Undo").click()
        assert "no strokes" in page.text("[aria-live]")


def test_networks_look_at_most_every_tenth_of_a_second(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        page.page.evaluate(
            """() => {
              window.looks = [];
              const set = window.model.set;
              window.model.set = (name, value) => {
                if (name === "nearest") window.looks.push(performance.now());
                set(name, value);
              };
            }"""
        )
        draw(page, random_strokes(1))
        looked(page)
        looks = page.page.evaluate("() => window.looks")
        assert looks and (np.diff(looks) >= 95).all()
        assert np.array_equal(seen(page), pad_of(widget, page).picture())  # the latest one won


def test_a_long_drawing_is_redrawn_within_a_frame(browser, widget, tmp_path):
    angles = np.linspace(0, 60, 3000)
    spiral = np.stack([np.cos(angles), np.sin(angles)], 1) * (angles / 130)[:, None] + 0.5
    with mount(browser, tmp_path, widget) as page:
        page.set("example", -1)
        page.set("strokes", [spiral.tolist()])
        looked(page)
        took = page.page.evaluate(
            """() => {
              const frames = [], ask = window.requestAnimationFrame;
              window.requestAnimationFrame = (call) => ask(() => {
                const start = performance.now();
                call();
                frames.push(performance.now() - start);
              });
              return new Promise((done) => {
                let k = 0;
                const next = () => {
                  if (k === 12) return done(frames.sort((a, b) => a - b)[k >> 1]);
                  window.model.set("turns", ++k % 4);
                  setTimeout(next, 60);
                };
                next();
              });
            }"""
        )
        assert took < 16


def test_a_link_carries_the_example(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        page.page.evaluate("() => { document.getElementById('place').id = 'pad'; }")
        page.set("example", 1)
        page.set("turns", 3)
        page.page.get_by_role("button", name="Copy link").click()
        page.settle()
        shown = page.page.get_by_label("Link to this state")
        said = parse_qs(urlsplit(shown.input_value()).query)
        assert {name: values[0] for name, values in said.items()} == {
            "pad.example": "1", "pad.turns": "3", "pad.mirrored": "false", "pad.thick": "false",
        }  # fmt: skip


def test_a_link_says_that_a_drawing_is_not_in_it(browser, nets, library, tmp_path):
    """Without examples too, where nothing else but the drawing would be left out."""
    layers, weights = export_weights(nets["one"], nn.Sequential())
    entry = {"name": "one", "layers": layers, "weights": weights, "k": 1}
    pad = SketchPad(*library, KINDS, [{**entry, "features": embed(nets["one"], library[0])}])
    with mount(browser, tmp_path, pad) as page:
        for strokes, whole in (([], True), (HOUSE, False)):
            draw(page, strokes)
            page.page.get_by_role("button", name="Copy link").click()
            page.settle()
            words = page.page.locator(".ssl-foot [role=status]").text_content()
            assert words and ("Some of the state cannot be in a link" in words) != whole


def test_python_sets_what_is_drawn(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        page.set("strokes", [[list(point) for point in stroke] for stroke in HOUSE])
        page.set("example", -1)
        looked(page)
        assert np.array_equal(seen(page), draw_strokes(HOUSE))
        assert len(page.get("nearest")["one"]) == 6


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_both_themes_and_a_phone(browser, widget, tmp_path, width, theme):
    with mount(browser, tmp_path, widget, width=width, theme=theme, touch=width == 360) as page:
        assert page.overflow() <= 0
        assert page.page.locator(".ssl-explorable").get_attribute("data-theme") == theme


def test_clean_up_leaves_nothing(browser, widget, tmp_path):
    with mount(browser, tmp_path, widget) as page:
        draw(page, HOUSE[:1])  # a look is due
        page.take_back()
        page.page.wait_for_timeout(200)


# ---- what Python sends, and what it refuses ----


SHELF = noise(5, 6, 6) // 17 * 17


CONV = [{"kind": "conv", "in": 1, "out": 8, "stride": 2}]


def sketch_encoder(name="a", layers=CONV, **more):
    features = np.random.default_rng(0).normal(size=(5, 8))
    return {**network(name, layers), "features": features, "k": 3} | more


def sketch_pad(**change):
    given = {"library": SHELF, "labels": [0, 0, 1, 1, 1], "classes": ("cat", "dog")}
    given |= {"encoders": [sketch_encoder()], "examples": SHELF[:2], "example_labels": [0, 1]}
    return SketchPad(**given | change)


def test_sketch_pad_hands_over_packed_sketches_features_and_networks():
    widget = sketch_pad(encoders=[sketch_encoder("a"), sketch_encoder("b", k=1)], example=1)
    pixels = np.frombuffer(widget.pictures, np.uint8)
    levels = np.stack([pixels >> 4, pixels & 15], axis=1).reshape(7, 6, 6)
    assert np.array_equal(17 * levels, np.concatenate([SHELF, SHELF[:2]]))
    assert (widget.count, widget.size, widget.example) == (5, 6, 1)
    assert [entry["start"] for entry in widget.encoders] == [0, packed_size(CONV)]
    features = np.frombuffer(widget.features, np.int8).reshape(2, 5, 8)
    assert (np.abs(features).max(axis=2) == 127).all()
    assert repr(widget) == "SketchPad(5 sketches, encoders: a, b)"
    assert np.array_equal(widget.picture(), SHELF[1])
    widget.set_state({"example": -1, "strokes": [[[0, 0], [1, 0.5]]], "turns": 2, "thick": True})
    assert widget.picture().shape == (6, 6) and widget.picture().max() == 255
    assert sketch_pad(examples=None, example_labels=()).example == -1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"library": SHELF[:0]}, "library is empty"),
        ({"library": noise(5, 6, 8)}, "squares of even side"),
        ({"library": noise(5, 6, 6, 3)}, "grey squares"),
        ({"labels": [0, 1]}, r"labels must be \(5,\)"),
        ({"labels": [0, 0, 0, 0, 2]}, "go from 0 to 2, but classes names 2"),
        ({"examples": noise(2, 4, 4)}, "examples are"),
        ({"example_labels": [0]}, r"example_labels must be \(2,\)"),
        ({"example": 2}, r"example must lie in \[0, 1\], got 2"),
        ({"encoders": []}, "one or more encoders"),
        ({"encoders": [sketch_encoder(), sketch_encoder()]}, "each of its own name"),
        (
            {"encoders": [sketch_encoder(layers=[*CONV, {"kind": "linear", "in": 8, "out": 4}])]},
            "without a head",
        ),
        ({"encoders": [sketch_encoder(layers=[{**CONV[0], "in": 3}])]}, "take 1 channel"),
        ({"encoders": [sketch_encoder(weights=b"1234")]}, "2 weights, the layers need 80"),
        ({"encoders": [sketch_encoder(features=np.ones((5, 7)))]}, r"must be \(5, 8\)"),
        ({"encoders": [sketch_encoder(features=np.zeros((5, 8)))]}, "row of zeros"),
        ({"encoders": [sketch_encoder(k=6)]}, r"must lie in \[1, 5\], got 6"),
    ],
)
def test_sketch_pad_refuses(change, words):
    with pytest.raises(ValueError, match=words):
        sketch_pad(**change)


@pytest.mark.parametrize(
    "state", [{"strokes": [[[0, 2]]]}, {"strokes": [[0.1, 0.2]]}, {"example": 2}, {"turns": 4}]
)
def test_sketch_pad_refuses_a_state_that_cannot_be(state):
    with pytest.raises(Exception, match=r"stroke is a list|one of 2|3"):
        for name, value in state.items():
            setattr(sketch_pad(), name, value)
