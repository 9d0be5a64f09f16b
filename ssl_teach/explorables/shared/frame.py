"""The base class of all interactive figures, and checks of the images that they show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import anywidget
import numpy as np
from numpy.typing import ArrayLike, NDArray


class Explorable(anywidget.AnyWidget):
    """Base class of the interactive figures.

    A subclass sets `_esm` and `_css` with `script` and `styles`, and says in `__repr__` what it
    shows, without anything that differs from run to run.
    """

    def __repr__(self) -> str:
        """The class's name: an address would differ in every run of a notebook."""
        return f"{type(self).__name__}()"


def to_pictures(images: ArrayLike, what: str) -> NDArray[np.uint8]:
    """Check images that a figure is to show.

    Args:
        images: (n, H, W), (n, H, W, 1) or (n, H, W, 3) uint8.
        what: their name in an error message.

    Returns:
        (n, H, W, C) uint8, contiguous, C = 1 or 3.

    Raises:
        ValueError: if their shape or type is different.
    """
    pictures = np.asarray(images)
    if pictures.ndim == 3:
        pictures = pictures[..., None]
    if pictures.ndim != 4 or pictures.shape[-1] not in (1, 3):
        hint = (
            "; move the channels last" if pictures.ndim == 4 and pictures.shape[1] in (1, 3) else ""
        )
        raise ValueError(f"{what} must be (n, H, W, 1 or 3), got {pictures.shape}{hint}")
    if pictures.dtype != np.uint8:
        raise ValueError(f"{what} must be uint8, 0 to 255, got {pictures.dtype}")
    return np.ascontiguousarray(pictures)


def check_sets(sets: Mapping[str, np.ndarray], labels: Sequence[str] | None) -> None:
    """Raise ValueError if sets of images differ in shape, or labels and images in number."""
    if not sets:
        raise ValueError("scenes is empty: give at least one set of pictures")
    shapes = {name: pictures.shape for name, pictures in sets.items()}
    first = next(iter(shapes.values()))
    if any(shape != first for shape in shapes.values()):
        raise ValueError(f"every set needs the same number and size of pictures, got {shapes}")
    if first[0] == 0 or first[1] != first[2]:
        raise ValueError(f"pictures must be square, and at least one, got {first}")
    if labels is not None and len(labels) != first[0]:
        raise ValueError(f"{len(labels)} labels for {first[0]} pictures")
