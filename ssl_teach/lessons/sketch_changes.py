"""Lesson 14: changes of a drawing that leave its meaning as it was."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def sketch_changes(
    thicken: Callable[[np.ndarray], np.ndarray],
) -> dict[str, Callable[[Tensor], Tensor]]:
    """Functions that change drawings (N, 1, 28, 28), uint8, by what they do.

    Args:
        thicken: thickens the lines of one drawing (28, 28), uint8, as the sketch pad does.
    """
    return {
        "mirrored": lambda x: x.flip(3),
        "the middle, enlarged": _enlarged,
        "shifted by 3 pixels": lambda x: F.pad(x, (3, 0, 3, 0))[:, :, :28, :28],
        "thick lines": lambda x: torch.from_numpy(np.stack([thicken(p[0]) for p in x.numpy()]))[
            :, None
        ],
        "turned by 180°": lambda x: torch.rot90(x, 2, (2, 3)),
        "turned by 90°": lambda x: torch.rot90(x, 1, (2, 3)),
        "half size, in a corner": _half_size,
    }


def _half_size(x: Tensor) -> Tensor:
    out = torch.zeros_like(x)
    out[:, :, 14:, 14:] = (2 * F.avg_pool2d(x.float(), 2)).clamp(max=255).byte()
    return out


def _enlarged(x: Tensor) -> Tensor:
    cut = x[:, :, 4:24, 4:24].float()
    return F.interpolate(cut, size=28, mode="bilinear", antialias=True).round().byte()
