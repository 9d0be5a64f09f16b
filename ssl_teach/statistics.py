"""Mean, standard deviation and confidence interval over seeds, and how they are printed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy import stats


def decimal(value: float, digits: int = 1) -> str:
    """Format a number with a fixed number of digits after the point.

    Halves are rounded away from zero, as in the interactive figures, whatever the last bit of a
    mean. Python's own formatting turns 8.25 into 8.2, and a computed 8.25 into 8.2 or 8.3.
    """
    return f"{value + math.copysign(1e-9, value):z.{digits}f}"


@dataclass(frozen=True)
class Spread:
    """Mean and spread over seeds.

    Attributes:
        mean: of the values.
        sd: sample standard deviation (n-1); NaN for one value.
        low: lower end of the 95% confidence interval of the mean (Student's t).
        high: upper end.
        n: number of values.
    """

    mean: float
    sd: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        """In per cent, as the book prints accuracies."""
        return self.text()

    def text(self, scale: float = 100, digits: int = 1) -> str:
        """Mean ± half the confidence interval; for one value the value alone.

        Args:
            scale: to multiply by; 100 for per cent.
            digits: after the point.
        """
        mean = decimal(scale * self.mean, digits)
        return (
            mean if self.n < 2 else f"{mean} ± {decimal(scale * (self.high - self.mean), digits)}"
        )

    def verdict(self, more: str = "better", less: str = "worse") -> str:
        """What the interval of a difference allows one to say.

        Args:
            more: the word if all of it lies above zero.
            less: the word if all of it lies below.
        """
        if self.low > 0:
            return more
        return less if self.high < 0 else "not told apart by these seeds"


def spread(values: Iterable[float]) -> Spread:
    """Mean, standard deviation and 95% confidence interval of values over seeds.

    Example:
        >>> str(spread([0.70, 0.72, 0.74]))
        '72.0 ± 5.0'
    """
    x = np.asarray(list(values), dtype=float)
    if x.size == 0:
        raise ValueError("no values to summarise")
    if x.size == 1:
        return Spread(float(x[0]), np.nan, np.nan, np.nan, 1)
    sd = float(x.std(ddof=1))
    half = float(stats.t.ppf(0.975, x.size - 1)) * sd / np.sqrt(x.size)
    return Spread(float(x.mean()), sd, float(x.mean() - half), float(x.mean() + half), x.size)
