"""A link to a figure brings back its state, and nonsense in a link does nothing."""

from urllib.parse import parse_qsl, urlencode, urlsplit

import numpy as np
import pytest

from ssl_teach import explorables
from ssl_teach.explorables.embedding_map import Layout
from ssl_teach.explorables.kept import Factor
from ssl_teach.explorables.nn.packing import weight_count
from ssl_teach.explorables.transfer import Cell, Measured

from .page import mount

NONSENSE = [
    "", "NaN", "-1", "1e9", "0.123", "Infinity", "nobody", "<b>", "true,false", "1,1,1,1,1,1,1,1,1",
    "5" * 400, ",".join(["0.5"] * 5000),
]  # fmt: skip

SENSE = {
    "": {"on"},
    "0.123": {"tau", "crop", "strength", "hue", "gray", "blur"},
    "-1": {"seed"},
    "1e9": {"seed", "draw"},
}  # for these it is none


def pictures(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def network(name, outputs, parts=1, channels=3):
    """A network that knows nothing: weights of zero."""
    layers = [
        {"kind": "conv", "in": channels, "out": 4, "stride": 2},
        {"kind": "linear", "in": 4 * parts, "out": outputs},
    ]
    return {
        "name": name,
        "layers": layers,
        "weights": np.zeros(weight_count(layers), "<f2").tobytes(),
    }


def rotation():
    sets = {"level": pictures(3, 8, 8, 3), "turned, freely": pictures(3, 8, 8, 3)}
    return explorables.RotationGame(sets, [network("a", 4)])


def patches():
    sets = {"plain": pictures(3, 20, 20, 3), "with fringes": pictures(3, 20, 20, 3)}
    nets = [network(name, 8, parts=2) for name in ("a", "b & c")]
    return explorables.PatchGame(sets, nets, patch=4, gap=2, jitter=1)


def jigsaw():
    orders = np.array([range(9), [1, 0, *range(2, 9)], [8, *range(8)]])
    return explorables.JigsawGame(
        pictures(3, 12, 12, 3), network("a", 3, parts=9), orders, gap=1, normalize_tiles=True
    )


def kept():
    row = {"class": [0.5, 0.6], "position": [0.1, 0.3]}
    tasks = {"random weights": row, "patch position": row, "SimCLR": row}
    factors = {name: Factor(pictures(2, 4, 4, 3), "what it is") for name in row}
    return explorables.WhatIsKept({"stage 1": tasks, "last stage": tasks}, factors)


def league():
    def both(mean):
        return {name: (mean, 0.01) for name in ("last stage", "k-NN")}

    each = {"raw pixels": {"100%": both(0.3)}, "SimCLR": {"100%": both(0.9), "10%": both(0.7)}}
    return explorables.LeagueTable({"scenes": each, "CIFAR-10": each}, reference="raw pixels")


def wipe():
    series = {name: pictures(4, 6, 6, 3) for name in ("truth", "L2", "both + more")}
    return explorables.PictureWipe(series, groups=["hole", "hole", "blocks", "blocks"])


def book_map():
    def node(name):
        return {
            "name": name, "title": name, "question": "Why?", "facts": {"from": "here"},
            "given": [pictures(4, 4, 3)], "wanted": "words",
        }  # fmt: skip

    return explorables.BookMap(
        {"Part I": [node("one"), node("two")], "II": [node("patch position")]}
    )


def transfer():
    measured = Measured(0.5, 0.1, 100, 1.0)
    bars = {name: measured for name in ("probe_4", "probe_2", "tune_1", "scratch")}
    return explorables.TransferTable([Cell("a rule", ["probe_4"], "a task", bars, 0.1)] * 4)


def embedding_map():
    layout = Layout(np.arange(10.0).reshape(5, 2), (np.arange(5)[:, None] + [1, 2]) % 5)
    return explorables.EmbeddingMap(
        {"random weights": layout, "SimCLR": layout}, pictures(5, 4, 4, 3), [0, 0, 1, 1, 1],
        ("cat", "a dog, say"),
    )  # fmt: skip


def matrix():
    z, net = np.random.default_rng(0).normal(size=(8, 6)), network("a", 6)
    return explorables.AffinityMatrix(z, pictures(8, 8, 8, 3), before=z[::-1], network=net)


def pad():
    conv = [{"kind": "conv", "in": 1, "out": 4, "stride": 2}]
    weights = np.zeros(weight_count(conv), "<f2").tobytes()
    features = np.random.default_rng(0).normal(size=(5, 4))
    encoder = {"name": "a", "layers": conv, "weights": weights, "features": features, "k": 1}
    shelf = pictures(5, 8, 8) // 17 * 17
    return explorables.SketchPad(
        shelf, [0, 0, 1, 1, 1], ("cat", "dog"), [encoder], examples=shelf[:3],
        example_labels=[0, 0, 1],
    )  # fmt: skip


CASES = {
    "pad": (pad, {"example": 2, "turns": 3, "mirrored": True, "thick": True}),
    "matrix": (
        matrix,
        {
            "n": 3, "tau": 0.2, "order": "halves", "trained": False, "show": "share",
            "selected": [2, 3], "step": 4, "seed": 5,
        },
    ),
    "lab": (
        lambda: explorables.AugmentationLab(pictures(4, 8, 8, 3), hue=0.5),
        {
            "picture": 2, "seed": 41, "on": ["crop", "blur"], "crop": 0.5, "strength": 1,
            "hue": 0.25, "gray": 0.4, "blur": 1.5,
        },
    ),
    "rotation": (rotation, {"scene": "turned, freely", "picture": 2, "angle": 271}),
    "patches": (
        patches,
        {
            "scene": "with fringes", "picture": 1, "place": 6, "spaced": False, "draw": 41,
            "network": "b & c",
        },
    ),
    "jigsaw": (
        jigsaw,
        {
            "picture": 2, "permutation": 2, "draw": 7, "order": [0, 8, 1, 2, 3, 4, 5, 6, 7],
            "moves": 3, "as_seen": True,
        },
    ),
    "kept": (
        kept,
        {
            "stage": "stage 1", "task": "patch position", "versus": "SimCLR", "factor": "position",
        },
    ),
    "league": (
        league,
        {
            "data": "CIFAR-10", "labels": "10%", "measure": "k-NN", "reference": "SimCLR",
            "sort": False,
        },
    ),
    "wipe": (
        wipe,
        {"group": "blocks", "picture": 3, "left": "both + more", "right": "truth", "wipe": 7},
    ),
    "map": (book_map, {"chosen": "patch position"}),
    "circle": (
        explorables.Circle,
        {
            "pairs": 5, "tau": 0.35, "space": "sphere", "negatives": False, "seed": 12,
            "walked": [[30, 0.2, True], [5, 0.35, False]],
        },
    ),
    "scores": (
        explorables.ScoresToLoss,
        {"scores": [0.95, -0.3, 0.05, -1], "tau": 1.25, "selected": 3},
    ),
    "transfer": (transfer, {"cell": 3, "strategy": "tune_1"}),
    "embedding": (
        embedding_map,
        {"selected": 4, "shown": "SimCLR", "highlighted": "a dog, say"},
    ),
}  # fmt: skip


def reopen(page, address):
    """Leave the page and come back by another address of it."""
    page.page.goto("about:blank")
    page.page.goto(address)
    page.page.wait_for_selector("body[data-ready]", timeout=10_000)
    page.settle()


def copied(page):
    """The link that the button gives, by the field that shows it where the clipboard is closed."""
    page.page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject('closed'); }")
    page.page.get_by_role("button", name="Copy link to this state").click()
    field = page.page.get_by_role("textbox", name="Link to this state")
    field.wait_for()
    assert field.evaluate("(e) => document.activeElement === e")
    return field.input_value()


