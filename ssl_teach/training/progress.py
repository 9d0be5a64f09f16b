"""The loss curve, and how a run shows itself while it lasts."""

from __future__ import annotations

import io
import sys
import time
from types import TracebackType
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

from ssl_teach.training.curve import Curve

SECONDS_BETWEEN_FIGURES = 4.0  # drawing one takes about a tenth of a second


def in_notebook() -> bool:
    """Whether a notebook's front end is there to take pictures."""
    if "IPython" not in sys.modules:
        return False
    shell = sys.modules["IPython"].get_ipython()
    return shell is not None and hasattr(shell, "kernel")


def png(figure: Figure) -> bytes:
    """The figure as a PNG file, opaque white so that it stays readable on a dark page."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, facecolor="white")
    return buffer.getvalue()


class _Picture:
    """A figure with words for those who do not see it, in any IPython: Colab's knows no `alt`."""

    def __init__(self, figure: Figure, alt: str) -> None:
        self.png, self.alt = png(figure), alt

    def _repr_png_(self) -> tuple[bytes, dict[str, str]]:
        return self.png, {"alt": self.alt}

    def __repr__(self) -> str:
        return f"<figure: {self.alt}>"


class Progress:
    """Shows a run: in a notebook a figure that grows and stays, in a terminal a plain bar."""

    def __init__(self, curve: Curve, steps: int, label: str, show: bool = True) -> None:
        """Nothing is shown before the `with` block begins.

        Args:
            curve: is read at every update; the run appends to it.
            steps: of the whole run.
            label: what to call it.
            show: False to stay silent.
        """
        self.curve, self.steps, self.label = curve, steps, label
        self.notebook = show and in_notebook()
        self.bar = tqdm(
            total=steps,
            initial=len(curve),
            desc=label,
            unit="step",
            disable=not show or self.notebook,
        )
        self.handle: Any = None
        self.drawn = -np.inf

    def __enter__(self) -> Progress:
        """Begin."""
        return self

    def update(self) -> None:
        """Call once per step, after the curve has grown."""
        self.bar.update(1)
        now = time.monotonic()
        if self.notebook and now - self.drawn > SECONDS_BETWEEN_FIGURES:
            self._draw()
            self.drawn = time.monotonic()

    def _draw(self) -> None:
        from IPython.display import display

        title = f"{self.label}: {len(self.curve)} of {self.steps} steps"
        image = _Picture(self.curve.figure(title), title)
        if self.handle is None:
            self.handle = display(image, display_id=True)
        else:
            self.handle.update(image)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the finished figure in the page, also when the run was interrupted."""
        if len(self.curve):
            last = {name: f"{self.curve.last(name):.3f}" for name in self.curve.values}
            self.bar.set_postfix(last)
            if self.notebook:
                self._draw()
        self.bar.close()
