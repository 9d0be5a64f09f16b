"""Rotation: turn the picture by a multiple of 90°, and ask by how much (Gidaris et al., 2018)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ssl_teach.encoders.base import Encoder
from ssl_teach.tasks.base import Augment, Batch, LossAndMetrics, Task, classification
from ssl_teach.tasks.registry import register


def rotate(images: Tensor, quarter_turns: int) -> Tensor:
    """Turn a batch anticlockwise by a number of quarter turns; pixels move, none is resampled.

    Args:
        images: (B, C, S, S), square, or the four turns would differ in shape.
        quarter_turns: 0, 1, 2 or 3 for 0°, 90°, 180°, 270°.

    Example:
        >>> rotate(torch.tensor([[[[1, 2], [3, 4]]]]), 1).tolist()
        [[[[2, 4], [1, 3]]]]
    """
    if images.ndim != 4 or images.shape[-1] != images.shape[-2]:
        raise ValueError(f"rotation needs square images (B, C, S, S), got {tuple(images.shape)}")
    return torch.rot90(images, quarter_turns, dims=(2, 3))


@register("rotation")
class Rotation(Task):
    """Predict which of four rotations an image was given.

    Every image appears in all four rotations in the same batch, as in the paper: the classes are
    then exactly balanced, and what differs between the four copies is the rotation alone.
    """

    def __init__(self, widths: Sequence[int], augment: Augment | None = None) -> None:
        """Build the 4-way head.

        Args:
            widths: of the encoder; the head reads its last stage.
            augment: random transform applied to each picture before it is turned, or None.
        """
        super().__init__()
        self.augment = augment
        self.head = nn.Linear(widths[-1], 4)

    def make_batch(
        self, images: Tensor, labels: Tensor | None, generator: torch.Generator
    ) -> Batch:
        """All four turns of each picture: (B, C, S, S) -> images (4B, C, S, S), targets (4B,)."""
        if self.augment is not None:
            images = self.augment(images, generator)
        B = len(images)
        turned = torch.cat([rotate(images, k) for k in range(4)])  # (4B, C, S, S)
        targets = torch.arange(4, device=images.device)
        targets = targets.repeat_interleave(B)  # (4B,): 0…0 1…1 2…2 3…3
        return Batch(turned, targets)

    def forward(self, encoder: Encoder, batch: Batch) -> LossAndMetrics:
        """Cross-entropy of the rotation; chance is log 4."""
        return classification(self.head(encoder(batch.images)), batch.targets)