def seen(page):
    """What can be read and what is pressed, once everything is counted; not what was said of it."""
    page.page.wait_for_function(
        "() => !/…/.test(document.querySelector('.ssl-explorable').textContent)"
    )
    page.settle()
    return page.page.evaluate(
        """() => {
          const copy = document.querySelector(".ssl-explorable").cloneNode(true);
          copy.querySelectorAll("[aria-live], .ssl-foot").forEach((part) => part.remove());
          const pressed = [...copy.querySelectorAll("[aria-pressed]")].map((e) => e.ariaPressed);
          return [copy.textContent, pressed];
        }"""
    )


@pytest.mark.parametrize("name", CASES)
def test_a_link_brings_the_state_back(browser, tmp_path, name):
    build, state = CASES[name]
    with mount(browser, tmp_path, build()) as page:
        for each, value in state.items():
            assert page.get(each) != value, f"{each} should start as something else"
        for each, value in state.items():
            page.set(each, value)
        link = copied(page)
        parts = urlsplit(link)
        assert parts.fragment == "place"
        assert {key for key, _ in parse_qsl(parts.query)} == {f"place.{each}" for each in state}
        before = seen(page)
        reopen(page, link)
        assert {each: page.get(each) for each in state} == state
        assert seen(page) == before


@pytest.mark.parametrize("name", CASES)
def test_nonsense_in_a_link_does_nothing(browser, tmp_path, name):
    build, state = CASES[name]
    with mount(browser, tmp_path, build()) as page:
        address = page.page.url
        before = {each: page.get(each) for each in state}
        for text in NONSENSE:
            query = urlencode({f"place.{each}": text for each in state})
            reopen(page, f"{address}?{query}#place")
            after = {each: page.get(each) for each in state}
            changed = {each for each in state if after[each] != before[each]}
            assert changed <= SENSE.get(text, set()), text[:20]


