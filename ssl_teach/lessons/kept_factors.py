"""Lesson 9: what each factor of a scene looks like, and why a task keeps or drops it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import torch
from matplotlib.colors import hsv_to_rgb, rgb_to_hsv

from ssl_teach.data.scenes import Factors, render

GROUND, HILLS, SUN, SKY, BODY, ACCENT, DARK = range(7)  # what the colours of a scene paint
CORNERS = ((-0.45, 0.45), (0.45, 0.45), (0.0, 0.0), (-0.45, -0.45), (0.45, -0.45))
SIXTHS = tuple(k / 6 for k in range(6))


def factor_examples() -> dict[str, tuple[Any, ...]]:
    """One scene drawn several times for each factor, with only that factor changed.

    Returns:
        The arguments of `Factor` by the name of the factor: images, a description, a measure.
    """
    scene = _scene()
    landscape = (GROUND, HILLS, SUN, SKY)
    return {
        "class": ([_vary(scene, label=k) for k in range(10)], "what the object is", "accuracy"),
        "colour": (
            [_vary(scene, (BODY, ACCENT, DARK), k) for k in SIXTHS],
            "the hue of the object",
        ),
        "position": (
            [_vary(scene, scale=0.5, x=x, y=y) for x, y in CORNERS],
            "where the middle of the object is",
        ),
        "size": (
            [_vary(scene, x=0.0, y=0.0, scale=s) for s in (0.5, 0.59, 0.68, 0.77, 0.85)],
            "how large the object is",
        ),
        "background": ([_vary(scene, landscape, k) for k in SIXTHS], "the hues of sky and ground"),
    }


def _scene() -> Factors:
    drawn = Factors.draw(torch.Generator().manual_seed(9), ("background",))
    return Factors(**{f.name: getattr(drawn, f.name)[26:27] for f in fields(Factors)})


def _vary(
    scene: Factors, materials: Sequence[int] = (), turn: float = 0.0, **changes: float
) -> np.ndarray:
    """The scene with the hues of some materials rotated and some factors set.

    Args:
        scene: is left as it is.
        materials: their hue is rotated.
        turn: by this fraction of the colour circle.
        changes: factors by name.

    Returns:
        (32, 32, 3), uint8.
    """
    hsv = rgb_to_hsv(scene.colors[0].T.numpy())  # (8, 3)
    hsv[list(materials), 0] = (hsv[list(materials), 0] + turn) % 1
    colors = torch.from_numpy(hsv_to_rgb(hsv)).float().T[None]
    changed = {name: torch.tensor([value]) for name, value in changes.items()}
    noise = torch.Generator().manual_seed(0)  # the same clouds every time
    image = render(replace(scene, colors=colors, **changed), 32, noise, aberration=False)
    return image[0].permute(1, 2, 0).numpy()


WHY = {
    ("inpainting", "background"): "Its question is what lies behind and beside the object. It "
    "keeps the colours of sky and ground better than random weights do.",
    ("inpainting", "colour"): "It has to paint colours, the object's too, and keeps them better "
    "than random weights do.",
    ("inpainting", "class"): "To fill a hole in a meadow with green needs no name for what stands "
    "there.",
    ("rotation", "background"): "The landscape may stand on its head, so it does not tell which "
    "way is up. By the last stage it is dropped.",
    ("rotation", "colour"): "An object keeps its colour however it is turned, so colour answers "
    "nothing. By the last stage it is dropped.",
    ("rotation", "position"): "It must find the thing that has an up, so it knows where that is.",
    ("rotation", "size"): "It must find the thing that has an up: where it is, and how large.",
    ("patch position", "position"): "Places matter to it by its very question.",
    ("jigsaw", "position"): "Places matter to it by its very question.",
    ("super-resolution", "class"): "A task that asks for the pixels next door does not need its "
    "last stage to hold what things are.",
    ("SimCLR", "colour"): "Its two views have any hue, and who must match them may not look at "
    "colour. What the views change, the features forget.",
    ("supervised", "class"): "The class is what it was asked for.",
    ("supervised", "position"): "It keeps what goes with finding the object.",
    ("supervised", "size"): "It keeps what goes with finding the object.",
    ("supervised", "background"): "It was asked for the class, and like rotation it drops the "
    "background by the last stage.",
}
"""By task and factor: why the task keeps it or drops it."""
