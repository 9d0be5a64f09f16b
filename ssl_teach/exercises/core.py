"""What an exercise is, and what a check says of an answer.

An exercise is written once. Its practice form stands in the lessons, with its solution; graded
forms are made from a seed, with another pair order, mask, grid or case. One source then gives the
student's notebook, the instructor's and the autograder.
"""

from __future__ import annotations

import ast
import hashlib
import html
import inspect
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, TypeVar

from ssl_teach.exercises.checks.harness import Wrong

T = TypeVar("T")
KINDS = ("implement", "bug", "choose", "predict", "explore")
CHECKED = ("implement", "bug", "choose")
MARKS = {True: "✓", False: "✗"}
UNCHANGED = "this is the starter, unchanged, and earns no points"


@dataclass(frozen=True)
class Variant:
    """Which form of the exercises: the published one, or one of a cohort's own.

    Attributes:
        seed: None for practice, else any number; the same seed gives the same form.
    """

    seed: int | None = None

    def choose(self, name: str, options: Sequence[T]) -> T:
        """One of the options: the first for practice, any other for a graded form.

        Args:
            name: of what is chosen, so that two choices do not hang together.
            options: at least two, the published one first.
        """
        if self.seed is None:
            return options[0]
        digest = hashlib.sha256(f"{self.seed}/{name}".encode()).digest()
        return options[1 + int.from_bytes(digest[:4], "big") % (len(options) - 1)]


@dataclass(frozen=True)
class Property:
    """One thing that a right answer does.

    Attributes:
        name: what is asked, as a sentence's end: "each row has length one".
        test: takes the answer; raises `Wrong` if the property does not hold.
    """

    name: str
    test: Callable[[Any], None]


@dataclass(frozen=True)
class Exercise:
    """One exercise in one form.

    Attributes:
        key: its name in calls of `check`: "affinity-matrix".
        lesson: stem of the notebook that it belongs to.
        kind: "implement", "bug" and "choose" are checked; "predict" and "explore" are read by a
            person.
        title: a few words.
        points: that it counts.
        minutes: that it takes, about.
        objective: what whoever solved it can do.
        statement: in Markdown.
        function: name of the function to write, or "" where there is none.
        starter: code to begin with; for a bug, the code with the bug.
        solution: code that passes, or a model answer in Markdown.
        hints: from faint to strong.
        properties: in the order in which they are tried; the first that fails is reported.
        mistakes: what people get wrong, for instructors.
        rubric: points of a person's marking, {what: points}.
        discuss: a question for class.
        form: what the seed chose, in words.
        heading: bold words with which it begins in the lesson's text, or "" if `show` shows it.
    """

    key: str
    lesson: str
    kind: str
    title: str
    points: int
    minutes: int
    objective: str
    statement: str
    function: str = ""
    starter: str = ""
    solution: str = ""
    hints: tuple[str, ...] = ()
    properties: tuple[Property, ...] = ()
    mistakes: tuple[str, ...] = ()
    rubric: dict[str, int] = field(default_factory=dict)
    discuss: str = ""
    form: str = ""
    heading: str = ""

    def __post_init__(self) -> None:
        """Refuse what no kit could use."""
        if self.kind not in KINDS:
            raise ValueError(f"{self.key}: kind must be one of {', '.join(KINDS)}")
        checked = self.kind in CHECKED
        if checked != bool(self.properties):
            raise ValueError(f"{self.key}: an exercise has properties if code checks it, only then")
        total = sum(self.rubric.values())
        if self.rubric and total != self.points:
            raise ValueError(f"{self.key}: the rubric gives {total} points, not {self.points}")


