"""Lesson 11: SimCLR's recorded accuracies, with its baselines, and the settings behind them."""

from __future__ import annotations

from IPython.display import Markdown

from ssl_teach.experiments import Experiment, book_record
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
    settings = Experiment.from_record(book_record(f"{data}-simclr"))
    views = settings.options
    print(f"{settings.steps} steps of {settings.batch_size} images, τ = {views['temperature']}")
    hue = "" if views["hue"] is None else f", hue turned by up to {views['hue']} of the circle"
    print(f"crops of {views['crop']:.0%} to 100% of the picture{hue}")
