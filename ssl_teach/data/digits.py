"""Digits: the small handwritten digits that come with scikit-learn."""

from __future__ import annotations

import torch

from ssl_teach.data.dataset import Dataset, draw_splits
from ssl_teach.data.images import resize


def digits(*, size: int = 8, seed: int = 0) -> Dataset:
    """Load 1,797 handwritten digits of 8×8 pixels and 17 grey levels, written by 13 people.

    In each class 10% are for validation and 30% for the test, drawn at random. The same people
    wrote all of them, so the test set has new digits but no new handwriting.

    Args:
        size: Height and width in pixels, reached by bilinear interpolation.
        seed: Seed of the splits.

    Returns:
        Images (1797, 1, size, size), white on black.
    """
    from sklearn.datasets import load_digits

    pixels, target = load_digits(return_X_y=True)  # (1797, 64) in 0 … 16
    images = (torch.from_numpy(pixels) * (255 / 16)).round().to(torch.uint8).view(-1, 1, 8, 8)
    labels = torch.from_numpy(target).long()
    splits = draw_splits(labels, {"val": 0.1, "test": 0.3}, seed)
    return Dataset("digits", resize(images, size), labels, tuple("0123456789"), {}, splits)
