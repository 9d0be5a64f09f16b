"""Tables of the instructor's guide: what each lesson asks, and where people get stuck."""

from __future__ import annotations

import os

from IPython.display import Markdown

from ssl_teach.exercises.book import all_exercises
from ssl_teach.exercises.core import CHECKED
from ssl_teach.exercises.display import TEACHER, solution_text
from ssl_teach.exercises.kit import WORDS


def exercise_table() -> Markdown:
    """Every exercise: lesson, key, kind, points, minutes, and how it is marked."""
    head = ["lesson", "exercise", "kind", "points", "minutes", "marked by"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for key, each in all_exercises().items():
        who = "code" if each.kind in CHECKED else "a person"
        cells = [each.lesson.split("_")[0], f"`{key}`", WORDS[each.kind].lower()]
        lines.append("| " + " | ".join([*cells, f"{each.points}", f"{each.minutes}", who]) + " |")
    return Markdown("\n".join(lines))


def stuck() -> Markdown:
    """For each lesson the mistakes that people make in its exercises."""
    by_lesson: dict[str, list[str]] = {}
    for each in all_exercises().values():
        lines = by_lesson.setdefault(each.lesson, [])
        lines += [f"- *{each.title}* {mistake}" for mistake in each.mistakes]
    parts = []
    for lesson, lines in sorted(by_lesson.items()):
        parts += [f"**Lesson {lesson.split('_')[0].lstrip('0') or '0'}**", "\n".join(lines)]
    return Markdown("\n\n".join(parts))


def answers_to_read() -> Markdown:
    """Model answers of what a person marks; in the public book, how to see them."""
    seed = os.environ.get(TEACHER)
    if seed is None:
        return Markdown(
            "Answers and rubrics of what a person marks stand here in the instructor's build: "
            "`make book-teacher SEED=7`."
        )
    parts = []
    for key, each in all_exercises(int(seed)).items():
        rubric = "\n".join(f"- {points} for {what}" for what, points in each.rubric.items())
        form = f" ({each.form})" if each.form else ""
        parts.append(f"**`{key}`**{form}\n\n{solution_text(each)}\n\n{rubric}")
    return Markdown("\n\n".join(parts))
