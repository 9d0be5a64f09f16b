"""What Python hands to the explorables, and what it refuses to."""

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ssl_teach import explorables
from ssl_teach.data import load
from ssl_teach.explorables import (
    AffinityMatrix,
    AugmentationLab,
    EmbeddingMap,
    InpaintingStudio,
    PatchGame,
    RotationGame,
    SketchPad,
)
from ssl_teach.explorables.embedding_map import Layout
from ssl_teach.explorables.nn.packing import pack_weights, weight_count
from ssl_teach.explorables.shared.frame import to_pictures

FOLDER = Path(explorables.__file__).parent
LAYERS = [
    {"kind": "conv", "in": 3, "out": 8, "stride": 2},
    {"kind": "linear", "in": 8, "out": 4},
]


def network(name="a", layers=LAYERS):
    weights = np.zeros(weight_count(layers), "<f2").tobytes()
    return {"name": name, "layers": layers, "weights": weights}


def packed_size(layers):
    """A byte for each weight, two for each bias and for each row's scale."""
    return weight_count(layers) + 3 * sum(layer["out"] for layer in layers)


def pictures(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_embeddings_reach_the_page_with_unit_length_in_half_precision():
    z = np.random.default_rng(0).normal(size=(12, 7)) * 50
    widget = AffinityMatrix(z, pictures(12, 9, 8, 3))
    sent = np.frombuffer(widget.z_after, "<f2").reshape(12, 7).astype(float)
    np.testing.assert_allclose(sent, z / np.linalg.norm(z, axis=1, keepdims=True), atol=1e-3)
    assert (widget.shape, widget.dimension, widget.n) == ([12, 9, 8, 3], 7, 6)
    assert widget.z_before == b""


def test_thumbnails_reach_the_page_unchanged():
    images = pictures(4, 5, 6)
    widget = AffinityMatrix(np.eye(4), images)
    assert np.array_equal(np.frombuffer(widget.thumbnails, np.uint8).reshape(4, 5, 6), images)


@pytest.mark.parametrize(
    ("z", "images", "more", "words"),
    [
        (np.eye(5), pictures(5, 4, 4, 3), {}, "two views of each"),
        (np.ones(6), pictures(6, 4, 4, 3), {}, "2N, D"),
        (np.eye(6), pictures(5, 4, 4, 3), {}, "6 embeddings but 5 images"),
        (np.zeros((4, 3)), pictures(4, 4, 4, 3), {}, "row of zeros"),
        (np.full((4, 3), np.nan), pictures(4, 4, 4, 3), {}, "NaN"),
        (np.eye(130), pictures(130, 4, 4, 3), {}, "at most 64"),
        (np.eye(4), pictures(4, 4, 4, 3), {"tau": 0}, "tau must be above 0"),
        (np.eye(4), pictures(4, 4, 4, 3), {"before": np.eye(6)}, "before is"),
        (np.eye(4), pictures(4, 4, 4, 3), {"order": "triples"}, "triples"),
    ],
)
def test_affinity_matrix_refuses(z, images, more, words):
    with pytest.raises(Exception, match=words):
        AffinityMatrix(z, images, **more)


def test_channels_first_is_named():
    with pytest.raises(ValueError, match="channels last"):
        to_pictures(np.zeros((4, 3, 32, 32), np.uint8), "images")


def test_floats_are_refused():
    with pytest.raises(ValueError, match="uint8"):
        to_pictures(np.zeros((4, 32, 32, 3)), "images")


def test_networks_lie_one_behind_the_other():
    widget = RotationGame({"one": pictures(2, 8, 8, 3)}, [network("a"), network("b")])
    starts = [entry["start"] for entry in widget.networks]
    assert starts == [0, packed_size(LAYERS)]
    assert len(widget.weights) == 2 * packed_size(LAYERS)
    assert widget.score == {"rounds": 0, "you": 0, "networks": [0, 0]}


SET = {"one": pictures(2, 8, 8, 3)}


@pytest.mark.parametrize(
    ("scenes", "networks", "labels", "words"),
    [
        ({}, [network()], None, "empty"),
        ({"one": pictures(2, 8, 9, 3)}, [network()], None, "square"),
        ({**SET, "two": pictures(3, 8, 8, 3)}, [network()], None, "same number"),
        (SET, [network()], ["house"], "1 labels for 2"),
        (SET, [{**network(), "weights": b"1234"}], None, "4 bytes of weights"),
        ({"grey": pictures(2, 8, 8)}, [network()], None, "takes 3 channels"),
        (SET, [network(layers=LAYERS[:1])], None, "end in a linear layer"),
        (SET, [{**network(), "layers": [{"kind": "pool"}]}], None, "pool"),
    ],
)
def test_rotation_game_refuses(scenes, networks, labels, words):
    with pytest.raises(ValueError, match=words):
        RotationGame(scenes, networks, labels=labels)


PAIR_LAYERS = [
    {"kind": "conv", "in": 3, "out": 8, "stride": 2},
    {"kind": "linear", "in": 16, "out": 5, "relu": True},
    {"kind": "linear", "in": 5, "out": 8, "relu": False},
]


def patch_game(scenes=None, networks=None, **more):
    scenes = {"one": pictures(2, 20, 20, 3)} if scenes is None else scenes
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
        ({"scenes": {"one": pictures(2, 17, 17, 3)}}, "at least 18 pixels, got 17"),
        ({"gap": -1}, "gap and jitter at least 0"),
        ({"labels": ["house"]}, "1 labels for 2"),
        ({"networks": []}, "at least one"),
        ({"networks": [{**network("a", PAIR_LAYERS), "weights": b"12"}]}, "2 bytes of weights"),
        ({"networks": [network("a", LAYERS)]}, "side by side"),
        ({"networks": [network("a", PAIR_LAYERS[:2])]}, "8 outputs"),
        ({"scenes": {"grey": pictures(2, 20, 20)}}, "takes 3 channels"),
        ({"place": 8}, "8"),
    ],
)
def test_patch_game_refuses(change, words):
    with pytest.raises(Exception, match=words):
        patch_game(**change)


