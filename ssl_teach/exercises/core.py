"""The exercise, and the verdict of a check on an answer.

Each exercise has one source, from which the lesson, the student's notebook, the instructor's
notebook and the grader are made. Its practice form appears in the lesson together with its
solution; a seed chooses graded forms, with another order of pairs, another mask, grid or case.
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

from ssl_teach.exercises.checks.harness import CheckFailed

T = TypeVar("T")
TYPES = {
    "implement": "Implement",
    "bug": "Find the bug",
    "choose": "Choose",
    "predict": "Predict",
    "flaw": "Find the flaw",
    "explore": "Explore",
}
"""Types of exercises, with the words that introduce them."""
CHECKED_TYPES = ("implement", "bug", "choose")
MARKS = {True: "✓", False: "✗"}
STARTER_UNCHANGED = "this is the starter, unchanged, and earns no points"
ANSWER_IMPORTS = """import math

import einops
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn"""
"""Imports available to an answer: the first lines of the student's notebook."""


@dataclass(frozen=True)
class Variant:
    """Selects a form of each exercise: the published one, or one specific to a cohort.

    Attributes:
        seed: None for practice, otherwise any number; equal seeds give equal forms.
    """

    seed: int | None = None

    def choose(self, name: str, options: Sequence[T]) -> T:
        """One of the options: the first for practice, any other for a graded form.

        Args:
            name: of the choice; choices with different names are independent.
            options: at least two, the published one first.
        """
        if self.seed is None:
            return options[0]
        digest = hashlib.sha256(f"{self.seed}/{name}".encode()).digest()
        return options[1 + int.from_bytes(digest[:4], "big") % (len(options) - 1)]


@dataclass(frozen=True)
class Property:
    """A property that every correct answer has.

    Attributes:
        name: the property as the end of a sentence: "gives one number for each pair".
        test: takes the answer and raises `CheckFailed` if the property does not hold.
    """

    name: str
    test: Callable[[Any], None]


@dataclass(frozen=True)
class Exercise:
    """One exercise in one form.

    Attributes:
        key: its name in calls of `check`: "affinity-matrix".
        lesson: stem of the notebook that it belongs to.
        type: one of `TYPES`. Code checks "implement", "bug" and "choose"; a person marks the rest.
        title: a few words.
        points: the maximum.
        minutes: approximate working time.
        objective: what students can do afterwards: "compute the cosine of two vectors".
        statement: the task, in Markdown.
        function: name of the function to write, or "" where there is none.
        starter: code to begin with; for a bug, the code with the bug.
        solution: code that passes, or a model answer in Markdown.
        solution_in_lesson: whether the lesson shows the solution, folded.
        hints: from subtle to explicit.
        properties: in the order in which they are tried; the first failure is reported.
        mistakes: common mistakes, for instructors.
        rubric: points for the person who marks, as {criterion: points}.
        discuss: a question for class.
        form: description of the form that the seed chose.
    """

    key: str
    lesson: str
    type: str
    title: str
    points: int
    minutes: int
    objective: str
    statement: str
    function: str = ""
    starter: str = ""
    solution: str = ""
    solution_in_lesson: bool = True
    hints: tuple[str, ...] = ()
    properties: tuple[Property, ...] = ()
    mistakes: tuple[str, ...] = ()
    rubric: dict[str, int] = field(default_factory=dict)
    discuss: str = ""
    form: str = ""

    def __post_init__(self) -> None:
        """Refuse an exercise that contradicts itself."""
        if self.type not in TYPES:
            raise ValueError(f"{self.key}: type must be one of {', '.join(TYPES)}")
        if (self.type in CHECKED_TYPES) != self.checked:
            raise ValueError(f"{self.key}: only exercises that code checks have properties")
        total = sum(self.rubric.values())
        if self.rubric and total != self.points:
            raise ValueError(f"{self.key}: the rubric gives {total} points, not {self.points}")

    @property
    def checked(self) -> bool:
        """Whether code checks the answer; otherwise a person marks it."""
        return bool(self.properties)

    @property
    def heading(self) -> str:
        """Type and title: "Implement: The affinity matrix"."""
        return f"{TYPES[self.type]}: {self.title}"

    @property
    def summary(self) -> str:
        """Points, time and objective, in a line of Markdown."""
        return (
            f"*{self.points} points, about {self.minutes} minutes.* Afterwards you can "
            f"{self.objective}."
        )


