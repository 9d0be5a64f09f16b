"""Lesson 14: changes of a drawing that leave its meaning as it was, and who ignores them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ssl_teach.lessons.setting import Represent

Change = Callable[[Tensor], Tensor]
"""Drawings (N, 1, H, W), uint8, to changed ones of the same shape."""


def sketch_changes(
    thicken: Callable[[np.ndarray], np.ndarray],
) -> dict[str, Change]:
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


@dataclass(frozen=True)
class Comparison:
    """How much changed drawings resemble the unchanged ones.

    Attributes:
        cosines: (N, N), of changed drawings (rows) with unchanged ones (columns).
    """

    cosines: Tensor

    @property
    def found(self) -> float:
        """The fraction of changed drawings whose own original is the nearest."""
        nearest = self.cosines.argmax(dim=1)
        return float((nearest == torch.arange(len(nearest))).float().mean())

    @property
    def with_itself(self) -> float:
        """The mean cosine of a changed drawing and its own original."""
        return float(self.cosines.diagonal().mean())

    @property
    def with_others(self) -> float:
        """The mean cosine of a changed drawing and another one."""
        c = self.cosines
        return float((c.sum() - c.trace()) / (len(c) * (len(c) - 1)))


AS_IT_IS = "as it is"
"""The name of the comparison in which nothing is changed."""


def compare_changed(
    represent: Represent, images: Tensor, changes: Mapping[str, Change]
) -> dict[str, Comparison]:
    """Compare changed drawings with unchanged ones by the cosine of their representations.

    Args:
        represent: Images to representations.
        images: (N, 1, H, W), uint8.
        changes: By what they do.

    Returns:
        A comparison for each change, and one for the drawings "as it is", unchanged.
    """

    def unit(drawings: Tensor) -> Tensor:
        return F.normalize(torch.from_numpy(represent(drawings)), dim=1)

    originals = unit(images)
    drawn = {AS_IT_IS: images} | {change: make(images) for change, make in changes.items()}
    return {name: Comparison(unit(x) @ originals.T) for name, x in drawn.items()}


def resemblance_rows(
    compared: Mapping[str, Mapping[str, Comparison]], changes: Sequence[str]
) -> dict[str, dict[str, str]]:
    """Rows of a table: mean cosines of unrelated drawings, and of each with itself, changed.

    Args:
        compared: As `compare_changed` returns it, by encoder.
        changes: The names of the changes to list.
    """
    return {
        name: {"two unrelated drawings": f"{by_change[AS_IT_IS].with_others:.3f}"}
        | {
            f"a drawing and itself, {change}": f"{by_change[change].with_itself:.3f}"
            for change in changes
        }
        for name, by_change in compared.items()
    }


def _half_size(x: Tensor) -> Tensor:
    out = torch.zeros_like(x)
    out[:, :, 14:, 14:] = (2 * F.avg_pool2d(x.float(), 2)).clamp(max=255).byte()
    return out


def _enlarged(x: Tensor) -> Tensor:
    cut = x[:, :, 4:24, 4:24].float()
    return F.interpolate(cut, size=28, mode="bilinear", antialias=True).round().byte()
