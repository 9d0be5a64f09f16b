"""Exercises that check themselves: ``check("affinity-matrix", my_function)`` in a notebook."""

from __future__ import annotations

from typing import Any

from ssl_teach.exercises.assign.display import show, worth
from ssl_teach.exercises.bank.registry import all_exercises, exercise
from ssl_teach.exercises.checks.harness import Wrong
from ssl_teach.exercises.core import Exercise, Property, Variant, Verdict, judge

__all__ = [
    "Exercise",
    "Property",
    "Variant",
    "Verdict",
    "Wrong",
    "all_exercises",
    "check",
    "exercise",
    "judge",
    "show",
    "worth",
]


def check(key: str, answer: Any, *, seed: int | None = None) -> Verdict:
    """Say whether an answer has the properties of a right one, and which fails first.

    Args:
        key: of the exercise, as its text gives it: "affinity-matrix".
        answer: your function, without brackets behind it.
        seed: of a graded form; its notebook fills it in.

    Returns:
        A verdict that shows itself, with the properties that hold, the first that does not, on what
        input, and where to look.

    Raises:
        ValueError: if there is no such exercise, or it is not checked by code.
    """
    return judge(exercise(key, seed), answer)
