"""Exercises that a person marks: predictions and explorations, with a model answer and a rubric.

They are those of the lessons, in the lessons' words, some of them shortened. Most have one form,
the published one; where an answer is a number or a shape, graded forms ask for another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ssl_teach.exercises.core import Exercise, Variant

Maker = Callable[[Variant], Exercise]


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
    )


def always(made: Exercise) -> Maker:
    """A maker of an exercise that has one form."""
    return lambda variant: made
