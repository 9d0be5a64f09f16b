"""Rotation: rotate the image by a multiple of 90°, and ask by how much (Gidaris et al., 2018)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ssl_teach.checks import check_integer, check_widths
from ssl_teach.encoders.base import Encoder
from ssl_teach.tasks.base import Augment, Batch, LossAndMetrics, Task, classification
from ssl_teach.tasks.registry import register


def rotate(images: Tensor, quarter_turns: int) -> Tensor:
    """Rotate a batch anticlockwise by a multiple of 90°; pixels move and none is resampled.

    Args:
        images: The images (B, C, S, S), square so that all four rotations have the same shape.
        quarter_turns: The angle in steps of 90°: 0, 1, 2 or 3; negative ones turn clockwise.

    Raises:
        ValueError: If the images are not square, or the number of turns is no integer.

    Example:
        >>> rotate(torch.tensor([[[[1, 2], [3, 4]]]]), 1).tolist()
        [[[[2, 4], [1, 3]]]]
    """
    if images.ndim != 4 or images.shape[-1] != images.shape[-2]:
        raise ValueError(f"rotation needs square images (B, C, S, S), got {tuple(images.shape)}")
    check_integer(quarter_turns, "quarter_turns", -3, 3)
    return torch.rot90(images, quarter_turns, dims=(2, 3))


@register("rotation")
class Rotation(Task):
    """Predict which of four rotations an image was given.

    Every image appears in all four rotations in the same batch, as in the paper: the classes are
    then exactly balanced, and the four copies differ only in their rotation.
    """

    def __init__(self, widths: Sequence[int], augment: Augment | None = None) -> None:
        """Build the 4-way head.

        Args:
            widths: The widths of the encoder's stages; the head reads the last.
            augment: The random transform applied to each image before it is rotated, or None.
        """
        super().__init__()
        self.augment = augment
        self.widths = check_widths(widths)
        self.head = nn.Linear(self.widths[-1], 4)

    def check_data(self, images: Tensor, labels: Tensor | None, batch_size: int) -> None:
        """Require images in which a rotation can be seen."""
        if images.shape[-1] < 2 or images.amin() == images.amax():
            raise ValueError("these images look the same in every rotation, so none can be told")

    def make_batch(
        self, images: Tensor, labels: Tensor | None, generator: torch.Generator
    ) -> Batch:
        """Rotate each image all four ways: (B, C, S, S) -> images (4B, C, S, S), targets (4B,)."""
        if self.augment is not None:
            images = self.augment(images, generator)
        B = len(images)
        rotated = torch.cat([rotate(images, k) for k in range(4)])  # (4B, C, S, S)
        targets = torch.arange(4, device=images.device)
        targets = targets.repeat_interleave(B)  # (4B,): 0…0 1…1 2…2 3…3
        return Batch(rotated, targets)

    def forward(self, encoder: Encoder, batch: Batch) -> LossAndMetrics:
        """Return the cross-entropy of the rotation, log 4 at chance, and the accuracy."""
        return classification(self.head(encoder(batch.images)), batch.targets)
