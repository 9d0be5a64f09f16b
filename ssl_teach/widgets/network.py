"""Small networks that the page computes: do the weights fill the layers, and fit the pictures?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any


def weight_count(layers: Sequence[Mapping[str, Any]]) -> int:
    """How many weights and biases the layers hold.

    Args:
        layers: as `ssl_teach.encoders.export_weights` gives them.

    Raises:
        ValueError: if a layer is of a kind that the page cannot compute.

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


def pack_networks(
    networks: Sequence[Mapping[str, Any]], channels: int, outputs: int, *, parts: int = 1
) -> tuple[list[dict[str, Any]], bytes]:
    """Check several networks, and lay their weights one after another.

    Args:
        networks: dicts of "name", "layers" and "weights".
        channels: of the pictures.
        outputs: how many answers there are.
        parts: of a picture, whose representations the head reads side by side.

    Returns:
        For each a dict of "name", "layers" and "start" (where its weights begin, counted in
        weights), and the weights of all.

    Raises:
        ValueError: see `check_network`.
    """
    entries: list[dict[str, Any]] = []
    start = 0
    for network in networks:
        check_network(network, channels, outputs, parts=parts)
        layers = [dict(layer) for layer in network["layers"]]
        entries.append({"name": network["name"], "layers": layers, "start": start})
        start += weight_count(layers)
    return entries, b"".join(bytes(network["weights"]) for network in networks)


def check_network(
    network: Mapping[str, Any], channels: int, outputs: int, *, parts: int = 1
) -> None:
    """Raise if weights do not fill the layers, or the layers do not fit the pictures.

    Args:
        network: dict of "name", "layers" and "weights".
        channels: of the pictures.
        outputs: how many answers there are.
        parts: of a picture, whose representations the head reads side by side.

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
