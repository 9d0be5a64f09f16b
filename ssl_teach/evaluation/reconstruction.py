"""Metrics of reconstructed images: PSNR and SSIM to the original, and sharpness.

PSNR and SSIM are scikit-image's, on images in [0, 1], with all channels and borders included.
"""

from __future__ import annotations

import numpy as np
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor


def psnr(reconstruction: Tensor, original: Tensor) -> float:
    """Compute the peak signal-to-noise ratio 10 log₁₀(1 / MSE), averaged over images.

    Args:
        reconstruction: (B, C, H, W) in [0, 1].
        original: The same shape.

    Returns:
        Decibels; halving the error (in amplitude) adds 6 dB.
    """
    pairs = zip(reconstruction.cpu().numpy(), original.cpu().numpy(), strict=True)
    return float(np.mean([peak_signal_noise_ratio(y, x, data_range=1.0) for x, y in pairs]))


def ssim(reconstruction: Tensor, original: Tensor) -> float:
    """Compute the structural similarity in windows of 7×7, averaged over images; 1 if equal.

    Source: Wang et al., 2004.

    Args:
        reconstruction: (B, C, H, W) in [0, 1], with H and W of at least 7.
        original: The same shape.
    """
    pairs = zip(reconstruction.cpu().numpy(), original.cpu().numpy(), strict=True)
    values = [structural_similarity(y, x, data_range=1.0, channel_axis=0) for x, y in pairs]
    return float(np.mean(values))


def sharpness(images: Tensor, mask: Tensor | None = None) -> float:
    """Compute the mean absolute difference between neighbouring pixels, horizontal and vertical.

    Sharpness is not accuracy: noise is sharp, too. Compare it with the sharpness of the originals,
    and report it together with a distance to them.

    Args:
        images: (B, C, H, W) in [0, 1].
        mask: (B, 1, H, W) bool; only differences between two pixels in it count. None for all.
    """
    if mask is None:
        mask = torch.ones_like(images[:, :1], dtype=torch.bool)
    across = (images[..., 1:] - images[..., :-1]).abs().mean(dim=1, keepdim=True)
    down = (images[..., 1:, :] - images[..., :-1, :]).abs().mean(dim=1, keepdim=True)
    steps = [
        across[mask[..., 1:] & mask[..., :-1]],
        down[mask[..., 1:, :] & mask[..., :-1, :]],
    ]
    return float(torch.cat(steps).mean())
