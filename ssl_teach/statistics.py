"""Mean, standard deviation and confidence interval over seeds, and how they are printed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy import stats


def decimal(value: float, digits: int = 1) -> str:
    """Format a number with a fixed number of digits after the point.

    Halves are rounded away from zero, as in the interactive figures. Python's own formatting gives
    8.2 for 8.25, and 8.2 or 8.3 for a mean of 8.25, depending on its last bit.
    """
    return f"{value + math.copysign(1e-9, value):z.{digits}f}"


@dataclass(frozen=True)
class Spread:
    """Mean, standard deviation and confidence interval over seeds.

    Attributes:
        mean: The mean of the values.
        sd: The sample standard deviation, with n-1; NaN for one value.
        low: The lower end of the 95% confidence interval of the mean (Student's t).
        high: The upper end of the interval.
        n: The number of values.
    """

    mean: float
    sd: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        """Return the mean in per cent, as the book prints accuracies; see `text`."""
        return self.text()

    def text(self, scale: float = 100, digits: int = 1) -> str:
        """Return "mean ± half the width of the confidence interval", or one value by itself.

        Args:
            scale: The factor to multiply by; 100 for per cent.
            digits: The number of digits after the point.
        """
        mean = decimal(scale * self.mean, digits)
        return (
            mean if self.n < 2 else f"{mean} ± {decimal(scale * (self.high - self.mean), digits)}"
        )

    def verdict(self, more: str = "better", less: str = "worse") -> str:
        """Return the conclusion that the interval of a difference supports.

        Args:
            more: The word for an interval above zero.
            less: The word for an interval below zero.
        """
        if self.low > 0:
            return more
        return less if self.high < 0 else "not significantly different over these seeds"


def spread(values: Iterable[float]) -> Spread:
    """Return the mean, standard deviation and 95% confidence interval of values over seeds.

    Raises:
        ValueError: If there are no values, or one is not a finite number.

    Example:
        >>> str(spread([0.70, 0.72, 0.74]))
        '72.0 ± 5.0'
    """
    x = np.asarray(list(values), dtype=float)
    if x.size == 0:
        raise ValueError("no values to summarise")
    if not np.isfinite(x).all():
        raise ValueError(f"values to summarise must be finite numbers, got {x.tolist()}")
    if x.size == 1:
        return Spread(float(x[0]), np.nan, np.nan, np.nan, 1)
    sd = float(x.std(ddof=1))
    half = float(stats.t.ppf(0.975, x.size - 1)) * sd / np.sqrt(x.size)
    return Spread(float(x.mean()), sd, float(x.mean() - half), float(x.mean() + half), x.size)
