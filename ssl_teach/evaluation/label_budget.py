"""Label budgets: how many labels training may use, those for validation included."""

from __future__ import annotations

from numbers import Real

import numpy as np
import torch

from ssl_teach.checks import check_seed
from ssl_teach.data import Dataset


def draw_labels(dataset: Dataset, fraction: float, seed: int) -> tuple[Dataset, Dataset]:
    """Draw a fraction of the labels of each class, and split it into training and validation.

    Args:
        dataset: A data set with labels; its test split is not used.
        fraction: Fraction of all labels outside the test split, in (0, 1]; 1 returns the splits
            unchanged.
        seed: Seed of the draw.

    Returns:
        Training and validation data. Below 1 a fifth of the drawn labels is for validation, at
        least one per class.

    Raises:
        ValueError: If the fraction leaves fewer than two labels per class, or there are no labels.
    """
    check_fraction(fraction)
    check_seed(seed)
    if dataset.labels is None:
        raise ValueError(f"{dataset.name!r} has no labels to draw from")
    if fraction == 1:
        return dataset.train, dataset.val
    for name in ("train", "val"):
        if name not in dataset.splits:
            dataset.split(name)  # raises an error that names the splits
    pool = torch.cat([dataset.splits["train"], dataset.splits["val"]])
    generator = torch.Generator().manual_seed(seed)
    train, val = [], []
    for label in range(len(dataset.classes)):
        mine = pool[dataset.labels[pool] == label]
        count = round(fraction * len(mine))
        if count < 2:
            raise ValueError(
                f"{fraction:.1%} of {len(mine)} labels of {dataset.classes[label]!r} is {count}; "
                "two per class are needed, one to train and one to validate: take a larger fraction"
            )
        mine = mine[torch.randperm(len(mine), generator=generator)[:count]]
        num_val = max(1, count // 5)
        val.append(mine[:num_val])
        train.append(mine[num_val:])
    return dataset.subset(torch.cat(train)), dataset.subset(torch.cat(val))


def label_arrays(*parts: Dataset) -> list[np.ndarray]:
    """Return the labels of several data sets as arrays (N,).

    Raises:
        ValueError: If a data set has no labels, or one of its images has none.
    """
    for part in parts:
        if part.labels is None:
            raise ValueError(f"{part.name!r} has no labels, so nothing can be probed on it")
        if lacking := int((part.labels < 0).sum()):
            raise ValueError(
                f"{lacking} of {len(part)} images of {part.name!r} have no label; use a split of "
                "images that have one"
            )
    return [part.labels.numpy() for part in parts if part.labels is not None]


def check_fraction(fraction: object, name: str = "fraction") -> None:
    """Raise a ValueError unless a fraction of the labels is a number above 0 and at most 1."""
    real = isinstance(fraction, Real) and not isinstance(fraction, bool)
    if not (real and 0 < float(fraction) <= 1):  # type: ignore[arg-type]
        raise ValueError(f"{name} must lie in (0, 1], got {fraction!r}")


def label_suffix(fraction: float) -> str:
    """Return the end of a metric's name for a fraction of the labels: "@10%", or "" for all."""
    return "" if fraction == 1 else f"@{round(100 * fraction, 6):g}%"
