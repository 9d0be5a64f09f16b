"""Images laid out in the plane by an encoder's representations, with their nearest neighbours."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import traitlets
from numpy.typing import ArrayLike, NDArray

from ssl_teach.explorables.bundle import script, styles
from ssl_teach.explorables.shared.frame import Explorable, to_pictures

MOST_PICTURES = 1000  # the page redraws as many well within a frame
LEVELS = 16  # of each colour channel: small images look the same, in half the bytes


@dataclass(frozen=True)
class Layout:
    """The place that a representation gives to each of n images, and the nearest neighbours.

    Attributes:
        positions: (n, 2) places in the plane, x to the right and y up, at any scale.
        neighbours: (n, k) integers, the k nearest of each image, nearest first, without itself.
    """

    positions: ArrayLike
    neighbours: ArrayLike


class EmbeddingMap(Explorable):
    """A map of images by a representation; the chosen one is shown with its nearest neighbours.

    Positions and neighbours are computed beforehand; the page counts how many neighbours show the
    same class. The state can be read and set: `selected` (an image), `shown` (a representation) and
    `highlighted` (a class, or nothing).
    """

    _esm = script("embedding_map/embedding_map.js")
    _css = styles("embedding_map/embedding_map.css")

    representations = traitlets.List(traitlets.Unicode()).tag(sync=True)  # names
    positions = traitlets.Bytes().tag(sync=True)  # (representations, n, 2) float16, in [-1, 1]
    neighbours = traitlets.Bytes().tag(sync=True)  # (representations, n, k) uint16
    pictures = traitlets.Bytes().tag(sync=True)  # one PNG, the images in rows
    shape = traitlets.List(traitlets.Int()).tag(sync=True)  # [n, H, W]
    columns = traitlets.Int().tag(sync=True)  # images in a row of the PNG
    labels = traitlets.List(traitlets.Int()).tag(sync=True)
    classes = traitlets.List(traitlets.Unicode()).tag(sync=True)

    selected = traitlets.Int(0, min=0).tag(sync=True)
    shown = traitlets.Unicode().tag(sync=True)
    highlighted = traitlets.Unicode("").tag(sync=True)

    def __init__(
        self,
        representations: Mapping[str, Layout],
        pictures: ArrayLike,
        labels: ArrayLike,
        classes: Sequence[str],
        *,
        selected: int = 0,
        shown: str | None = None,
    ) -> None:
        """Send the images and their places to the page.

        Args:
            representations: layouts of the same n images by name ("random weights", "SimCLR"),
                all with the same number k of neighbours.
            pictures: (n, H, W), (n, H, W, 1) or (n, H, W, 3) uint8, n from 2 to 1000; the page gets
                16 levels of each channel.
            labels: (n,) integers, the class of each image.
            classes: names of the classes, by label.
            selected: the initial image.
            shown: the initial representation; None for the first.

        Raises:
            ValueError: if shapes disagree, an index is out of range, a position is not finite, or a
                image is its own neighbour or twice another's.
        """
        given = to_pictures(pictures, "pictures")
        n, height, width, _ = given.shape
        if not 2 <= n <= MOST_PICTURES:
            raise ValueError(f"give 2 to {MOST_PICTURES} pictures, got {n}")
        places, nearest = _checked_layouts(representations, n)
        names = list(representations)
        shown = names[0] if shown is None else shown
        if shown not in names:
            raise ValueError(f"there is no representation {shown!r}, only {names}")
        if not 0 <= selected < n:
            raise ValueError(f"selected must lie in [0, {n - 1}], got {selected}")
        columns = int(np.ceil(np.sqrt(n)))
        super().__init__(
            representations=names,
            positions=places.astype("<f2").tobytes(),
            neighbours=nearest.astype("<u2").tobytes(),
            pictures=_png(_sheet(_rounded(given), columns)),
            shape=[n, height, width],
            columns=columns,
            labels=_checked_labels(labels, classes, n),
            classes=list(classes),
            selected=selected,
            shown=shown,
        )

    def __repr__(self) -> str:
        """A short description, the same in every run."""
        return f"EmbeddingMap({self.shape[0]} pictures, {', '.join(self.representations)})"


def _checked_layouts(layouts: Mapping[str, Layout], n: int) -> tuple[NDArray, NDArray]:
    """Positions (layouts, n, 2) in [-1, 1] and neighbours (layouts, n, k) of all layouts."""
    if not layouts:
        raise ValueError("representations is empty: give at least one layout")
    places = [_fitted(layout.positions, n, name) for name, layout in layouts.items()]
    nearest = [_checked_neighbours(layout.neighbours, n, name) for name, layout in layouts.items()]
    numbers = {name: each.shape[1] for name, each in zip(layouts, nearest, strict=True)}
    if len(set(numbers.values())) > 1:
        raise ValueError(f"every layout needs the same number of neighbours, got {numbers}")
    return np.stack(places), np.stack(nearest)


def _fitted(positions: ArrayLike, n: int, name: str) -> NDArray:
    """Positions moved and scaled, both axes alike, to fill the square from -1 to 1."""
    given = np.asarray(positions, dtype=np.float64)
    if given.shape != (n, 2):
        raise ValueError(f"positions of {name!r} must be ({n}, 2), got {given.shape}")
    if not np.isfinite(given).all():
        raise ValueError(f"positions of {name!r} hold NaN or infinity")
    low, high = given.min(axis=0), given.max(axis=0)
    return (given - (low + high) / 2) / ((high - low).max() / 2 or 1)  # all in one point: centre


def _checked_neighbours(neighbours: ArrayLike, n: int, name: str) -> NDArray:
    """Indices (n, k) of other images, each once in a row."""
    what, given = f"neighbours of {name!r}", np.asarray(neighbours)
    if given.ndim != 2 or len(given) != n or not given.shape[1]:
        raise ValueError(f"{what} must be ({n}, k), k at least 1, got {given.shape}")
    if not np.issubdtype(given.dtype, np.integer):
        raise ValueError(f"{what} must be integers, got {given.dtype}")
    if given.min() < 0 or given.max() >= n:
        raise ValueError(f"{what} must lie in [0, {n - 1}], got {given.min()} to {given.max()}")
    own = (given == np.arange(n)[:, None]).any(axis=1)  # (n,)
    if own.any():
        raise ValueError(f"{what}: picture {own.argmax()} is among its own; leave it out")
    ordered = np.sort(given, axis=1)
    twice = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)  # (n,)
    if twice.any():
        raise ValueError(f"{what}: picture {twice.argmax()} has one of them twice")
    return given


def _checked_labels(labels: ArrayLike, classes: Sequence[str], n: int) -> list[int]:
    """Check labels, and return them as a list."""
    given = np.asarray(labels)
    if given.shape != (n,):
        raise ValueError(f"labels must be ({n},), one per picture, got {given.shape}")
    if not np.issubdtype(given.dtype, np.integer):
        raise ValueError(f"labels must be integers, got {given.dtype}")
    if given.min() < 0 or given.max() >= len(classes):
        raise ValueError(
            f"labels go from {given.min()} to {given.max()}, but classes names {len(classes)}"
        )
    if len(set(classes)) < len(classes) or not all(classes):
        raise ValueError(f"classes need names, each its own, got {list(classes)}")
    return [int(label) for label in given]


def _rounded(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Each channel rounded to the nearest of `LEVELS` even steps from 0 to 255."""
    step = 255 // (LEVELS - 1)
    rounded = (pictures.astype(np.uint16) + step // 2) // step * step
    return rounded.astype(np.uint8)


def _sheet(pictures: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """All images (n, H, W, C) as one, in rows; the rest of the last row is black."""
    n, height, width, channels = pictures.shape
    rows = -(-n // columns)
    padded = np.zeros((rows * columns, height, width, channels), np.uint8)
    padded[:n] = pictures
    cells = padded.reshape(rows, columns, height, width, channels).transpose(0, 2, 1, 3, 4)
    return cells.reshape(rows * height, columns * width, channels)


def _png(picture: NDArray[np.uint8]) -> bytes:
    """A PNG file of one image (H, W, 1 or 3), 8 bits a channel, rows unfiltered."""
    height, width, channels = picture.shape
    rows = np.insert(picture.reshape(height, -1), 0, 0, axis=1)  # a zero: "no filter"
    header = struct.pack(">IIBBBBB", width, height, 8, 0 if channels == 1 else 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
