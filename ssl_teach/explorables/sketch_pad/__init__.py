"""A pad to draw on: encoders show which sketches they find most similar.

The reader's drawing must look like the sketches that the encoders were trained on, or their answers
mean nothing. Those sketches were made by a few rules, which `draw_strokes` follows (and
sketch_pad.js in the page, number for number):

- a drawing is scaled as a whole, until its longer side measures 255, and rounded to integers;
- of each stroke only those points are kept that are more than 2 off the line without them (Ramer,
  1972; Douglas and Peucker, 1973), so that a stroke has few corners;
- the corners are joined by an antialiased line, one pixel wide (Wu, 1991), in white on black, on
  28×28 pixels; where lines cross or meet their brightness adds up, to white at most;
- the result has 16 levels of grey.

The first two are Quick, Draw!'s, the last two those of the bitmaps in `ssl_teach.data`, whose lines
begin and end brighter than Wu's. Their drawings are in the upper left corner; see `centred`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import traitlets
from numpy.typing import ArrayLike, NDArray

from ssl_teach.explorables.bundle import script, styles
from ssl_teach.explorables.nn.packing import pack_weights
from ssl_teach.explorables.shared.frame import Explorable, to_pictures

Point = Sequence[float]
Strokes = Sequence[Sequence[Point]]

BOX = 255  # the longer side of a drawing, before it is drawn in pixels
TOLERANCE = 2  # of 255: the greatest distance of a point from a stroke that leaves it out
LEAST = 0.1  # of the pad: smaller drawings are not enlarged any further
LEVELS = 15  # of grey, above black
STEPS = 127  # of a feature, on each side of zero


def centred(pictures: ArrayLike) -> NDArray[np.uint8]:
    """Move each drawing, by whole pixels, to the middle of its square.

    The shipped sketches touch the upper and the left edge, so the empty part would give a rotation
    away, and a network could name it without looking at the drawing. An odd number of empty rows
    has no middle: the parity of the sum of all pixels decides which side gets more, since a fixed
    side would give the rotation away again.

    Args:
        pictures: (n, S, S) uint8, black where nothing is drawn.

    Example:
        >>> centred(np.array([[[8, 0, 0], [0, 0, 0], [0, 0, 0]]], np.uint8))[0].tolist()
        [[0, 0, 0], [0, 8, 0], [0, 0, 0]]
    """
    moved = np.array(pictures, np.uint8)  # a copy
    for picture in moved:
        rows, columns = (np.flatnonzero(picture.any(axis=axis)) for axis in (1, 0))
        if len(rows):
            total = int(picture.sum())
            empty = [len(picture) - 1 - part[-1] - part[0] for part in (rows, columns)]
            shifts = [(empty[0] + total % 2) // 2, (empty[1] + total // 2 % 2) // 2]
            picture[:] = np.roll(picture, shifts, axis=(0, 1))
    return moved


def simplified(points: Sequence[Point], tolerance: float = TOLERANCE) -> list[Point]:
    """A stroke with fewer points: none of those left out is further from it than the tolerance.

    Source: Ramer, 1972; Douglas and Peucker, 1973.

    Example:
        >>> simplified([(0, 0), (5, 1), (10, 0), (10, 9)])
        [(0, 0), (10, 0), (10, 9)]
    """
    if len(points) < 3:
        return list(points)
    distances = [_squared_distance(point, points[0], points[-1]) for point in points]
    far = max(range(len(points)), key=distances.__getitem__)
    if distances[far] <= tolerance**2:
        return [points[0], points[-1]]
    return simplified(points[: far + 1], tolerance)[:-1] + simplified(points[far:], tolerance)


def _squared_distance(point: Point, start: Point, end: Point) -> float:
    """The squared distance of a point from the line between two others."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    px, py = point[0] - start[0], point[1] - start[1]
    length = dx * dx + dy * dy
    along = min(1.0, max(0.0, (px * dx + py * dy) / length)) if length else 0.0
    px, py = px - along * dx, py - along * dy
    return px * px + py * py


