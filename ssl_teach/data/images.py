"""Sizes of pictures."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

CHUNK = 1000  # pictures resized at a time: as floats they take four times the memory


def resize(images: Tensor, size: int) -> Tensor:
    """Scale pictures by bilinear interpolation, averaging where they become smaller.

    Args:
        images: (N, C, H, W) uint8.
        size: new side in pixels, for height and width.

    Returns:
        (N, C, size, size) uint8; the images themselves if they have that size.
    """
    if images.shape[2:] == (size, size):
        return images
    out = torch.empty(*images.shape[:2], size, size, dtype=torch.uint8)
    for part, into in zip(images.split(CHUNK), out.split(CHUNK), strict=True):
        scaled = F.interpolate(part.float(), (size, size), mode="bilinear", antialias=True)
        into.copy_(scaled.round_().clamp_(0, 255))
    return out


def pad_or_average(images: Tensor, size: int) -> Tensor:
    """Surround pictures with black if they are to be larger, average areas if smaller.

    Args:
        images: (N, C, S, S) uint8.
        size: new side in pixels.

    Returns:
        (N, C, size, size) uint8; the images themselves if they have that size.
    """
    more = size - images.shape[-1]
    if more >= 0:
        before, after = more // 2, more - more // 2
        return F.pad(images, (before, after, before, after)) if more else images
    parts = [F.adaptive_avg_pool2d(part.float(), size) for part in images.split(CHUNK)]
    return torch.cat([part.round().to(torch.uint8) for part in parts])