def test_names_do_not_change_from_run_to_run():
    affinity = AffinityMatrix(np.eye(4), pictures(4, 4, 4, 3), tau=0.1)
    game = RotationGame(SET, [network("a"), network("b")])
    assert repr(affinity) == "AffinityMatrix(N=2, tau=0.1, order='pairs')"
    assert repr(game) == "RotationGame(2 pictures, networks: a, b)"


def test_state_can_be_set_from_python():
    widget = AffinityMatrix(np.eye(4), pictures(4, 4, 4, 3))
    widget.set_state({"tau": 0.2, "selected": [2, 3], "order": "halves"})
    assert (widget.tau, widget.selected, widget.order) == (0.2, (2, 3), "halves")


@pytest.mark.parametrize("kind", [getattr(explorables, name) for name in explorables.__all__])
def test_what_is_sent_is_self_contained(kind):
    assert not re.search(r"^\s*import\b|\bimport\(|https?://|\bfetch\(", kind._esm, re.M)
    assert not re.search(r"@import|url\(", kind._css)
    assert kind._esm.count("export default") == 1


def test_every_source_file_is_used():
    kinds = [getattr(explorables, name) for name in explorables.__all__]
    used = "".join(kind._esm + kind._css for kind in kinds)
    for path in [*FOLDER.rglob("*.js"), *FOLDER.rglob("*.css")]:
        name = path.relative_to(FOLDER).as_posix()
        assert re.search(rf"^(?://|/\*) ---- {re.escape(name)} ----", used, re.M), name


def test_widgets_do_not_need_torch():
    for path in FOLDER.rglob("*.py"):
        source = io.StringIO(path.read_text(encoding="utf-8"))
        assert not any(re.match(r"\s*(import|from) torch", line) for line in source)


NEAR = [[1, 2], [0, 3], [3, 0], [2, 1], [0, 1]]


def layout(positions=None, neighbours=NEAR):
    places = np.arange(10.0).reshape(5, 2) if positions is None else positions
    return Layout(places, neighbours)


def embedding_map(
    layouts=None, images=None, labels=(0, 0, 1, 1, 1), classes=("cat", "dog"), **more
):
    layouts = {"one": layout(), "two": layout()} if layouts is None else layouts
    images = pictures(5, 6, 4, 3) if images is None else images
    return EmbeddingMap(layouts, images, labels, classes, **more)