def draw_strokes(strokes: Strokes, size: int = 28, *, fit: bool = True) -> NDArray[np.uint8]:
    """Draw strokes as the shipped sketches are drawn; see the top of this module.

    Args:
        strokes: lists of points (x, y), each in [0, 1], y pointing down.
        size: side of the image in pixels.
        fit: enlarge the drawing until it fills the square, and centre it; else leave it where and
            as large as it was drawn.

    Returns:
        (size, size) uint8, multiples of 17.
    """
    flat = [point for stroke in strokes for point in stroke]
    brightness = np.zeros((size, size))
    if not flat:
        return brightness.astype(np.uint8)
    left, top = (min(point[axis] for point in flat) if fit else 0 for axis in (0, 1))
    right, bottom = (max(point[axis] for point in flat) if fit else 1 for axis in (0, 1))
    scale = BOX / max(right - left, bottom - top, LEAST)
    for stroke in strokes:
        whole = [(_round((x - left) * scale), _round((y - top) * scale)) for x, y in stroke]
        corners = [(x * size / 256, y * size / 256) for x, y in simplified(whole)]
        if len(set(corners)) == 1:
            x, y = corners[0]
            brightness[min(_round(y), size - 1), min(_round(x), size - 1)] += 1
        for start, end in pairwise(corners):
            if start != end:
                _add_line(brightness, *start, *end)
    grey = np.floor(np.minimum(brightness, 1) * LEVELS + 0.5).astype(np.uint8) * 17
    return centred(grey[None])[0] if fit else grey


def _round(value: float) -> int:
    """Round to the nearest integer, halves upwards, as JavaScript does."""
    return math.floor(value + 0.5)


def _add_line(picture: NDArray[np.float64], x0: float, y0: float, x1: float, y1: float) -> None:
    """Add the brightness of a line, one pixel wide, to an image.

    At each step along its longer direction the line divides its brightness between the two nearest
    pixels. At both ends the nearer pixel gets more than that, as in the shipped sketches.
    """
    steep = abs(y1 - y0) > abs(x1 - x0)
    if steep:
        x0, y0, x1, y1 = y0, x0, y1, x1
    if x0 > x1:
        x0, y0, x1, y1 = x1, y1, x0, y0
    slope = (y1 - y0) / (x1 - x0)

    def add(along: int, across: float, weight: float) -> None:
        first = math.floor(abs(across))
        second = (across - math.floor(across)) * weight
        for place, value in ((first, 1 - second), (first + 1, second)):
            row, column = (along, place) if steep else (place, along)
            if row < len(picture) and column < len(picture):
                picture[row, column] += value

    first, last = _round(x0), _round(x1)
    across = y0 + slope * (first - x0)
    add(first, across, 1 - (x0 + 0.5 - math.floor(x0 + 0.5)))
    add(last, y1 + slope * (last - x1), x1 + 0.5 - math.floor(x1 + 0.5))
    for along in range(first + 1, last):
        across += slope
        add(along, across, 1)