@dataclass(frozen=True)
class Verdict:
    """The result of a check, displayed as HTML in a notebook and as text elsewhere.

    Attributes:
        exercise: the exercise that was checked.
        passed: names of the properties that hold, in order.
        failed: name of the first property that does not hold, or "".
        failure: the observation that refuted it, or None.
        unchanged: whether the answer is the unmodified starter.
    """

    exercise: Exercise
    passed: tuple[str, ...]
    failed: str = ""
    failure: CheckFailed | None = None
    unchanged: bool = False

    @property
    def correct(self) -> bool:
        """Whether every property holds."""
        return not self.failed

    @property
    def points(self) -> float:
        """Points for the properties that hold, in equal parts; an unmodified starter earns none."""
        if self.unchanged:
            return 0.0
        total = len(self.exercise.properties)
        return self.exercise.points * len(self.passed) / total if total else 0.0

    def lines(self) -> list[str]:
        """Feedback for the student, line by line."""
        said = [f"{MARKS[True]} {name}" for name in self.passed]
        if self.failure is not None:
            said += [f"{MARKS[False]} {self.failed}", f"  {self.failure.diagnosis}: {self.failure}"]
            if self.failure.where:
                said.append(f"  where to look: {self.failure.where}")
            left = len(self.exercise.properties) - len(self.passed) - 1
            if left:
                said.append(f"  ({left} more to check once this holds)")
        return said

    def __repr__(self) -> str:
        """The verdict as text."""
        ending = "all holds" if self.correct else "not yet"
        if self.unchanged:
            ending = f"{ending}: {STARTER_UNCHANGED}"
        title = self.exercise.title
        stop = "" if title.endswith("?") else ":"  # a question needs no second mark
        return "\n".join([f"{title}{stop} {ending}", *self.lines()])

    def _repr_html_(self) -> str:
        """The same text as HTML, with the first line in bold."""
        first, *rest = repr(self).split("\n")
        body = "".join(map(_hanging_indent, rest))
        return f"<div class='ssl-verdict'><b>{html.escape(first)}</b>{body}</div>"


def _hanging_indent(line: str) -> str:
    """A line in HTML that keeps its indentation; continuation lines are indented further."""
    text = line.lstrip()
    indent = len(line) - len(text) + 2
    style = f"padding-left:{indent}ch;text-indent:-2ch;white-space:pre-wrap"
    return f"<div style='{style}'>{html.escape(text)}</div>"


def _without_comments(code: str) -> str:
    """The syntax tree of a piece of code without comments, docstrings, imports and bare calls."""
    tree = ast.parse(textwrap.dedent(code))
    around = (ast.Expr, ast.Import, ast.ImportFrom, ast.Pass)
    tree.body = [each for each in tree.body if not isinstance(each, around)]
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            node.body = [each for each in node.body if not _does_nothing(each)]
    return ast.dump(tree)


def _does_nothing(node: ast.stmt) -> bool:
    """Whether a statement does nothing: a docstring, dots, pass."""
    dots = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return dots or isinstance(node, ast.Pass)


def is_starter(exercise: Exercise, code: str) -> bool:
    """Whether an answer is the unmodified starter, however it is formatted.

    Args:
        exercise: an exercise that code checks.
        code: of the answer's cell, or only of the function.
    """
    try:
        return _without_comments(code) == _without_comments(exercise.starter)
    except (SyntaxError, ValueError, RecursionError):
        return False  # the starter itself can be parsed


def _source(answer: Any) -> str:
    """The code of a function, or "" if it cannot be retrieved."""
    if not isinstance(answer, FunctionType):
        return ""
    try:
        return inspect.getsource(answer)
    except (OSError, TypeError):
        return ""


def judge(exercise: Exercise, answer: Any, code: str | None = None) -> Verdict:
    """Try the properties of an exercise on an answer, up to the first that does not hold.

    Args:
        exercise: an exercise that code checks.
        answer: the student's function.
        code: of the answer's cell; None to retrieve the code of the function.

    Raises:
        ValueError: if a person marks the exercise, or the answer is not a function.
    """
    if not exercise.checked:
        raise ValueError(f"{exercise.key!r} is not checked by code: a person marks it")
    if exercise.function and not callable(answer):
        raise ValueError(
            f"check({exercise.key!r}, …) takes your function {exercise.function}, without brackets "
            f"after it; got {type(answer).__name__}"
        )
    unchanged = is_starter(exercise, _source(answer) if code is None else code)
    passed: list[str] = []
    for each in exercise.properties:
        try:
            each.test(answer)
        except CheckFailed as failure:
            return Verdict(exercise, tuple(passed), each.name, failure, unchanged)
        passed.append(each.name)
    return Verdict(exercise, tuple(passed))
