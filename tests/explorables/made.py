"""Small networks and images for the tests of figures."""

import numpy as np

from ssl_teach.explorables.nn.packing import weight_count

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


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
