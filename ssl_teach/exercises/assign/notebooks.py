"""From one source, three files: the student's notebook, the instructor's, and the grader's plan.

The student's notebook has statements, hints, starters and cells that check; the instructor's has
solutions, rubrics, common mistakes and questions for class instead. The cell of a graded answer
carries the exercise's key in its metadata, which is how the grader finds it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from ssl_teach.exercises.assign.markdown import hints, rubric
from ssl_teach.exercises.bank.registry import all_exercises
from ssl_teach.exercises.core import ANSWER_IMPORTS, Exercise

METADATA_KEY = "ssl_teach"
"""Of a cell's metadata, {"exercise": key, "role": …}, and of a notebook's, which holds the form."""
SETUP = f"{ANSWER_IMPORTS}\n\nfrom ssl_teach.exercises import check"
PLACEHOLDER = "*Write your answer here, in place of this line.*"


def _cell_id(key: str, role: str) -> str:
    return f"{role}-{key}"[:64]


def _markdown(text: str, key: str = "", role: str = "text") -> NotebookNode:
    cell = new_markdown_cell(text, id=_cell_id(key or "page", role))
    if key:
        cell.metadata[METADATA_KEY] = {"exercise": key, "role": role}
    return cell


def _code(text: str, key: str = "", role: str = "setup") -> NotebookNode:
    cell = new_code_cell(text.strip("\n"), id=_cell_id(key or "page", role))
    if key:
        cell.metadata[METADATA_KEY] = {"exercise": key, "role": role}
    return cell


def statement_cell(exercise: Exercise, number: int) -> NotebookNode:
    """Heading, points, time, objective, statement and folded hints."""
    head = f"## {number}. {exercise.heading}"
    parts = [head, exercise.summary, exercise.statement, *hints(exercise)]
    return _markdown("\n\n".join(parts), exercise.key, "statement")


def answer_cells(exercise: Exercise, seed: int | None) -> list[NotebookNode]:
    """The cell for the answer and, if code checks it, the cell that calls the check."""
    if not exercise.checked:
        return [_markdown(PLACEHOLDER, exercise.key, "answer")]
    form = "" if seed is None else f", seed={seed}"
    asked = f'check("{exercise.key}", {exercise.function}{form})'
    return [
        _code(exercise.starter, exercise.key, "answer"),
        _code(asked, exercise.key, "check"),
    ]


def instructor_cells(exercise: Exercise) -> list[NotebookNode]:
    """For the instructor only: a solution, points, common mistakes, a question for class."""
    parts = [f"**Form:** {exercise.form}"] if exercise.form else []
    if not exercise.checked:
        parts.append(f"**A good answer.** {exercise.solution}")
    if exercise.rubric:
        parts.append(f"**Points**\n\n{rubric(exercise)}")
    if exercise.checked:
        share = exercise.points / len(exercise.properties)
        lines = "\n".join(f"- {share:.2g} if it {each.name}" for each in exercise.properties)
        parts.append(f"**Points, in this order, up to the first that fails**\n\n{lines}")
    if exercise.mistakes:
        parts.append("**Common mistakes**\n\n" + "\n".join(f"- {m}" for m in exercise.mistakes))
    if exercise.discuss:
        parts.append(f"**For class.** {exercise.discuss}")
    cells = [_markdown("\n\n".join(parts), exercise.key, "instructor")]
    if exercise.checked:
        cells.insert(0, _code(exercise.solution, exercise.key, "solution"))
    return cells


def notebook(
    exercises: Sequence[Exercise], title: str, seed: int | None = None, *, instructor: bool = False
) -> NotebookNode:
    """A notebook of exercises.

    Args:
        exercises: in order.
        title: heading of the notebook.
        seed: of the form that the exercises have.
        instructor: whether to include solutions, rubrics, mistakes and questions for class.
    """
    total = sum(each.points for each in exercises)
    minutes = sum(each.minutes for each in exercises)
    intro = (
        f"# {title}\n\n{total} points, about {minutes} minutes. Each cell that calls `check(…)` "
        "tells you at once which property of a correct answer does not hold yet. Answers may use "
        "`torch`, `F`, `nn`, `np`, `math` and `einops`, which the next cell imports. Write each "
        "answer into its cell, with everything else it needs: the grader reads only that cell."
    )
    cells = [_markdown(intro), _code(SETUP)]
    for number, each in enumerate(exercises, start=1):
        cells.append(statement_cell(each, number))
        cells += instructor_cells(each) if instructor else answer_cells(each, seed)
    made = new_notebook(cells=cells)
    made.metadata["kernelspec"] = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    keys = [each.key for each in exercises]
    made.metadata[METADATA_KEY] = {"seed": seed, "exercises": keys}
    nbformat.validate(made)
    return made


def answers(submitted: NotebookNode) -> dict[str, str]:
    """The answers in a submitted notebook: the source of each answer's cell, by exercise key.

    Two cells with the same mark, as after splitting a cell, count as one.
    """
    found: dict[str, str] = {}
    for cell in submitted.cells:
        mark = cell.metadata.get(METADATA_KEY, {})
        if isinstance(mark, dict) and mark.get("role") == "answer":
            key = str(mark.get("exercise"))
            found[key] = f"{found[key]}\n{cell.source}" if key in found else str(cell.source)
    return found


def write_assignment(
    folder: Path, keys: Sequence[str], title: str, seed: int | None
) -> dict[str, Path]:
    """Write an assignment: the student's notebook, the instructor's, and the grader's plan.

    Args:
        folder: destination.
        keys: of the exercises, in order.
        title: of the assignment; the files are named after it.
        seed: of the graded form; None for the practice form.

    Returns:
        Paths of "student", "instructor" and "grader".

    Raises:
        ValueError: if a key is unknown.
    """
    known = all_exercises(seed)
    unknown = [key for key in keys if key not in known]
    if unknown:
        raise ValueError(f"no exercise is called {unknown[0]!r}; there are {', '.join(known)}")
    chosen = [known[key] for key in keys]
    stem = "".join(c if c.isalnum() else "-" for c in title.lower()).strip("-")
    paths = {}
    for who in ("student", "instructor"):
        paths[who] = folder / who / f"{stem}.ipynb"
        paths[who].parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook(chosen, title, seed, instructor=who == "instructor"), paths[who])
    paths["grader"] = folder / "grader" / f"{stem}.json"
    paths["grader"].parent.mkdir(parents=True, exist_ok=True)
    plan: dict[str, Any] = {
        "title": title,
        "seed": seed,
        "exercises": {
            each.key: {
                "type": each.type,
                "points": each.points,
                "rubric": each.rubric or {"the answer": each.points},
            }
            for each in chosen
        },
    }
    paths["grader"].write_text(json.dumps(plan, indent=1), encoding="utf-8")
    return paths
