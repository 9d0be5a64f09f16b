"""Folders as people have them: read whole, or with a word about what was left out."""

import os
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from ssl_teach.data import load


def save(path, number=0):
    """Save an image that differs from those of other numbers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 256, (12, 12, 3), np.uint8)
    Image.fromarray(pixels).save(path)


def fill(folder, count, start=0):
    for i in range(count):
        save(folder / f"{i}.png", start + i)


@pytest.fixture(autouse=True)
def no_other_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def noted(path, *words):
    """Load a folder that gives one note for each of the words, and no other."""
    with pytest.warns(UserWarning) as notes:
        data = load(path, size=12)
    texts = [str(note.message) for note in notes]
    for word in words:
        assert any(word in text for text in texts), (word, texts)
    assert len(texts) == len(words), texts
    return data


def sizes(data):
    return {name: len(rows) for name, rows in data.splits.items()}


def test_folders_of_splits_are_the_splits(tmp_path):
    for i, (split, count) in enumerate({"train": 6, "val": 2, "test": 3}.items()):
        for j, kind in enumerate(("cat", "dog")):
            fill(tmp_path / split / kind, count, 100 * i + 10 * j)
    data = load(tmp_path, size=12)
    assert data.classes == ("cat", "dog") and sizes(data) == {"train": 12, "val": 4, "test": 6}
    for split in ("train", "val", "test"):
        assert data.split(split).sources[0].startswith(f"{split}/cat")
        assert torch.bincount(data.split(split).labels).unique().numel() == 1


@pytest.mark.parametrize("names", [("Training", "TEST"), ("train", "testing")])
def test_a_split_without_a_folder_is_drawn_from_training(tmp_path, names):
    for i, split in enumerate(names):
        fill(tmp_path / split / "cat", 10, 100 * i)
        fill(tmp_path / split / "dog", 10, 100 * i + 50)
    data = noted(tmp_path, "no folder val/")
    assert sizes(data) == {"train": 18, "val": 2, "test": 20}


def test_a_flat_folder_beside_a_folder_of_classes_is_refused(tmp_path):
    fill(tmp_path / "train" / "cat", 5)
    fill(tmp_path / "train" / "dog", 5, 10)
    fill(tmp_path / "test", 4, 20)
    with pytest.raises(ValueError, match=r"test/ of .* holds 4 images in no class; put each into"):
        load(tmp_path)
    (tmp_path / "test").rename(tmp_path / "unlabelled")
    data = noted(tmp_path, "no folder val/ or test/")
    assert sizes(data) == {"train": 6, "val": 2, "test": 2, "unlabelled": 4}


def test_a_class_may_be_called_train(tmp_path):
    fill(tmp_path / "train", 5)
    fill(tmp_path / "boat", 5, 10)
    assert load(tmp_path, size=12).classes == ("boat", "train")


def test_unlabelled_images_beside_classes_have_no_label(tmp_path):
    fill(tmp_path / "cat", 5)
    fill(tmp_path / "dog", 5, 10)
    fill(tmp_path / "unlabelled" / "any", 4, 20)
    data = load(tmp_path, size=12)
    assert data.classes == ("cat", "dog") and sizes(data)["unlabelled"] == 4


@pytest.mark.parametrize("names", [("train2017", "val2017"), ("training_set", "test_set")])
def test_usual_names_of_splits_are_understood(tmp_path, names):
    for i, split in enumerate(names):
        fill(tmp_path / split / "cat", 10, 100 * i)
        fill(tmp_path / split / "dog", 10, 100 * i + 50)
    data = noted(tmp_path, "so its images are drawn from train/")
    assert data.classes == ("cat", "dog") and len(data.splits) == 3


UNCLEAR = {
    "flat splits": ({"train": 5, "test": 5}, "in no class"),
    "classes beside splits": (
        {"train/cat": 5, "dog": 5}, r"splits \(train/\) beside folders that are not \(dog/\)",
    ),
    "flat test images beside classes": (
        {"cat": 5, "dog": 5, "test": 4}, r"splits \(test/\) beside folders that are not",
    ),
    "two names of one split": (
        {"val/cat": 5, "valid/cat": 5}, r"val/ and valid/ are both the split 'val'",
    ),
    "no training": ({"val/cat": 5, "test/cat": 5}, "no folder train/"),
    "a class that training lacks": (
        {"train/cat": 5, "test/Cat": 5}, r"Cat/ in test/ is no class of train/",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("folders", "words"), UNCLEAR.values(), ids=UNCLEAR)
def test_a_layout_that_is_not_clear_is_refused(tmp_path, folders, words):
    for k, (name, count) in enumerate(folders.items()):
        fill(tmp_path / name, count, 10 * k)
    with pytest.raises(ValueError, match=words):
        load(tmp_path)


def test_one_loose_image_does_not_hide_the_classes(tmp_path):
    save(tmp_path / "cover.png", 99)
    fill(tmp_path / "train" / "cat", 5)
    fill(tmp_path / "train" / "dog", 5, 10)
    data = noted(tmp_path, "1 image beside the folders without a label", "no folder val/")
    assert data.classes == ("cat", "dog") and len(data) == 11 and sizes(data)["unlabelled"] == 1


def test_folders_within_a_class_are_read(tmp_path):
    fill(tmp_path / "cat", 6)
    fill(tmp_path / "cat" / "more" / "and more", 20, 10)
    fill(tmp_path / "dog", 5, 50)
    data = noted(tmp_path, "20 images in folders within a class, such as cat/more/and more/0.png")
    assert len(data) == 31 and torch.bincount(data.labels).tolist() == [26, 5]


def test_the_extra_folders_of_archives_are_seen_through(tmp_path):
    fill(tmp_path / "pics" / "pics" / "cat", 5)
    fill(tmp_path / "pics" / "pics" / "dog", 5, 10)
    (tmp_path / "__MACOSX" / "pics").mkdir(parents=True)
    save(tmp_path / "__MACOSX" / "pics" / "._0.png")
    data = noted(tmp_path, "1 hidden files or folders skipped", "pics/pics is read")
    assert data.classes == ("cat", "dog") and len(data) == 10


def test_what_is_skipped_is_counted(tmp_path):
    fill(tmp_path / "cat", 5)
    fill(tmp_path / "dog", 5, 10)
    (tmp_path / "cow").mkdir()
    for name in ("a.heic", "b.HEIC", "notes.txt", ".DS_Store", "raw"):
        (tmp_path / "cat" / name).touch()
    (tmp_path / "dog" / "page.pdf").touch()
    data = noted(tmp_path, "2 .heic files, ", "cow without images, so no class")
    assert len(data) == 10
    noted(tmp_path, "and 2 of other types", "cow without images")


def test_copies_stay_on_one_side_of_a_split(tmp_path):
    for i in range(20):
        for copy in "abc":
            save(tmp_path / ("even" if i % 2 else "odd") / f"{i}{copy}.png", i)
    data = noted(tmp_path, "40 images with a copy elsewhere (even/11b.png = even/11a.png")
    where = {}
    for split in ("train", "val", "test"):
        for image in data.split(split).images:
            where.setdefault(image.numpy().tobytes(), set()).add(split)
    assert len(where) == 20 and all(len(splits) == 1 for splits in where.values())
    assert sum(sizes(data).values()) == 60


def test_copies_of_test_images_are_left_out_of_given_training(tmp_path):
    fill(tmp_path / "train" / "cat", 6)
    fill(tmp_path / "train" / "dog", 6, 10)
    fill(tmp_path / "test" / "cat", 3)
    fill(tmp_path / "test" / "dog", 3, 20)
    fill(tmp_path / "val" / "cat", 3, 30)
    fill(tmp_path / "val" / "dog", 3, 40)
    data = noted(tmp_path, "3 images with a copy", "3 images of train/ left out")
    assert sizes(data) == {"train": 9, "val": 6, "test": 6}


def test_an_unlabelled_copy_of_a_test_image_is_not_pretrained_on(tmp_path):
    fill(tmp_path / "cat", 5)
    fill(tmp_path / "dog", 5, 10)
    for i in range(5):
        save(tmp_path / f"again{i}.png", i)
    data = noted(tmp_path, "5 images beside the folders", "5 images with a copy")
    assert "unlabelled" not in data.splits and len(data.unlabelled) == 6


def test_an_image_in_two_classes_has_no_label(tmp_path):
    fill(tmp_path / "cat", 5)
    fill(tmp_path / "dog", 5, 4)  # the first is the last cat
    data = noted(tmp_path, "1 image with a copy", "2 images in two classes")
    assert sizes(data)["unlabelled"] == 2 and int((data.labels < 0).sum()) == 2


def test_copies_alone_cannot_be_split(tmp_path):
    for name in "abcd":
        save(tmp_path / "kind" / f"{name}.png")
    with pytest.raises(ValueError, match="at least three different images"):
        load(tmp_path)


def test_a_class_that_cannot_be_tested_is_named(tmp_path):
    fill(tmp_path / "cat", 5)
    fill(tmp_path / "rare", 2, 10)
    noted(tmp_path, "rare without an image for the test")


def test_without_copies_the_splits_are_those_of_the_labels_alone(tmp_path):
    from ssl_teach.data.dataset import draw_splits

    for j, kind in enumerate("abc"):
        fill(tmp_path / kind, 10, 20 * j)
    data = load(tmp_path, size=12, seed=3)
    expected = draw_splits(data.labels, {"val": 0.1, "test": 0.2}, 3)
    assert all(torch.equal(data.splits[name], rows) for name, rows in expected.items())


@pytest.mark.parametrize("suffix", [".tif", ".tiff"])
def test_integers_of_unknown_range_are_refused(tmp_path, suffix):
    Image.fromarray(np.full((40, 40), 200, np.int32)).save(tmp_path / f"x{suffix}")
    with pytest.raises(ValueError, match="32-bit integers, whose range is unknown"):
        load(tmp_path)


@pytest.mark.parametrize("suffix", [".tif", ".png"])
@pytest.mark.parametrize(("level", "right"), [(200, None), (4095, None), (0, 0), (51_400, 200)])
def test_sixteen_bits_are_scaled_or_refused(tmp_path, suffix, level, right):
    Image.fromarray(np.full((40, 40), level, np.uint16)).save(tmp_path / f"x{suffix}")
    if right is None:
        with pytest.raises(ValueError, match=f"reach only {level} of 65,535"):
            load(tmp_path)
    else:
        assert load(tmp_path).images.unique().tolist() == [right]


def test_a_name_that_is_also_a_folder_asks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fill(tmp_path / "digits", 3)
    with pytest.raises(ValueError, match=r"write './digits' for the folder, 'builtin:digits'"):
        load("digits")
    assert len(load("./digits")) == 3 and len(load("builtin:digits")) == 1797


def test_a_folder_of_links_that_leads_back_is_refused(tmp_path):
    fill(tmp_path / "cat", 3)
    (tmp_path / "cat" / "up").symlink_to(tmp_path)
    with pytest.raises(ValueError, match="link to a folder that holds it"):
        load(tmp_path)


def test_many_names_are_listed_soon(tmp_path):
    from ssl_teach.data.layout import read_layout

    (tmp_path / "kind").mkdir()
    for i in range(5_000):
        (tmp_path / "kind" / f"{i}.png").touch()
    started = os.times().user
    assert len(read_layout(tmp_path).classes["kind"]) == 5_000
    assert os.times().user - started < 5
