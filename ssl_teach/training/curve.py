"""The training curve: the loss and metrics of every step."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure


@dataclass
class Curve:
    """The loss and metrics of a run at every step.

    Attributes:
        values: One number per step, by name ("loss", "accuracy", …).
        seconds: The wall-clock time, over all sessions of a resumed run.
    """

    values: dict[str, list[float]] = field(default_factory=dict)
    seconds: float = 0.0

    def append(self, numbers: dict[str, float]) -> None:
        """Add one step's numbers; a quantity that this step did not measure is NaN there."""
        done = len(self)
        for name in dict.fromkeys([*self.values, *numbers]):
            series = self.values.setdefault(name, [float("nan")] * done)
            series.append(numbers.get(name, float("nan")))

    def __len__(self) -> int:
        """Return the number of steps done."""
        return len(self.values.get("loss", []))

    def last(self, name: str, over: int = 20) -> float:
        """Return the mean over the last steps, because single batches are noisy."""
        return float(np.nanmean(self.values[name][-over:]))

    def __repr__(self) -> str:
        """Return the steps and last values, without the time, so that equal runs print the same."""
        ends = ", ".join(f"{name} {self.last(name):.3f}" for name in self.values if len(self))
        return f"Curve({len(self)} steps: {ends})"

    def plot(self, ax: Axes, name: str, smooth: int = 10) -> None:
        """Draw one quantity against the step: faint as measured, bold as a running mean.

        Args:
            ax: The axes to draw on.
            name: The name of the quantity in `values`, such as "loss".
            smooth: The number of steps in the running mean.
        """
        raw = np.asarray(self.values[name])
        steps = np.arange(1, len(raw) + 1)
        ax.plot(steps, raw, color="#3b6ea5", alpha=0.25, linewidth=1)
        if len(raw) > smooth:
            mean = np.convolve(raw, np.ones(smooth) / smooth, mode="valid")
            ax.plot(steps[smooth - 1 :], mean, color="#3b6ea5", linewidth=2)
        ax.set_xlabel("step")
        ax.set_ylabel(name)
        ax.grid(alpha=0.3)

    def figure(self, title: str = "") -> Figure:
        """Return a figure of all quantities, with up to three panels in a row."""
        names = list(self.values)
        columns = min(len(names), 2 if len(names) == 4 else 3)
        rows = math.ceil(len(names) / columns)
        figure = Figure(figsize=(3.6 * columns, 2.5 * rows), layout="constrained")
        for place, name in enumerate(names, 1):
            self.plot(figure.add_subplot(rows, columns, place), name)
        figure.suptitle(title, fontsize=10)
        return figure
