"""The 2x2 table of transfer learning: rule of thumb, frozen stages, and measurements."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import traitlets

from ssl_teach.explorables.bundle import script, styles
from ssl_teach.explorables.shared.frame import Explorable

COLUMNS, ROWS = ("very similar data", "very different data"), ("very little data", "quite a lot")


@dataclass(frozen=True)
class Measured:
    """The result of one strategy in one cell.

    Attributes:
        mean: test accuracy over seeds, in [0, 1].
        half: half the width of its confidence interval; NaN for a single run.
        parameters: the number of trained parameters.
        seconds: the duration.
    """

    mean: float
    half: float
    parameters: int
    seconds: float


@dataclass(frozen=True)
class Cell:
    """One cell of the table.

    Attributes:
        rule: the rule of thumb, in words.
        follows: names of the strategies that the rule proposes.
        task: the task and the number of labels, in words.
        bars: by name of strategy, "probe_k", "tune_k" or "scratch".
        chance: accuracy at chance.
        verdict: the judgement of the measurement on the rule, in words.
    """

    rule: str
    follows: Sequence[str]
    task: str
    bars: Mapping[str, Measured]
    chance: float
    verdict: str = ""


class TransferTable(Explorable):
    """A cell shows its rule of thumb, the bars of all strategies, and the stages that each freezes.

    The state of the figure can be read: `cell` (0 to 3, row by row) and `strategy`.
    """

    _esm = script("transfer/transfer.js")
    _css = styles("transfer/transfer.css")

    cells: traitlets.List[dict[str, object]] = traitlets.List().tag(sync=True)
    stages = traitlets.Int().tag(sync=True)
    heads = traitlets.Dict().tag(sync=True)  # "columns" and "rows" -> their two names
    cell = traitlets.Int(0, min=0, max=3).tag(sync=True)
    strategy = traitlets.Unicode().tag(sync=True)

    def __init__(self, cells: Sequence[Cell], *, stages: int = 4) -> None:
        """Send the cells to the page.

        Args:
            cells: four: little data from similar and different sources, then a lot from both.
            stages: the number of stages of the encoder.

        Raises:
            ValueError: if there are not four cells, a strategy is unknown, or a rule proposes one
                that was not measured.
        """
        if len(cells) != 4:
            raise ValueError(f"the table has four cells, got {len(cells)}")
        known = {f"{kind}_{k}" for kind in ("probe", "tune") for k in range(1, stages + 1)}
        for number, cell in enumerate(cells):
            strange = set(cell.bars) - known - {"scratch"}
            if strange or not cell.bars:
                raise ValueError(f"cell {number} has no bars, or strange ones: {sorted(strange)}")
            missing = set(cell.follows) - set(cell.bars)
            if missing or not cell.follows:
                raise ValueError(f"cell {number}: its rule proposes nothing, or what was not run")
        super().__init__(
            cells=[_sent(cell, stages) for cell in cells],
            stages=stages,
            heads={"columns": list(COLUMNS), "rows": list(ROWS)},
            strategy=cells[0].follows[0],
        )

    def __repr__(self) -> str:
        """A short description, the same in every run."""
        return f"TransferTable({len(self.cells)} cells)"


def words_of(strategy: str, stages: int) -> str:
    """A strategy's name in words.

    Example:
        >>> words_of("tune_2", 4)
        'fine-tune the last 2 stages'
    """
    kind, _, number = strategy.partition("_")
    if kind == "scratch":
        return "from scratch"
    if kind == "probe":
        return f"linear, on stage {number}" + (" (top)" if int(number) == stages else "")
    if int(number) == stages:
        return "fine-tune all"
    return "fine-tune the last stage" if number == "1" else f"fine-tune the last {number} stages"


def _sent(cell: Cell, stages: int) -> dict[str, object]:
    """A cell in the form that the page reads."""
    return {
        "rule": cell.rule,
        "follows": list(cell.follows),
        "task": cell.task,
        "chance": cell.chance,
        "verdict": cell.verdict,
        "bars": [
            {
                "name": name,
                "words": words_of(name, stages),
                "mean": bar.mean,
                "half": bar.half if math.isfinite(bar.half) else 0.0,
                "parameters": bar.parameters,
                "seconds": bar.seconds,
            }
            for name, bar in cell.bars.items()
        ],
    }
