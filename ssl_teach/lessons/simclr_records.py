"""Lesson 11: SimCLR's recorded accuracies, with its baselines, and the settings behind them."""

from __future__ import annotations

from IPython.display import Markdown

from ssl_teach.experiments import book_record
from ssl_teach.lessons.tables import results_table

METHODS = {
    "SimCLR": "simclr",
    "supervised": "supervised",
    "random weights": "random",
    "raw pixels": "pixels",
}
PROBES = {"linear": "linear probe", "linear_best": "best stage", "knn": "k-NN"}


def simclr_results(data: str) -> Markdown:
    """A table of accuracies over seeds on "sketches", "scenes" or "cifar10"."""
    rows = {title: book_record(f"{data}-{method}") for title, method in METHODS.items()}
    return results_table(rows, PROBES)


def print_simclr_settings(data: str) -> None:
    """Print the steps, temperature and views of SimCLR's record on a data set."""
    s = book_record(f"{data}-simclr").settings
    print(f"{s['steps']} steps of {s['batch_size']} images, τ = {s['temperature']}")
    hue = "" if s["hue"] is None else f", hue turned by up to {s['hue']} of the circle"
    print(f"crops of {s['crop']:.0%} to 100% of the picture{hue}")
