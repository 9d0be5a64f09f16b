"""Budgets of labels: how many a probe or a training may use, validation included."""

from __future__ import annotations

import numpy as np
import torch

from ssl_teach.data import Dataset


def draw_labels(dataset: Dataset, fraction: float, seed: int) -> tuple[Dataset, Dataset]:
    """A budget of labels, drawn per class, its own validation labels inside the count.

    Args:
        dataset: with labels; its test split is not touched.
        fraction: of all labels outside the test split, in (0, 1]; 1 returns the splits as they are.
        seed: another seed, another draw.

    Returns:
        Training and validation data; below 1, a fifth of the drawn labels, at least one per
        class, is for validation.

    Raises:
        ValueError: if the fraction leaves fewer than two labels per class, or there are none.
    """
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction must lie in (0, 1], got {fraction}")
    if dataset.labels is None:
        raise ValueError(f"{dataset.name!r} has no labels to draw from")
    if fraction == 1:
        return dataset.train, dataset.val
    for name in ("train", "val"):
        if name not in dataset.splits:
            dataset.split(name)  # says which there are
    pool = torch.cat([dataset.splits["train"], dataset.splits["val"]])
    generator = torch.Generator().manual_seed(seed)
    train, val = [], []
    for label in range(len(dataset.classes)):
        mine = pool[dataset.labels[pool] == label]
        take = round(fraction * len(mine))
        if take < 2:
            raise ValueError(
                f"{fraction:.1%} of {len(mine)} labels of {dataset.classes[label]!r} is {take}; "
                "two per class are needed, one to train and one to validate"
            )
        mine = mine[torch.randperm(len(mine), generator=generator)[:take]]
        held = max(1, take // 5)
        val.append(mine[:held])
        train.append(mine[held:])
    return dataset.subset(torch.cat(train)), dataset.subset(torch.cat(val))


def label_arrays(*parts: Dataset) -> list[np.ndarray]:
    """The labels of several data sets as arrays.

    Raises:
        ValueError: if one has no labels.
    """
    for part in parts:
        if part.labels is None:
            raise ValueError(f"{part.name!r} has no labels, so nothing can be probed on it")
    return [part.labels.numpy() for part in parts if part.labels is not None]
