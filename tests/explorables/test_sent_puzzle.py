"""What Python hands to the puzzle, and what it refuses to."""

import numpy as np
import pytest

from ssl_teach.explorables import JigsawGame
from ssl_teach.explorables.nn.packing import weight_count

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
