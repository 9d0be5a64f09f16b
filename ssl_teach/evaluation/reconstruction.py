"""How good is a made picture? Distances to the true one, and its sharpness.

PSNR and SSIM are scikit-image's, on pictures in [0, 1] with all their channels and borders.
"""

from __future__ import annotations

import numpy as np
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from ssl_teach.encoders import Encoder
from ssl_teach.evaluate import frozen
from ssl_teach.pretext.adversary import PictureTask, still
from ssl_teach.pretext.inpainting import HoleBatch, Inpainting, reconstruction_loss
from ssl_teach.pretext.super_resolution import SuperResolution, bicubic, nearest


def psnr(made: Tensor, true: Tensor) -> float:
    """Peak signal-to-noise ratio, 10 log₁₀(1 / mean squared error), mean over pictures.

    Args:
        made: (B, C, H, W) in [0, 1].
        true: the same.

    Returns:
        Decibels; half the error (in amplitude) is 6 dB more.
    """
    pairs = zip(made.cpu().numpy(), true.cpu().numpy(), strict=True)
    return float(np.mean([peak_signal_noise_ratio(y, x, data_range=1.0) for x, y in pairs]))


def ssim(made: Tensor, true: Tensor) -> float:
    """Structural similarity in windows of 7×7, mean over pictures; 1 for equal ones.

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
    the sharpness of the true pictures.

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


@torch.no_grad()
def judge(
    encoder: Encoder, task: PictureTask, images: Tensor, *, seed: int = 0, batch_size: int = 250
) -> dict[str, float]:
    """What a task's pictures are worth, on pictures that it was not trained on.

    Args:
        encoder: that was trained with the task.
        task: inpainting or super-resolution.
        images: (N, C, H, W) uint8.
        seed: of the holes.
        batch_size: pictures at a time.

    Returns:
        "sharpness" of the made pictures divided by that of the true ones, for inpainting within
        the holes. Inpainting: "l2", the squared error over the holes. Super-resolution: "psnr" and
        "ssim", and those of "bicubic" and "nearest" beside. With an adversary: "told_apart", how
        often the discriminator, shown one true and one made picture, gives the true one the
        higher probability: 0.5 if it cannot tell them.

    Raises:
        TypeError: for a task that makes no such pictures.
    """
    if not isinstance(task, Inpainting | SuperResolution):
        raise TypeError(f"{type(task).__name__} makes no pictures that are judged here")
    device = next(encoder.parameters()).device
    generator = torch.Generator(device).manual_seed(seed)
    batches, made = [], []
    with frozen(encoder), still(task):
        for chunk in images.split(batch_size):
            batch = task.make_batch(chunk.to(device).float() / 255, None, generator)
            batches.append(batch)
            made.append(task.paint(encoder, batch).clamp(0, 1))
        pictures = torch.cat(made)
        true = torch.cat([batch.targets for batch in batches])
        metrics, mask = {}, None
        if isinstance(task, Inpainting):
            mask = torch.cat([batch.mask for batch in batches if isinstance(batch, HoleBatch)])
            metrics["l2"] = float(reconstruction_loss(pictures, true, mask))
        else:
            low = torch.cat([batch.images for batch in batches])
            metrics |= {"psnr": psnr(pictures, true), "ssim": ssim(pictures, true)}
            for name, enlarge in {"bicubic": bicubic, "nearest": nearest}.items():
                baseline = enlarge(low).clamp(0, 1)
                metrics[f"psnr_{name}"] = psnr(baseline, true)
                metrics[f"ssim_{name}"] = ssim(baseline, true)
                metrics[f"sharpness_{name}"] = sharpness(baseline) / sharpness(true)
        metrics["sharpness"] = sharpness(pictures, mask) / sharpness(true, mask)
        if task.discriminator is not None:
            real, fake = task.discriminator(true), task.discriminator(pictures)
            metrics["told_apart"] = float((real[:, None] > fake).float().mean())
    return metrics
