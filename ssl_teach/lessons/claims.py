"""A lesson's claims, which fail the build when they do not hold, and the package's source shown."""

from __future__ import annotations

import inspect
from typing import Any

from IPython.display import Markdown

from ssl_teach.statistics import decimal


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
    return f"{decimal(100 * share)} points".replace("-", "−")
