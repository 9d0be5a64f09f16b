"""How a lesson shows an exercise: statement, hints, and for the practice form a folded solution."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ssl_teach.exercises.assign.markdown import details, hints, solution
from ssl_teach.exercises.bank.registry import exercise
from ssl_teach.exercises.core import Exercise

SEED_VARIABLE = "SSL_TEACH_SEED"  # holds the cohort's seed while the instructor's book is built


@dataclass(frozen=True)
class ShownExercise:
    """An exercise that a notebook or a page of the book renders as Markdown.

    Attributes:
        exercise: the practice form.
        graded: the cohort's form in the instructor's book, which shows all solutions; otherwise
            None.
    """

    exercise: Exercise
    graded: Exercise | None = None

    def __repr__(self) -> str:
        """Type and title."""
        return self.exercise.heading

    def _repr_markdown_(self) -> str:
        each, graded = self.exercise, self.graded
        end = "" if each.title.endswith("?") else "."
        parts = [f"**{each.heading}{end}** {each.summary}", each.statement, *hints(each)]
        if each.solution_in_lesson or graded is not None:
            parts.append(details("Solution" if each.checked else "Answer", solution(each)))
        if graded is not None and graded.form:
            parts.append(details(f"Graded form ({graded.form})", graded.statement))
            parts.append(details("Solution of the graded form", solution(graded)))
        return "\n\n".join(parts)


def show(key: str) -> ShownExercise:
    """Show an exercise of the book: the statement, then hints and a solution, both folded.

    While the instructor's book is built (`make book-teacher SEED=…`), the cohort's graded form
    follows, with its solution.

    Args:
        key: name of the exercise.

    Raises:
        ValueError: if no exercise has this key, or the seed in the environment is not a number.
    """
    seed = os.environ.get(SEED_VARIABLE)
    graded = None if seed is None else exercise(key, int(seed))
    return ShownExercise(exercise(key), graded)
