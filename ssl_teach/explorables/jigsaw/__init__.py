"""An image in nine shuffled tiles: put it together, and compare yourself with a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import traitlets
from numpy.typing import ArrayLike

from ssl_teach.explorables.bundle import script, styles
from ssl_teach.explorables.nn.packing import check_network, pack_weights
from ssl_teach.explorables.shared.frame import Explorable, to_pictures

GRID = 3
TILES = GRID**2


def _check_permutations(permutations: ArrayLike) -> np.ndarray:
    """The permutations as (P, 9) integers; raise ValueError if a row is not a permutation."""
    orders = np.asarray(permutations)
    if orders.ndim != 2 or len(orders) == 0 or orders.shape[1] != TILES:
        raise ValueError(f"permutations must be (P, {TILES}), got {orders.shape}")
    if not (np.sort(orders, axis=1) == np.arange(TILES)).all():
        raise ValueError(f"every row of permutations must hold 0 to {TILES - 1}, each once")
    return orders.astype(int)


class JigsawGame(Explorable):
    """A puzzle of nine tiles for the reader, and for a network that names the permutation.

    Source: Noroozi and Favaro, 2016. The page cuts the tiles and runs the network. The state can be
    read: `picture`, `permutation` (the one that shuffled it), `order` (place i now shows tile
    order[i]), `draw` (the seed of the places where tiles are cut), `moves`, `solved`, `as_seen`
    (whether tiles are shown as the network sees them) and `score` ({"rounds": …, "you": …,
    "network": …}: puzzles played, solved by you, named correctly by the network).
    """

    _esm = script("jigsaw/jigsaw.js")
    _css = styles("jigsaw/jigsaw.css")

    pictures = traitlets.Bytes().tag(sync=True)  # (n, S, S, C) uint8
    shape = traitlets.List(traitlets.Int()).tag(sync=True)  # [n, S, S, C]
    labels = traitlets.List(traitlets.Unicode()).tag(sync=True)  # what each image shows, or empty
    weights = traitlets.Bytes().tag(sync=True)  # see nn/packing.py
    network = traitlets.Dict().tag(sync=True)  # name, layers
    permutations = traitlets.List(traitlets.List(traitlets.Int())).tag(sync=True)  # (P, 9)
    tile = traitlets.Int().tag(sync=True)  # side of a tile
    normalize_tiles = traitlets.Bool(True).tag(sync=True)

    picture = traitlets.Int(0, min=0).tag(sync=True)
    permutation = traitlets.Int(0, min=0).tag(sync=True)
    order = traitlets.List(traitlets.Int()).tag(sync=True)
    draw = traitlets.Int(0, min=0).tag(sync=True)
    moves = traitlets.Int(0, min=0).tag(sync=True)
    solved = traitlets.Bool(False).tag(sync=True)
    as_seen = traitlets.Bool(False).tag(sync=True)
    score = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        pictures: ArrayLike,
        network: Mapping[str, Any],
        permutations: ArrayLike,
        *,
        gap: int,
        normalize_tiles: bool = True,
        labels: Sequence[str] | None = None,
        picture: int = 0,
        permutation: int = 1,
    ) -> None:
        """Send images and network to the page.

        Args:
            pictures: (n, S, S, 1 or 3) uint8.
            network: a dict of "name", "layers" and "weights", the last two as
                `ssl_teach.export.export_weights` gives them for encoder and head, with one
                output for each permutation.
            permutations: (P, 9), those that the network was trained on.
            gap: pixels by which a tile is smaller than its cell.
            normalize_tiles: whether the network was trained on tiles of equal mean and deviation.
            labels: n words for what the images show ("house"), for screen readers.
            picture: the initial image.
            permutation: the initial permutation.

        Raises:
            ValueError: if shapes disagree, weights do not fill the layers, a row is not a
                permutation, or tiles would be empty.
        """
        images = to_pictures(pictures, "pictures")
        n, height, width, channels = images.shape
        if n == 0 or height != width:
            raise ValueError(f"pictures must be square, and at least one, got {images.shape}")
        if labels is not None and len(labels) != n:
            raise ValueError(f"{len(labels)} labels for {n} pictures")
        cell = height // GRID
        if not 0 <= gap < cell:
            raise ValueError(f"gap must lie between 0 and {cell - 1}, got {gap}")
        orders = _check_permutations(permutations)
        check_network(network, channels, len(orders), parts=TILES)
        if not 0 <= picture < n or not 0 <= permutation < len(orders):
            raise ValueError(
                f"there is no picture {picture} or no permutation {permutation}: "
                f"{n} pictures, {len(orders)} permutations"
            )
        layers = [dict(layer) for layer in network["layers"]]
        super().__init__(
            pictures=images.tobytes(),
            shape=list(images.shape),
            labels=list(labels or []),
            weights=pack_weights(layers, bytes(network["weights"])),
            network={"name": network["name"], "layers": layers},
            permutations=orders.tolist(),
            tile=cell - gap,
            normalize_tiles=normalize_tiles,
            picture=picture,
            permutation=permutation,
            order=orders[permutation].tolist(),
            solved=orders[permutation].tolist() == list(range(TILES)),
            score={"rounds": 0, "you": 0, "network": 0},
        )

    @traitlets.validate("permutation")
    def _check_permutation(self, proposal: dict[str, Any]) -> int:
        """Check that the network was trained on it."""
        number: int = proposal["value"]
        if number >= len(self.permutations):
            raise traitlets.TraitError(
                f"permutation must be one of {len(self.permutations)}, got {number}"
            )
        return number

    @traitlets.validate("order")
    def _check_order(self, proposal: dict[str, Any]) -> list[int]:
        """Check that it holds every tile once."""
        order: list[int] = proposal["value"]
        if sorted(order) != list(range(TILES)):
            raise traitlets.TraitError(f"order must hold 0 to {TILES - 1}, each once, got {order}")
        return order

    def __repr__(self) -> str:
        """A short description, the same in every run."""
        return (
            f"JigsawGame({self.shape[0]} pictures, {len(self.permutations)} permutations, "
            f"network: {self.network['name']})"
        )