@pytest.mark.parametrize("shape", [(5, 6, 4, 3), (5, 6, 4, 1), (5, 6, 4)])
def test_pictures_reach_the_page_in_rows_of_one_png(shape):
    images = pictures(*shape)
    widget = embedding_map(images=images)
    sheet = np.asarray(Image.open(io.BytesIO(widget.pictures))).reshape(12, 12, -1)
    assert (widget.shape, widget.columns) == ([5, 6, 4], 3)
    assert len(np.unique(sheet)) <= 16
    for i, image in enumerate(images.reshape(5, 6, 4, -1).astype(int)):
        top, left = 6 * (i // 3), 4 * (i % 3)
        assert abs(sheet[top : top + 6, left : left + 4] - image).max() <= 8


def test_400_sketches_weigh_little():
    sketches = load("sketches", classes=10)
    images = sketches.train.images[:400, 0].numpy()
    neighbours = (np.arange(400)[:, None] + np.arange(1, 9)) % 400
    layouts = {
        str(k): Layout(np.random.default_rng(k).normal(size=(400, 2)), neighbours) for k in range(3)
    }
    labels = sketches.train.labels[:400].numpy()
    widget = EmbeddingMap(layouts, images, labels, sketches.classes)
    sent = widget.pictures + widget.positions + widget.neighbours
    assert len(base64.b64encode(sent)) < 150_000


def test_positions_fill_the_square_and_keep_their_proportions():
    places = np.array([(10, 5), (30, 5), (20, 10), (20, 0), (20, 5)])
    widget = embedding_map({"a": layout(places), "b": layout(np.ones((5, 2)))})
    sent = np.frombuffer(widget.positions, "<f2").reshape(2, 5, 2)
    assert sent[0].tolist() == [[-1, 0], [1, 0], [0, 0.5], [0, -0.5], [0, 0]]
    assert not sent[1].any()
    assert np.frombuffer(widget.neighbours, "<u2").reshape(2, 5, 2).tolist() == [NEAR, NEAR]


def test_embedding_map_begins_where_it_is_told_and_can_be_set():
    widget = embedding_map(selected=3, shown="two")
    assert (widget.selected, widget.shown, widget.highlighted) == (3, "two", "")
    assert embedding_map().shown == "one"
    assert repr(widget) == "EmbeddingMap(5 pictures, one, two)"
    widget.set_state({"selected": 4, "shown": "one", "highlighted": "dog"})
    assert (widget.selected, widget.shown, widget.highlighted) == (4, "one", "dog")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"layouts": {}}, "representations is empty"),
        ({"layouts": {"a": layout(np.zeros((4, 2)))}}, r"positions of 'a' must be \(5, 2\)"),
        ({"layouts": {"a": layout(np.full((5, 2), np.nan))}}, "NaN"),
        ({"layouts": {"a": layout(neighbours=NEAR[:4])}}, r"neighbours of 'a' must be \(5, k\)"),
        ({"layouts": {"a": layout(neighbours=np.ones((5, 2)))}}, "must be integers, got float64"),
        ({"layouts": {"a": layout(neighbours=[*NEAR[:4], [0, 5]])}}, r"\[0, 4\], got 0 to 5"),
        ({"layouts": {"a": layout(neighbours=[*NEAR[:4], [4, 0]])}}, "picture 4 is among its own"),
        ({"layouts": {"a": layout(neighbours=[*NEAR[:4], [0, 0]])}}, "picture 4 has one of them"),
        (
            {"layouts": {"a": layout(), "b": layout(neighbours=[[1], [0], [0], [0], [0]])}},
            "same number of neighbours, got {'a': 2, 'b': 1}",
        ),
        ({"images": pictures(1, 4, 4)}, "2 to 1000 pictures, got 1"),
        ({"images": np.zeros((5, 4, 4))}, "uint8"),
        ({"labels": [0, 1]}, r"labels must be \(5,\)"),
        ({"labels": np.zeros(5)}, "labels must be integers"),
        ({"labels": [0, 0, 1, 1, 2]}, "go from 0 to 2, but classes names 2"),
        ({"classes": ("cat", "cat")}, "each its own"),
        ({"selected": 5}, r"selected must lie in \[0, 4\], got 5"),
        ({"shown": "three"}, "no representation 'three'"),
    ],
)
def test_embedding_map_refuses(change, words):
    with pytest.raises(ValueError, match=words):
        embedding_map(**change)


def test_weights_that_do_not_fill_the_layers_or_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="2 weights, the layers need 260"):
        pack_weights(LAYERS, b"1234")
    endless = np.full(weight_count(LAYERS), np.inf, "<f2").tobytes()
    with pytest.raises(ValueError, match="NaN or infinity"):
        pack_weights(LAYERS, endless)


SHELF = pictures(5, 6, 6) // 17 * 17
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
        ({"library": pictures(5, 6, 8)}, "squares of even side"),
        ({"library": pictures(5, 6, 6, 3)}, "grey squares"),
        ({"labels": [0, 1]}, r"labels must be \(5,\)"),
        ({"labels": [0, 0, 0, 0, 2]}, "go from 0 to 2, but classes names 2"),
        ({"examples": pictures(2, 4, 4)}, "examples are"),
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


