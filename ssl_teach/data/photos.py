"""Photos: crops of the photographs that come with scikit-learn and scikit-image."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ssl_teach.data.dataset import Dataset

PHOTOGRAPHS = {
    "train": ("china", "flower", "motorcycle", "rocket"),
    "val": ("coffee",),
    "test": ("astronaut", "chelsea"),
}
"""Photographs of each split. The motorcycle is a stereo pair; Chelsea is a cat."""

FRACTIONS = {"train": 0.7, "val": 0.1, "test": 0.2}
LARGEST = 150  # pixels, half the height of the smallest photograph


def photos(count: int = 5000, *, size: int = 32, seed: int = 0) -> Dataset:
    """Draw random crops of seven photographs at half their resolution, split by photograph.

    70% of the crops are for training, 10% for validation and 20% for the test, divided equally
    among the photographs of a split: china, flower, motorcycle (a stereo pair) and rocket for
    training, coffee for validation, astronaut and chelsea for the test. Crops of one photograph
    overlap, so more crops are not more photographs.

    Args:
        count: Number of crops, at least 10.
        size: Height and width of a crop in pixels, at most 150; it covers twice as many pixels of
            the full photograph.
        seed: Seed of the positions.

    Returns:
        Images (count, 3, size, size). The label is the photograph; the factors "row" and "column",
        (count,) each, are the upper left corner in pixels of the halved photograph.

    Raises:
        ValueError: If there are too few crops, or they are too large.
    """
    if count < 10 or not 1 <= size <= LARGEST:
        raise ValueError(f"photos need count >= 10 and size <= {LARGEST}, got {count} and {size}")
    names = tuple(name for group in PHOTOGRAPHS.values() for name in group)
    ends = [0, *(round(end * count) for end in np.cumsum(list(FRACTIONS.values())))]
    generator = torch.Generator().manual_seed(seed)
    images = torch.empty(count, 3, size, size, dtype=torch.uint8)
    labels, rows, columns = torch.empty(3, count, dtype=torch.long)
    splits = {}
    for (split, group), (start, end) in zip(PHOTOGRAPHS.items(), pairwise(ends), strict=True):
        splits[split] = torch.arange(start, end)
        for i, name in enumerate(group):
            mine = slice(start + i, end, len(group))
            images[mine], rows[mine], columns[mine] = _crops(name, images[mine], generator)
            labels[mine] = names.index(name)
    return Dataset("photos", images, labels, names, {"row": rows, "column": columns}, splits)


def photographs(name: str) -> list[Tensor]:
    """Load a photograph, (3, H, W) uint8, as a list: the motorcycle has two, the others one.

    Args:
        name: One of the names in `PHOTOGRAPHS`.
    """
    from skimage import data
    from sklearn.datasets import load_sample_image

    if name in {"china", "flower"}:
        arrays = [load_sample_image(f"{name}.jpg")]
    elif name == "motorcycle":
        arrays = list(data.stereo_motorcycle()[:2])  # the third is the disparity
    else:
        arrays = [getattr(data, name)()]
    return [torch.from_numpy(np.array(array)).permute(2, 0, 1) for array in arrays]


def _crops(name: str, like: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Crop a halved photograph; return crops of the shape of `like`, their rows and columns."""
    halved = [F.avg_pool2d(photo.float(), 2).round().byte() for photo in photographs(name)]
    n, size = len(like), like.shape[-1]
    height, width = halved[0].shape[1:]
    rows = torch.randint(height - size + 1, (n,), generator=generator)
    columns = torch.randint(width - size + 1, (n,), generator=generator)
    crops = torch.empty_like(like)
    for i, (row, column) in enumerate(zip(rows.tolist(), columns.tolist(), strict=True)):
        photo = halved[i % len(halved)]  # the two of a stereo pair in turn
        crops[i] = photo[:, row : row + size, column : column + size]
    return crops, rows, columns
