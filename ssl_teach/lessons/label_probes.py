"""Lesson 1: the records of linear probes that are compared with supervised training."""

from __future__ import annotations

from collections.abc import Mapping

from ssl_teach.experiments import book_record
from ssl_teach.statistics import Spread

PROBED = {"scenes": (1, 10, 100), "sketches": (10, 100)}
"""By data set: the percentages of the labels that the probes were given."""

METHODS = {
    "rotation, probe": "rotation",
    "SimCLR, probe": "simclr",
    "random weights, probe": "random",
    "raw pixels, probe": "pixels",
}
"""By the name of a line in the figure: the method in the names of lesson 9's records."""


def probe_metric(percentage: int) -> str:
    """Return the name of the last stage's linear probe with this percentage of the labels."""
    return "linear" if percentage == 100 else f"linear@{percentage}%"


def probe_lines(data: str, counts: Mapping[int, int]) -> dict[str, list[tuple[int, Spread]]]:
    """The accuracies of all probes on a data set, as `label_curves` draws them.

    Args:
        data: "scenes" or "sketches".
        counts: The number of labels by their percentage.

    Returns:
        (labels, accuracy) for each percentage, by the name of the line.
    """
    records = {name: book_record(f"league-{data}-{method}") for name, method in METHODS.items()}
    return {
        name: [(n, record.spread(probe_metric(share))) for share, n in counts.items()]
        for name, record in records.items()
    }
