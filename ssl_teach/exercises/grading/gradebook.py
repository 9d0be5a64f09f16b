"""The gradebook: manual marks, late days, score tables and feedback.

Manual marks, for written answers and for code that was not run, are kept in one CSV file. Each run
adds new lines to it and preserves the marks it holds.
"""

from __future__ import annotations

import html
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ssl_teach.exercises.assign.notebooks import PLACEHOLDER
from ssl_teach.exercises.grading.csv_files import read_rows, write_rows, write_text
from ssl_teach.exercises.grading.grade import GradedSubmission, Plan, grade_submissions
from ssl_teach.exercises.grading.sandbox import LIMITS, Limits

MARKS = ("student", "exercise", "what", "of", "points", "comment")


@dataclass(frozen=True)
class LateRule:
    """The penalty for late days.

    Attributes:
        share: fraction of the earned points lost for each day.
        most: number of days after which the penalty no longer grows.
        free: number of days without a penalty.
    """

    share: float = 0.1
    most: int = 5
    free: int = 0

    def factor(self, days: int) -> float:
        """The factor by which the points are multiplied."""
        return max(0.0, 1 - self.share * min(max(0, days - self.free), self.most))


DEFAULT_LATE_RULE = LateRule()


def answers_to_mark(
    graded: Iterable[GradedSubmission], plan: Plan
) -> list[tuple[str, str, str, int]]:
    """The manual marks that are needed: (student, exercise, criterion, maximum points)."""
    rows = []
    for each in graded:
        for key, answer in each.written.items():
            if answer.strip() in ("", PLACEHOLDER):
                continue
            for what, points in plan.exercises[key]["rubric"].items():
                rows.append((each.student, key, what, int(points)))
        for key, outcome in each.outcomes.items():
            if outcome.status == "refused":
                rows.append((each.student, key, "code that was not run", outcome.of))
    return rows


def update_marks(
    path: Path, rows: list[tuple[str, str, str, int]]
) -> tuple[dict[tuple[str, str], float], set[tuple[str, str]]]:
    """Add new lines to the file of marks, preserve those that are filled in, and read them.

    Returns:
        Points given, by student and exercise; and the pairs that are not completely marked.

    Raises:
        ValueError: if a mark is not a number or exceeds the maximum; the message names the line.
    """
    written = {
        (row["student"], row["exercise"], row["what"]): (row["points"].strip(), row["comment"])
        for row in (read_rows(path, MARKS) if path.exists() else [])
    }
    lines = []
    given: dict[tuple[str, str], float] = {}
    waiting = set()
    for student, key, what, most in rows:
        points, comment = written.pop((student, key, what), ("", ""))
        lines.append((student, key, what, most, points, comment))
        if points:
            try:
                number = float(points.replace(",", "."))
            except ValueError:
                raise ValueError(
                    f"{path}: {student}, {key}, {what}: {points!r} is not a number"
                ) from None
            if not 0 <= number <= most:
                raise ValueError(f"{path}: {student}, {key}, {what}: {points} is not in 0 … {most}")
            given[student, key] = given.get((student, key), 0.0) + number
        else:
            waiting.add((student, key))
    for (student, key, what), (points, comment) in written.items():
        if points or comment:  # its submission is gone: keep the mark all the same
            lines.append((student, key, what, 0, points, comment))
    write_rows(path, MARKS, lines)
    return given, waiting


def read_comments(path: Path) -> dict[tuple[str, str], str]:
    """Comments from the file of marks, by student and exercise."""
    found: dict[tuple[str, str], str] = {}
    for row in read_rows(path, MARKS):
        where, comment = (row["student"], row["exercise"]), row["comment"].strip()
        if comment:
            found[where] = f"{found.get(where, '')} {comment}".strip()
    return found


def read_days(path: Path | None) -> dict[str, int]:
    """Late days by student, from a CSV file with the columns student and days.

    Raises:
        ValueError: if a column is missing, or days are not a whole number.
    """
    days = {}
    for row in read_rows(path, ("student", "days")) if path else []:
        try:
            days[row["student"]] = int(row["days"])
        except ValueError:
            raise ValueError(
                f"{path}: {row['student']}: {row['days']!r} is not a whole number of days"
            ) from None
    return days


def read_roster(path: Path | None) -> dict[str, dict[str, str]]:
    """Names, ids, email addresses and sections by student, from a CSV file.

    Raises:
        ValueError: if it has no column student; the other columns are optional.
    """
    return {row["student"]: row for row in (read_rows(path, ("student",)) if path else [])}


@dataclass(frozen=True)
class Score:
    """A student's points.

    Attributes:
        student: name.
        points: by exercise, manual marks included.
        days: number of late days.
        total: sum of the points, after the penalty for late days.
        open: number of answers that are not yet completely marked.
    """

    student: str
    points: dict[str, float]
    days: int
    total: float
    open: int


