"""What a representation keeps: tasks against factors of the pictures, seed by seed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import traitlets
from numpy.typing import ArrayLike

from ssl_teach.explorables.bundle import script, styles
from ssl_teach.explorables.shared.frame import Explorable, to_pictures

Values = Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]]
"""Stage -> task -> factor -> one number for each seed, 1 for "read without error"."""


@dataclass(frozen=True)
class Factor:
    """Something that a picture was drawn from, and that a representation may keep.

    Attributes:
        pictures: (n, H, W), (n, H, W, 1) or (n, H, W, 3) uint8: one picture drawn n times, in which
            this factor alone changes.
        question: what it tells, in words ("where the object stands").
        measure: what the numbers are ("R²", "accuracy").
    """

    pictures: ArrayLike
    question: str
    measure: str = "R²"


class WhatIsKept(Explorable):
    """A grid of tasks by factors; one factor is ranked, two tasks are compared, with intervals.

    Intervals and differences, taken seed by seed, are computed in the page. What the reader does
    can be read back and set: `stage`, `task`, `versus` (the task it is compared with) and `factor`,
    all names.
    """

    _esm = script("kept/kept.js")
    _css = styles("kept/kept.css")

    values = traitlets.Dict().tag(sync=True)  # stage -> task -> factor -> numbers, one per seed
    factors = traitlets.Dict().tag(sync=True)  # name -> question, measure, shape, start
    pictures = traitlets.Bytes().tag(sync=True)  # of all factors, one behind the other, uint8
    options = traitlets.Dict().tag(sync=True)  # "stages", "tasks", "factors" -> names in order
    baselines = traitlets.List(traitlets.Unicode()).tag(sync=True)
    why = traitlets.Dict().tag(sync=True)  # task -> factor -> words
    notice = traitlets.Unicode().tag(sync=True)

    stage = traitlets.Unicode().tag(sync=True)
    task = traitlets.Unicode().tag(sync=True)
    versus = traitlets.Unicode().tag(sync=True)
    factor = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        values: Values,
        factors: Mapping[str, Factor],
        *,
        baselines: Sequence[str] = (),
        why: Mapping[tuple[str, str], str] | None = None,
        notice: str = "",
        stage: str | None = None,
        task: str | None = None,
        versus: str | None = None,
        factor: str | None = None,
    ) -> None:
        """Hand numbers, pictures and words over to the page.

        Args:
            values: stage -> task -> factor -> one number per seed. Every list must tell of the same
                seeds in the same order, for differences are taken seed by seed. What is left out
                reads n/a.
            factors: by name, in the order of the columns.
            baselines: tasks that are none ("random weights"); the first is what others are
                compared with.
            why: words for a task and a factor: what the task's question asks, and so keeps.
            notice: "What to notice", one or two sentences, or nothing.
            stage: to begin with; None for the last.
            task: to begin with; None for the last.
            versus: the task it is compared with; None for the first.
            factor: to begin with; None for the first.

        Raises:
            ValueError: if there are no numbers, lists are of different lengths, a number is not
                finite, or a name is unknown.
        """
        tasks = list(dict.fromkeys(task for each in values.values() for task in each))
        if not tasks or not factors:
            raise ValueError("values or factors are empty: give at least one of each")
        _check_numbers(values, factors)
        words = why or {}
        for kind, named, known in (
            ("task", [*baselines, *(pair[0] for pair in words)], tasks),
            ("factor", [pair[1] for pair in words], list(factors)),
        ):
            for name in named:
                _known(kind, name, known)
        sent, packed = _packed(factors)
        super().__init__(
            values={
                title: {
                    name: {factor: [float(x) for x in row[factor]] for factor in row}
                    for name, row in each.items()
                }
                for title, each in values.items()
            },
            factors=sent,
            pictures=packed,
            options={"stages": list(values), "tasks": tasks, "factors": list(factors)},
            baselines=list(baselines),
            why={task: {f: t for (name, f), t in words.items() if name == task} for task in tasks},
            notice=notice,
            stage=_known("stage", stage or list(values)[-1], list(values)),
            task=_known("task", task or tasks[-1], tasks),
            versus=_known("task", versus or tasks[0], tasks),
            factor=_known("factor", factor or next(iter(factors)), list(factors)),
        )

    def __repr__(self) -> str:
        """What is shown, the same in every run."""
        return f"WhatIsKept({len(self.options['tasks'])} tasks, {', '.join(self.factors)})"


def _check_numbers(values: Values, factors: Mapping[str, Factor]) -> None:
    """Raise if a factor is unknown, a number not finite, or lists differ in length."""
    lists = {
        (stage, task, factor): numbers
        for stage, tasks in values.items()
        for task, row in tasks.items()
        for factor, numbers in row.items()
    }
    if not lists:
        raise ValueError("values is empty: no task has a number")
    for (stage, task, factor), numbers in lists.items():
        _known("factor", factor, list(factors))
        if not len(numbers) or not all(math.isfinite(number) for number in numbers):
            raise ValueError(
                f"{task!r} needs finite numbers for {factor!r} at {stage!r}, got {list(numbers)}"
            )
    counts = {len(numbers) for numbers in lists.values()}
    if len(counts) > 1:
        raise ValueError(
            f"every list needs one number for each of the same seeds, got {sorted(counts)} numbers"
        )


def _known(kind: str, name: str, known: Sequence[str]) -> str:
    """The name, if it is among those known."""
    if name not in known:
        raise ValueError(f"no {kind} is called {name!r}; there are {', '.join(known)}")
    return name


def _packed(factors: Mapping[str, Factor]) -> tuple[dict[str, dict[str, Any]], bytes]:
    """Factors as the page reads them, and the bytes of their pictures."""
    entries: dict[str, dict[str, Any]] = {}
    packed = b""
    for name, factor in factors.items():
        pictures = to_pictures(factor.pictures, f"pictures of {name!r}")
        entries[name] = {
            "question": factor.question,
            "measure": factor.measure,
            "shape": list(pictures.shape),
            "start": len(packed),
        }
        packed += pictures.tobytes()
    return entries, packed
