"""Two patches of one image: on which side of the first is the second?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import traitlets
from numpy.typing import ArrayLike

from ssl_teach.explorables.bundle import script, styles
from ssl_teach.explorables.nn.packing import pack_networks
from ssl_teach.explorables.shared.frame import Explorable, check_sets, to_pictures

PLACES = 8  # around the centre of a 3×3 grid, in reading order


class PatchGame(Explorable):
    """Two patches of an image, networks that guess their relative position, and a game.

    Source: Doersch et al., 2015. The page cuts the patches and runs the networks. The
    state can be read: `scene`, `picture`, `place` (of the second patch, 0 to 7 in
    reading order without the centre), `spaced` (whether patches keep a distance), `draw` (seed of
    the cut), `network` (whose probabilities the grid shows) and `score` ({"rounds": …, "you": …,
    "networks": […]}). An image of the reader's own stays in the page; while it is shown, `picture`
    is n, one past the last.
    """

    _esm = script("patch_position/patch_position.js")
    _css = styles("patch_position/patch_position.css")

    pictures = traitlets.Bytes().tag(sync=True)  # (sets, n, S, S, C) uint8
    shape = traitlets.List(traitlets.Int()).tag(sync=True)  # [sets, n, S, S, C]
    scenes = traitlets.List(traitlets.Unicode()).tag(sync=True)  # names of the sets
    labels = traitlets.List(traitlets.Unicode()).tag(sync=True)  # what each image shows, or empty
    weights = traitlets.Bytes().tag(sync=True)  # of all networks; see nn/packing.py
    networks = traitlets.List(traitlets.Dict()).tag(sync=True)  # name, layers, start, drop_color
    patch = traitlets.Int().tag(sync=True)
    gap = traitlets.Int().tag(sync=True)
    jitter = traitlets.Int().tag(sync=True)

    scene = traitlets.Unicode().tag(sync=True)
    picture = traitlets.Int(0, min=0).tag(sync=True)
    place = traitlets.Int(0, min=0, max=PLACES - 1).tag(sync=True)
    spaced = traitlets.Bool(True).tag(sync=True)
    draw = traitlets.Int(0, min=0).tag(sync=True)
    network = traitlets.Unicode().tag(sync=True)
    score = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        scenes: Mapping[str, ArrayLike],
        networks: Sequence[Mapping[str, Any]],
        *,
        patch: int,
        gap: int,
        jitter: int,
        labels: Sequence[str] | None = None,
        picture: int = 0,
        place: int = 1,
    ) -> None:
        """Send images and networks to the page.

        Args:
            scenes: sets of images by name ("plain", …), each (n, S, S, 1 or 3) uint8; image i
                should be the same subject in every set.
            networks: dicts of "name", "layers" and "weights", the last two as
                `ssl_teach.export.export_weights` gives them for encoder and head, with 8
                outputs; and "drop_color", if it was trained on one channel at a time: it then gets
                only green.
            patch: side of a patch, in pixels.
            gap: pixels between patches while they are apart.
            jitter: the greatest displacement of a patch, in pixels, while they are apart.
            labels: n words for what the images show ("house"), for screen readers.
            picture: the initial image.
            place: the initial place of the second patch.

        Raises:
            ValueError: if shapes disagree, weights do not fill the layers, or the grid of patches
                does not fit the images.
        """
        sets = {name: to_pictures(images, f"scenes[{name!r}]") for name, images in scenes.items()}
        check_sets(sets, labels)
        stacked = np.stack(list(sets.values()))  # (sets, n, S, S, C)
        if patch < 1 or gap < 0 or jitter < 0:
            raise ValueError(
                f"patch must be at least 1, gap and jitter at least 0, got {patch}, {gap}, {jitter}"
            )
        side = 3 * patch + 2 * gap + 2 * jitter
        if stacked.shape[2] < side:
            raise ValueError(
                f"a 3×3 grid of patches of {patch} pixels with a gap of {gap} and a jitter of "
                f"{jitter} needs pictures of at least {side} pixels, got {stacked.shape[2]}"
            )
        if not networks:
            raise ValueError("networks is empty: give at least one")
        entries, weights = pack_networks(networks, stacked.shape[-1], PLACES, parts=2)
        for entry, network in zip(entries, networks, strict=True):
            entry["drop_color"] = bool(network.get("drop_color", False))
            if entry["drop_color"] and stacked.shape[-1] != 3:
                raise ValueError(
                    f"network {entry['name']!r} drops colours, but the pictures have none"
                )
        super().__init__(
            pictures=stacked.tobytes(),
            shape=list(stacked.shape),
            scenes=list(sets),
            labels=list(labels or []),
            weights=weights,
            networks=entries,
            patch=patch,
            gap=gap,
            jitter=jitter,
            scene=next(iter(sets)),
            picture=picture,
            place=place,
            network=entries[0]["name"],
            score={"rounds": 0, "you": 0, "networks": [0] * len(entries)},
        )

    def __repr__(self) -> str:
        """A short description, the same in every run."""
        names = ", ".join(network["name"] for network in self.networks)
        return f"PatchGame({self.shape[1]} pictures, networks: {names})"
