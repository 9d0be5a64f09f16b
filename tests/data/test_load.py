"""Data sets by name: no image in two splits, the same by seed, and errors that help."""

import pytest
import torch

from ssl_teach.data import SHORTCUTS, load, names

SMALL = {  # what needs no file on the disk, as small as it goes
    "scenes": {"count": 100},
    "sketches": {"classes": 10},
    "digits": {},
    "photos": {"count": 60},
}


def counts(data, name):
    return torch.bincount(data.split(name).labels, minlength=len(data.classes)).tolist()


@pytest.mark.parametrize("name", SMALL)
def test_every_picture_is_in_one_split_and_labels_name_classes(name):
    data = load(name, **SMALL[name])
    rows = torch.cat(list(data.splits.values()))
    assert torch.equal(rows.sort().values, torch.arange(len(data)))
    for split in ("train", "val", "test"):
        labels = data.split(split).labels
        assert len(labels) and labels.min() >= 0 and labels.max() < len(data.classes)


@pytest.mark.parametrize("name", SMALL)
def test_the_seed_decides(name):
    a, b, c = (load(name, seed=seed, **SMALL[name]) for seed in (3, 3, 4))
    assert torch.equal(a.images, b.images)
    assert all(torch.equal(a.splits[split], b.splits[split]) for split in a.splits)
    assert not torch.equal(a.test.images, c.test.images)


@pytest.mark.parametrize("name", SMALL)
def test_sizes(name):
    size = 24
    data = load(name, size=size, **SMALL[name])
    assert data.images.shape[2:] == (size, size) and data.images.dtype == torch.uint8
    assert data.images.float().std() > 10


def test_unknown_names_are_answered_with_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match=r"sketches.*cifar10.*path of a folder"):
        load("imagenet")
    (tmp_path / "a.txt").touch()
    with pytest.raises(ValueError, match="is a file"):
        load(tmp_path / "a.txt")


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("scenes", {"classes": 3}),
        ("sketches", {"count": 10}),
        ("digits", {"shortcuts": ()}),
        ("photos", {"root": "somewhere"}),
        ("cifar10", {"count": 10}),
        (".", {"count": 10}),
    ],
)
def test_an_option_that_does_not_apply_is_an_error(name, option):
    with pytest.raises(
        ValueError, match=rf"takes no {next(iter(option))}; its options are (size|count)"
    ):
        load(name, **option)


def test_sizes_and_counts_below_one_are_errors():
    for option in ({"size": 0}, {"count": -1}):
        with pytest.raises(ValueError, match="at least 1"):
            load("photos", **option)


def test_shortcuts_reach_the_scenes():
    assert not torch.equal(
        load("scenes", count=30, shortcuts=()).images,
        load("scenes", count=30, shortcuts=SHORTCUTS).images,
    )


def test_the_names():
    assert set(names()) == {*SMALL, "cifar10", "stl10"}
