"""Digits and photos: the labels are right, and photographs stay within a split."""

import pytest
import torch
import torch.nn.functional as F

from ssl_teach.data import load
from ssl_teach.data.photos import PHOTOGRAPHS, photographs


def counts(data, name):
    return torch.bincount(data.split(name).labels, minlength=len(data.classes)).tolist()


def test_digits_look_like_their_class():
    data = load("digits")
    assert data.images.shape == (1797, 1, 8, 8) and data.images.max() == 255
    middle = data.images[:, 0, 3:5, 3:5].float().mean(dim=(1, 2))
    assert middle[data.labels == 0].mean() < 40 < 150 < middle[data.labels == 8].mean()


def test_photos_are_split_by_photograph():
    data = load("photos", count=200)
    for split, group in PHOTOGRAPHS.items():
        found = counts(data, split)
        assert {data.classes[i] for i, n in enumerate(found) if n} == set(group)
        there = [n for n in found if n]
        assert max(there) - min(there) <= 1
    assert [len(data.split(split)) for split in PHOTOGRAPHS] == [140, 20, 40]


def test_a_crop_lies_where_its_factors_say():
    data = load("photos", count=100, size=24)
    whole = {name: photographs(name) for name in data.classes}
    for i in range(100):
        row, column = (2 * int(data.factors[name][i]) for name in ("row", "column"))
        cuts = [
            picture[:, row : row + 48, column : column + 48].float()
            for picture in whole[data.classes[data.labels[i]]]
        ]
        assert any(((F.avg_pool2d(cut, 2) - data.images[i]).abs() <= 0.5).all() for cut in cuts)


def test_both_eyes_see_the_motorcycle():
    left, right = photographs("motorcycle")
    assert left.shape == right.shape and not torch.equal(left, right)


def test_crops_as_large_as_they_go():
    assert load("photos", count=10, size=150).images.shape == (10, 3, 150, 150)
    with pytest.raises(ValueError, match="size <= 150"):
        load("photos", size=151)
    with pytest.raises(ValueError, match="count >= 10"):
        load("photos", count=9)