def thickened(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(S, S), each pixel as bright as the brightest of itself and its four neighbours."""
    wide = np.pad(picture, 1)
    parts = [wide[1:-1, 1:-1], wide[:-2, 1:-1], wide[2:, 1:-1], wide[1:-1, :-2], wide[1:-1, 2:]]
    return np.max(parts, axis=0)


def pack_pictures(pictures: NDArray[np.uint8]) -> bytes:
    """Pack two pixels into a byte, the first in its upper half: 16 levels lose nothing of sketches.

    Args:
        pictures: (n, S, S); S·S must be even.
    """
    levels = np.floor(pictures.reshape(-1) / 17 + 0.5).astype(np.uint8)
    return (levels[0::2] << 4 | levels[1::2]).tobytes()


def pack_features(features: ArrayLike) -> bytes:
    """Pack rows of features, a byte for each value, which is enough for cosines.

    A row is scaled so that its largest value is 127, and rounded: each value is off by at most
    1/254 of the largest. The errors of many values nearly cancel in a cosine, which moves by
    less than 0.01 (a test says so; mostly by less than 0.001).

    Args:
        features: (n, D), no row all zeros.
    """
    rows = np.asarray(features, np.float64)
    return np.rint(STEPS * rows / np.abs(rows).max(axis=1, keepdims=True)).astype(np.int8).tobytes()


class SketchPad(Explorable):
    """A pad to draw on, and encoders that show which sketches they find most similar.

    The networks run in the page. The state of the figure can be read and set: `strokes` (lists
    of points [x, y], in [0, 1]), `example` (which of the examples is shown, or -1 for the reader's
    own drawing), `turns` (anticlockwise rotations of either by 90°), `mirrored` (before rotating),
    `thick` and `fit` (see `draw_strokes`); `nearest` says which sketches each encoder has found.
    `picture` gives the image that the networks see.
    """

    _esm = script("sketch_pad/sketch_pad.js")
    _css = styles("sketch_pad/sketch_pad.css")

    size = traitlets.Int().tag(sync=True)  # S
    pictures = traitlets.Bytes().tag(sync=True)  # (n + m, S, S), library and examples, 4 bits each
    labels = traitlets.List(traitlets.Int()).tag(sync=True)  # of both
    count = traitlets.Int().tag(sync=True)  # n, sketches in the library
    classes = traitlets.List(traitlets.Unicode()).tag(sync=True)
    encoders = traitlets.List(traitlets.Dict()).tag(sync=True)  # name, layers, start, k
    weights = traitlets.Bytes().tag(sync=True)  # of all encoders; see nn/packing.py
    features = traitlets.Bytes().tag(sync=True)  # of the library, for each encoder (n, D) int8
    told: traitlets.List[Any] = traitlets.List().tag(sync=True)  # [example, words about it]

    example = traitlets.Int(-1, min=-1).tag(sync=True)
    strokes: traitlets.List[Any] = traitlets.List().tag(sync=True)
    turns = traitlets.Int(0, min=0, max=3).tag(sync=True)
    mirrored = traitlets.Bool(False).tag(sync=True)
    thick = traitlets.Bool(False).tag(sync=True)
    fit = traitlets.Bool(True).tag(sync=True)
    nearest = traitlets.Dict().tag(sync=True)  # name of the encoder -> places in the library

    def __init__(
        self,
        library: ArrayLike,
        labels: ArrayLike,
        classes: Sequence[str],
        encoders: Sequence[Mapping[str, Any]],
        *,
        examples: ArrayLike | None = None,
        example_labels: ArrayLike = (),
        example: int = 0,
        words: str = "",
    ) -> None:
        """Send sketches, features and networks to the page.

        Args:
            library: (n, S, S) or (n, S, S, 1) uint8, white on black, in 16 levels.
            labels: (n,) integers, the class of each.
            classes: names of the classes, by label.
            encoders: a dict each of "name", "layers" and "weights" (as
                `ssl_teach.export.export_weights` gives them, without a head), "features" (n, D)
                of the library, and "k": how many of the nearest vote for a class.
            examples: (m, S, S) sketches that are not in the library; None for none.
            example_labels: (m,) integers.
            example: the initial example.
            words: about that example, for instance how it was chosen.

        Raises:
            ValueError: if shapes disagree, an index is out of range, or a network does not fit.
        """
        shelf = _sketches(library, "library")
        unseen = shelf[:0] if examples is None else _sketches(examples, "examples")
        if unseen.shape[1:] != shelf.shape[1:]:
            raise ValueError(
                f"examples are {unseen.shape[1:]}, the library's sketches {shelf.shape[1:]}"
            )
        kinds = np.concatenate(
            [
                _labels(labels, len(shelf), len(classes), "labels"),
                _labels(example_labels, len(unseen), len(classes), "example_labels"),
            ]
        )
        if len(unseen) and not 0 <= example < len(unseen):
            raise ValueError(f"example must lie in [0, {len(unseen) - 1}], got {example}")
        names = [encoder["name"] for encoder in encoders]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"one or more encoders are needed, each of its own name, got {names}")
        entries, weights, features = [], b"", b""
        for encoder in encoders:
            _check(encoder, len(shelf))
            entries.append(
                {
                    "name": encoder["name"], "k": int(encoder["k"]), "start": len(weights),
                    "layers": [dict(layer) for layer in encoder["layers"]],
                }
            )  # fmt: skip
            weights += pack_weights(encoder["layers"], bytes(encoder["weights"]))
            features += pack_features(encoder["features"])
        begin = example if len(unseen) else -1
        super().__init__(
            size=shelf.shape[1],
            pictures=pack_pictures(np.concatenate([shelf, unseen])),
            labels=kinds.tolist(),
            count=len(shelf),
            classes=list(classes),
            encoders=entries,
            weights=weights,
            features=features,
            told=[begin, words],
            example=begin,
        )
        self._examples = unseen

    @traitlets.validate("strokes")
    def _check_strokes(self, proposal: dict[str, Any]) -> list[list[list[float]]]:
        """Check that strokes are lists of points within the pad."""
        for stroke in proposal["value"]:
            points = np.asarray(stroke, float)
            if (
                points.ndim != 2
                or points.shape[1] != 2
                or not ((points >= 0) & (points <= 1)).all()
            ):
                raise traitlets.TraitError("a stroke is a list of points [x, y], each in [0, 1]")
        return [[[float(x), float(y)] for x, y in stroke] for stroke in proposal["value"]]

    @traitlets.validate("example")
    def _check_example(self, proposal: dict[str, Any]) -> int:
        """Check that it is one of the examples, or -1."""
        number: int = proposal["value"]
        if number >= len(self.labels) - self.count:
            raise traitlets.TraitError(
                f"example must be -1 or one of {len(self.labels) - self.count}, got {number}"
            )
        return number

    def picture(self) -> NDArray[np.uint8]:
        """The image that the networks see now: (S, S) uint8, white on black."""
        if self.example >= 0:
            image = self._examples[self.example]
        else:
            image = draw_strokes(self.strokes, self.size, fit=self.fit)
        image = thickened(image) if self.thick else image
        image = image[:, ::-1] if self.mirrored else image
        return np.ascontiguousarray(np.rot90(image, self.turns))

    def __repr__(self) -> str:
        """A short description, the same in every run."""
        names = ", ".join(encoder["name"] for encoder in self.encoders)
        return f"{type(self).__name__}({self.count} sketches, encoders: {names})"


def _sketches(images: ArrayLike, what: str) -> NDArray[np.uint8]:
    """Check sketches, and return them as (n, S, S) uint8."""
    pictures = to_pictures(images, what)
    if pictures.shape[-1] != 1 or pictures.shape[1] != pictures.shape[2] or pictures.shape[1] % 2:
        raise ValueError(f"{what} must be grey squares of even side, got {pictures.shape}")
    if not len(pictures):
        raise ValueError(f"{what} is empty")
    return pictures[..., 0]


def _labels(labels: ArrayLike, count: int, classes: int, what: str) -> NDArray[np.int64]:
    """Check labels, and return them as (n,) integers."""
    kinds = np.asarray(labels, np.int64)
    if kinds.shape != (count,):
        raise ValueError(f"{what} must be ({count},), one for each sketch, got {kinds.shape}")
    if count and not (kinds.min() >= 0 and kinds.max() < classes):
        raise ValueError(
            f"{what} go from {kinds.min()} to {kinds.max()}, but classes names {classes}"
        )
    return kinds


def _check(encoder: Mapping[str, Any], count: int) -> None:
    """Raise ValueError if an encoder or its features do not fit grey images and the library."""
    name, layers, k = encoder["name"], encoder["layers"], encoder["k"]
    ends = [1, *(layer["out"] for layer in layers)]
    if any(layer["kind"] != "conv" for layer in layers) or not layers:
        raise ValueError(f"encoder {name!r} must be convolutions alone: export it without a head")
    if [layer["in"] for layer in layers] != ends[:-1]:
        raise ValueError(
            f"encoder {name!r} must take 1 channel, and each layer what the last gives"
        )
    features = np.asarray(encoder["features"], np.float64)
    if features.shape != (count, ends[-1]):
        raise ValueError(f"features of {name!r} must be {(count, ends[-1])}, got {features.shape}")
    if not np.isfinite(features).all() or not features.any(axis=1).all():
        raise ValueError(f"features of {name!r} hold NaN, infinity or a row of zeros")
    if not 1 <= k <= count:
        raise ValueError(f"k of {name!r} must lie in [1, {count}], got {k}")
