"""Grade a folder of notebooks, several at a time.

Each result is stored with a fingerprint of the submission and of the checks, so an interrupted run
resumes, and a corrected check grades again. `gradebook.py` computes scores from the results.
"""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from tqdm.auto import tqdm

from ssl_teach.exercises.assign.notebooks import answers
from ssl_teach.exercises.core import CHECKED_TYPES
from ssl_teach.exercises.grading.csv_files import write_text
from ssl_teach.exercises.grading.sandbox import LIMITS, Limits, Outcome, run

EXERCISES = Path(__file__).parents[1]


@dataclass
class Plan:
    """The grading plan of an assignment, as `write_assignment` wrote it.

    Attributes:
        title: of the assignment.
        seed: of its form.
        exercises: type, points and rubric of each, by key.
    """

    title: str
    seed: int | None
    exercises: dict[str, dict[str, Any]]

    @classmethod
    def read(cls, path: Path) -> Plan:
        """Read a plan from its file.

        Raises:
            ValueError: if the file is not a plan.
        """
        try:
            plan = cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise ValueError(f"{path} is not the plan of an assignment: {error}") from error
        return plan

    def total(self) -> int:
        """The maximum number of points."""
        return sum(each["points"] for each in self.exercises.values())


@dataclass
class GradedSubmission:
    """One student's result, before manual marks and late days.

    Attributes:
        student: name, from the file or its folder.
        file: name of the submitted file.
        fingerprint: hash of the submission and the checks.
        outcomes: of the checked exercises, by key.
        written: answers that a person marks, by key.
        problem: why nothing could be graded, or "".
    """

    student: str
    file: str
    fingerprint: str
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    problem: str = ""


def submissions(folder: Path) -> dict[str, Path]:
    """The newest notebook of each student.

    A file can be called `student.ipynb` or `student_anything.ipynb`, as learning platforms name
    them, or be anywhere in a folder with the student's name.

    Raises:
        ValueError: if there is none, or if it is unclear whether a folder belongs to a student or
            to a class: several of its folders hold notebooks, or it is the only folder and holds
            several.
    """
    found: dict[str, Path] = {}
    inside: dict[str, set[str]] = {}  # for each folder: its subfolders and possible students
    for path in sorted(folder.rglob("*.ipynb"), key=lambda p: (p.stat().st_mtime, p.name)):
        parts = path.relative_to(folder).parts
        if any(part.startswith(".") for part in parts):
            continue
        found[parts[0] if len(parts) > 1 else path.stem.split("_")[0]] = path
        if len(parts) > 1:
            own = parts[1] if len(parts) > 2 else f"{path.stem.split('_')[0]}.ipynb"
            inside.setdefault(parts[0], set()).add(own)
    if not found:
        raise ValueError(f"there is no notebook in {folder}")
    for name, within in inside.items():
        candidates = {each for each in within if len(found) == 1 or not each.endswith(".ipynb")}
        if len(candidates) > 1:
            raise ValueError(
                f"{folder / name} holds {', '.join(sorted(candidates))}: if these are students, "
                "grade that folder by itself; if it is one student's, leave one notebook in it"
            )
    return dict(sorted(found.items()))


def checks_hash(plan: Plan) -> bytes:
    """A hash of the assignment and of all code and texts of the exercises."""
    digest = hashlib.sha256(json.dumps(asdict(plan), sort_keys=True).encode())
    for suffix in (".py", ".md"):
        for source in sorted(EXERCISES.rglob(f"*{suffix}")):
            digest.update(source.read_bytes())
    return digest.digest()


def grade_submission(
    student: str, path: Path, fingerprint: str, plan: Plan, limits: Limits
) -> GradedSubmission:
    """Grade one submission; any problem with it becomes part of the result."""
    graded = GradedSubmission(student, path.name, fingerprint)
    try:
        given = answers(nbformat.read(path, as_version=4))
    except Exception as error:  # whatever the reader raises, the file is broken
        graded.problem = f"the notebook cannot be read: {type(error).__name__}: {error}"[:300]
        given = {}
    points = {key: int(each["points"]) for key, each in plan.exercises.items()}
    cells = {}
    for key, each in plan.exercises.items():
        if each["type"] not in CHECKED_TYPES:
            graded.written[key] = given.get(key, "")
        elif key in given:
            cells[key] = given[key]
        else:
            words = "its cell is not in the notebook"
            graded.outcomes[key] = Outcome(key, 0, points[key], "missing", words)
    graded.outcomes |= run(cells, points, plan.seed, limits)
    return graded


def _cached_result(path: Path, wanted: str) -> GradedSubmission | None:
    """The result of an earlier run, if it is complete and still valid."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        data["outcomes"] = {key: Outcome(**each) for key, each in data["outcomes"].items()}
        graded = GradedSubmission(**data)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return graded if graded.fingerprint == wanted else None


def grade_submissions(
    folder: Path, plan: Plan, out: Path, *, workers: int = 2, limits: Limits = LIMITS
) -> list[GradedSubmission]:
    """Grade a folder of submissions, several at a time, and resume an interrupted run.

    Args:
        folder: with the submissions.
        plan: the assignment.
        out: folder for the results.
        workers: number of submissions at a time.
        limits: for each submission.
    """
    checks = checks_hash(plan) + repr(limits).encode()  # other limits can change results

    def work(item: tuple[str, Path]) -> GradedSubmission:
        student, path = item
        file = out / "results" / f"{student}.json"
        fingerprint = hashlib.sha256(checks + path.read_bytes()).hexdigest()[:16]
        cached = _cached_result(file, fingerprint)
        if cached is not None:
            return cached
        graded = grade_submission(student, path, fingerprint, plan, limits)
        write_text(file, json.dumps(asdict(graded), indent=1))
        return graded

    found = submissions(folder)
    with ThreadPoolExecutor(workers) as pool:
        return list(tqdm(pool.map(work, found.items()), total=len(found), desc="graded"))
