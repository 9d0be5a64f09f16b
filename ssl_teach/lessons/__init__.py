"""What only the lessons use: plots, tables, claims, and the experiments of single lessons."""

from __future__ import annotations

from ssl_teach.lessons.cifar10 import CELLS, ROWS, CIFAR10Run
from ssl_teach.lessons.claims import claim, points, show_source
from ssl_teach.lessons.plots import BLUE, GREY, ORANGE, bars, by_stage, show_images
from ssl_teach.lessons.tables import cite_records, results_table, table

__all__ = [
    "BLUE",
    "CELLS",
    "GREY",
    "ORANGE",
    "ROWS",
    "CIFAR10Run",
    "bars",
    "by_stage",
    "cite_records",
    "claim",
    "points",
    "results_table",
    "show_images",
    "show_source",
    "table",
]
