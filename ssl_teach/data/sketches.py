"""Sketches: 34,500 drawings from Google's Quick, Draw! (CC BY 4.0, see CREDITS.md)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ssl_teach.data.dataset import NO_LABEL, Dataset, as_names, check_several, draw_splits
from ssl_teach.data.images import pad_or_average

FOLDER = Path(__file__).parent
PER_CLASS = 100

CHOSEN = (
    "apple", "bicycle", "fish", "house", "cat", "guitar", "scissors", "bird", "rabbit", "shoe",
)  # fmt: skip
"""Everyday things that are easy to recognise; `classes=k` chooses the first k of them."""


@cache
def sketch_names() -> tuple[str, ...]:
    """Return the names of the 345 classes, in the order of the drawings."""
    return tuple(json.loads((FOLDER / "sketches.json").read_text(encoding="utf-8")))


def sketches(
    *, size: int = 28, seed: int = 0, classes: int | Sequence[str] | None = None
) -> Dataset:
    """Load drawings in white on black: 345 things, each drawn by 100 people.

    Of each class 60 drawings are for training, 10 for validation and 30 for the test. The split of
    a class does not depend on which other classes are chosen. Drawings of all other classes have
    no label and form the split "unlabelled": many images, few labels.

    Args:
        size: Height and width in pixels; above 28 a black frame is added, below 28 areas are
            averaged.
        seed: Seed of the splits.
        classes: Names of the classes to label, or their number: the first of `CHOSEN`, then all
            others in order. None for all.

    Returns:
        Images (34500, 1, size, size), labelled in the order in which the classes were named.

    Raises:
        ValueError: If a class is unknown or named twice, or there are fewer than two.
    """
    names = sketch_names()
    chosen = choose_classes(classes)
    class_of = torch.arange(len(names)).repeat_interleave(PER_CLASS)
    label_of = torch.full((len(names),), NO_LABEL)
    label_of[[names.index(name) for name in chosen]] = torch.arange(len(chosen))
    labels = label_of[class_of]
    splits = {
        name: rows[labels[rows] != NO_LABEL]
        for name, rows in draw_splits(class_of, {"val": 0.1, "test": 0.3}, seed).items()
    }
    if len(chosen) < len(names):
        splits["unlabelled"] = torch.where(labels == NO_LABEL)[0]
    return Dataset("sketches", pad_or_average(_read(), size), labels, chosen, {}, splits)


def choose_classes(classes: int | Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of the chosen classes; see `sketches`."""
    names = sketch_names()
    if classes is None:
        return names
    if isinstance(classes, int):
        if not 2 <= classes <= len(names):
            raise ValueError(f"sketches have 2 to {len(names)} classes, not {classes}")
        return (*CHOSEN, *(name for name in names if name not in CHOSEN))[:classes]
    if not isinstance(classes, Sequence):
        raise ValueError(f"classes are chosen by their number or names, got {classes!r}")
    chosen = as_names(classes)
    for name in chosen:
        if name not in names:
            near = get_close_matches(name, names) or CHOSEN
            raise ValueError(f"no sketches are called {name!r}; there are {', '.join(near)} …")
    check_several(chosen)
    return chosen


def _read() -> Tensor:
    """Read (34500, 1, 28, 28) uint8, class by class: the sheet has a row of tiles per class."""
    with Image.open(FOLDER / "sketches.png") as sheet:
        tiles = np.asarray(sheet).reshape(len(sketch_names()), 28, PER_CLASS, 28)
    return torch.from_numpy(tiles.transpose(0, 2, 1, 3).reshape(-1, 1, 28, 28))
