"""From one source, three notebooks: the student's, the instructor's, and what the grader needs.

The student's holds statements, hints, starters and cells that check; the instructor's adds the
solutions, rubrics, common mistakes and questions for class. A graded answer stands in a cell that
carries the exercise's key in its metadata, which is how the grader finds it again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from ssl_teach.exercises.bank.registry import all_exercises
from ssl_teach.exercises.core import CHECKED, Exercise
from ssl_teach.exercises.grading.sandbox import NAMES

MARK = "ssl_teach"  # in a cell's metadata: {"exercise": key, "role": …}, in a notebook's: the form
WORDS = {
    "implement": "Implement",
    "bug": "Find the bug",
    "choose": "Choose",
    "predict": "Predict",
    "explore": "Explore",
}
SETUP = f"{NAMES}\n\nfrom ssl_teach.exercises import check"
ASK = "*Write your answer here, in place of this line.*"


def _cell_id(key: str, role: str) -> str:
    return f"{role}-{key}"[:64]


def _markdown(text: str, key: str = "", role: str = "text") -> NotebookNode:
    cell = new_markdown_cell(text, id=_cell_id(key or "page", role))
    if key:
        cell.metadata[MARK] = {"exercise": key, "role": role}
    return cell


def _code(text: str, key: str = "", role: str = "setup") -> NotebookNode:
    cell = new_code_cell(text.strip("\n"), id=_cell_id(key or "page", role))
    if key:
        cell.metadata[MARK] = {"exercise": key, "role": role}
    return cell


def folded(summary: str, text: str) -> str:
    """Text behind a triangle, which Jupyter, Colab and the book all open on a click."""
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(each)} |" for each in lines)


def facts(exercise: Exercise) -> str:
    """What an exercise is worth, how long it takes, and what for, in a line of Markdown."""
    worth = f"*{exercise.points} points, about {exercise.minutes} minutes.*"
    return f"{worth} After it you can {exercise.objective}."


def statement_cell(exercise: Exercise, number: int) -> NotebookNode:
    """What is asked: kind, title, points, time, objective, statement and folded hints."""
    head = f"## {number}. {WORDS[exercise.kind]}: {exercise.title}"
    parts = [head, facts(exercise), exercise.statement]
    parts += [folded(f"Hint {k}", hint) for k, hint in enumerate(exercise.hints, start=1)]
    return _markdown("\n\n".join(parts), exercise.key, "statement")


def answer_cells(exercise: Exercise, seed: int | None) -> list[NotebookNode]:
    """Where the answer goes, and, if code checks it, the cell that does."""
    if exercise.kind not in CHECKED:
        return [_markdown(ASK, exercise.key, "answer")]
    form = "" if seed is None else f", seed={seed}"
    asked = f'check("{exercise.key}", {exercise.function}{form})'
    return [
        _code(exercise.starter, exercise.key, "answer"),
        _code(asked, exercise.key, "check"),
    ]


def teacher_cells(exercise: Exercise) -> list[NotebookNode]:
    """What only the instructor reads: a solution, points, mistakes, a question for class."""
    parts = [f"**Form:** {exercise.form}"] if exercise.form else []
    if exercise.heading:
        parts.append(f"**In lesson {exercise.lesson}:** {exercise.heading}")
    if exercise.kind not in CHECKED:
        parts.append(f"**A good answer.** {exercise.solution}")
    if exercise.rubric:
        lines = "\n".join(f"- {points} for {what}" for what, points in exercise.rubric.items())
        parts.append(f"**Points**\n\n{lines}")
    if exercise.properties:
        share = exercise.points / len(exercise.properties)
        lines = "\n".join(f"- {share:.2g} if it {each.name}" for each in exercise.properties)
        parts.append(f"**Points, in this order, up to the first that fails**\n\n{lines}")
    if exercise.mistakes:
        parts.append("**Common mistakes**\n\n" + "\n".join(f"- {m}" for m in exercise.mistakes))
    if exercise.discuss:
        parts.append(f"**For class.** {exercise.discuss}")
    cells = [_markdown("\n\n".join(parts), exercise.key, "teacher")]
    if exercise.kind in CHECKED:
        cells.insert(0, _code(exercise.solution, exercise.key, "solution"))
    return cells


def notebook(
    exercises: Sequence[Exercise], title: str, seed: int | None = None, *, teacher: bool = False
) -> NotebookNode:
    """A notebook of exercises.

    Args:
        exercises: in order.
        title: its heading.
        seed: of the form that the exercises have.
        teacher: whether solutions, rubrics and the like are in it.
    """
    total = sum(each.points for each in exercises)
    minutes = sum(each.minutes for each in exercises)
    intro = (
        f"# {title}\n\n{total} points, about {minutes} minutes. Each cell that says `check(…)` "
        "tells at once which property of a right answer does not hold yet. Answers may use "
        "`torch`, `F`, `nn`, `np`, `math` and `einops`, which the next cell imports. Write each "
        "into the cell that is there for it, with whatever else it needs: the grader reads that "
        "cell by itself."
    )
    cells = [_markdown(intro), _code(SETUP)]
    for number, each in enumerate(exercises, start=1):
        cells.append(statement_cell(each, number))
        cells += teacher_cells(each) if teacher else answer_cells(each, seed)
    made = new_notebook(cells=cells)
    made.metadata["kernelspec"] = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    keys = [each.key for each in exercises]
    made.metadata[MARK] = {"seed": seed, "exercises": keys}
    nbformat.validate(made)
    return made


def answers(made: NotebookNode) -> dict[str, str]:
    """What a submitted notebook answers: the source of each answer's cell, by the exercise's key.

    A cell that was split in two, both with the mark, counts as one.
    """
    found: dict[str, str] = {}
    for cell in made.cells:
        mark = cell.metadata.get(MARK, {})
        if isinstance(mark, dict) and mark.get("role") == "answer":
            key = str(mark.get("exercise"))
            found[key] = f"{found[key]}\n{cell.source}" if key in found else str(cell.source)
    return found


def write_kit(folder: Path, keys: Sequence[str], title: str, seed: int | None) -> dict[str, Path]:
    """Write an assignment: the student's notebook, the instructor's, and the grader's list.

    Args:
        folder: where to.
        keys: of the exercises, in order.
        title: of the assignment; its words name the files.
        seed: of the graded form; None for the practice form.

    Returns:
        Paths of "student", "instructor" and "grader".

    Raises:
        ValueError: if a key is unknown.
    """
    known = all_exercises(seed)
    lost = [key for key in keys if key not in known]
    if lost:
        raise ValueError(f"no exercise is called {lost[0]!r}; there are {', '.join(known)}")
    chosen = [known[key] for key in keys]
    stem = "".join(c if c.isalnum() else "-" for c in title.lower()).strip("-")
    paths = {}
    for who, teacher in (("student", False), ("instructor", True)):
        paths[who] = folder / who / f"{stem}.ipynb"
        paths[who].parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook(chosen, title, seed, teacher=teacher), paths[who])
    paths["grader"] = folder / "grader" / f"{stem}.json"
    paths["grader"].parent.mkdir(parents=True, exist_ok=True)
    plan: dict[str, Any] = {
        "title": title,
        "seed": seed,
        "exercises": {
            each.key: {
                "kind": each.kind,
                "points": each.points,
                "rubric": each.rubric or {"the answer": each.points},
            }
            for each in chosen
        },
    }
    paths["grader"].write_text(json.dumps(plan, indent=1), encoding="utf-8")
    return paths
