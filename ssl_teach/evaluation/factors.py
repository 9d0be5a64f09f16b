"""How well a linear map reads the factors that the scenes were drawn from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits
from torch import Tensor

from ssl_teach.data import Dataset

FACTORS = {
    "color": ("hue",),
    "position": ("x", "y"),
    "size": ("scale",),
    "background": ("sky", "ground"),
}
"""What `factor_probe` asks for, and the factors of the scenes that it is made of."""

ON_A_CIRCLE = ("hue", "sky", "ground")  # hues: 0.99 lies beside 0.01


def _factor(data: Dataset, name: str) -> np.ndarray:
    """Targets of a regression, (N, K): a hue is a point on a circle, or red would be torn apart."""
    columns: list[np.ndarray] = []
    for part in FACTORS[name]:
        values = data.factors[part].numpy().astype(np.float64)
        angle = 2 * np.pi * values
        columns += [np.cos(angle), np.sin(angle)] if part in ON_A_CIRCLE else [values]
    return np.stack(columns, axis=1)


def factor_probe(
    dataset: Dataset,
    take: Callable[[Tensor], np.ndarray],
    penalties: Sequence[float] = (1e-4, 1e-3, 1e-2, 1e-1, 1.0),
) -> dict[str, float]:
    """How well a linear map reads the factors that the images were drawn from.

    Ridge regression on standardised features, its penalty chosen on validation data.

    Args:
        dataset: scenes, with factors and splits.
        take: uint8 images in, features (N, D) out.
        penalties: weights of ‖W‖² against the mean squared error, to choose from.

    Returns:
        R² on the test split, "factor_color" and so on for each of `FACTORS`. It is 1 for a factor
        that is read without error, 0 for one of which nothing can be read.
    """
    parts = (dataset.train, dataset.val, dataset.test)
    taken = [take(part.images) for part in parts]
    scaler = StandardScaler().fit(taken[0])
    x, x_val, x_test = (scaler.transform(part).astype(np.float64) for part in taken)
    found = {}
    with threadpool_limits(1, "blas"):
        for name in FACTORS:
            y, y_val, y_test = (_factor(part, name) for part in parts)
            models = [Ridge(len(x) * penalty).fit(x, y) for penalty in penalties]
            best = max(models, key=lambda model: model.score(x_val, y_val))
            found[f"factor_{name}"] = float(best.score(x_test, y_test))
    return found