LAB = pictures(3, 8, 8, 3)


def test_augmentation_lab_hands_over_pictures_and_state():
    widget = AugmentationLab(LAB, labels=["a", "b", "c"], crop=0.3, hue=0.5, seed=7)
    assert np.array_equal(np.frombuffer(widget.pictures, np.uint8).reshape(LAB.shape), LAB)
    assert widget.on == ["crop", "flip", "color", "gray"]
    assert (widget.crop, widget.strength, widget.hue, widget.seed) == (0.3, 0.5, 0.5, 7)
    assert repr(widget) == "AugmentationLab(3 pictures, crop, flip, color, gray, blur)"
    widget.set_state({"on": ["blur"], "picture": 2, "gray": 0.4, "blur": 1.0, "strength": 1.0})
    assert (widget.on, widget.picture, widget.gray, widget.blur) == (["blur"], 2, 0.4, 1.0)


def test_grey_pictures_have_no_colours_to_take_out():
    widget = AugmentationLab(pictures(2, 8, 8), hue=0.5)
    assert (widget.transforms, widget.hue) == (["crop", "flip", "color", "blur"], None)
    assert widget.on == ["crop", "flip", "color"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"images": pictures(2, 8, 9, 3)}, "square"),
        ({"images": pictures(0, 8, 8, 3)}, "at least one"),
        ({"images": pictures(2, 4, 4, 3)}, "at least 8 pixels"),
        ({"images": LAB / 255}, "uint8"),
        ({"labels": ["one"]}, "1 labels for 3"),
        ({"on": ["crop", "rotate"]}, "rotate"),
        ({"images": pictures(2, 8, 8), "on": ["gray"]}, "these pictures have crop, flip"),
        ({"crop": 0.0}, "crop"),
        ({"strength": 2}, "strength"),
        ({"hue": 0.6}, "hue"),
        ({"seed": -1}, "seed"),
    ],
)
def test_augmentation_lab_refuses(change, words):
    with pytest.raises(Exception, match=words):
        AugmentationLab(**{"images": LAB} | change)


TO_Z = [
    {"kind": "conv", "in": 3, "out": 8, "stride": 2},
    {"kind": "linear", "in": 8, "out": 6, "relu": False},
]


def matrix(**more):
    return AffinityMatrix(**{"embeddings": np.eye(6), "images": pictures(6, 8, 8, 3)} | more)


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
        ({"images": pictures(6, 8, 8), "network": network("a", TO_Z)}, "takes 3 channels"),
        ({"images": pictures(6, 8, 9, 3), "network": network("a", TO_Z)}, "square"),
        ({"recipe": {"crop": 0}}, "crop must lie in"),
        ({"recipe": {"hue": 0.7}}, "hue must lie in"),
        ({"recipe": {"strenght": 1}}, "strenght"),
        ({"recipe": {"transforms": ["flip"]}}, "made by some of crop, color, gray, blur"),
        ({"images": pictures(6, 8, 8), "recipe": {"transforms": ["gray"]}}, "1 channels"),
    ],
)
def test_affinity_matrix_refuses_networks_and_recipes(change, words):
    with pytest.raises(ValueError, match=words):
        matrix(**change)


PAINTER_LAYERS = [
    {"kind": "conv", "in": 3, "out": 4, "stride": 2},
    {"kind": "conv", "in": 4, "out": 4, "stride": 1, "up": True, "slope": 0.2},
    {"kind": "conv", "in": 4, "out": 3, "stride": 1, "up": False, "slope": 1.0},
]


def studio(sets=None, networks=None, **more):
    sets = {"one": pictures(2, 8, 8, 3), "two": pictures(2, 8, 8, 3)} if sets is None else sets
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
        ({"sets": {"one": pictures(2, 60, 60, 3)}}, "52 pixels wide at most, got 60"),
        ({"picture": 2}, r"picture must lie in \[0, 1\], got 2"),
        ({"networks": {"one": []}}, r"networks are given for \['one'\], pictures for"),
        ({"labels": {"two": ["a"] * 2, "one": ["a"] * 2}}, "labels are given for"),
        ({"labels": {"one": ["a"], "two": ["a"]}}, "are 1, for 2 pictures"),
        ({"sets": {"grey": pictures(2, 8, 8)}}, "layer 0 takes 3 channels and is given 1"),
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
