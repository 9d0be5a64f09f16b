"""Linear probes for the factors that the scenes were rendered from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits
from torch import Tensor

from ssl_teach.checks import as_matrix, check_choices, check_positive
from ssl_teach.data import Dataset

FACTORS = {
    "color": ("hue",),
    "position": ("x", "y"),
    "size": ("scale",),
    "background": ("sky", "ground"),
}
"""The targets of `factor_probe`, and the factors of the scenes that form each target."""

CIRCULAR = ("hue", "sky", "ground")  # hues, for which 0.99 is close to 0.01


def _factor(data: Dataset, name: str) -> np.ndarray:
    """Return regression targets (N, K); a hue becomes a point on the unit circle."""
    columns: list[np.ndarray] = []
    for part in FACTORS[name]:
        values = data.factors[part].numpy().astype(np.float64)
        angle = 2 * np.pi * values
        columns += [np.cos(angle), np.sin(angle)] if part in CIRCULAR else [values]
    return np.stack(columns, axis=1)


def factor_probe(
    dataset: Dataset,
    extract: Callable[[Tensor], np.ndarray],
    penalties: Sequence[float] = (1e-4, 1e-3, 1e-2, 1e-1, 1.0),
) -> dict[str, float]:
    """Measure how well a linear map predicts the factors of the images from their features.

    The map is a ridge regression on standardised features; its penalty is chosen on validation
    data.

    Args:
        dataset: Scenes, with factors and splits.
        extract: Computes features (N, D) from uint8 images (N, C, H, W).
        penalties: Weights of ‖W‖² relative to the mean squared error, to choose from.

    Returns:
        R² on the test split by name ("factor_color" and so on, for each of `FACTORS`): 1 for a
        factor that is predicted without error, 0 for one that is not predicted at all.

    Raises:
        ValueError: If the data set lacks a factor, or there are no penalties.
    """
    if missing := [part for parts in FACTORS.values() for part in parts
                   if part not in dataset.factors]:  # fmt: skip
        have = ", ".join(dataset.factors) or "none"
        raise ValueError(f"{dataset.name} has no factor {missing[0]!r}; it has {have}")
    check_choices(penalties, "penalties")
    penalties = [check_positive(penalty, "a penalty") for penalty in penalties]
    parts = (dataset.train, dataset.val, dataset.test)
    features = [as_matrix(extract(part.images), "extracted features") for part in parts]
    scaler = StandardScaler().fit(features[0])
    x, x_val, x_test = (scaler.transform(part).astype(np.float64) for part in features)
    found = {}
    with threadpool_limits(1, "blas"):
        for name in FACTORS:
            y, y_val, y_test = (_factor(part, name) for part in parts)
            models = [Ridge(len(x) * penalty).fit(x, y) for penalty in penalties]
            best = max(models, key=lambda model: model.score(x_val, y_val))
            found[f"factor_{name}"] = float(best.score(x_test, y_test))
    return found
