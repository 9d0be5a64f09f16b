"""The display of a run: a growing curve in a notebook, a progress bar in a terminal."""

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
    """Return whether the code runs in a notebook, which can display figures."""
    if "IPython" not in sys.modules:
        return False
    shell = sys.modules["IPython"].get_ipython()
    return shell is not None and hasattr(shell, "kernel")


def png(figure: Figure) -> bytes:
    """Return the figure as a PNG file, with a white background, readable on a dark page."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, facecolor="white")
    return buffer.getvalue()


class _FigureWithAlt:
    """A figure with an alternative text for screen readers.

    IPython's own `Image` has no argument `alt` in the version that Colab installs.
    """

    def __init__(self, figure: Figure, alt: str) -> None:
        self.png, self.alt = png(figure), alt

    def _repr_png_(self) -> tuple[bytes, dict[str, str]]:
        return self.png, {"alt": self.alt}

    def __repr__(self) -> str:
        return f"<figure: {self.alt}>"


class Progress:
    """Shows a run: as a growing figure in a notebook, as a progress bar in a terminal."""

    def __init__(self, curve: Curve, steps: int, label: str, show: bool = True) -> None:
        """Prepare the display; use it as a context manager.

        Args:
            curve: The curve to show; the run appends to it.
            steps: The number of steps of the whole run.
            label: The name of the run.
            show: Whether to show anything.
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
        """Return the display itself."""
        return self

    def update(self) -> None:
        """Show the new step; call this once per step, after the curve has been extended."""
        self.bar.update(1)
        now = time.monotonic()
        if self.notebook and now - self.drawn > SECONDS_BETWEEN_FIGURES:
            self._draw()
            self.drawn = time.monotonic()

    def _draw(self) -> None:
        from IPython.display import display

        title = f"{self.label}: {len(self.curve)} of {self.steps} steps"
        image = _FigureWithAlt(self.curve.figure(title), title)
        if self.handle is None:
            self.handle = display(image, display_id=True)
        else:
            self.handle.update(image)

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Draw the final figure, also if the run was interrupted."""
        if len(self.curve):
            last = {name: f"{self.curve.last(name):.3f}" for name in self.curve.values}
            self.bar.set_postfix(last)
            if self.notebook:
                self._draw()
        self.bar.close()
