"""Probes learn what the features hold, and choose their settings on validation data."""

import numpy as np
import pytest

from ssl_teach import evaluation
from ssl_teach.evaluation.probes import ProbeData


def blobs(count=90, classes=3, noise=1.0, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(count) % classes
    x = 4 * np.eye(classes)[y] + noise * rng.normal(size=(count, classes))
    return x.astype(np.float32), y


@pytest.mark.parametrize("probe", [evaluation.linear_probe, evaluation.knn_probe])
def test_probes_learn_what_is_there_and_nothing_else(probe):
    easy = ProbeData(blobs(), blobs(30, seed=1), blobs(60, seed=2))
    assert probe(easy).test > 0.9
    x, y = blobs(300, seed=2)
    shuffled = np.random.default_rng(0).permutation(y)
    none = ProbeData(blobs(), blobs(30, seed=1), (x, shuffled))
    assert abs(probe(none).test - 1 / 3) < 0.12


def test_the_choice_falls_on_validation_data_alone():
    """With validation labels shuffled differently the choice may move; with test labels, never."""
    train, val = blobs(60, noise=3), blobs(60, noise=3, seed=1)
    x, y = blobs(60, noise=3, seed=2)
    choices = {
        evaluation.linear_probe(ProbeData(train, val, (x, np.roll(y, shift)))).choice
        for shift in range(3)
    }
    assert len(choices) == 1


def test_the_chosen_penalty_is_the_best_on_validation():
    train, val = blobs(30, noise=3), blobs(200, noise=3, seed=1)
    data = ProbeData(train, val, val)
    alone = {p: evaluation.linear_probe(data, [p]).val for p in evaluation.PENALTIES}
    chosen = evaluation.linear_probe(data)
    assert chosen.val == max(alone.values()) == alone[chosen.choice]


def test_features_are_standardised_for_the_linear_probe():
    """Blowing one useless feature up by a million must not drown the others."""

    def loud(part):
        x, y = part
        rng = np.random.default_rng(len(x))
        return np.hstack([x, 1e6 * rng.normal(size=(len(x), 1))]).astype(np.float32), y

    data = ProbeData(*(loud(blobs(n, seed=s)) for s, n in enumerate((90, 30, 60))))
    assert evaluation.linear_probe(data).test > 0.9
