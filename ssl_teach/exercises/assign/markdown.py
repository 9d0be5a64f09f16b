"""Pieces of Markdown that notebooks, lessons and the instructor's page share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ssl_teach.exercises.core import Exercise


def details(summary: str, text: str) -> str:
    """Folded text, which Jupyter, Colab and the book all open on a click."""
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>"


def hints(exercise: Exercise) -> list[str]:
    """The folded hints of an exercise, numbered if there are several."""
    several = len(exercise.hints) > 1
    return [
        details(f"Hint {k}" if several else "Hint", hint)
        for k, hint in enumerate(exercise.hints, start=1)
    ]


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(each)} |" for each in lines)


def rubric(exercise: Exercise) -> str:
    """The rubric as a list: points for each criterion."""
    return "\n".join(f"- {points} for {what}" for what, points in exercise.rubric.items())


def solution(exercise: Exercise) -> str:
    """A solution in Markdown: code in a block, a model answer as it is."""
    if exercise.checked:
        return f"```python\n{exercise.solution.strip()}\n```"
    return exercise.solution
