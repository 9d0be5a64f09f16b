"""What several lessons show: rows of pictures, accuracies, the package's source, claims."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from IPython.display import Markdown
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from torch import Tensor

from ssl_teach.records import Spread, spread

BLUE, ORANGE, GREY = "#3b6ea5", "#c8742a", "#8a8f98"  # told apart by colour-blind readers too


def show_pictures(
    images: Tensor, titles: Sequence[str] | None = None, *, columns: int = 8, size: float = 1.0
) -> Figure:
    """A grid of pictures.

    Args:
        images: (B, C, H, W), uint8 or in [0, 1]; C = 1 or 3.
        titles: one per picture, or None.
        columns: pictures per row.
        size: of a picture, in inches.
    """
    B = len(images)
    rows = -(-B // columns)
    height = size * rows * (1.25 if titles else 1.0)
    layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0.0, hspace=0.02)
    figure = Figure(figsize=(size * min(columns, B), height), layout=layout)
    axes = np.atleast_1d(figure.subplots(rows, min(columns, B))).flatten()
    pixels = images.detach().cpu()
    pixels = pixels if pixels.is_floating_point() else pixels.float() / 255
    for ax in axes:
        ax.set_axis_off()
    for i, (ax, x) in enumerate(zip(axes, pixels.permute(0, 2, 3, 1).numpy(), strict=False)):
        ax.imshow(x.squeeze(-1) if x.shape[-1] == 1 else x, cmap="gray", vmin=0, vmax=1)
        if titles:
            ax.set_title(titles[i], fontsize=9)
    return figure


def bars(
    values: Mapping[str, float | Spread],
    *,
    xlabel: str = "test accuracy, %",
    chance: float | None = None,
    highlight: Sequence[str] = (),
) -> Figure:
    """Horizontal bars, one per name, with the spread over seeds where there is one.

    Args:
        values: accuracies in [0, 1], or their spread.
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
        ax.text(end + 1, row, f"{mean:.1f}", va="center", fontsize=9)
    if chance is not None:
        ax.axvline(100 * chance, color=GREY, linestyle="--", linewidth=1)
        above = ax.get_xaxis_transform()  # x in data, y in axes
        ax.text(100 * chance, 1, "chance", transform=above, ha="center", va="bottom", fontsize=8)
    ax.set_xlim(0, 108)
    ax.set_xlabel(xlabel)
    ax.invert_yaxis()
    ax.spines[["top", "right"]].set_visible(False)
    return figure


def by_stage(
    rows: Mapping[str, Sequence[float | Spread]],
    *,
    levels: Mapping[str, float | Spread] | None = None,
    ylabel: str = "test accuracy, %",
    chance: float | None = None,
) -> Figure:
    """One line per name across the stages of an encoder, with the spread over seeds if any.

    Args:
        rows: an accuracy in [0, 1], or its spread, for each stage, first to last.
        levels: what has no stages, raw pixels for instance, drawn as a level line.
        ylabel: of the axis.
        chance: accuracy of guessing, drawn as a dashed line.
    """
    figure = Figure(figsize=(6.4, 3.4), layout="constrained")
    ax = figure.subplots()
    looks = cycle(zip((ORANGE, BLUE, "#2e7d4f", "black"), "osD^", strict=True))
    for (name, values), (color, marker) in zip(rows.items(), looks, strict=False):
        spreads = [v if isinstance(v, Spread) else spread([v]) for v in values]
        means = [100 * v.mean for v in spreads]
        halves = [100 * (v.high - v.mean) if v.n > 1 else 0.0 for v in spreads]
        stages = range(1, len(means) + 1)
        ax.plot(stages, means, color=color, marker=marker, linewidth=2, label=name)
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
    ax.grid(alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", frameon=False, fontsize=9)
    return figure


def show_source(*things: Any) -> Markdown:
    """The source of functions or classes as it stands in the package, so it cannot drift."""
    parts = [inspect.cleandoc("\n" + inspect.getsource(thing)) for thing in things]
    return Markdown("```python\n" + "\n\n\n".join(parts) + "\n```")


def claim(sentence: str, holds: bool) -> None:
    """A sentence that a lesson concludes with: shown if it holds, and no page is built if not.

    Raises:
        AssertionError: if it does not hold.
    """
    if not holds:
        raise AssertionError(f"does not hold: {sentence}")
    print("✓", sentence)


def points(share: float) -> str:
    """A difference of accuracies in words: 0.051 is "5.1 points"."""
    return f"{100 * share:.1f} points".replace("-", "−")
