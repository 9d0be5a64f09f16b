"""What several lessons draw: rows of pictures, bars of accuracies, the package's own source."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from IPython.display import Markdown
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from torch import Tensor

from ssl_teach.records import Spread

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
        ax.text(100 * chance + 0.5, len(names) - 0.45, "chance", color=GREY, fontsize=8)
    ax.set_xlim(0, 108)
    ax.set_xlabel(xlabel)
    ax.invert_yaxis()
    ax.spines[["top", "right"]].set_visible(False)
    return figure


def show_source(*things: Any) -> Markdown:
    """The source of functions or classes as it stands in the package, so it cannot drift."""
    parts = [inspect.cleandoc("\n" + inspect.getsource(thing)) for thing in things]
    return Markdown("```python\n" + "\n\n\n".join(parts) + "\n```")
