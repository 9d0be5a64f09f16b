"""Weights of small networks, packed by Python and unpacked by the page."""

import base64

import numpy as np
import pytest

from ssl_teach.explorables import (
    RotationGame,
)
from ssl_teach.explorables.nn.packing import pack_weights, weight_count

from .made import LAYERS as FEW
from .page import mount

LAYERS = [
    {"kind": "conv", "in": 3, "out": 8, "stride": 2},
    {"kind": "conv", "in": 8, "out": 12, "stride": 2},
    {"kind": "linear", "in": 12, "out": 4},
]
UNPACK = """([base64, layers]) => {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  return [...window.module.unpackWeights(bytes, layers)];
}"""


@pytest.fixture(scope="module")
def game(browser, tmp_path_factory):
    weights = np.zeros(weight_count(LAYERS), "<f2").tobytes()
    widget = RotationGame(
        {"one": np.zeros((2, 8, 8, 3), np.uint8)},
        [{"name": "a", "layers": LAYERS, "weights": weights}],
    )
    with mount(browser, tmp_path_factory.mktemp("network"), widget) as mounted:
        yield mounted


def rows_of(numbers):
    """Per layer: rows of weights (out, in), biases (out,)."""
    start = 0
    for layer in LAYERS:
        end = start + weight_count([layer])
        part, out = numbers[start:end], layer["out"]
        yield part[:-out].reshape(out, -1), part[-out:]
        start = end


def test_the_page_gets_each_weight_within_half_a_step_and_each_bias_as_it_was(game):
    draw = np.random.default_rng(0)
    spread = np.exp(draw.normal(size=weight_count(LAYERS)))
    sent = (draw.normal(size=weight_count(LAYERS)) * spread).astype("<f2")
    packed = base64.b64encode(pack_weights(LAYERS, sent.tobytes())).decode()
    got = np.array(game.page.evaluate(UNPACK, [packed, LAYERS]))
    assert got.shape == sent.shape
    for (was, bias_was), (now, bias_now) in zip(
        rows_of(sent.astype(float)), rows_of(got), strict=True
    ):
        largest = np.abs(was).max(axis=1, keepdims=True)
        # half a step, and what the scale's own half precision adds at the far end
        assert (np.abs(now - was) <= largest * (0.5 / 127 + 2**-10)).all()
        assert np.abs(now - was).max() > 0
        np.testing.assert_array_equal(bias_now, bias_was)


def test_a_row_of_zeros_and_the_smallest_numbers_survive(game):
    sent = np.zeros(weight_count(LAYERS), "<f2")
    sent[0] = 2**-24  # the least that half precision holds
    packed = base64.b64encode(pack_weights(LAYERS, sent.tobytes())).decode()
    got = np.array(game.page.evaluate(UNPACK, [packed, LAYERS]))
    assert np.isfinite(got).all() and np.abs(got - sent.astype(float)).max() <= 2**-24


# ---- what Python sends, and what it refuses ----


def test_weights_that_do_not_fill_the_layers_or_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="2 weights, the layers need 260"):
        pack_weights(FEW, b"1234")
    endless = np.full(weight_count(FEW), np.inf, "<f2").tobytes()
    with pytest.raises(ValueError, match="NaN or infinity"):
        pack_weights(FEW, endless)
