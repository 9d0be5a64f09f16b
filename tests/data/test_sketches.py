"""Sketches: which classes are labelled, and which drawings are for the test."""

import numpy as np
import pytest
import torch

from ssl_teach.data import NO_LABEL, load
from ssl_teach.data.sketches import CHOSEN, choose_classes, sketch_names


def counts(data, name):
    return torch.bincount(data.split(name).labels, minlength=len(data.classes)).tolist()


def test_all_sketches():
    data = load("sketches")
    assert data.images.shape == (34_500, 1, 28, 28) and len(data.classes) == 345
    assert set(data.splits) == {"train", "val", "test"}
    assert [set(counts(data, split)) for split in data.splits] == [{60}, {10}, {30}]
    assert data.images.float().mean() < 100  # white lines on black


def test_chosen_sketches_have_labels_and_the_rest_is_unlabelled():
    data = load("sketches", classes=("zebra", "apple"))
    everything = load("sketches")
    assert data.classes == ("zebra", "apple")
    assert counts(data, "test") == [30, 30] and counts(data, "val") == [10, 10]
    assert (data.labels[data.splits["unlabelled"]] == NO_LABEL).all()
    assert len(data.splits["unlabelled"]) == 343 * 100
    assert len(data.unlabelled) == 34_500 - 2 * 40
    names_of = np.array(everything.classes)[everything.labels]
    for split in ("train", "val", "test"):  # the same drawings are called the same
        rows = data.splits[split]
        assert names_of[rows].tolist() == [data.classes[i] for i in data.labels[rows]]


def test_a_test_drawing_stays_one_whatever_classes_are_chosen():
    all_tests = set(load("sketches").splits["test"].tolist())
    assert set(load("sketches", classes=5).splits["test"].tolist()) < all_tests


def test_the_first_classes_are_the_chosen_ones():
    assert choose_classes(10) == CHOSEN and choose_classes(3) == CHOSEN[:3]
    assert set(choose_classes(345)) == set(sketch_names()) == set(choose_classes(None))
    assert choose_classes(12)[10:] == sketch_names()[:2]
    assert choose_classes(["cat", "dog"]) == ("cat", "dog")


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (1, "2 to 345"),
        (346, "2 to 345"),
        (("cat", "bycicle"), "bicycle"),
        (("cat", "qqqq"), "apple"),
        (("cat", "cat"), "different"),
        ("cat", "two or more"),
    ],
)
def test_bad_choices_of_classes(classes, message):
    with pytest.raises(ValueError, match=message):
        load("sketches", classes=classes)
