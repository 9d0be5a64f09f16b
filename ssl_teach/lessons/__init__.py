"""What only the lessons use: plots, tables, claims, and the experiments of single lessons."""

from __future__ import annotations

from ssl_teach.lessons.book_map import book_map
from ssl_teach.lessons.cifar10 import CELLS, ROWS, CIFAR10Run
from ssl_teach.lessons.claims import LAST_AND_BEST, claim, compare, points, show_source
from ssl_teach.lessons.plots import (
    BLUE,
    GREY,
    ORANGE,
    bars,
    by_stage,
    gain_plot,
    interval_line,
    show_images,
    side_legend,
    stages,
    styled_axes,
)
from ssl_teach.lessons.setting import (
    cosine_neighbours,
    first_of_each,
    last_stage,
    prepare_device,
    probe_accuracies,
    seeded,
)
from ssl_teach.lessons.tables import metric_text, results_table, table

__all__ = [
    "BLUE",
    "CELLS",
    "GREY",
    "LAST_AND_BEST",
    "ORANGE",
    "ROWS",
    "CIFAR10Run",
    "bars",
    "book_map",
    "by_stage",
    "claim",
    "compare",
    "cosine_neighbours",
    "first_of_each",
    "gain_plot",
    "interval_line",
    "last_stage",
    "metric_text",
    "points",
    "prepare_device",
    "probe_accuracies",
    "results_table",
    "seeded",
    "show_images",
    "show_source",
    "side_legend",
    "stages",
    "styled_axes",
    "table",
]
