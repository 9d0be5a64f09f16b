"""Results of many methods, in a chart that can be sorted and compared."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import traitlets

from ssl_teach.explorables.bundle import script, styles
from ssl_teach.explorables.shared.frame import Explorable

Values = Mapping[str, Mapping[str, Mapping[str, Mapping[str, tuple[float, float]]]]]
"""Data set -> method -> labels -> measure -> (mean, half the width of its interval), in [0, 1]."""


class LeagueTable(Explorable):
    """Accuracies of methods by data set, fraction of labels and measure, compared with one method.

    The state of the figure can be read: `data`, `labels`, `measure`, `reference` (a method) and
    `sort` (best first, or in the order given).
    """

    _esm = script("league/league.js")
    _css = styles("league/league.css")

    values = traitlets.Dict().tag(sync=True)  # data -> method -> labels -> measure -> [mean, half]
    chance = traitlets.Dict().tag(sync=True)  # data -> accuracy at chance
    options = traitlets.Dict().tag(sync=True)  # "data", "labels", "measure" -> names in order

    data = traitlets.Unicode().tag(sync=True)
    labels = traitlets.Unicode().tag(sync=True)
    measure = traitlets.Unicode().tag(sync=True)
    reference = traitlets.Unicode().tag(sync=True)
    sort = traitlets.Bool(True).tag(sync=True)

    def __init__(
        self, values: Values, *, chance: Mapping[str, float] | None = None, reference: str
    ) -> None:
        """Send the numbers to the page.

        Args:
            values: data set -> method -> labels -> measure -> (mean, half interval); accuracies in
                [0, 1]. What is left out is shown as n/a, and a half of NaN (a single run)
                without whiskers.
            chance: accuracy at chance on each data set.
            reference: the method that the others are compared with.

        Raises:
            ValueError: if there are no values, or the reference has none.
        """
        if not values or not all(values.values()):
            raise ValueError("values is empty: give at least one data set with one method")
        for data, methods in values.items():
            if reference not in methods:
                raise ValueError(
                    f"{data!r} has no method {reference!r}; it has {', '.join(methods)}"
                )
        rows = [budgets for methods in values.values() for budgets in methods.values()]
        labels = _in_order(rows)
        measures = _in_order([each for budgets in rows for each in budgets.values()])
        if not measures:
            raise ValueError("values is empty: no method has a number")
        sent = {
            data: {
                method: {
                    budget: {
                        measure: [mean, half if math.isfinite(half) else 0.0]
                        for measure, (mean, half) in each.items()
                    }
                    for budget, each in budgets.items()
                }
                for method, budgets in methods.items()
            }
            for data, methods in values.items()
        }
        super().__init__(
            values=sent,
            chance=dict(chance or {}),
            options={"data": list(values), "labels": labels, "measure": measures},
            data=next(iter(values)),
            labels=labels[0],
            measure=measures[0],
            reference=reference,
        )

    def __repr__(self) -> str:
        """A short description, the same in every run."""
        return f"LeagueTable({', '.join(self.options['data'])})"


def _in_order(parts: Sequence[Mapping[str, object]]) -> list[str]:
    """All names, in the order of the part that has the most, since others leave some out."""
    names = [name for part in sorted(parts, key=len, reverse=True) for name in part]
    return list(dict.fromkeys(names))
