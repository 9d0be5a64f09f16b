"""What the layers of an encoder see: the patches that excite a channel, and what tells classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ssl_teach.data.images import to_float
from ssl_teach.encoders.networks import ConvNet
from ssl_teach.evaluation.features import frozen


def receptive_field(stage: int) -> int:
    """Side of what one position of a `ConvNet`'s stage sees, in pixels: 3, 7, 15, 31.

    Args:
        stage: 1 for the first.
    """
    return 2 ** (stage + 1) - 1


def max_activating_patches(
    encoder: ConvNet, images: Tensor, stage: int, channels: Sequence[int], count: int = 5
) -> Tensor:
    """The patches that excite each channel most, at most one from an image.

    Source: the idea is that of Zeiler and Fergus, 2014, without their projection back to pixels.

    Args:
        encoder: f; frozen meanwhile.
        images: (N, C, H, W) uint8.
        stage: 1 for the first.
        channels: of that stage.
        count: patches for each channel.

    Returns:
        (len(channels), count, C, S, S) uint8 with S = `receptive_field(stage)`, strongest first;
        black where a patch reaches beyond its image.
    """
    device = next(encoder.parameters()).device
    with frozen(encoder):
        maps = [
            encoder.stages(to_float(chunk.to(device)))[stage - 1][:, list(channels)].cpu()
            for chunk in images.split(500)
        ]
    response = torch.cat(maps)  # (N, K, H, W)
    peak, place = response.flatten(2).max(dim=2)  # (N, K)
    half = 2**stage - 1
    framed = F.pad(images, [half] * 4)  # so that pixel p of an image lies at p + half
    rows = []
    for k in range(len(channels)):
        patches = []
        for n in peak[:, k].topk(count).indices.tolist():
            y, x = divmod(int(place[n, k]), response.shape[3])
            top, left = y * 2**stage, x * 2**stage  # of the patch in the framed image
            patches.append(framed[n, :, top : top + 2 * half + 1, left : left + 2 * half + 1])
        rows.append(torch.stack(patches))
    return torch.stack(rows)


def correlation_ratio(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The share of each feature's variance that lies between classes: 0 knows nothing of them.

    In statistics it is called η², the correlation ratio.

    Args:
        features: (N, D).
        labels: (N,).

    Returns:
        (D,) in [0, 1]; NaN for a feature that is the same everywhere.
    """
    total = features.var(axis=0, dtype=np.float64)
    kinds, counts = np.unique(labels, return_counts=True)
    means = np.stack([features[labels == kind].mean(axis=0, dtype=np.float64) for kind in kinds])
    centre = np.average(means, axis=0, weights=counts)
    between = np.average((means - centre) ** 2, axis=0, weights=counts)
    return np.divide(between, total, out=np.full_like(total, np.nan), where=total > 0)
