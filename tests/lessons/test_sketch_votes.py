"""Lesson 14: which sketches vote, and whose vote is right."""

import numpy as np
import pytest
import torch

from ssl_teach.data import Dataset
from ssl_teach.evaluation import ProbeData, knn_probe
from ssl_teach.lessons.sketch_votes import (
    examples_of_each,
    knn_vote,
    right_alone,
    vote_margins,
)


def test_the_first_examples_come_class_by_class():
    images = torch.arange(7, dtype=torch.uint8)[:, None, None, None]
    data = Dataset("x", images, torch.tensor([1, 0, 0, 2, 1, 0, 2]), ("a", "b", "c"))
    found = examples_of_each(data, 2)
    assert found.images.flatten().tolist() == [1, 2, 0, 4, 3, 6]
    assert found.labels.tolist() == [0, 0, 1, 1, 2, 2]


@pytest.fixture
def noisy():
    """Three classes in four dimensions that overlap."""
    draw = np.random.default_rng(0)
    labels = [draw.permutation(np.arange(60) % 3) for _ in range(3)]
    h = [np.eye(4)[y] + draw.normal(scale=0.6, size=(60, 4)) for y in labels]
    return ProbeData(*zip(h, labels, strict=True))


def test_the_vote_is_that_of_the_probe(noisy):
    probe = knn_probe(noisy)
    voter, right = knn_vote(noisy)
    assert voter.n_neighbors == probe.choice
    assert right.mean() == pytest.approx(probe.test) and 0.5 < right.mean() < 1


def test_a_margin_is_positive_where_the_vote_is_right(noisy):
    voter, right = knn_vote(noisy)
    margins = vote_margins(voter, *noisy.test)
    assert (right[margins > 0]).all() and not (right[margins < 0]).any()
    first = np.bincount(noisy.train[1][voter.kneighbors(noisy.test[0][:1])[1][0]], minlength=3)
    truth = noisy.test[1][0]
    best_wrong = np.delete(first, truth).max()
    assert margins[0] == pytest.approx((first[truth] - best_wrong) / voter.n_neighbors)


def test_one_that_is_right_alone_has_all_others_wrong():
    margins = {
        "a": np.array([0.5, 0.5, 0.5, -0.5]),
        "b": np.array([-0.1, 0.1, -0.1, 0.2]),
        "c": np.array([-0.1, -0.1, 0.0, -0.2]),  # the third is a tie
    }
    found = {name: which.tolist() for name, which in right_alone(margins).items()}
    no = [False] * 4
    assert found == {"a": [True, False, False, False], "b": [False, False, False, True], "c": no}
