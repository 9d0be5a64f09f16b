"""Check the small networks that run in the page, and pack their weights.

Weights are by far the largest part of a page, so each takes one byte, an integer from -127 to 127,
and each row of weights (those of one output) has a scale of its own. A weight is off by at most
half a scale, 1/254 of the largest in its row. Half precision would double the size, and the
networks' answers differ from it in the third decimal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

STEPS = 127  # on each side of zero


def weight_count(layers: Sequence[Mapping[str, Any]]) -> int:
    """The number of weights and biases of the layers.

    Args:
        layers: as `ssl_teach.export.export_weights` gives them.

    Raises:
        ValueError: if the page cannot compute a layer.

    Example:
        >>> weight_count([{"kind": "conv", "in": 3, "out": 8, "stride": 2},
        ...               {"kind": "linear", "in": 8, "out": 4}])
        260
    """
    taps = {"conv": 9, "linear": 1}
    for layer in layers:
        if layer["kind"] not in taps:
            raise ValueError(f"the page computes conv and linear layers, not {layer['kind']!r}")
    return sum(layer["out"] * (layer["in"] * taps[layer["kind"]] + 1) for layer in layers)


def pack_weights(layers: Sequence[Mapping[str, Any]], weights: bytes) -> bytes:
    """Pack weights into one byte each; `unpackWeights` in convnet.js is its inverse.

    Args:
        layers: as `ssl_teach.export.export_weights` gives them.
        weights: of these layers in little-endian half precision: per layer the weight in C order
            (out rows), then the bias.

    Returns:
        For each layer: a scale for each row (half precision), the rows as integers (one signed byte
        each), the biases (half precision).

    Raises:
        ValueError: if the weights do not fill the layers, or are not finite.
    """
    numbers = np.frombuffer(weights, "<f2").astype(np.float32)
    if len(numbers) != weight_count(layers):
        raise ValueError(f"{len(numbers)} weights, the layers need {weight_count(layers)}")
    if not np.isfinite(numbers).all():
        raise ValueError("the weights hold NaN or infinity: half precision ends at 65,504")
    parts = []
    start = 0
    for layer in layers:
        out, end = layer["out"], start + weight_count([layer])
        rows, biases = numbers[start : end - out].reshape(out, -1), numbers[end - out : end]
        scales = (np.abs(rows).max(axis=1) / STEPS).astype("<f2")  # (out,)
        divisors = np.where(scales > 0, scales, 1).astype(np.float32)[:, None]
        steps = np.clip(np.rint(rows / divisors), -STEPS, STEPS).astype(np.int8)
        parts += [scales.tobytes(), steps.tobytes(), biases.astype("<f2").tobytes()]
        start = end
    return b"".join(parts)


def pack_networks(
    networks: Sequence[Mapping[str, Any]], channels: int, outputs: int, *, parts: int = 1
) -> tuple[list[dict[str, Any]], bytes]:
    """Check several networks, and concatenate their weights.

    Args:
        networks: dicts of "name", "layers" and "weights".
        channels: the number of channels of the images.
        outputs: the number of classes.
        parts: the number of parts of an image whose representations the head reads.

    Returns:
        For each a dict of "name", "layers" and "start" (where its weights begin, counted in
        bytes), and the weights of all, as `pack_weights` writes them.

    Raises:
        ValueError: see `check_network`.
    """
    entries: list[dict[str, Any]] = []
    packed = b""
    for network in networks:
        check_network(network, channels, outputs, parts=parts)
        layers = [dict(layer) for layer in network["layers"]]
        entries.append({"name": network["name"], "layers": layers, "start": len(packed)})
        packed += pack_weights(layers, bytes(network["weights"]))
    return entries, packed


def check_network(
    network: Mapping[str, Any], channels: int, outputs: int, *, parts: int = 1
) -> None:
    """Raise ValueError if weights do not fill the layers, or the layers do not fit the images.

    Args:
        network: dict of "name", "layers" and "weights".
        channels: the number of channels of the images.
        outputs: the number of classes.
        parts: the number of parts of an image whose representations the head reads.

    Raises:
        ValueError: naming the network and what does not fit.
    """
    name, layers, weights = network["name"], network["layers"], network["weights"]
    expected = 2 * weight_count(layers)
    if len(weights) != expected:
        raise ValueError(
            f"network {name!r}: {len(weights)} bytes of weights, its layers need {expected} "
            f"(2 for each, half precision)"
        )
    if layers[0]["in"] != channels:
        raise ValueError(
            f"network {name!r} takes {layers[0]['in']} channels, the pictures have {channels}"
        )
    for before, after in pairwise(layers):
        joined = parts if (before["kind"], after["kind"]) == ("conv", "linear") else 1
        if after["in"] != joined * before["out"]:
            raise ValueError(
                f"network {name!r}: a {after['kind']} layer takes {after['in']} features, it is "
                f"given {joined * before['out']}; the head must read {parts} part(s) side by side"
            )
    if layers[-1]["kind"] != "linear" or layers[-1]["out"] != outputs:
        raise ValueError(f"network {name!r} must end in a linear layer with {outputs} outputs")
