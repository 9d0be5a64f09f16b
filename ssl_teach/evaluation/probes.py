"""The linear probe and the k-nearest-neighbour probe on frozen features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from ssl_teach.checks import (
    as_labels,
    as_matrix,
    check_choices,
    check_integer,
    check_positive,
    check_several,
)
from ssl_teach.data import Dataset
from ssl_teach.encoders.base import Encoder
from ssl_teach.evaluation.features import features
from ssl_teach.evaluation.label_budget import label_arrays

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)
"""The linear probe's choices of the weight of ½‖W‖² relative to the mean cross-entropy."""


@dataclass(frozen=True)
class ProbeResult:
    """The accuracies of a probe and its hyperparameter.

    Attributes:
        test: Accuracy on the test split, evaluated once, after the choice on validation data.
        val: Accuracy on the validation split.
        choice: The chosen penalty, number of neighbours or learning rate.
    """

    test: float
    val: float
    choice: float


@dataclass(frozen=True)
class ProbeData:
    """Features with their labels, split into training, validation and test.

    Attributes:
        train: Features (N, D) and labels (N,) for training; arrays, or tensors, which become
            arrays.
        val: The same for validation.
        test: The same for the test.

    Raises:
        ValueError: If a part is empty or not finite, the widths differ, there is one label for all,
            or validation or test have a class that training lacks.
    """

    train: tuple[np.ndarray, np.ndarray]
    val: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]

    def __post_init__(self) -> None:
        """Check the features and labels of each part, and that the parts fit together."""
        for part in ("train", "val", "test"):
            pair = getattr(self, part)
            if not isinstance(pair, tuple | list) or len(pair) != 2:
                raise ValueError(f"{part} must be a pair of features and labels")
            features, labels = pair
            x = as_matrix(features, f"features of {part}")
            y = as_labels(labels, len(x), name=f"labels of {part}").numpy()
            object.__setattr__(self, part, (x, y))
            if x.shape[1] != self.train[0].shape[1]:
                raise ValueError(
                    f"features of {part} are {x.shape[1]} wide, those of train "
                    f"{self.train[0].shape[1]}"
                )
            if len(unknown := np.setdiff1d(y, self.train[1])):
                raise ValueError(
                    f"labels of {part} include {unknown[0]}, which training never sees: "
                    "give each class training examples, or leave it out"
                )
        check_several(len(np.unique(self.train[1])), "class")


def stage_features(
    encoder: Encoder, parts: Sequence[Dataset], *, size: int | None = None
) -> list[ProbeData]:
    """Compute the data for the probes of all stages in one pass over the images.

    Args:
        encoder: The encoder. It is frozen during the call.
        parts: Training, validation and test data.
        size: Features per stage; see `features`.

    Returns:
        The probe data of each stage, first to last.

    Raises:
        ValueError: If a part has no labels.
    """
    labels = label_arrays(*parts)
    parts_by_stage = [features(encoder, part.images, size=size) for part in parts]
    return [
        ProbeData(*zip(stage, labels, strict=True)) for stage in zip(*parts_by_stage, strict=True)
    ]


def linear_probe(data: ProbeData, penalties: Sequence[float] = PENALTIES) -> ProbeResult:
    """Fit a multinomial logistic regression on standardised features.

    Args:
        data: Features and labels.
        penalties: Weights of ½‖W‖² relative to the mean cross-entropy. The one with the best
            validation accuracy is chosen.

    Raises:
        ValueError: If there are no penalties, or one is not positive.
    """
    penalties = [
        check_positive(each, "a penalty") for each in check_choices(penalties, "penalties")
    ]
    scaler = StandardScaler().fit(data.train[0])
    (x, y), (x_val, y_val), (x_test, y_test) = (
        (scaler.transform(x).astype(np.float32), y) for x, y in (data.train, data.val, data.test)
    )
    fitted = []
    with threadpool_limits(1, "blas"):  # a second thread slows down such narrow products
        for penalty in penalties:  # scikit-learn sums the loss, so its C is 1/(N·penalty)
            model = LogisticRegression(C=1 / (len(x) * penalty), max_iter=1000, tol=1e-3)
            fitted.append(model.fit(x, y))
    val = [model.score(x_val, y_val) for model in fitted]
    best = int(np.argmax(val))
    return ProbeResult(float(fitted[best].score(x_test, y_test)), float(val[best]), penalties[best])


def knn_probe(data: ProbeData, neighbours: Sequence[int] = (1, 5, 20)) -> ProbeResult:
    """Classify by a vote of the k nearest training features, by cosine similarity.

    Args:
        data: Features and labels.
        neighbours: Values of k, except those above the number of training features. The one with
            the best validation accuracy is chosen.

    Raises:
        ValueError: If a number of neighbours is not a positive integer, or all of them exceed the
            number of training features.
    """
    (x, y), (x_val, y_val), (x_test, y_test) = data.train, data.val, data.test
    check_choices(neighbours, "numbers of neighbours")
    neighbours = [check_integer(k, "a number of neighbours", 1) for k in neighbours]
    candidates = [k for k in neighbours if k <= len(x)]
    if not candidates:
        raise ValueError(
            f"{len(x)} training features cannot vote with {min(neighbours)} neighbours; "
            f"allow a number of at most {len(x)}"
        )
    fitted = [KNeighborsClassifier(k, metric="cosine").fit(x, y) for k in candidates]
    val = [model.score(x_val, y_val) for model in fitted]
    best = int(np.argmax(val))
    return ProbeResult(
        float(fitted[best].score(x_test, y_test)), float(val[best]), candidates[best]
    )
