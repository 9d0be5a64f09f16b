"""The linear probe and the k-nearest-neighbour probe on frozen features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from ssl_teach.data import Dataset
from ssl_teach.encoders.base import Encoder
from ssl_teach.evaluation.features import features
from ssl_teach.evaluation.label_budget import label_arrays

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)
"""Grid of the linear probe, the weight of ½‖W‖² against the mean cross-entropy."""


@dataclass(frozen=True)
class ProbeResult:
    """What a probe found.

    Attributes:
        test: accuracy on the test split, read once, with the choice made on validation data.
        val: accuracy on the validation split.
        choice: the penalty, number of neighbours or learning rate that was chosen.
    """

    test: float
    val: float
    choice: float


@dataclass(frozen=True)
class ProbeData:
    """Features with labels, split three ways: what a probe takes.

    Attributes:
        train: (features (N, D), labels (N,)).
        val: the same for validation.
        test: the same for the test.
    """

    train: tuple[np.ndarray, np.ndarray]
    val: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]


def stage_features(
    encoder: Encoder, parts: Sequence[Dataset], *, size: int | None = None
) -> list[ProbeData]:
    """What the probes of every stage take: features with labels, from one pass over the images.

    Args:
        encoder: f; frozen meanwhile.
        parts: training, validation and test.
        size: features per stage; see `features`.

    Returns:
        One for each stage, first to last.

    Raises:
        ValueError: if a part has no labels.
    """
    labels = label_arrays(*parts)
    taken = [features(encoder, part.images, size=size) for part in parts]
    return [ProbeData(*zip(stage, labels, strict=True)) for stage in zip(*taken, strict=True)]


def linear_probe(data: ProbeData, penalties: Sequence[float] = PENALTIES) -> ProbeResult:
    """Multinomial logistic regression on standardised features; the penalty chosen on validation.

    Args:
        data: features and labels.
        penalties: weights of ½‖W‖² against the mean cross-entropy, to choose from.
    """
    scaler = StandardScaler().fit(data.train[0])
    (x, y), (x_val, y_val), (x_test, y_test) = (
        (scaler.transform(x).astype(np.float32), y) for x, y in (data.train, data.val, data.test)
    )
    fitted = []
    with threadpool_limits(1, "blas"):  # a second thread is in the way of products so narrow
        for penalty in penalties:  # scikit-learn sums the loss, so its C is 1/(N·penalty)
            model = LogisticRegression(C=1 / (len(x) * penalty), max_iter=1000, tol=1e-3)
            fitted.append(model.fit(x, y))
    val = [model.score(x_val, y_val) for model in fitted]
    best = int(np.argmax(val))
    return ProbeResult(float(fitted[best].score(x_test, y_test)), float(val[best]), penalties[best])


def knn_probe(data: ProbeData, neighbours: Sequence[int] = (1, 5, 20)) -> ProbeResult:
    """Vote of the k nearest training features by cosine; k chosen on validation data.

    Args:
        data: features and labels.
        neighbours: values of k to choose from; those larger than the training set are left out.
    """
    (x, y), (x_val, y_val), (x_test, y_test) = data.train, data.val, data.test
    candidates = [k for k in neighbours if k <= len(x)]
    fitted = [KNeighborsClassifier(k, metric="cosine").fit(x, y) for k in candidates]
    val = [model.score(x_val, y_val) for model in fitted]
    best = int(np.argmax(val))
    return ProbeResult(
        float(fitted[best].score(x_test, y_test)), float(val[best]), candidates[best]
    )
