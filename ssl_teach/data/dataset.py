"""The class of all data sets: images in memory, their labels, and how they are split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ssl_teach.checks import as_images, as_labels, as_rows, check_seed

SPLITS = ("train", "val", "test", "unlabelled")
"""The names that a split may have."""
NO_LABEL = -1
"""In `Dataset.labels`, marks an image that is only for pretraining."""


@dataclass(frozen=True)
class Dataset:
    """Images in memory, with their labels, factors and splits.

    Images, labels and splits may be given as NumPy arrays, labels and splits as lists; they are
    kept as tensors.

    Attributes:
        name: The name under which it was loaded.
        images: (N, C, H, W) uint8; C is 1 or 3.
        labels: (N,) int64, indices into `classes`, with -1 for an image without a label; None if
            no image has one.
        classes: Names of the classes.
        factors: For rendered images, the values each was rendered from, by name, (N,) each.
        splits: Indices into `images`, (n,) each, for "train", "val" and "test", which share no
            image; and for "unlabelled" where there are images without labels.
        sources: The file that each image was read from, relative to the folder; empty for data that
            are not read from a folder.

    Raises:
        ValueError: If a part has the wrong type or shape, or the parts do not fit together: a label
            names no class, an image of "train", "val" or "test" has no label while others have,
            or two splits share an image.
    """

    name: str
    images: Tensor
    labels: Tensor | None = None
    classes: tuple[str, ...] = ()
    factors: Mapping[str, Tensor] = field(default_factory=dict)
    splits: Mapping[str, Tensor] = field(default_factory=dict)
    sources: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check each part, and that the parts fit together."""
        try:
            self._check()
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}") from None

    def _check(self) -> None:
        def put(name: str, value: object) -> None:  # the class is frozen
            object.__setattr__(self, name, value)

        put("images", as_images(self.images))
        for part, kind in (("factors", Mapping), ("splits", Mapping), ("classes", Sequence)):
            if not isinstance(getattr(self, part), kind):
                raise ValueError(
                    f"{part} must be a {kind.__name__.lower()}, got {getattr(self, part)!r}"
                )
        put("classes", tuple(self.classes))
        if len(set(self.classes)) < len(self.classes):
            raise ValueError(f"two classes have the same name: {', '.join(map(str, self.classes))}")
        if self.labels is not None:
            put("labels", as_labels(self.labels, len(self), len(self.classes), missing=True))
        put("factors", {name: torch.as_tensor(values) for name, values in self.factors.items()})
        for name, values in self.factors.items():
            if values.shape != (len(self),):
                raise ValueError(f"{tuple(values.shape)} {name} for {len(self)} images")
        if self.sources and len(self.sources) != len(self):
            raise ValueError(f"{len(self.sources)} sources for {len(self)} images")
        put("splits", {k: as_rows(rows, len(self), f"split {k!r}") for k, rows in self._named()})
        chosen = torch.cat([torch.empty(0, dtype=torch.long), *self.splits.values()])
        if len(chosen.unique()) < len(chosen):
            raise ValueError("the splits share images, or one holds an image twice")
        for name in SPLITS[:3]:
            lacking = 0 if self.labels is None else int((self._labels_of(name) < 0).sum())
            if lacking:
                raise ValueError(
                    f"{lacking} images of the split {name!r} have no label; "
                    "put them in a split 'unlabelled'"
                )

    def _named(self) -> list[tuple[str, Tensor]]:
        """Return the splits by name, or raise a ValueError on a name that nothing would read."""
        for name in self.splits:
            if name not in SPLITS:
                raise ValueError(f"a split cannot be called {name!r}, only {', '.join(SPLITS)}")
        return list(self.splits.items())

    def _labels_of(self, split: str) -> Tensor:
        assert self.labels is not None
        return self.labels[self.splits.get(split, torch.empty(0, dtype=torch.long))]

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

        Raises:
            ValueError: If there are no rows, or one does not exist.
        """
        rows = as_rows(rows, len(self))
        if not len(rows):
            raise ValueError(f"{self.name}: a data set needs at least one image, got no rows")
        return Dataset(
            self.name,
            self.images[rows],
            None if self.labels is None else self.labels[rows],
            self.classes,
            {name: values[rows] for name, values in self.factors.items()},
            sources=tuple(self.sources[row] for row in rows.tolist()) if self.sources else (),
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
        """The images (n, C, H, W) for pretraining; none is for validation or the test."""
        parts = [self.splits[name] for name in ("train", "unlabelled") if name in self.splits]
        if parts:
            return self.images[torch.cat(parts)]
        reserved = [self.splits[name] for name in ("val", "test") if name in self.splits]
        free = torch.ones(len(self), dtype=torch.bool)
        for rows in reserved:
            free[rows] = False
        return self.images[free] if reserved else self.images


def as_names(chosen: str | Iterable[str]) -> tuple[str, ...]:
    """Return chosen names as a tuple; a single name may be given as a string."""
    if not isinstance(chosen, Iterable):
        raise ValueError(f"names are needed, got {chosen!r}")
    return (chosen,) if isinstance(chosen, str) else tuple(chosen)


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
    check_seed(seed)
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
