"""Answers to exercises, right and wrong, and what a check must say of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from ssl_teach.exercises import Exercise, judge

SEEDS = (None, 1, 2)
"""The practice form, and two graded ones."""


@dataclass(frozen=True)
class Bad:
    """A wrong answer.

    Attributes:
        answer: the function.
        diagnosis: that the check must give.
        words: that its message or its failed property must hold.
    """

    answer: Callable[..., Any]
    diagnosis: str
    words: str


def solved(exercise: Exercise) -> Any:
    """The exercise's own solution, run as a learner would."""
    space: dict[str, Any] = {"torch": torch}
    exec(exercise.solution, space)
    return space[exercise.function]


def assert_right(exercise: Exercise, answer: Any) -> None:
    """The check must accept it."""
    verdict = judge(exercise, answer)
    assert verdict.correct, repr(verdict)
    assert verdict.points == exercise.points


def assert_wrong(exercise: Exercise, bad: Bad) -> None:
    """The check must refuse it, for this reason, and without the answer."""
    verdict = judge(exercise, bad.answer)
    assert not verdict.correct
    assert verdict.failure is not None and verdict.failure.diagnosis == bad.diagnosis, repr(verdict)
    assert bad.words in f"{verdict.failed} {verdict.failure}", repr(verdict)
    assert verdict.points < exercise.points
