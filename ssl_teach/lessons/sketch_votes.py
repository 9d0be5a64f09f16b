"""Lesson 14: the nearest sketches vote for the class of a drawing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from sklearn.neighbors import KNeighborsClassifier

from ssl_teach.data import Dataset
from ssl_teach.evaluation import ProbeData, knn_probe, label_arrays
from ssl_teach.lessons.setting import first_of_each


def examples_of_each(data: Dataset, count: int) -> Dataset:
    """Select the first `count` images of every class, class by class.

    Raises:
        ValueError: If the data have no labels.
    """
    (labels,) = label_arrays(data)
    rows = torch.tensor(first_of_each(torch.from_numpy(labels), count))
    return data.subset(rows.view(count, -1).T.flatten())


def knn_vote(data: ProbeData) -> tuple[KNeighborsClassifier, np.ndarray]:
    """Fit the k-NN probe, and keep what `knn_probe` sums up.

    Returns:
        The classifier, whose k was chosen on validation data, and for each test example whether
        its vote is right, (n,) bool.
    """
    k = int(knn_probe(data).choice)
    voter = KNeighborsClassifier(k, metric="cosine").fit(*data.train)
    h, labels = data.test
    return voter, voter.predict(h) == labels


def vote_margins(voter: KNeighborsClassifier, h: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Compute by how much the right class leads the best wrong one, as fractions of the votes.

    Args:
        voter: Its classes are 0 to K-1.
        h: (n, D).
        labels: The right classes, (n,).

    Returns:
        (n,), from -1 to 1; negative where the vote is wrong.
    """
    votes = voter.predict_proba(h)  # (n, K)
    each = np.arange(len(labels))
    wrong = votes.copy()
    wrong[each, labels] = 0
    return votes[each, labels] - wrong.max(axis=1)


def right_alone(margins: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Find the examples on which one encoder's vote is right and all others' votes are wrong.

    Args:
        margins: (n,) as `vote_margins` returns them, by encoder. A tie is neither right nor wrong.

    Returns:
        (n,) bool, by encoder.
    """
    return {
        name: (own > 0) & np.all([margins[other] < 0 for other in margins if other != name], axis=0)
        for name, own in margins.items()
    }
