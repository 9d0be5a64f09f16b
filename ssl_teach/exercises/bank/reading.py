"""Exercises that a person marks: predictions and explorations, with a model answer and a rubric.

They are those of the lessons, in the lessons' words, some of them shortened. Most have one form,
the published one; where an answer is a number or a shape, graded forms ask for another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ssl_teach.exercises.core import Exercise, Variant

Maker = Callable[[Variant], Exercise]
HEADINGS = {
    "what-does-it-show": "1. Predict: what does it show?",
    "stuck-loss": "2. Find the bug.",
    "best-of-ten": "4. Explore: the best of ten.",
    "count-labels": "1. Count the labels.",
    "wrong-labels": "3. Explore: wrong labels.",
    "first-second-third": "1. Choose.",
    "other-way-round": "2. Predict: the other way round.",
    "buying-steps": "2. Predict: buying steps.",
    "one-percent": "3. Find the flaw.",
    "own-task": "5. Implement: a task of your own.",
    "left-or-right": "1. Predict: left or right?",
    "eight-turns": "2. Predict: eight turns.",
    "mend-without-redrawing": "3. Explore: mend it without redrawing.",
    "other-patch": "1. Predict: the other patch.",
    "pairs-apart": "3. Find the bug.",
    "grid-wanders": "2. Explore: let the grid wander.",
    "two-by-two": "1. Predict: two by two.",
    "order-of-representations": "2. Predict: the order of the representations.",
    "mean-or-minimum": "3. Explore: the mean or the minimum.",
    "larger-hole": "1. Predict: a larger hole.",
    "slope-cut": "2. Find the bug.",
    "which-holes": "4. Explore: which holes?",
    "half-and-half": "1. Predict: half and half.",
    "reshape-for-shuffle": "2. Find the bug.",
    "deeper-judge": "4. Explore: a deeper judge.",
    "shortcut-left-in": "1. Predict: a shortcut left in.",
    "equal-time": "3. Find the flaw.",
    "which-stage": "2. Explore: which stage keeps what?",
    "more-candidates": "1. Predict: twice as many candidates.",
    "break-the-bound": "3. Break the bound.",
    "who-prevents-the-collapse": "4. Explore: who prevents the collapse?",
    "three-predictions": "Predict, then look.",
    "new-transform": "Explore.",
    "ripe-fruit": "1. Predict.",
    "probe-on-z": "3. Find the bug.",
    "remove-position": "2. Explore: which transform removes position?",
    "without-the-predictor": "3. Predict, then run: without the predictor.",
    "not-centred": "2. Find the bug.",
    "least-predictor": "4. Explore: the least predictor.",
    "gathered-ways": "1. Predict.",
    "slow-link": "4. Explore.",
    "views-that-turn": "1. Predict, then run: views that turn.",
    "cosines-apart": "3. Find the flaw.",
}
"""The bold words that an exercise begins with in its lesson."""


def read(
    key: str,
    lesson: str,
    kind: str,
    title: str,
    minutes: int,
    objective: str,
    statement: str,
    solution: str,
    rubric: dict[str, int],
    mistakes: Sequence[str],
    *,
    hints: Sequence[str] = (),
    discuss: str = "",
    form: str = "",
) -> Exercise:
    """An exercise without code that checks it; its points are those of the rubric.

    Args:
        key: its name.
        lesson: stem of the notebook.
        kind: "predict" or "explore".
        title: that the lesson gives it.
        minutes: that it takes, about.
        objective: what whoever solved it can do.
        statement: in Markdown.
        solution: a model answer.
        rubric: {what a good answer has: points}.
        mistakes: what people get wrong.
        hints: from faint to strong.
        discuss: a question for class.
        form: what the seed chose.
    """
    return Exercise(
        key=key,
        lesson=lesson,
        kind=kind,
        title=title,
        points=sum(rubric.values()),
        minutes=minutes,
        objective=objective,
        statement=statement,
        solution=solution,
        hints=tuple(hints),
        mistakes=tuple(mistakes),
        rubric=rubric,
        discuss=discuss,
        form=form,
        heading=HEADINGS.get(key, ""),  # an instructor's own stands in no lesson
    )


def always(made: Exercise) -> Maker:
    """A maker of an exercise that has one form."""
    return lambda variant: made
