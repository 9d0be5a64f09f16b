"""A budget of labels counts every label, those for validation included."""

import pytest
import torch

from ssl_teach import evaluation
from ssl_teach.data import Dataset

from .greys import dataset


def test_no_labels_are_drawn_where_there_are_none():
    data = Dataset("bare", torch.zeros(4, 1, 2, 2, dtype=torch.uint8), splits={})
    with pytest.raises(ValueError, match="'bare' has no labels to draw from"):
        evaluation.draw_labels(data, 0.5, seed=0)
    labelled = Dataset(
        "half",
        data.images,
        torch.zeros(4, dtype=torch.long),
        ("a",),
        {},
        {"train": torch.arange(4)},
    )
    with pytest.raises(ValueError, match="no split 'val'; it has train"):
        evaluation.draw_labels(labelled, 0.5, seed=0)


def test_a_label_budget_counts_validation_labels_too():
    data = dataset(per_class=20)  # 15 labels per class outside the test split
    train, val = evaluation.draw_labels(data, 0.4, seed=0)
    counts = [torch.bincount(part.labels, minlength=3).tolist() for part in (train, val)]
    assert counts == [[5, 5, 5], [1, 1, 1]]  # 40% of 15 is 6
    again, _ = evaluation.draw_labels(data, 0.4, seed=0)
    other, _ = evaluation.draw_labels(data, 0.4, seed=1)
    assert torch.equal(train.images, again.images)
    assert not torch.equal(train.images, other.images)


def test_a_label_budget_never_touches_the_test_split():
    data = dataset()
    test = {image.numpy().tobytes() for image in data.test.images}
    for part in evaluation.draw_labels(data, 0.5, seed=3):
        assert not test & {image.numpy().tobytes() for image in part.images}


def test_bad_budgets_are_named():
    with pytest.raises(ValueError, match=r"\(0, 1\]"):
        evaluation.draw_labels(dataset(), 0, seed=0)
    with pytest.raises(ValueError, match="two per class"):
        evaluation.draw_labels(dataset(), 0.05, seed=0)
