"""Interpreting the layers of an encoder: the patches that activate a channel most, and η²."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ssl_teach.checks import as_images, as_labels, as_matrix, check_integer, check_several
from ssl_teach.data.images import to_float
from ssl_teach.encoders.networks import ConvNet
from ssl_teach.evaluation.features import frozen


def receptive_field(stage: int) -> int:
    """Return the side of the receptive field of a `ConvNet`'s stage, in pixels: 3, 7, 15, 31.

    Args:
        stage: Number of the stage, from 1.
    """
    return 2 ** (check_integer(stage, "stage", 1) + 1) - 1


def max_activating_patches(
    encoder: ConvNet, images: Tensor, stage: int, channels: Sequence[int], count: int = 5
) -> Tensor:
    """Find the patches that activate each channel most, at most one from each image.

    Source: Zeiler and Fergus, 2014, without their projection back to pixels.

    Args:
        encoder: The encoder. It is frozen during the call.
        images: (N, C, H, W) uint8.
        stage: Number of the stage, from 1.
        channels: Channels of that stage.
        count: Patches for each channel.

    Returns:
        (len(channels), count, C, S, S) uint8 with S = `receptive_field(stage)`, the strongest
        activation first; black where a patch extends beyond its image.

    Raises:
        ValueError: If the encoder is no `ConvNet`, it lacks the stage or a channel, or there are
            fewer images than patches.
    """
    if not isinstance(encoder, ConvNet):
        raise ValueError(f"receptive fields are known for a ConvNet only, got {type(encoder)}")
    images = as_images(images)
    check_integer(stage, "stage", 1, len(encoder.widths))
    check_integer(count, "count", 1, len(images))
    for channel in channels:
        check_integer(channel, "a channel", 0, encoder.widths[stage - 1] - 1)
    device = next(encoder.parameters()).device
    with frozen(encoder):
        maps = [
            encoder.stages(to_float(chunk.to(device)))[stage - 1][:, list(channels)].cpu()
            for chunk in images.split(500)
        ]
    response = torch.cat(maps)  # (N, K, H, W)
    peak, position = response.flatten(2).max(dim=2)  # (N, K)
    half = 2**stage - 1
    padded = F.pad(images, [half] * 4)  # pixel p of an image is now at p + half
    rows = []
    for k in range(len(channels)):
        patches = []
        for n in peak[:, k].topk(count).indices.tolist():
            y, x = divmod(int(position[n, k]), response.shape[3])
            top, left = y * 2**stage, x * 2**stage  # of the patch in the padded image
            patches.append(padded[n, :, top : top + 2 * half + 1, left : left + 2 * half + 1])
        rows.append(torch.stack(patches))
    return torch.stack(rows)


def correlation_ratio(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Compute η², the fraction of each feature's variance that is between classes.

    Args:
        features: (N, D).
        labels: (N,).

    Returns:
        (D,) in [0, 1]: 0 if all class means are equal, NaN for a constant feature.

    Raises:
        ValueError: If shapes do not fit, or there is only one class.
    """
    features = as_matrix(features, "features")
    labels = as_labels(labels, len(features)).numpy()
    check_several(len(np.unique(labels)), "class")
    total = features.var(axis=0, dtype=np.float64)
    classes, counts = np.unique(labels, return_counts=True)
    means = np.stack([features[labels == c].mean(axis=0, dtype=np.float64) for c in classes])
    centre = np.average(means, axis=0, weights=counts)
    between = np.average((means - centre) ** 2, axis=0, weights=counts)
    return np.divide(between, total, out=np.full_like(total, np.nan), where=total > 0)