def test_a_link_of_another_figure_does_nothing(browser, tmp_path):
    with mount(browser, tmp_path, explorables.ScoresToLoss()) as page:
        reopen(page, f"{page.page.url}?other.tau=1&tau=1&place2.tau=1#other")
        assert page.get("tau") == 0.2


def test_the_link_goes_to_the_clipboard(browser, tmp_path):
    with mount(browser, tmp_path, explorables.ScoresToLoss()) as page:
        page.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.set("tau", 0.5)
        page.page.get_by_role("button", name="Copy link to this state").click()
        page.page.get_by_text("Copied: it brings back what you see now.").wait_for()
        link = page.page.evaluate("() => navigator.clipboard.readText()")
        assert "place.tau=0.5" in link
        assert page.page.get_by_role("textbox").count() == 0  # the field stays hidden
        reopen(page, link)
        assert page.get("tau") == 0.5


def test_the_link_s_field_gives_no_commands(browser, tmp_path):
    with mount(browser, tmp_path, rotation()) as page:
        copied(page)
        page.page.keyboard.press("n")  # elsewhere it would start a round
        page.settle()
        assert "Game:" in page.text(".ssl-words")


def test_state_that_no_longer_fits_falls_back(browser, tmp_path):
    with mount(browser, tmp_path, explorables.ScoresToLoss()) as page:
        reopen(page, f"{page.page.url}?place.scores=0.5,0,0,0&place.selected=15#place")
        assert "Negative 3" in page.text(".ssl-numbers")
    with mount(browser, tmp_path, transfer()) as page:
        page.set("strategy", "tune_3")
        assert page.page.locator(".ssl-chart [aria-pressed=true]").inner_text() == (
            "linear, on stage 4 (top) ★"
        )


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_link_fits_a_phone(browser, tmp_path, theme):
    with mount(browser, tmp_path, patches(), width=360, theme=theme, touch=True) as page:
        copied(page)
        assert page.overflow() <= 0


