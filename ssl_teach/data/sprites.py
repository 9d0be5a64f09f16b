"""The ten classes of objects in the scenes, each a short list of filled shapes.

A sprite is not an image but a map of materials: which fraction of each pixel is body, accent, dark
or light. Colours are added later, so one sprite serves objects of every colour.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

BODY, ACCENT, DARK, LIGHT = range(1, 5)
MATERIALS = 4
OVERSAMPLING = 4  # each pixel is the mean of 4×4 drawn pixels, so that edges are smooth

Shape = tuple[str, int, tuple[float, ...]]
"""Form, material and coordinates of a shape: x to the right, y upwards, both in [-1, 1]."""


def _petals(count: int, x: float, y: float, reach: float, radius: float) -> list[Shape]:
    """Return discs arranged in a circle around (x, y)."""
    angles = [2 * math.pi * i / count for i in range(count)]
    return [
        ("disc", BODY, (x + reach * math.cos(a), y + reach * math.sin(a), radius, radius))
        for a in angles
    ]


CLASSES: dict[str, list[Shape]] = {
    "house": [
        ("box", DARK, (0.3, 0.3, 0.48, 0.8)),
        ("box", BODY, (-0.6, -0.8, 0.6, 0.15)),
        ("polygon", ACCENT, (-0.8, 0.1, 0.0, 0.85, 0.8, 0.1)),
        ("box", DARK, (-0.15, -0.8, 0.15, -0.25)),
        ("box", LIGHT, (-0.48, -0.2, -0.24, 0.02)),
        ("box", LIGHT, (0.24, -0.2, 0.48, 0.02)),
    ],
    "tree": [
        ("box", DARK, (-0.11, -0.9, 0.11, 0.0)),
        ("disc", BODY, (-0.3, 0.05, 0.38, 0.34)),
        ("disc", BODY, (0.3, 0.05, 0.38, 0.34)),
        ("disc", BODY, (0.0, 0.42, 0.46, 0.44)),
        ("disc", ACCENT, (-0.3, 0.1, 0.09, 0.09)),
        ("disc", ACCENT, (0.22, 0.0, 0.09, 0.09)),
        ("disc", ACCENT, (0.08, 0.5, 0.09, 0.09)),
    ],
    "car": [
        ("polygon", BODY, (-0.55, 0.0, -0.32, 0.45, 0.32, 0.45, 0.58, 0.0)),
        ("polygon", LIGHT, (-0.38, 0.04, -0.24, 0.35, -0.03, 0.35, -0.03, 0.04)),
        ("polygon", LIGHT, (0.06, 0.04, 0.06, 0.35, 0.25, 0.35, 0.41, 0.04)),
        ("box", BODY, (-0.88, -0.4, 0.88, 0.02)),
        ("box", ACCENT, (-0.88, -0.26, 0.88, -0.16)),
        ("disc", DARK, (-0.47, -0.4, 0.24, 0.24)),
        ("disc", DARK, (0.47, -0.4, 0.24, 0.24)),
        ("disc", LIGHT, (-0.47, -0.4, 0.09, 0.09)),
        ("disc", LIGHT, (0.47, -0.4, 0.09, 0.09)),
    ],
    "boat": [
        ("polygon", BODY, (-0.85, -0.35, 0.85, -0.35, 0.5, -0.8, -0.5, -0.8)),
        ("box", DARK, (-0.05, -0.35, 0.05, 0.85)),
        ("polygon", ACCENT, (0.1, 0.8, 0.1, -0.22, 0.7, -0.22)),
        ("polygon", LIGHT, (-0.1, 0.6, -0.1, -0.22, -0.6, -0.22)),
    ],
    "mug": [
        ("ring", BODY, (0.35, -0.05, 0.42, 0.16)),
        ("box", BODY, (-0.65, -0.75, 0.4, 0.6)),
        ("box", ACCENT, (-0.65, -0.25, 0.4, 0.15)),
        ("disc", LIGHT, (-0.125, 0.6, 0.525, 0.14)),
        ("disc", DARK, (-0.125, 0.6, 0.42, 0.09)),
    ],
    "mushroom": [
        ("box", LIGHT, (-0.22, -0.85, 0.22, 0.1)),
        ("dome", BODY, (0.0, -0.1, 0.8, 0.85)),
        ("disc", ACCENT, (-0.38, 0.15, 0.13, 0.13)),
        ("disc", ACCENT, (0.38, 0.15, 0.13, 0.13)),
        ("disc", ACCENT, (0.0, 0.42, 0.15, 0.15)),
    ],
    "flower": [
        ("box", DARK, (-0.06, -0.9, 0.06, 0.2)),
        ("polygon", DARK, (0.0, -0.75, 0.45, -0.25, 0.1, -0.35)),
        ("polygon", DARK, (0.0, -0.75, -0.45, -0.25, -0.1, -0.35)),
        *_petals(6, 0.0, 0.35, 0.33, 0.21),
        ("disc", ACCENT, (0.0, 0.35, 0.2, 0.2)),
    ],
    "umbrella": [
        ("box", DARK, (-0.05, -0.7, 0.05, 0.9)),
        ("ring", DARK, (0.15, -0.7, 0.2, 0.1)),
        ("box", 0, (-0.1, -0.69, 0.5, -0.4)),  # cuts the ring to a hook
        ("box", DARK, (-0.05, -0.7, 0.05, 0.9)),
        ("dome", BODY, (0.0, 0.0, 0.9, 0.75)),
        ("dome", ACCENT, (0.0, 0.0, 0.35, 0.75)),
    ],
    "cat": [
        ("polygon", BODY, (-0.42, 0.3, -0.4, 0.95, -0.05, 0.6)),
        ("polygon", BODY, (0.42, 0.3, 0.4, 0.95, 0.05, 0.6)),
        ("ring", BODY, (0.45, -0.5, 0.4, 0.13)),
        ("disc", BODY, (0.0, -0.45, 0.48, 0.48)),
        ("disc", BODY, (0.0, 0.3, 0.45, 0.4)),
        ("disc", LIGHT, (0.0, -0.5, 0.25, 0.32)),
        ("disc", LIGHT, (-0.18, 0.36, 0.12, 0.12)),
        ("disc", LIGHT, (0.18, 0.36, 0.12, 0.12)),
        ("disc", DARK, (-0.18, 0.36, 0.06, 0.1)),
        ("disc", DARK, (0.18, 0.36, 0.06, 0.1)),
        ("polygon", ACCENT, (-0.09, 0.2, 0.09, 0.2, 0.0, 0.08)),
    ],
    # looks the same after a rotation by 90°, so its rotation cannot be predicted
    "ball": [
        ("disc", BODY, (0.0, 0.0, 0.72, 0.72)),
        *[("slice", ACCENT, (0.0, 0.0, 0.72, 90.0 * i, 90.0 * i + 45)) for i in range(4)],
        ("disc", LIGHT, (0.0, 0.0, 0.15, 0.15)),
    ],
}


def _fill(draw: ImageDraw.ImageDraw, shape: Shape, side: int) -> None:
    """Fill one shape on a canvas of side × side pixels."""
    form, material, at = shape

    def px(x: float, y: float) -> tuple[float, float]:
        return (x + 1) / 2 * side, (1 - y) / 2 * side

    def around(x: float, y: float, rx: float, ry: float) -> list[tuple[float, float]]:
        return [px(x - rx, y + ry), px(x + rx, y - ry)]

    if form == "polygon":
        draw.polygon([px(x, y) for x, y in zip(at[::2], at[1::2], strict=True)], fill=material)
    elif form == "box":
        draw.rectangle([px(at[0], at[3]), px(at[2], at[1])], fill=material)
    elif form == "disc":
        draw.ellipse(around(*at), fill=material)
    elif form == "dome":  # the upper half of an ellipse; Pillow's angles run clockwise from 3 h
        draw.pieslice(around(*at), 180, 360, fill=material)
    elif form == "slice":
        x, y, radius, start, end = at
        draw.pieslice(around(x, y, radius, radius), start, end, fill=material)
    elif form == "ring":
        x, y, radius, width = at
        draw.arc(around(x, y, radius, radius), 0, 360, material, round(width / 2 * side))
    else:
        raise ValueError(f"unknown form {form!r}")


def draw_sprite(name: str, side: int) -> Tensor:
    """Draw the materials of one class of objects.

    Args:
        name: A key of `CLASSES`.
        side: Height and width in pixels.

    Returns:
        (4, side, side) float32: the fraction of each pixel that is body, accent, dark and light;
        the remainder is transparent.
    """
    canvas = Image.new("L", (side * OVERSAMPLING, side * OVERSAMPLING), 0)
    draw = ImageDraw.Draw(canvas)
    for shape in CLASSES[name]:
        _fill(draw, shape, canvas.width)
    materials = np.asarray(canvas)[None] == np.arange(1, MATERIALS + 1)[:, None, None]
    cells = materials.reshape(MATERIALS, side, OVERSAMPLING, side, OVERSAMPLING)
    return torch.from_numpy(cells.mean(axis=(2, 4), dtype=np.float32))


@lru_cache(maxsize=8)
def sprites(side: int) -> Tensor:
    """Draw the sprites of all `CLASSES`, in their order: (10, 4, side, side)."""
    return torch.stack([draw_sprite(name, side) for name in CLASSES])
