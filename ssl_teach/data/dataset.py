"""The class of all data sets: images in memory, their labels, and how they are split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

NO_LABEL = -1
"""In `Dataset.labels`, marks an image that is only for pretraining."""


@dataclass(frozen=True)
class Dataset:
    """Images in memory, with their labels, factors and splits.

    Attributes:
        name: The name under which it was loaded.
        images: (N, C, H, W) uint8; C is 1 or 3.
        labels: (N,) int64, indices into `classes`, with -1 for an image without a label; None if
            no image has one.
        classes: Names of the classes.
        factors: For rendered images, the values each was rendered from, by name, (N,) each.
        splits: Indices into `images`, (n,) each, for "train", "val" and "test", which share no
            image; and for "unlabelled" where there are images without labels.

    Raises:
        ValueError: If the parts do not fit together.
    """

    name: str
    images: Tensor
    labels: Tensor | None = None
    classes: tuple[str, ...] = ()
    factors: Mapping[str, Tensor] = field(default_factory=dict)
    splits: Mapping[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        if self.images.ndim != 4 or self.images.dtype != torch.uint8:
            raise ValueError(
                f"{self.name}: images must be uint8 (N, C, H, W), "
                f"got {tuple(self.images.shape)} of {self.images.dtype}"
            )
        named = {**self.factors} | ({} if self.labels is None else {"labels": self.labels})
        for name, values in named.items():
            if len(values) != len(self):
                raise ValueError(f"{self.name}: {len(values)} {name} for {len(self)} images")
        chosen = torch.cat([torch.empty(0, dtype=torch.long), *self.splits.values()])
        outside = len(chosen) and (chosen.min() < 0 or chosen.max() >= len(self))
        if outside or len(chosen.unique()) < len(chosen):
            raise ValueError(
                f"{self.name}: the splits share images, or index some that do not exist"
            )

    def __len__(self) -> int:
        """Return N, the number of images."""
        return len(self.images)

    def __repr__(self) -> str:
        """Describe the sizes in one line."""
        C, H, W = self.images.shape[1:]
        parts = ", ".join(f"{len(rows):,} {name}" for name, rows in self.splits.items())
        classes = f", {len(self.classes)} classes" if self.classes else ", no labels"
        return (
            f"Dataset({self.name!r}: {len(self):,} of {C}×{H}×{W}{classes}; {parts or 'unsplit'})"
        )

    def subset(self, rows: Tensor) -> Dataset:
        """Select images with their labels and factors, as a data set without splits.

        Args:
            rows: (n,) indices.
        """
        return Dataset(
            self.name,
            self.images[rows],
            None if self.labels is None else self.labels[rows],
            self.classes,
            {name: values[rows] for name, values in self.factors.items()},
        )

    def split(self, name: str) -> Dataset:
        """Return one split as a data set.

        Raises:
            ValueError: If the data set lacks that split.
        """
        if name not in self.splits:
            have = ", ".join(self.splits) or "none"
            raise ValueError(f"{self.name} has no split {name!r}; it has {have}")
        return self.subset(self.splits[name])

    @property
    def train(self) -> Dataset:
        """The images for training."""
        return self.split("train")

    @property
    def val(self) -> Dataset:
        """The images for choosing penalties, learning rates and strategies."""
        return self.split("val")

    @property
    def test(self) -> Dataset:
        """The images for reporting results, used once."""
        return self.split("test")

    @property
    def unlabelled(self) -> Tensor:
        """Images for pretraining, (n, C, H, W) uint8: all but those for validation and test."""
        parts = [self.splits[name] for name in ("train", "unlabelled") if name in self.splits]
        if parts:
            return self.images[torch.cat(parts)]
        reserved = [self.splits[name] for name in ("val", "test") if name in self.splits]
        free = torch.ones(len(self), dtype=torch.bool)
        for rows in reserved:
            free[rows] = False
        return self.images[free] if reserved else self.images


def as_names(classes: str | Sequence[str]) -> tuple[str, ...]:
    """Return the names of the chosen classes as a tuple; a single name may be given as a string."""
    return (classes,) if isinstance(classes, str) else tuple(classes)


def check_several(chosen: Sequence[str]) -> None:
    """Raise ValueError unless at least two classes were chosen, none of them twice."""
    if len(chosen) < 2 or len(set(chosen)) < len(chosen):
        raise ValueError(f"two or more different classes are needed, got {', '.join(chosen)}")


def draw_splits(labels: Tensor, fractions: Mapping[str, float], seed: int) -> dict[str, Tensor]:
    """Draw stratified splits: every split gets the same fraction of each class.

    A class contributes at least one image to every split. A class with too few images for that
    goes to training only.

    Args:
        labels: (N,); images whose label is `NO_LABEL` form the split "unlabelled".
        fractions: The fraction of each split except "train", which gets the rest, such as
            {"val": 0.1, "test": 0.3}.
        seed: Seed of the draw.

    Returns:
        Indices (n,) in ascending order for each split.

    Raises:
        ValueError: If a split would be empty.
    """
    generator = torch.Generator().manual_seed(seed)
    parts: dict[str, list[Tensor]] = {name: [] for name in ("train", *fractions)}
    for label in labels[labels != NO_LABEL].unique():
        rows = torch.where(labels == label)[0]
        rows = rows[torch.randperm(len(rows), generator=generator)]
        sizes = [max(1, round(fraction * len(rows))) for fraction in fractions.values()]
        if sum(sizes) >= len(rows):
            sizes = [0] * len(sizes)
        pieces = rows.split([*sizes, len(rows) - sum(sizes)])
        for name, piece in zip((*fractions, "train"), pieces, strict=True):
            parts[name].append(piece)
    splits = {name: torch.cat(part).sort().values for name, part in parts.items() if part}
    empty = [name for name in parts if not len(splits.get(name, ()))]
    if empty:
        raise ValueError(
            f"too few images to split into {', '.join(parts)}: nothing is left for {empty[0]}"
        )
    rest = torch.where(labels == NO_LABEL)[0]
    return splits | ({"unlabelled": rest} if len(rest) else {})
