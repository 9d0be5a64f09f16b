"""Tables of the instructor's page: prerequisites and objectives, exercises, common mistakes."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from IPython.display import Markdown

from ssl_teach.exercises.assign.display import SEED_VARIABLE
from ssl_teach.exercises.assign.markdown import markdown_table, rubric, solution
from ssl_teach.exercises.bank.registry import all_exercises
from ssl_teach.exercises.core import TYPES

NOTEBOOKS = Path(__file__).parents[3] / "notebooks"
PREREQUISITES: dict[str, tuple[str, str]] = {
    "00_before_the_lessons": ("", "PyTorch: tensors, modules, a training loop"),
    "01_introduction": ("00", "cross-entropy, accuracy, mean and standard deviation"),
    "02_transfer_learning": ("01", "batch norm and its two modes"),
    "03_self_supervised_learning": ("01 02", "frozen and fine-tuned, train, validation and test"),
    "04_rotation": ("03", "a linear probe on frozen features"),
    "05_patch_position": ("03 04", "shortcuts"),
    "06_jigsaw": ("03 05", "one encoder for several patches; permutations"),
    "07_inpainting": ("03", "mean squared error, nearest-neighbour upsampling"),
    "08_super_resolution": ("07", "the two players of a GAN and their losses"),
    "09_tied_to_the_task": ("03 04", "two of lessons 5 to 8; confidence intervals"),
    "10_contrastive_learning": ("00 03", "softmax, logarithms, the angle between two vectors"),
    "11_simclr": ("10", "InfoNCE, temperature, cosine"),
    "11b_simclr_taken_apart": ("09 11", "the affinity matrix, the factor table"),
    "12_what_came_after": ("10 11", "matrices, correlation; exponential averages"),
    "13_many_devices": ("11", "processes; the chain rule"),
    "14_sketch_pad": ("03 04 11", "nothing beyond these lessons"),
}
"""Prerequisites of each lesson: numbers of earlier lessons, and other knowledge."""


def _opening(lesson: str) -> str:
    """The first cell of a lesson: title, question, objectives.

    Raises:
        ValueError: outside a clone of the repository, where the lessons are missing.
    """
    path = NOTEBOOKS / f"{lesson}.ipynb"
    if not path.exists():
        raise ValueError(f"there is no {path}: the tables need a clone of the repository")
    return "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"])


def title(lesson: str) -> str:
    """The heading of a lesson, up to its colon."""
    return _opening(lesson).split("\n", 1)[0].removeprefix("# ").split(":")[0]


def objectives(lesson: str) -> list[str]:
    """The objectives that a lesson states.

    Raises:
        ValueError: if it states none.
    """
    found = re.search(r"you can\n\n((?:- .+\n?)+)", _opening(lesson))
    if found is None:
        raise ValueError(f"{lesson} does not begin with a list of objectives")
    return [line.removeprefix("- ").rstrip(";.") for line in found[1].strip().split("\n")]


def _number(lesson: str) -> str:
    """The number of a lesson without leading zeros: 0, 4, 11b."""
    return lesson.split("_")[0].lstrip("0") or "0"


def lesson_table() -> Markdown:
    """Every lesson: prerequisites, objectives, and points and time of its exercises."""
    every = all_exercises().values()
    rows = []
    for lesson, (before, knowledge) in PREREQUISITES.items():
        numbers = [_number(each) for each in before.split()]
        lessons = " and ".join(filter(None, [", ".join(numbers[:-1]), *numbers[-1:]]))
        which = f"lesson{'s' * (len(numbers) > 1)} {lessons}; " if numbers else ""
        able = "<br>".join(f"• {each}" for each in objectives(lesson))
        asked = [each for each in every if each.lesson == lesson]
        points = f"{sum(each.points for each in asked)} in {sum(e.minutes for e in asked)} min"
        rows.append([f"{_number(lesson)}. {title(lesson)}", f"{which}{knowledge}", able, points])
    head = ["lesson", "needs", "afterwards students can", "points of its exercises"]
    return Markdown(markdown_table(head, rows))


def exercise_table() -> Markdown:
    """Every exercise: key, type, points, minutes, marking, and objective."""
    rows = []
    for key, each in all_exercises().items():
        who = "code" if each.checked else "a person"
        about = [f"{each.points}", f"{each.minutes}", who, each.objective]
        rows.append([_number(each.lesson), f"`{key}`", TYPES[each.type].lower(), *about])
    head = ["lesson", "exercise", "type", "points", "minutes", "marked by"]
    return Markdown(markdown_table([*head, "afterwards students can"], rows))


def common_mistakes() -> Markdown:
    """The common mistakes in the exercises of each lesson.

    Each line has at most the mistake's own colon: the title ends in a full stop or its question
    mark, and the part of a question is in brackets.
    """
    by_lesson: dict[str, list[str]] = {}
    for each in all_exercises().values():
        lines = by_lesson.setdefault(each.lesson, [])
        title_of = each.title if each.title.endswith("?") else f"{each.title}."
        mistakes = [re.sub(r"^([a-z]): ", r"(\1) ", mistake) for mistake in each.mistakes]
        lines += [f"- *{title_of}* {mistake}" for mistake in mistakes]
    parts = []
    for lesson, lines in sorted(by_lesson.items()):
        parts += [f"**Lesson {_number(lesson)}: {title(lesson)}**", "\n".join(lines)]
    return Markdown("\n\n".join(parts))


def model_answers() -> Markdown:
    """All solutions, with rubrics; in the public book, how to obtain them."""
    seed = os.environ.get(SEED_VARIABLE)
    if seed is None:
        return Markdown(
            "The instructor's build shows answers and rubrics of the exercises that a person "
            "marks: `make book-teacher SEED=7`."
        )
    parts = []
    for key, each in all_exercises(int(seed)).items():
        about = f"{each.points} points, about {each.minutes} minutes"
        form = f" ({each.form})" if each.form else ""
        parts.append(f"**`{key}`**{form}, {about}\n\n{solution(each)}\n\n{rubric(each)}")
    return Markdown("\n\n".join(parts))
