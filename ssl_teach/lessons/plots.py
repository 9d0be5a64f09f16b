"""Figures that several lessons draw: grids of images, accuracies, paired differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from ssl_teach.data.images import to_float
from ssl_teach.statistics import Spread, decimal, spread

BLUE, ORANGE, GREY = "#3b6ea5", "#c8742a", "#8a8f98"  # distinct for colour-blind readers too


def styled_axes(
    width: float = 6.4, height: float = 3.4, columns: int = 1, *, grid: bool = True, **options: Any
) -> tuple[Figure, Any]:
    """A figure in the book's style: no frame above or to the right, and a faint grid.

    Args:
        width: of the figure, in inches.
        height: of the figure, in inches.
        columns: how many axes there are, side by side.
        grid: whether to draw the grid.
        options: for `Figure.subplots`, such as sharey=True.

    Returns:
        The figure and its axes; an array of axes if there are several columns.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(1, columns, **options)
    for ax in np.atleast_1d(axes):
        ax.spines[["top", "right"]].set_visible(False)
        if grid:
            ax.grid(alpha=0.3)
    return figure, axes


def side_legend(figure: Figure, **options: Any) -> None:
    """Put the legend to the right of the axes, where it covers nothing."""
    figure.legend(loc="outside right upper", frameon=False, fontsize=9, **options)


