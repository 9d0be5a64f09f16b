"""How an exercise looks in a lesson: statement, hints, and for practice its folded solution."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ssl_teach.exercises.book import exercise
from ssl_teach.exercises.core import CHECKED, Exercise
from ssl_teach.exercises.kit import WORDS, folded

TEACHER = "SSL_TEACH_SEED"  # set while the instructor's book is built, to the cohort's seed


@dataclass(frozen=True)
class Shown:
    """An exercise that a notebook or a page of the book renders as Markdown.

    Attributes:
        exercise: in its practice form.
        graded: the cohort's form, whose solution only the instructor's book shows; or None.
    """

    exercise: Exercise
    graded: Exercise | None = None

    def __repr__(self) -> str:
        """Its kind and title."""
        return f"{WORDS[self.exercise.kind]}: {self.exercise.title}"

    def _repr_markdown_(self) -> str:
        each = self.exercise
        facts = f"*{each.points} points, about {each.minutes} minutes.*"
        end = "" if each.title.endswith("?") else "."
        parts = [
            f"**{WORDS[each.kind]}: {each.title}{end}** {facts} After it you can {each.objective}.",
            each.statement,
        ]
        parts += [folded(f"Hint {k}", hint) for k, hint in enumerate(each.hints, start=1)]
        parts.append(folded("Solution", solution_text(each)))
        if self.graded is not None:
            form = f" ({self.graded.form})" if self.graded.form else ""
            parts.append(folded(f"Graded form{form}", self.graded.statement))
            parts.append(folded("Solution of the graded form", solution_text(self.graded)))
        return "\n\n".join(parts)


def solution_text(each: Exercise) -> str:
    """A solution in Markdown: code in a block, a model answer as it is."""
    if each.kind in CHECKED:
        return f"```python\n{each.solution.strip()}\n```"
    return each.solution


def show(key: str) -> Shown:
    """Show an exercise of the book: what is asked, hints and a solution, the last two folded.

    While the instructor's book is built (`make book-teacher SEED=…`), the cohort's graded form is
    shown beneath, with its solution.

    Args:
        key: of the exercise.

    Raises:
        ValueError: if there is none of that name, or the seed in the environment is no number.
    """
    seed = os.environ.get(TEACHER)
    graded = None if seed is None else exercise(key, int(seed))
    return Shown(exercise(key), graded)
