"""How an exercise looks in a lesson: statement, hints, and for practice its folded solution.

Exercises that a person reads are asked in the lesson's own text; `worth` says beneath them what
they count, how long they take and what for.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from ssl_teach.exercises.assign.notebooks import WORDS, facts, folded, table
from ssl_teach.exercises.bank.registry import all_exercises, exercise
from ssl_teach.exercises.core import CHECKED, Exercise

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
        end = "" if each.title.endswith("?") else "."
        parts = [
            f"**{WORDS[each.kind]}: {each.title}{end}** {facts(each)}",
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


@dataclass(frozen=True)
class Worth:
    """What a lesson's exercises in words are worth, rendered as a table.

    Attributes:
        exercises: in the order of the lesson's text.
    """

    exercises: tuple[Exercise, ...]

    def __repr__(self) -> str:
        """A line for each."""
        return "\n".join(f"{each.heading} {facts(each)}" for each in self.exercises)

    def _repr_markdown_(self) -> str:
        rows = [
            (each.heading.rstrip("."), f"{each.points}", f"{each.minutes}", each.objective)
            for each in self.exercises
        ]
        shown = table(("exercise", "points", "minutes", "after it you can"), rows)
        return f"{shown}\n\nOther exercises in words are for practice, and carry no points."


def worth(lesson: str) -> Worth:
    """Points, minutes and objectives of the exercises that a lesson asks in its text.

    A person marks them, by the rubric of the instructor's notebook. The lesson's other exercises in
    words are not marked.

    Args:
        lesson: stem of the notebook: "04_rotation".

    Raises:
        ValueError: if no lesson of that name has such exercises.
    """
    every = all_exercises().values()
    asked = [each for each in every if each.lesson == lesson and each.heading]
    if not asked:
        known = sorted({each.lesson for each in every if each.heading})
        raise ValueError(f"no exercises in words in {lesson!r}; there are in {', '.join(known)}")
    return Worth(tuple(sorted(asked, key=_number)))


def _number(each: Exercise) -> int:
    """In a lesson that numbers its exercises; without numbers they stay in the book's order."""
    number = each.heading.split(".")[0]
    return int(number) if number.isdecimal() else 0