def show_images(
    images: Tensor, titles: Sequence[str] | None = None, *, columns: int = 8, size: float = 1.0
) -> Figure:
    """A grid of images, each pixel drawn as a square of whole screen pixels where that fits.

    The images look as the network receives them, neither smoothed nor stretched, and take a third
    of the bytes of smoothed ones.

    Args:
        images: (B, C, H, W), uint8 or in [0, 1]; C = 1 or 3.
        titles: one per image, or None.
        columns: images per row.
        size: width of an image in inches, rounded to a multiple of its pixels.

    Raises:
        ValueError: If the images are neither uint8 nor floats up to about 1.
    """
    if images.is_floating_point() and images.numel() and images.max() > 2:
        raise ValueError(f"images must be uint8 or in [0, 1], got values up to {images.max():g}")
    B, _, H, W = images.shape
    columns, dpi, gap = min(columns, B), 100, 4
    rows = -(-B // columns)
    times = round(size * dpi / W)
    width, height = (
        (times * W, times * H) if times else (round(size * dpi), round(size * dpi * H / W))
    )
    lines = max(title.count("\n") + 1 for title in titles) if titles else 0
    head = 6 + 14 * lines if titles else 0  # for the title above each image
    total = (columns * (width + gap), rows * (height + gap + head))  # screen pixels
    figure = Figure(figsize=(total[0] / dpi, total[1] / dpi), dpi=dpi)
    pixels = images.detach().cpu()
    pixels = pixels if pixels.is_floating_point() else to_float(pixels)
    for i, x in enumerate(pixels.permute(0, 2, 3, 1).numpy()):
        row, column = divmod(i, columns)
        left = column * (width + gap) + gap // 2
        bottom = total[1] - row * (height + gap + head) - head - gap // 2 - height
        ax = figure.add_axes(
            (left / total[0], bottom / total[1], width / total[0], height / total[1])
        )
        ax.set_axis_off()
        how = "nearest" if times else "antialiased"
        grey_too = np.broadcast_to(x, (H, W, 3))
        ax.imshow(grey_too.clip(0, 1), interpolation=how, aspect="auto")
        if titles:
            ax.set_title(titles[i], fontsize=9, pad=3)
    return figure


def bars(
    values: Mapping[str, float | Spread],
    *,
    xlabel: str = "test accuracy, %",
    chance: float | None = None,
    highlight: Sequence[str] = (),
) -> Figure:
    """Horizontal bars, one per name, with the confidence interval over seeds if there is one.

    Args:
        values: accuracies in [0, 1], or their mean and interval.
        xlabel: of the axis.
        chance: accuracy of guessing, drawn as a dashed line.
        highlight: names drawn in the accent colour.
    """
    figure = Figure(figsize=(6.4, 0.5 + 0.42 * len(values)), layout="constrained")
    ax = figure.subplots()
    names = list(values)
    means = [100 * (v.mean if isinstance(v, Spread) else v) for v in values.values()]
    colors = [ORANGE if name in highlight else BLUE for name in names]
    ax.barh(names, means, color=colors, height=0.65)
    for row, (mean, value) in enumerate(zip(means, values.values(), strict=True)):
        end = mean
        if isinstance(value, Spread) and value.n > 1:
            half = 100 * (value.high - value.mean)
            ax.errorbar(mean, row, xerr=half, color="black", capsize=3, linewidth=1)
            end = mean + half
        ax.text(end + 1, row, decimal(mean), va="center", fontsize=9)
    if chance is not None:
        ax.axvline(100 * chance, color=GREY, linestyle="--", linewidth=1)
        above = ax.get_xaxis_transform()  # x in data, y in axes
        ax.text(100 * chance, 1, "chance", transform=above, ha="center", va="bottom", fontsize=8)
    ax.set_xlim(0, 108)
    ax.set_xlabel(xlabel)
    ax.invert_yaxis()
    ax.spines[["top", "right"]].set_visible(False)
    return figure


# baselines look the same in every figure
BASELINES = {"random weights": (BLUE, "s"), "supervised": ("black", "^")}
DASHES = ("-", "--", ":")  # of several lines that are one baseline: "random weights, 8 × 8"
LOOKS = [
    (color, marker, dash)
    for dash, markers in (("-", "oDv"), ("--", "PX*"))
    for color, marker in zip((ORANGE, "#2e7d4f", "#7b4ea3"), markers, strict=True)
]


def _looks(names: Sequence[str]) -> dict[str, tuple[str, str, str]]:
    """Colour, marker and dash for each name, no two alike.

    Raises:
        ValueError: if there are more names than looks.
    """
    left = iter(LOOKS)
    left_of = {base: iter([(*look, dash) for dash in DASHES]) for base, look in BASELINES.items()}
    found = {}
    for name in names:
        look = next(left_of.get(name.split(",")[0], left), None)
        if look is None:
            raise ValueError(f"no look left for {name!r}: too many lines in one figure")
        found[name] = look
    return found


def by_stage(
    rows: Mapping[str, Sequence[float | Spread]],
    *,
    levels: Mapping[str, float | Spread] | None = None,
    ylabel: str = "test accuracy, %",
    chance: float | None = None,
) -> Figure:
    """One line per name across the stages of an encoder, with confidence intervals over seeds.

    Args:
        rows: an accuracy in [0, 1], or its mean and interval, for each stage, first to last.
        levels: accuracies without stages, such as raw pixels, drawn as horizontal lines.
        ylabel: of the axis.
        chance: accuracy of guessing, drawn as a dashed line.

    Raises:
        ValueError: if there are more rows than looks that are distinct.
    """
    figure, ax = styled_axes()
    looks = _looks(list(rows))
    for name, values in rows.items():
        color, marker, dash = looks[name]
        spreads = [v if isinstance(v, Spread) else spread([v]) for v in values]
        means = [100 * v.mean for v in spreads]
        halves = [100 * (v.high - v.mean) if v.n > 1 else 0.0 for v in spreads]
        stages = range(1, len(means) + 1)
        ax.plot(stages, means, color=color, marker=marker, linestyle=dash, linewidth=2, label=name)
        ax.errorbar(stages, means, halves, color=color, fmt="none", capsize=3, linewidth=1)
    for (name, level), style in zip((levels or {}).items(), cycle(("-.", ":")), strict=False):
        mean = level.mean if isinstance(level, Spread) else level
        ax.axhline(100 * mean, color="#55595f", linestyle=style, linewidth=1.5, label=name)
    if chance is not None:
        ax.axhline(100 * chance, color=GREY, linestyle="--", linewidth=1, label="chance")
    ax.set_xticks(range(1, 1 + max(map(len, rows.values()))))
    ax.set_ylim(0, 103)
    ax.set_xlabel("stage of the encoder")
    ax.set_ylabel(ylabel)
    side_legend(figure, handlelength=3.6)  # long enough to show that a line is dashed
    return figure


def interval_line(ax: Axes, x: Sequence[float], values: Sequence[Spread], **look: Any) -> None:
    """Draw accuracies in per cent as a line with their confidence intervals.

    Args:
        ax: where to draw it.
        x: a place for each value.
        values: accuracies in [0, 1] over seeds; one seed has no interval.
        look: for `Axes.errorbar`, such as color, marker and label.
    """
    means = [100 * value.mean for value in values]
    halves = [100 * (value.high - value.mean) if value.n > 1 else 0 for value in values]
    ax.errorbar(x, means, halves, capsize=3, **look)


def stages(metrics: Mapping[str, float]) -> list[float]:
    """The linear probe's accuracy at every stage, first to last, as `evaluate_encoder` names it."""
    count = sum(name.startswith("linear_stage_") and "@" not in name for name in metrics)
    return [metrics[f"linear_stage_{stage}"] for stage in range(1, count + 1)]


def gain_plot(rows: Mapping[str, Mapping[str, Spread]]) -> Figure:
    """Gains over random weights as points with their confidence intervals.

    Args:
        rows: one or two gains by the name of their probe, by the name of their row; all rows have
            the probes of the first.
    """
    figure, ax = styled_axes(6.4, 2.8, grid=False)
    looks = ((-0.12, ORANGE, "o"), (0.12, BLUE, "s"))
    for (shift, color, marker), probe in zip(looks, next(iter(rows.values())), strict=False):
        gains = [row[probe] for row in rows.values()]
        means = [100 * gain.mean for gain in gains]
        halves = [100 * (gain.high - gain.mean) if gain.n > 1 else 0 for gain in gains]
        places = [row + shift for row in range(len(gains))]
        ax.errorbar(means, places, xerr=halves, fmt=marker, color=color, capsize=3, label=probe)
    ax.axvline(0, color="black", linewidth=1)
    ax.set_yticks(range(len(rows)), list(rows))
    ax.invert_yaxis()
    ax.set_xlabel("gain over random weights, points")
    ax.grid(axis="x", alpha=0.3)
    ax.spines["left"].set_visible(False)
    side_legend(figure)
    return figure
