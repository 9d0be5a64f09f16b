"""Pixels of images as floats, and images of another size."""

from __future__ import annotations

import os

import torch
import torch.nn.functional as F
from torch import Tensor

CHUNK = 1000  # images to resize at a time: as floats they take four times the memory


def to_float(images: Tensor) -> Tensor:
    """Convert pixels to floats: (...) uint8 in 0 … 255 -> (...) float32 in [0, 1]."""
    return images.float() / 255


def empty_images(count: int, channels: int, size: int) -> Tensor:
    """Allocate images without setting their pixels.

    Returns:
        (count, channels, size, size) uint8.

    Raises:
        ValueError: If size is below 1, or the images would not fit into this computer's memory.
    """
    if size < 1:
        raise ValueError(f"size must be at least 1, got {size}")
    needed = count * channels * size * size
    message = (
        f"{count:,} images of {channels}×{size}×{size} take {needed / 1e9:,.1f} GB, "
        "more than this computer's memory; choose a smaller size or fewer images"
    )
    if needed > _memory():
        raise ValueError(message)
    try:
        return torch.empty(count, channels, size, size, dtype=torch.uint8)
    except RuntimeError as error:  # the allocator's own
        raise ValueError(message) from error


def _memory() -> int:
    """Return the bytes of memory in this computer, or 2⁶³ - 1 if they are unknown."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return 2**63 - 1


def resize(images: Tensor, size: int) -> Tensor:
    """Scale images by bilinear interpolation, with antialiasing where they become smaller.

    Args:
        images: (N, C, H, W) uint8.
        size: New height and width in pixels.

    Returns:
        (N, C, size, size) uint8; the given tensor if it already has that size.
    """
    if images.shape[2:] == (size, size):
        return images
    out = empty_images(len(images), images.shape[1], size)
    for part, into in zip(images.split(CHUNK), out.split(CHUNK), strict=True):
        scaled = F.interpolate(part.float(), (size, size), mode="bilinear", antialias=True)
        into.copy_(scaled.round_().clamp_(0, 255))
    return out


def pad_or_average(images: Tensor, size: int) -> Tensor:
    """Enlarge images by a black frame, or shrink them by averaging areas.

    Args:
        images: (N, C, S, S) uint8.
        size: New height and width in pixels.

    Returns:
        (N, C, size, size) uint8; the given tensor if it already has that size.
    """
    more = size - images.shape[-1]
    if more >= 0:
        before, after = more // 2, more - more // 2
        return F.pad(images, (before, after, before, after)) if more else images
    parts = [F.adaptive_avg_pool2d(part.float(), size) for part in images.split(CHUNK)]
    return torch.cat([part.round().to(torch.uint8) for part in parts])
