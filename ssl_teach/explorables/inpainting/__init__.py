"""Cut a hole into an image; trained networks, and a rule that learnt nothing, fill it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import traitlets
from numpy.typing import ArrayLike, NDArray

from ssl_teach.explorables.bundle import script, styles
from ssl_teach.explorables.nn.packing import pack_weights
from ssl_teach.explorables.shared.frame import Explorable, check_sets, to_pictures

TOOLS = ("block", "brush", "restore")
LARGEST = 52  # a row of the hole is one integer, exact in the page up to 2^53


class InpaintingStudio(Explorable):
    """An image to cut holes into, with the fills of networks next to the truth.

    Source: Pathak et al., 2016. The page runs the networks, and for comparison a rule by which each
    missing pixel is the mean of its neighbours.
    The state can be read and set: `group` (a set of images and its networks),
    `picture` (n for an image of the reader's own, which stays in the page), `mask` (the hole) and
    `tool` ("block", "brush" or "restore").
    """

    _esm = script("inpainting/inpainting.js")
    _css = styles("inpainting/inpainting.css")

    pictures = traitlets.Bytes().tag(sync=True)  # (sets, n, S, S, C) uint8
    shape = traitlets.List(traitlets.Int()).tag(sync=True)  # [sets, n, S, S, C]
    groups = traitlets.List(traitlets.Unicode()).tag(sync=True)  # names of the sets
    labels = traitlets.List(traitlets.List(traitlets.Unicode())).tag(sync=True)  # (sets, n)
    weights = traitlets.Bytes().tag(sync=True)  # of all networks; see nn/packing.py
    networks = traitlets.List(traitlets.Dict()).tag(sync=True)  # group, name, layers, start

    group = traitlets.Unicode().tag(sync=True)
    picture = traitlets.Int(0, min=0).tag(sync=True)
    rows = traitlets.List(traitlets.Int(min=0)).tag(sync=True)  # S numbers; bit x: column x missing
    tool = traitlets.Enum(TOOLS, "block").tag(sync=True)

    def __init__(
        self,
        pictures: Mapping[str, ArrayLike],
        networks: Mapping[str, Sequence[Mapping[str, Any]]],
        *,
        labels: Mapping[str, Sequence[str]] | None = None,
        picture: int = 0,
    ) -> None:
        """Send images and networks to the page; the hole begins as a centred block.

        Args:
            pictures: by the name of their set ("scenes", "photographs"), each (n, S, S, 1 or 3)
                uint8, the same n and S in each, S at most 52.
            networks: for each set, the networks that fill its holes: dicts of "name", "layers" and
                "weights", the last two as `ssl_teach.export.export_painter` gives
                them. The reader's own image is filled by those of the chosen set.
            labels: for each set n words for what the images show ("house"), for screen readers.
            picture: the initial image.

        Raises:
            ValueError: if shapes or names disagree, or weights do not fill the layers.
        """
        sets = {name: to_pictures(x, f"pictures[{name!r}]") for name, x in pictures.items()}
        check_sets(sets, None)
        stacked = np.stack(list(sets.values()))  # (sets, n, S, S, C)
        n, size = stacked.shape[1:3]
        if size > LARGEST:
            raise ValueError(f"pictures may be {LARGEST} pixels wide at most, got {size}")
        if not 0 <= picture < n:
            raise ValueError(f"picture must lie in [0, {n - 1}], got {picture}")
        for what, given in {"networks": networks, "labels": labels}.items():
            if given is not None and list(given) != list(sets):
                raise ValueError(f"{what} are given for {list(given)}, pictures for {list(sets)}")
        words = [list(each) for each in (labels or {}).values()]
        for name, each in zip(sets, words, strict=False):
            if len(each) != n:
                raise ValueError(f"labels[{name!r}] are {len(each)}, for {n} pictures")
        entries, weights = _pack(networks, stacked.shape[-1])
        super().__init__(
            pictures=stacked.tobytes(),
            shape=list(stacked.shape),
            groups=list(sets),
            labels=words,
            weights=weights,
            networks=entries,
            group=next(iter(sets)),
            picture=picture,
        )
        hole = np.zeros((size, size), bool)
        start, side = (size - size // 2) // 2, size // 2
        hole[start : start + side, start : start + side] = True
        self.mask = hole

    @property
    def mask(self) -> NDArray[np.bool_]:
        """The hole, (S, S), True where missing; it can be set too."""
        size = self.shape[2]
        return np.array([[row >> x & 1 for x in range(size)] for row in self.rows], dtype=bool)

    @mask.setter
    def mask(self, hole: ArrayLike) -> None:
        cut, size = np.asarray(hole), self.shape[2]
        if cut.shape != (size, size) or cut.dtype != bool:
            raise ValueError(f"mask must be bool {(size, size)}, got {cut.shape} of {cut.dtype}")
        self.rows = [sum(1 << int(x) for x in np.flatnonzero(row)) for row in cut]

    def __repr__(self) -> str:
        """A short description, the same in every run."""
        return f"InpaintingStudio({self.shape[1]} pictures of each: {', '.join(self.groups)})"


def _pack(
    networks: Mapping[str, Sequence[Mapping[str, Any]]], channels: int
) -> tuple[list[dict[str, Any]], bytes]:
    """Check the networks of all sets, and concatenate their weights."""
    entries: list[dict[str, Any]] = []
    packed = b""
    for group, members in networks.items():
        for network in members:
            layers = [dict(layer) for layer in network["layers"]]
            start = len(packed)
            try:
                _check_painter(layers, channels)
                packed += pack_weights(layers, bytes(network["weights"]))
            except ValueError as error:
                raise ValueError(f"network {network['name']!r} of {group!r}: {error}") from error
            entries.append(
                {"group": group, "name": network["name"], "layers": layers, "start": start}
            )
    return entries, packed


def _check_painter(layers: Sequence[Mapping[str, Any]], channels: int) -> None:
    """Raise ValueError if layers do not lead from images of these channels back to such images."""
    if any(layer["kind"] != "conv" for layer in layers):
        raise ValueError("all layers must be convolutions")
    outs, ins = [channels, *(layer["out"] for layer in layers)], [layer["in"] for layer in layers]
    for number, (given, taken) in enumerate(zip(outs, [*ins, channels], strict=True)):
        if given != taken:
            where = f"layer {number}" if number < len(layers) else "a picture"
            raise ValueError(f"{where} takes {taken} channels and is given {given}")
    decoding = ["slope" in layer for layer in layers]
    down, up = decoding.count(False), sum(bool(layer.get("up")) for layer in layers)
    if any(first and not second for first, second in pairwise(decoding)) or up != down:
        raise ValueError(
            f"the decoder's layers follow the encoder's {down}, and as many of them must grow, "
            f"not {up}"
        )
