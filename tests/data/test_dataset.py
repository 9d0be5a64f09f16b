"""Splits are stratified, reproducible and disjoint."""

import pytest
import torch

from ssl_teach.data import NO_LABEL, Dataset
from ssl_teach.data.dataset import draw_splits


def test_splits_are_drawn_within_classes():
    labels = torch.tensor([0] * 50 + [1] * 20 + [2] * 2 + [3] * 3 + [NO_LABEL] * 4)
    splits = draw_splits(labels, {"val": 0.1, "test": 0.2}, seed=0)
    found = {
        name: torch.bincount(labels[rows], minlength=4).tolist()
        for name, rows in splits.items()
        if name != "unlabelled"
    }
    assert found == {"train": [35, 14, 2, 1], "val": [5, 2, 0, 1], "test": [10, 4, 0, 1]}
    assert splits["unlabelled"].tolist() == [75, 76, 77, 78]
    rows = torch.cat(list(splits.values()))
    assert torch.equal(rows.sort().values, torch.arange(79))


def test_too_few_to_split():
    with pytest.raises(ValueError, match="nothing is left for val"):
        draw_splits(torch.tensor([0, 0, 1, 1]), {"val": 0.1, "test": 0.2}, seed=0)


def test_splits_do_not_depend_on_torchs_own_generator():
    labels = torch.arange(100) % 4
    torch.manual_seed(0)
    a = draw_splits(labels, {"val": 0.2}, seed=1)
    torch.manual_seed(1)
    assert torch.equal(a["val"], draw_splits(labels, {"val": 0.2}, seed=1)["val"])


def test_a_dataset_refuses_splits_that_share_pictures():
    images = torch.zeros(4, 1, 2, 2, dtype=torch.uint8)
    rows = torch.arange(3)
    with pytest.raises(ValueError, match="share"):
        Dataset("x", images, splits={"train": rows, "test": rows[2:]})


def test_pictures_for_a_test_are_not_pretrained_on_without_a_training_split():
    images = torch.arange(6, dtype=torch.uint8).reshape(6, 1, 1, 1)
    splits = {"val": torch.tensor([1]), "test": torch.tensor([4, 5])}
    assert Dataset("mine", images, splits=splits).unlabelled.flatten().tolist() == [0, 2, 3]
    assert torch.equal(Dataset("mine", images).unlabelled, images)


def test_splits_that_count_from_the_end_are_refused():
    images = torch.zeros(3, 1, 1, 1, dtype=torch.uint8)
    with pytest.raises(ValueError, match="from 0 to 2, got -1"):
        Dataset("mine", images, splits={"train": torch.tensor([0, -1])})