@pytest.mark.parametrize(
    ("rule", "text", "value"),
    [
        ([0, 9], "9", 9), ([0, 9], "10", None), ([0, 9], "-1", None), ([0, 9], "1.5", None),
        ([0, 9], "", None), ([0, 9], " ", None), ([0, 9], "NaN", None), ([0, 9], "3 or 4", None),
        ({"least": 0.05, "most": 2}, "0.2", 0.2), ({"least": 0.05, "most": 2}, "2e-1", 0.2),
        ({"least": 0.05, "most": 2}, "0.04", None), ({"least": 0, "most": 2}, "Infinity", None),
        ({"least": 0.05, "most": 2}, "", None),
        (True, "true", True), (True, "false", False), (True, "1", None), (True, "", None),
        ({"of": ["pairs", "halves"]}, "halves", "halves"), ({"of": ["pairs"]}, "Pairs", None),
        ({"of": ["", "cat"]}, "", ""), ({"of": ["cat"]}, "toString", None),
        ({"list": [0, 127], "length": 2}, "3,127", [3, 127]),
        ({"list": [0, 127], "length": 2}, "3", None),
        ({"list": [0, 127], "length": 2}, "3,4,5", None),
        ({"list": [0, 127], "length": 2}, "3,128", None),
        ({"list": [0, 127], "length": 2}, "3,", None),
        ({"list": True, "length": 2}, "true,false", [True, False]),
    ],
)  # fmt: skip
def test_what_is_allowed(frame, rule, text, value):
    found = frame.page.evaluate("([rule, text]) => window.module.allowed(rule, text)", [rule, text])
    assert found == value


@pytest.fixture(scope="module")
def frame(browser, tmp_path_factory):
    with mount(browser, tmp_path_factory.mktemp("frame"), explorables.ScoresToLoss()) as page:
        yield page


def test_a_rule_may_be_a_function(frame):
    found = frame.page.evaluate(
        "() => [window.module.allowed((text) => text.length, 'four'),"
        " window.module.allowed(() => undefined, 'four')]"
    )
    assert found == [4, None]


@pytest.mark.parametrize(
    ("text", "length"),
    [("0,0.5,1,-1", 4), ("0,0.5,1", None), ("0,0.5,1,1.1", None), ("0,0.5,1,", None)],
)
def test_scores_in_a_link_are_as_many_as_can_be_shown(frame, text, length):
    found = frame.page.evaluate("(text) => window.module.scoresOf(text)", text)
    assert (found if found is None else len(found)) == length


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("", 0), ("30,0.2,true,5,0.35,false", 35), ("0,0.2,true", None), ("1,0.2,yes", None),
        ("1,0,true", None), ("1,0.2", None), ("5001,0.2,true", None),
        ("2501,0.2,true,2500,0.2,false", None), (",".join(["1,0.2,true"] * 301), None),
    ],
)  # fmt: skip
def test_a_walk_in_a_link_can_be_walked(browser, tmp_path, text, steps):
    with mount(browser, tmp_path, explorables.Circle()) as page:
        found = page.page.evaluate("(text) => window.module.stretchesOf(text)", text)
    assert (found if found is None else sum(each[0] for each in found)) == steps


def test_a_link_keeps_what_belongs_to_others(frame):
    given = "file:///a/b.html?q=1&circle.tau=3&circle-2.tau=4#above"
    state = {"tau": 0.2, "order": "a & b", "list": [1, 2]}
    link = frame.page.evaluate(
        "([address, state]) => window.module.linkTo(address, 'circle', state)", [given, state]
    )
    parts = urlsplit(link)
    assert (parts.path, parts.fragment) == ("/a/b.html", "circle")
    assert dict(parse_qsl(parts.query)) == {
        "q": "1", "circle-2.tau": "4", "circle.tau": "0.2", "circle.order": "a & b",
        "circle.list": "1,2",
    }  # fmt: skip
