"""What representations keep: tasks against factors of the images, with intervals over seeds."""

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
    """A factor that images are drawn from, and that a representation may keep.

    Attributes:
        pictures: (n, H, W), (n, H, W, 1) or (n, H, W, 3) uint8: one image drawn n times, in which
            only this factor changes.
        question: its meaning in words ("where the object is").
        measure: the unit of the numbers ("R²", "accuracy").
    """

    pictures: ArrayLike
    question: str
    measure: str = "R²"


class WhatIsKept(Explorable):
    """A grid of tasks by factors; one factor is ranked, two tasks are compared, with intervals.

    The page computes intervals and paired differences. The state can be read and set: `stage`,
    `task`, `versus` (the task it is compared with) and `factor`, all names.
    """

    _esm = script("kept/kept.js")
    _css = styles("kept/kept.css")

    values = traitlets.Dict().tag(sync=True)  # stage -> task -> factor -> numbers, one per seed
    factors = traitlets.Dict().tag(sync=True)  # name -> question, measure, shape, start
    pictures = traitlets.Bytes().tag(sync=True)  # of all factors, one after the other, uint8
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
        """Send numbers, images and words to the page.

        Args:
            values: stage -> task -> factor -> one number per seed. Every list must have the same
                seeds in the same order, because differences are paired by seed. What is left out
                is shown as n/a.
            factors: by name, in the order of the columns.
            baselines: rows that are not tasks ("random weights"); the others are compared with the
                first.
            why: words for a task and a factor: why the task keeps the factor or not.
            notice: one or two sentences after "What to notice.", or nothing.
            stage: the initial stage; None for the last.
            task: the initial task; None for the last.
            versus: the task it is compared with; None for the first.
            factor: the initial factor; None for the first.

        Raises:
            ValueError: if values are empty, lists have different lengths, a number is not finite,
                or a name is unknown.
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
        """A short description, the same in every run."""
        return f"WhatIsKept({len(self.options['tasks'])} tasks, {', '.join(self.factors)})"


def _check_numbers(values: Values, factors: Mapping[str, Factor]) -> None:
    """Raise ValueError if a factor is unknown, a number is not finite, or lengths differ."""
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
    """The name, after a check that it is known."""
    if name not in known:
        raise ValueError(f"no {kind} is called {name!r}; there are {', '.join(known)}")
    return name


def _packed(factors: Mapping[str, Factor]) -> tuple[dict[str, dict[str, Any]], bytes]:
    """Factors as the page reads them, and the bytes of their images."""
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
