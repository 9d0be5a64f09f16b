"""Compare two images under a divider that the reader moves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import traitlets
from numpy.typing import ArrayLike, NDArray

from ssl_teach.explorables.bundle import script, styles
from ssl_teach.explorables.shared.frame import Explorable, check_sets, to_pictures


class PictureWipe(Explorable):
    """Series of corresponding images, any two of which are compared under a divider.

    Series are, for example, the truth and the reconstructions of several methods, with numbers of
    each image next to them. The state can be read: `group`, `picture`, `left` and `right` (names of
    series) and `wipe` (where the divider is, in per cent of the width).
    """

    _esm = script("wipe/wipe.js")
    _css = styles("wipe/wipe.css")

    pictures = traitlets.Bytes().tag(sync=True)  # (series, n, S, S, C) uint8
    shape = traitlets.List(traitlets.Int()).tag(sync=True)  # [series, n, S, S, C]
    series = traitlets.List(traitlets.Unicode()).tag(sync=True)  # names
    labels = traitlets.List(traitlets.Unicode()).tag(sync=True)  # what each image shows
    groups = traitlets.List(traitlets.Unicode()).tag(sync=True)  # of each image, or empty
    quantities = traitlets.List(traitlets.Unicode()).tag(sync=True)  # in the order of the columns
    numbers = traitlets.Dict().tag(sync=True)  # series -> quantity -> n numbers or nulls
    title = traitlets.Unicode().tag(sync=True)
    notice = traitlets.Unicode().tag(sync=True)

    group = traitlets.Unicode().tag(sync=True)
    picture = traitlets.Int(0, min=0).tag(sync=True)
    left = traitlets.Unicode().tag(sync=True)
    right = traitlets.Unicode().tag(sync=True)
    wipe = traitlets.Int(50, min=0, max=100).tag(sync=True)

    def __init__(
        self,
        series: Mapping[str, ArrayLike],
        numbers: Mapping[str, Mapping[str, Sequence[float]]] | None = None,
        labels: Sequence[str] | None = None,
        *,
        groups: Sequence[str] | None = None,
        title: str = "Wipe between two pictures",
        notice: str = "",
        left: str | None = None,
        right: str | None = None,
    ) -> None:
        """Send the images and their numbers to the page.

        Args:
            series: images by the name of their series ("truth", "L2", …), each (n, S, S, 1 or 3),
                uint8 or floating point in [0, 1]; image i shows the same in every series.
            numbers: by series, then by quantity ("L2", "sharpness", …), one number per image;
                NaN, or a series or quantity left out, is shown as "–".
            labels: n words for what the images show ("house"), or None.
            groups: n names of groups to choose from ("centre hole", …), or None for no choice.
                Groups of the same images in the same order keep the image when changed.
            title: of the figure, for screen readers too.
            notice: one or two sentences after "What to notice.", or nothing.
            left: series shown first on the left of the divider; None for the first of all.
            right: the same on the right; None for the second.

        Raises:
            ValueError: if shapes disagree, or a name or a list of numbers does not fit.
        """
        sets = {name: to_pictures(_to_bytes(x), f"series[{name!r}]") for name, x in series.items()}
        if len(sets) < 2:
            raise ValueError(f"give at least two series to compare, got {list(sets)}")
        check_sets(sets, labels)
        stacked = np.stack(list(sets.values()))  # (series, n, S, S, C)
        n = stacked.shape[1]
        if groups is not None and len(groups) != n:
            raise ValueError(f"{len(groups)} groups for {n} pictures")
        names = list(sets)
        left, right = left or names[0], right or names[1]
        for name in (left, right, *(numbers or {})):
            if name not in sets:
                raise ValueError(f"there is no series {name!r}, only {names}")
        packed: dict[str, dict[str, list[float | None]]] = {}
        for name, columns in (numbers or {}).items():
            packed[name] = {}
            for quantity, values in columns.items():
                if len(values) != n:
                    raise ValueError(
                        f"numbers[{name!r}][{quantity!r}] has {len(values)} values for {n} pictures"
                    )
                packed[name][quantity] = [_to_json(value) for value in values]
        quantities = dict.fromkeys(quantity for columns in packed.values() for quantity in columns)
        super().__init__(
            pictures=stacked.tobytes(),
            shape=list(stacked.shape),
            series=names,
            labels=list(labels or []),
            groups=list(groups or []),
            quantities=list(quantities),
            numbers=packed,
            title=title,
            notice=notice,
            group=groups[0] if groups else "",
            left=left,
            right=right,
        )

    def __repr__(self) -> str:
        """A short description, the same in every run."""
        return f"PictureWipe({self.shape[1]} pictures, series: {', '.join(self.series)})"


def _to_bytes(pictures: ArrayLike) -> NDArray:
    """Images in [0, 1] as uint8; other types unchanged."""
    pixels = np.asarray(pictures)
    if not np.issubdtype(pixels.dtype, np.floating):
        return pixels
    if pixels.size and not (pixels.min() >= 0 and pixels.max() <= 1):
        raise ValueError(
            f"pictures must lie in [0, 1], got {pixels.min():.3g} to {pixels.max():.3g}"
        )
    return np.round(255 * pixels).astype(np.uint8)


def _to_json(value: float) -> float | None:
    """Four digits, more than the page shows, or None for NaN, which JSON does not have."""
    return float(f"{value:.4g}") if math.isfinite(value) else None
