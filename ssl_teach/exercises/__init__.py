"""Exercises that check themselves: ``check("affinity-matrix", my_function)`` in a notebook."""

from __future__ import annotations

from typing import Any

from ssl_teach.exercises.assign.display import show
from ssl_teach.exercises.bank.registry import all_exercises, exercise
from ssl_teach.exercises.checks.harness import CheckFailed
from ssl_teach.exercises.core import Exercise, Property, Variant, Verdict, judge

__all__ = [
    "CheckFailed",
    "Exercise",
    "Property",
    "Variant",
    "Verdict",
    "all_exercises",
    "check",
    "exercise",
    "judge",
    "show",
]


def check(key: str, answer: Any, *, seed: int | None = None) -> Verdict:
    """Check whether an answer has the properties of a correct one.

    Args:
        key: of the exercise, as its text gives it: "affinity-matrix".
        answer: your function, without brackets after it.
        seed: of a graded form; the notebook of an assignment fills it in.

    Returns:
        A verdict, which the notebook displays: the properties that hold, the first that does not,
        for which input, and where to look.

    Raises:
        ValueError: if no exercise has this key, or it is not checked by code.
    """
    return judge(exercise(key, seed), answer)