@dataclass(frozen=True)
class Verdict:
    """What a check says: it shows itself in a notebook, and as text elsewhere.

    Attributes:
        exercise: that was checked.
        passed: names of the properties that hold, in order.
        failed: the first that does not, or "".
        wrong: what was seen there, or None.
        unchanged: whether the answer is the starter as it was given.
    """

    exercise: Exercise
    passed: tuple[str, ...]
    failed: str = ""
    wrong: Wrong | None = None
    unchanged: bool = False

    @property
    def right(self) -> bool:
        """Whether every property holds."""
        return not self.failed

    @property
    def points(self) -> float:
        """The share of the points that the properties which hold are worth.

        What the starter does is nobody's merit: unchanged, it earns nothing.
        """
        if self.unchanged:
            return 0.0
        total = len(self.exercise.properties)
        return self.exercise.points * len(self.passed) / total if total else 0.0

    def lines(self) -> list[str]:
        """What to tell the learner, line by line."""
        said = [f"{MARKS[True]} {name}" for name in self.passed]
        if self.wrong is not None:
            said += [f"{MARKS[False]} {self.failed}", f"  {self.wrong.diagnosis}: {self.wrong}"]
            if self.wrong.where:
                said.append(f"  where to look: {self.wrong.where}")
            left = len(self.exercise.properties) - len(self.passed) - 1
            if left:
                said.append(f"  ({left} more to check once this holds)")
        return said

    def __repr__(self) -> str:
        """As text."""
        ending = "all holds" if self.right else "not yet"
        if self.unchanged:
            ending = f"{ending}: {UNCHANGED}"
        title = self.exercise.title
        stop = "" if title.endswith("?") else ":"  # a question needs no second mark
        return "\n".join([f"{title}{stop} {ending}", *self.lines()])

    def _repr_html_(self) -> str:
        """In a notebook: the same words, with the first line in bold."""
        first, *rest = repr(self).split("\n")
        body = "".join(map(_hanging, rest))
        return f"<div class='ssl-verdict'><b>{html.escape(first)}</b>{body}</div>"


def _hanging(line: str) -> str:
    """A line in HTML that keeps its indent, and where it is broken stands further in."""
    text = line.lstrip()
    indent = len(line) - len(text) + 2
    style = f"padding-left:{indent}ch;text-indent:-2ch;white-space:pre-wrap"
    return f"<div style='{style}'>{html.escape(text)}</div>"


def _bare(code: str) -> str:
    """What a piece of code does, without comments, docstrings and what stands around functions."""
    tree = ast.parse(textwrap.dedent(code))
    around = (ast.Expr, ast.Import, ast.ImportFrom, ast.Pass)
    tree.body = [each for each in tree.body if not isinstance(each, around)]
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            node.body = [each for each in node.body if not _idle(each)]
    return ast.dump(tree)


def _idle(node: ast.stmt) -> bool:
    """Whether a statement does nothing: a docstring, dots, pass."""
    dots = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return dots or isinstance(node, ast.Pass)


def is_starter(exercise: Exercise, code: str) -> bool:
    """Whether an answer is the starter as it was given, however it is laid out.

    Args:
        exercise: a checked one.
        code: of the answer's cell, or of the function alone.
    """
    try:
        return _bare(code) == _bare(exercise.starter)
    except (SyntaxError, ValueError, RecursionError):
        return False  # whatever it is, the starter can be read


def _source(answer: Any) -> str:
    """The code of a function, or "" where it is not to be had."""
    if not isinstance(answer, FunctionType):
        return ""
    try:
        return inspect.getsource(answer)
    except (OSError, TypeError):
        return ""


def judge(exercise: Exercise, answer: Any, code: str | None = None) -> Verdict:
    """Try the properties of an exercise on an answer, up to the first that does not hold.

    Args:
        exercise: a checked one.
        answer: the learner's function, or their choice.
        code: of the answer's cell; None to look up the function's.

    Raises:
        ValueError: if the exercise is read by a person, or its function is missing.
    """
    if not exercise.properties:
        raise ValueError(f"{exercise.key!r} is not checked by code: somebody reads it")
    if exercise.function and not callable(answer):
        raise ValueError(
            f"check({exercise.key!r}, …) takes your function {exercise.function}, without brackets "
            f"behind it; got {type(answer).__name__}"
        )
    unchanged = is_starter(exercise, _source(answer) if code is None else code)
    passed: list[str] = []
    for each in exercise.properties:
        try:
            each.test(answer)
        except Wrong as wrong:
            return Verdict(exercise, tuple(passed), each.name, wrong, unchanged)
        passed.append(each.name)
    return Verdict(exercise, tuple(passed))
