"""Metrics of reconstructed images: PSNR and SSIM to the original, and sharpness.

PSNR and SSIM are scikit-image's, on images in [0, 1], with all channels and borders included.
"""

from __future__ import annotations

import numpy as np
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from ssl_teach.augment.checks import check_images

WINDOW = 7
"""The side of the windows of `ssim`."""


def psnr(reconstruction: Tensor, original: Tensor) -> float:
    """Compute the peak signal-to-noise ratio 10 log₁₀(1 / MSE), averaged over images.

    Args:
        reconstruction: (B, C, H, W) in [0, 1].
        original: The same shape.

    Returns:
        Decibels; halving the error (in amplitude) adds 6 dB, and equal images have ∞.

    Raises:
        ValueError: If the shapes differ, or values lie outside [0, 1].
    """
    _check_pair(reconstruction, original)
    pairs = zip(_arrays(reconstruction), _arrays(original), strict=True)
    return float(np.mean([peak_signal_noise_ratio(y, x, data_range=1.0) for x, y in pairs]))


def ssim(reconstruction: Tensor, original: Tensor) -> float:
    """Compute the structural similarity in windows of 7×7, averaged over images; 1 if equal.

    Source: Wang et al., 2004.

    Args:
        reconstruction: (B, C, H, W) in [0, 1], with H and W of at least 7.
        original: The same shape.

    Raises:
        ValueError: If the shapes differ, values lie outside [0, 1], or images are smaller than 7×7.
    """
    _check_pair(reconstruction, original)
    if min(original.shape[2:]) < WINDOW:
        raise ValueError(
            f"SSIM needs images of at least {WINDOW}×{WINDOW} pixels, got {tuple(original.shape)}"
        )
    pairs = zip(_arrays(reconstruction), _arrays(original), strict=True)
    values = [structural_similarity(y, x, data_range=1.0, channel_axis=0) for x, y in pairs]
    return float(np.mean(values))


def sharpness(images: Tensor, mask: Tensor | None = None) -> float:
    """Compute the mean absolute difference between neighbouring pixels, horizontal and vertical.

    Sharpness is not accuracy: noise is sharp, too. Compare it with the sharpness of the originals,
    and report it together with a distance to them.

    Args:
        images: (B, C, H, W) in [0, 1].
        mask: (B, 1, H, W) bool; only differences between two pixels in it count. None for all.

    Raises:
        ValueError: If values lie outside [0, 1], or the mask has another shape or no two
            neighbouring pixels.
    """
    check_images(images)
    if mask is None:
        mask = torch.ones_like(images[:, :1], dtype=torch.bool)
    if mask.shape != images[:, :1].shape or mask.dtype != torch.bool:
        raise ValueError(
            f"the mask must be bool of shape {tuple(images[:, :1].shape)}, "
            f"got {tuple(mask.shape)} of {mask.dtype}"
        )
    across = (images[..., 1:] - images[..., :-1]).abs().mean(dim=1, keepdim=True)
    down = (images[..., 1:, :] - images[..., :-1, :]).abs().mean(dim=1, keepdim=True)
    steps = [
        across[mask[..., 1:] & mask[..., :-1]],
        down[mask[..., 1:, :] & mask[..., :-1, :]],
    ]
    if not sum(len(part) for part in steps):
        raise ValueError(
            "no two neighbouring pixels to compare: the mask or the image is too small"
        )
    return float(torch.cat(steps).mean())


def _arrays(images: Tensor) -> np.ndarray:
    return np.asarray(images.detach().cpu().float().numpy())


def _check_pair(reconstruction: Tensor, original: Tensor) -> None:
    """Raise a ValueError unless both are images in [0, 1] of the same shape."""
    check_images(original)
    check_images(reconstruction)
    if reconstruction.shape != original.shape:
        raise ValueError(
            f"the reconstruction is {tuple(reconstruction.shape)}, the original "
            f"{tuple(original.shape)}: both need the same shape"
        )
