"""Rotate an image, and trained networks guess by how much; or guess against them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import traitlets
from numpy.typing import ArrayLike

from ssl_teach.explorables.bundle import script, styles
from ssl_teach.explorables.nn.packing import pack_networks
from ssl_teach.explorables.shared.frame import Explorable, check_sets, to_pictures

TURNS = 4  # 0°, 90°, 180°, 270°, anticlockwise


class RotationGame(Explorable):
    """An image to rotate, networks that guess by how much, and a game against them.

    Source: Gidaris et al., 2018. The page runs the networks.
    The state of the figure can be read: `scene`, `picture`, `angle` (degrees anticlockwise)
    and `score` ({"rounds": …, "you": …, "networks": […]}). An image of the reader's own stays in
    the page; while it is shown, `picture` is n, one past the last.
    """

    _esm = script("rotation/rotation.js")
    _css = styles("rotation/rotation.css")

    pictures = traitlets.Bytes().tag(sync=True)  # (sets, n, S, S, C) uint8
    shape = traitlets.List(traitlets.Int()).tag(sync=True)  # [sets, n, S, S, C]
    scenes = traitlets.List(traitlets.Unicode()).tag(sync=True)  # names of the sets
    labels = traitlets.List(traitlets.Unicode()).tag(sync=True)  # what each image shows, or empty
    weights = traitlets.Bytes().tag(sync=True)  # of all networks; see nn/packing.py
    networks = traitlets.List(traitlets.Dict()).tag(sync=True)  # name, layers, start (in bytes)
    compact = traitlets.Bool(False).tag(sync=True)

    scene = traitlets.Unicode().tag(sync=True)
    picture = traitlets.Int(0, min=0).tag(sync=True)
    angle = traitlets.Int(0, min=0, max=359).tag(sync=True)
    score = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        scenes: Mapping[str, ArrayLike],
        networks: Sequence[Mapping[str, Any]],
        *,
        labels: Sequence[str] | None = None,
        compact: bool = False,
    ) -> None:
        """Send images and networks to the page.

        Args:
            scenes: sets of images by name ("with a level horizon", …), each (n, S, S, 1 or 3)
                uint8; image i should be the same subject in every set.
            networks: dicts of "name", "layers" and "weights", the last two as
                `ssl_teach.export.export_weights` gives them, with 4 outputs.
            labels: n words for what the images show ("house"), for screen readers.
            compact: whether to show fewer words, for a front page.

        Raises:
            ValueError: if shapes disagree, or weights do not fill the layers.
        """
        sets = {name: to_pictures(images, f"scenes[{name!r}]") for name, images in scenes.items()}
        check_sets(sets, labels)
        stacked = np.stack(list(sets.values()))  # (sets, n, S, S, C)
        entries, weights = pack_networks(networks, stacked.shape[-1], TURNS)
        super().__init__(
            pictures=stacked.tobytes(),
            shape=list(stacked.shape),
            scenes=list(sets),
            labels=list(labels or []),
            weights=weights,
            networks=entries,
            compact=compact,
            scene=next(iter(sets)),
            angle=90,
            score={"rounds": 0, "you": 0, "networks": [0] * len(entries)},
        )

    def __repr__(self) -> str:
        """A short description, the same in every run."""
        names = ", ".join(network["name"] for network in self.networks)
        return f"RotationGame({self.shape[1]} pictures, networks: {names})"