def score(
    graded: GradedSubmission,
    plan: Plan,
    marks: Mapping[tuple[str, str], float],
    waiting: Collection[tuple[str, str]],
    days: int,
    rule: LateRule,
) -> Score:
    """Combine checks, manual marks and late days."""
    points = {}
    for key in plan.exercises:
        checked = graded.outcomes[key].points if key in graded.outcomes else 0.0
        points[key] = round(checked + marks.get((graded.student, key), 0.0), 2)
    total = round(rule.factor(days) * sum(points.values()), 2)
    left = sum(1 for student, _ in waiting if student == graded.student)
    return Score(graded.student, points, days, total, left)


def feedback(
    graded: GradedSubmission, result: Score, plan: Plan, comments: Mapping[str, str]
) -> str:
    """A self-contained HTML page for one student."""
    parts = []
    for key, each in plan.exercises.items():
        outcome = graded.outcomes.get(key)
        said = outcome.report if outcome else "Marked by a person."
        note = f"<p><b>Comment.</b> {html.escape(comments[key])}</p>" if comments.get(key) else ""
        parts.append(
            f"<section><h2>{html.escape(key)}: {result.points[key]:g} of {each['points']}</h2>"
            f"<pre>{html.escape(said)}</pre>{note}</section>"
        )
    late = f"<p>{result.days} late days counted.</p>" if result.days else ""
    problem = f"<p><b>{html.escape(graded.problem)}</b></p>" if graded.problem else ""
    waiting = f"<p>{result.open} answers remain to be marked.</p>" if result.open else ""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(plan.title)}: {html.escape(graded.student)}</title>"
        "<style>:root{color-scheme:light dark}body{max-width:44rem;margin:2rem auto;padding:0 1rem;"
        "font:1rem/1.5 system-ui,sans-serif}pre{white-space:pre-wrap}</style>"
        f"<h1>{html.escape(plan.title)}</h1><p>{html.escape(graded.student)}: "
        f"<b>{result.total:g} of {plan.total()}</b> points.</p>{late}{waiting}{problem}"
        f"{''.join(parts)}</html>"
    )


def write_scores(
    out: Path, scores: list[Score], plan: Plan, roster: Mapping[str, Mapping[str, str]]
) -> None:
    """Write scores.csv, and the same scores in the columns of Canvas and Gradescope."""
    keys = list(plan.exercises)
    write_rows(
        out / "scores.csv",
        ["student", *keys, "late days", "total", "of", "still to be marked"],
        (
            [s.student, *(s.points[key] for key in keys), s.days, s.total, plan.total(), s.open]
            for s in scores
        ),
    )
    canvas_head = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", plan.title]
    canvas: list[list[object]] = [["    Points Possible", "", "", "", "", plan.total()]]
    gradescope = []
    for s in scores:
        who = roster.get(s.student, {})
        name, login = who.get("name", s.student), who.get("email", s.student)
        number = who.get("id", "")
        canvas.append([name, number, number, login, who.get("section", ""), s.total])
        first, _, last = name.partition(" ")
        status = "Graded" if s.open == 0 else "Ungraded"
        gradescope.append([first, last, number, login, s.total, plan.total(), status])
    write_rows(out / "canvas.csv", canvas_head, canvas)
    gradescope_head = ["First Name", "Last Name", "SID", "Email", "Total Score", "Max Points"]
    write_rows(out / "gradescope.csv", [*gradescope_head, "Status"], gradescope)


def grade_class(
    folder: Path,
    plan: Plan,
    out: Path,
    *,
    late: Path | None = None,
    rule: LateRule = DEFAULT_LATE_RULE,
    roster: Path | None = None,
    workers: int = 2,
    limits: Limits = LIMITS,
) -> list[Score]:
    """Grade submissions, merge marks and late days, and write scores and feedback.

    Args:
        folder: with the submissions.
        plan: the assignment.
        out: folder for results/, marks.csv, scores.csv, canvas.csv, gradescope.csv and feedback/.
        late: CSV file of late days, or None.
        rule: the penalty for late days.
        roster: CSV file with student, name, id, email, section, or None.
        workers: number of submissions at a time.
        limits: for each submission.

    Returns:
        The scores, sorted by student.
    """
    graded = grade_submissions(folder, plan, out, workers=workers, limits=limits)
    marks, waiting = update_marks(out / "marks.csv", answers_to_mark(graded, plan))
    days, comments = read_days(late), read_comments(out / "marks.csv")
    scores = []
    for each in graded:
        result = score(each, plan, marks, waiting, days.get(each.student, 0), rule)
        scores.append(result)
        own = {key: words for (student, key), words in comments.items() if student == each.student}
        write_text(out / "feedback" / f"{each.student}.html", feedback(each, result, plan, own))
    write_scores(out, scores, plan, read_roster(roster))
    return scores
