"""How good is a made image? Distances to the true one, and its sharpness.

PSNR and SSIM are scikit-image's, on images in [0, 1] with all their channels and borders.
"""

from __future__ import annotations

import numpy as np
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor


def psnr(made: Tensor, true: Tensor) -> float:
    """Peak signal-to-noise ratio, 10 log₁₀(1 / mean squared error), mean over images.

    Args:
        made: (B, C, H, W) in [0, 1].
        true: the same.

    Returns:
        Decibels; half the error (in amplitude) is 6 dB more.
    """
    pairs = zip(made.cpu().numpy(), true.cpu().numpy(), strict=True)
    return float(np.mean([peak_signal_noise_ratio(y, x, data_range=1.0) for x, y in pairs]))


def ssim(made: Tensor, true: Tensor) -> float:
    """Structural similarity in windows of 7×7, mean over images; 1 for equal ones.

    Args:
        made: (B, C, H, W) in [0, 1], of 7×7 or more.
        true: the same.

    Source: Wang et al., 2004.
    """
    pairs = zip(made.cpu().numpy(), true.cpu().numpy(), strict=True)
    values = [structural_similarity(y, x, data_range=1.0, channel_axis=0) for x, y in pairs]
    return float(np.mean(values))


def sharpness(images: Tensor, mask: Tensor | None = None) -> float:
    """Mean absolute step between neighbouring pixels, across and down.

    It knows nothing of truth: noise is sharp. So it is read beside a distance, and relative to
    the sharpness of the true images.

    Args:
        images: (B, C, H, W) in [0, 1].
        mask: (B, 1, H, W) bool, where to look: at steps between two pixels in it; None for all.
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
