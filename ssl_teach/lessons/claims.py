"""A lesson's findings, checked as they are printed, and the package's source as lessons show it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from IPython.display import Markdown

from ssl_teach.experiments.records import Record, difference
from ssl_teach.statistics import decimal

LAST_AND_BEST = {"linear": "last stage", "linear_best": "best stage"}
"""Headings of the two linear probes that most lessons compare, by the name of their metric."""


def show_source(*things: Any) -> Markdown:
    """Return the source of functions or classes, read from the package so that it cannot differ."""
    parts = [inspect.cleandoc("\n" + inspect.getsource(thing)) for thing in things]
    return Markdown("```python\n" + "\n\n\n".join(parts) + "\n```")


def claim(sentence: str, holds: bool) -> None:
    """Print a finding with a check mark, or stop the lesson, and so the build of its page.

    Args:
        sentence: what the lesson found, with the numbers of this run.
        holds: whether the run bears it out.

    Raises:
        AssertionError: if it does not hold.
    """
    if not holds:
        raise AssertionError(f"does not hold: {sentence}")
    print("✓", sentence)


def compare(
    ours: Record | str,
    theirs: Record | str,
    what: str,
    metrics: Mapping[str, str] = LAST_AND_BEST,
) -> None:
    """Print the paired difference of two records, and what its interval allows one to say.

    Args:
        ours: a record, or the name of one of the book's.
        theirs: is subtracted.
        what: names the comparison, at the start of each line.
        metrics: a line for each, with its heading.
    """
    for metric, heading in metrics.items():
        d = difference(ours, theirs, metric)
        print(
            f"{what}, {heading}: {d.verdict()}, {100 * d.mean:+.1f} points "
            f"(95% interval {100 * d.low:+.1f} to {100 * d.high:+.1f})"
        )


def points(fraction: float) -> str:
    """Return a difference of accuracies in percentage points: 0.051 is "5.1 points"."""
    return f"{decimal(100 * fraction)} points".replace("-", "−")
