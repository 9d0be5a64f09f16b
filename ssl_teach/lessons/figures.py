"""Figures that single lessons draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from torch import Tensor

from ssl_teach.lessons.plots import BLUE, GREY, ORANGE, interval_line, side_legend, styled_axes
from ssl_teach.losses import partners
from ssl_teach.statistics import Spread
from ssl_teach.tasks.patch_position import NEIGHBORS

LABEL_LOOKS = {
    "supervised": ("black", "o", "-"),
    "rotation, probe": (ORANGE, "s", "-"),
    "SimCLR, probe": (BLUE, "D", "-"),
    "random weights, probe": ("#2e7d4f", "^", ":"),
    "raw pixels, probe": ("#55595f", "v", ":"),
}
UNUSED = "#d5d8dc"  # cells of a matrix that no loss reads


def label_curves(
    lines: Mapping[str, Mapping[str, Sequence[tuple[int, Spread]]]], chance: Mapping[str, float]
) -> Figure:
    """Lesson 1: accuracy against the number of labels, one panel for each data set.

    Args:
        lines: (labels, accuracy) by the name of the line, by the name of the data set.
        chance: accuracy of guessing on each data set.
    """
    figure, axes = styled_axes(6.8, 3.6, 2, sharex=True, sharey=True)
    for ax, (data, named) in zip(axes, lines.items(), strict=True):
        for name, line in named.items():
            color, marker, style = LABEL_LOOKS[name]
            x = [n for n, _ in line]
            y = [100 * s.mean for _, s in line]
            half = [100 * (s.high - s.mean) if s.n > 1 else 0 for _, s in line]
            label = name if ax is axes[0] else None
            ax.plot(x, y, style, color=color, marker=marker, markersize=5, label=label)
            ax.errorbar(x, y, half, fmt="none", color=color, capsize=3, linewidth=1)
        ax.axhline(100 * chance[data], color=GREY, linestyle="--", linewidth=1)
        ax.set(xscale="log", xlabel="labels", ylim=(0, 103))
        ax.set_title(data, fontsize=10)
    axes[0].set_ylabel("test accuracy, %")
    if len(next(iter(lines.values()))) > 1:
        figure.legend(loc="outside upper center", ncols=3, frameon=False, fontsize=9)
    return figure


def memorisation_figure(
    labels: Sequence[int], training: Sequence[Spread], test: Sequence[Spread]
) -> Figure:
    """Lesson 1: accuracy on training and on test images against the number of labels.

    Args:
        labels: how many there were in each training.
        training: accuracy on the images of the last batch of each training.
        test: accuracy on test images.
    """
    figure, ax = styled_axes(6.4, 3.2)
    for values, color, marker, name in (
        (training, BLUE, "s", "training pictures, last batch"),
        (test, "black", "o", "test pictures"),
    ):
        interval_line(ax, labels, values, color=color, marker=marker, label=name)
    ax.axhline(10, color=GREY, linestyle="--", linewidth=1, label="guessing")
    ax.set(xscale="log", ylim=(0, 103), xlabel="labels", ylabel="accuracy, %")
    side_legend(figure)
    return figure


def patch_grids(images: Tensor, patch: int, gap: int, jitter: int) -> Figure:
    """Lesson 5: the nine places from which patches are cut, drawn over images.

    Args:
        images: (N, 3, H, W), uint8.
        patch: side of a patch in pixels.
        gap: between two patches, in pixels.
        jitter: by which each patch is displaced at most, in pixels.
    """
    figure = Figure(figsize=(6.4, 3.4), layout="constrained")
    for ax, image in zip(figure.subplots(1, len(images)), images, strict=True):
        ax.imshow(image.permute(1, 2, 0))
        ax.set_axis_off()
        for place, (row, column) in enumerate([*NEIGHBORS, (1, 1)]):
            x, y = (jitter + at * (patch + gap) - 0.5 for at in (column, row))
            frame = Rectangle((x, y), patch, patch, edgecolor="white", linewidth=2, fill=False)
            ax.add_patch(frame)
            name = "centre" if place == 8 else f"y = {place}"
            label = {"ha": "center", "va": "center", "fontsize": 8, "color": "white"}
            box = {"facecolor": "black", "alpha": 0.6, "linewidth": 0, "boxstyle": "round,pad=0.2"}
            ax.text(x + patch / 2, y + patch / 2, name, bbox=box, **label)
    return figure


def affinity_figure(s: Tensor, views: Tensor) -> Figure:
    """Lesson 11: an affinity matrix with its views along the edges and the positives framed.

    Args:
        s: (2N, 2N), cosines.
        views: (2N, 1, H, W) in [0, 1].
    """
    M = len(views)
    figure = Figure(figsize=(5.6, 5.6), layout="constrained")
    ax = figure.subplots()
    kept = s.masked_fill(torch.eye(M, dtype=torch.bool), torch.nan).numpy()
    ax.set_facecolor(UNUSED)  # the diagonal
    ax.imshow(kept, extent=(1, M + 1, M + 1, 1), cmap="PuOr_r", vmin=-1, vmax=1)
    for i in range(M):
        view = views[i, 0].numpy()
        ax.imshow(view, extent=(0.05, 0.95, i + 1.95, i + 1.05), cmap="gray", vmin=0, vmax=1)
        ax.imshow(view, extent=(i + 1.05, i + 1.95, 0.95, 0.05), cmap="gray", vmin=0, vmax=1)
        j = int(partners(M)[i])
        ax.add_patch(Rectangle((j + 1, i + 1), 1, 1, fill=False, edgecolor="black", lw=2.5))
        for k in range(M):
            words = "itself" if k == i else f"{s[i, k]:.2f}".replace("-", "−")
            ax.text(k + 1.5, i + 1.5, words, ha="center", va="center", fontsize=9)
    ax.set(xlim=(0, M + 1.02), ylim=(M + 1.02, 0))
    ax.set_axis_off()
    ax.add_patch(Rectangle((1, 1), M, M, color=UNUSED, zorder=-1))
    return figure


def neighbour_figure(
    neighbours: Mapping[str, Tensor], images: Tensor, queries: Sequence[int]
) -> Figure:
    """Lesson 11: images, framed, followed by their nearest neighbours under two encoders.

    Args:
        neighbours: (n, k), rows of `images`, by what the encoder was trained with.
        images: (n, 3, H, H), uint8.
        queries: rows of the images to begin with.
    """
    figure = Figure(figsize=(8.6, 3.7), dpi=100)
    axes = figure.subplots(1, 2)
    figure.subplots_adjust(left=0, right=1, bottom=0, top=0.92, wspace=0.05)
    side = images.shape[-1] + 2  # with the margin
    for ax, (name, near) in zip(axes, neighbours.items(), strict=True):
        rows = torch.stack([images[[query, *near[query].tolist()]] for query in queries])
        tiles = F.pad(rows, (1, 1, 1, 1), value=255)  # (rows, 1 + k, 3, H + 2, H + 2)
        mosaic = rearrange(tiles, "row column c h w -> (row h) (column w) c").numpy()
        ax.imshow(mosaic, interpolation="nearest")
        for row in range(len(queries)):
            ax.add_patch(Rectangle((-0.5, side * row - 0.5), side, side, fill=False, lw=3))
        ax.set_title(f"trained with {name}", fontsize=10)
        ax.set_axis_off()
    return figure


def value_matrix(ax: Axes, values: Sequence[Sequence[float]], names: Sequence[str]) -> None:
    """Lesson 11b: a square of values, written into their cells."""
    flat = [value for row in values for value in row]
    ax.imshow(values, cmap="YlGnBu")
    for row, line in enumerate(values):
        for column, value in enumerate(line):
            color = "white" if value > (max(flat) + min(flat)) / 2 else "black"
            ax.text(column, row, f"{value:.1f}", ha="center", va="center", color=color)
    ax.set_xticks(range(len(names)), names, rotation=30, ha="right", fontsize=9)
    ax.set_yticks(range(len(names)), names, fontsize=9)
    ax.tick_params(length=0)


def setting_curve(ax: Axes, values: Mapping[float, Spread], style: str, label: str) -> None:
    """Lesson 11b: accuracy against a setting, on a logarithmic scale that names the settings."""
    interval_line(ax, list(values), list(values.values()), fmt=style, label=label)
    ax.set_xscale("log")
    ax.set_xticks(list(values), [f"{x:g}" for x in values])
    ax.minorticks_off()
    ax.grid(alpha=0.3)


@dataclass(frozen=True)
class LossMatrix:
    """The matrix that a loss reads, with images or words along its edges.

    Attributes:
        title: above it.
        cells: (R, C), from -1 to 1; NaN where the loss reads nothing.
        rows: an image (H, W) in [0, 1] or a word for each row, or nothing.
        columns: the same for each column.
        labels: of rows and columns.
        framed: row and column of the cells of the positives.
    """

    title: str
    cells: Tensor
    rows: Sequence[Tensor | str] = ()
    columns: Sequence[Tensor | str] = ()
    labels: tuple[str, str] = ("", "")
    framed: Sequence[tuple[int, int]] = ()


def loss_matrices(matrices: Sequence[LossMatrix]) -> Figure:
    """Lesson 12: six matrices in two rows, with one scale of colours."""
    figure = Figure(figsize=(8.2, 6.0), layout="constrained")
    axes = figure.subplots(2, 3).flatten()
    for ax, matrix in zip(axes, matrices, strict=True):
        shown = _draw_loss_matrix(ax, matrix)
    figure.colorbar(shown, ax=axes, shrink=0.5, aspect=30, label="cosine, correlation or code")
    return figure


def _draw_loss_matrix(ax: Axes, matrix: LossMatrix) -> AxesImage:
    rows, columns = matrix.rows, matrix.columns
    R, C = matrix.cells.shape
    ax.add_patch(Rectangle((0, 0), C, R, color=UNUSED, linewidth=0, zorder=-1))
    shown = ax.imshow(matrix.cells, extent=(0, C, R, 0), cmap="PuOr_r", vmin=-1, vmax=1)
    for i, item in enumerate(rows):
        if isinstance(item, str):
            ax.text(-0.15, i + 0.5, item, ha="right", va="center", fontsize=8)
        else:
            ax.imshow(item, extent=(-1, -0.05, i + 0.95, i + 0.05), cmap="gray", vmin=0, vmax=1)
    for i, item in enumerate(columns):
        if isinstance(item, str):
            ax.text(i + 0.5, -0.15, item, ha="center", va="bottom", fontsize=8, rotation=90)
        else:
            ax.imshow(item, extent=(i + 0.05, i + 0.95, -0.05, -1), cmap="gray", vmin=0, vmax=1)
    for r, c in matrix.framed:
        ax.add_patch(Rectangle((c, r), 1, 1, fill=False, edgecolor="black", linewidth=1.6))
    top = 3.0 if columns and isinstance(columns[0], str) else 1.0 if columns else 0
    ax.set(xlim=(-1 if rows else 0, C), ylim=(R, -top), xticks=[], yticks=[])
    ax.set_title(matrix.title, fontsize=10)
    ax.set_ylabel(matrix.labels[0], fontsize=8.5)
    ax.set_xlabel(matrix.labels[1], fontsize=8.5)
    ax.spines[:].set_visible(False)
    return shown
