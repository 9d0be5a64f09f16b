"""What every data set is: pictures in memory, labels, and how they are split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

NO_LABEL = -1
"""In `Dataset.labels`, the sign of a picture that serves pretraining alone."""


@dataclass(frozen=True)
class Dataset:
    """Pictures, whole and in memory, with what is known of them.

    Attributes:
        name: what it was loaded as.
        images: (N, C, H, W) uint8; C is 1 or 3.
        labels: (N,) int64, an index into `classes`, or -1 where a picture has no label; None if
            no picture has one.
        classes: names of the classes.
        factors: for drawn data, what each picture was drawn from: (N,) each, by name.
        splits: (n,) indices into `images` for "train", "val" and "test", which share no picture;
            and, where there are more pictures than labels, for "unlabelled".

    Raises:
        ValueError: if the parts do not fit together.
    """

    name: str
    images: Tensor
    labels: Tensor | None = None
    classes: tuple[str, ...] = ()
    factors: Mapping[str, Tensor] = field(default_factory=dict)
    splits: Mapping[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse parts that do not fit together."""
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
            raise ValueError(f"{self.name}: the splits share pictures, or name some that are not")

    def __len__(self) -> int:
        """N, the number of pictures."""
        return len(self.images)

    def __repr__(self) -> str:
        """Sizes in one line."""
        C, H, W = self.images.shape[1:]
        parts = ", ".join(f"{len(rows):,} {name}" for name, rows in self.splits.items())
        kinds = f", {len(self.classes)} classes" if self.classes else ", no labels"
        return f"Dataset({self.name!r}: {len(self):,} of {C}×{H}×{W}{kinds}; {parts or 'unsplit'})"

    def subset(self, rows: Tensor) -> Dataset:
        """Some of the pictures with their labels and factors, as a data set without splits.

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
        """One split as a data set.

        Raises:
            ValueError: if the data set is not split so.
        """
        if name not in self.splits:
            have = ", ".join(self.splits) or "none"
            raise ValueError(f"{self.name} has no split {name!r}; it has {have}")
        return self.subset(self.splits[name])

    @property
    def train(self) -> Dataset:
        """Pictures to fit on."""
        return self.split("train")

    @property
    def val(self) -> Dataset:
        """Pictures to choose penalties, learning rates and strategies by."""
        return self.split("val")

    @property
    def test(self) -> Dataset:
        """Pictures to report on, read once."""
        return self.split("test")

    @property
    def unlabelled(self) -> Tensor:
        """(n, C, H, W) uint8 to pretrain on, all but validation and test, without labels."""
        parts = [self.splits[name] for name in ("train", "unlabelled") if name in self.splits]
        if parts:
            return self.images[torch.cat(parts)]
        held = [self.splits[name] for name in ("val", "test") if name in self.splits]
        free = torch.ones(len(self), dtype=torch.bool)
        for rows in held:
            free[rows] = False
        return self.images[free] if held else self.images


def as_names(classes: str | Sequence[str]) -> tuple[str, ...]:
    """Names of classes as they were chosen; a single one may stand by itself."""
    return (classes,) if isinstance(classes, str) else tuple(classes)


def check_several(chosen: Sequence[str]) -> None:
    """Raise ValueError unless two or more different classes were chosen."""
    if len(chosen) < 2 or len(set(chosen)) < len(chosen):
        raise ValueError(f"two or more different classes are needed, got {', '.join(chosen)}")


def draw_splits(labels: Tensor, shares: Mapping[str, float], seed: int) -> dict[str, Tensor]:
    """Splits drawn at random within each class, so that every class has its share of each.

    A class gives at least one picture to every split; one with fewer pictures than splits serves
    training alone.

    Args:
        labels: (N,), of which those that are `NO_LABEL` go to "unlabelled".
        shares: of each split but "train", which gets the rest: {"val": 0.1, "test": 0.3}.
        seed: another seed, another draw.

    Returns:
        (n,) indices in ascending order, by name of split.

    Raises:
        ValueError: if a split would be empty.
    """
    generator = torch.Generator().manual_seed(seed)
    parts: dict[str, list[Tensor]] = {name: [] for name in ("train", *shares)}
    for label in labels[labels != NO_LABEL].unique():
        rows = torch.where(labels == label)[0]
        rows = rows[torch.randperm(len(rows), generator=generator)]
        takes = [max(1, round(share * len(rows))) for share in shares.values()]
        if sum(takes) >= len(rows):
            takes = [0] * len(takes)
        cuts = rows.split([*takes, len(rows) - sum(takes)])
        for name, cut in zip((*shares, "train"), cuts, strict=True):
            parts[name].append(cut)
    splits = {name: torch.cat(part).sort().values for name, part in parts.items() if part}
    empty = [name for name in parts if not len(splits.get(name, ()))]
    if empty:
        raise ValueError(
            f"too few pictures to split into {', '.join(parts)}: nothing is left for {empty[0]}"
        )
    rest = torch.where(labels == NO_LABEL)[0]
    return splits | ({"unlabelled": rest} if len(rest) else {})
