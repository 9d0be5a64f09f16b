"""Folders of images: subfolders are classes, and broken files are named."""

import numpy as np
import pytest
import torch
from PIL import Image

from ssl_teach.data import NO_LABEL, load


def counts(data, name):
    return torch.bincount(data.split(name).labels, minlength=len(data.classes)).tolist()


def save(path, color=(200, 30, 30), size=(60, 40), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path, **options)


def test_subfolders_are_classes(tmp_path):
    for i in range(10):
        save(tmp_path / "reds" / f"{i}.png", (200, 20 * i, 0))
        save(tmp_path / "blues" / f"{i}.JPG", (0, 20 * i, 200))
    data = load(tmp_path, size=20)
    assert data.images.shape == (20, 3, 20, 20) and data.classes == ("blues", "reds")
    assert counts(data, "train") == [7, 7] and counts(data, "test") == [2, 2]
    blue_not_red = data.images[:, 2].float().mean((1, 2)) > data.images[:, 0].float().mean((1, 2))
    assert blue_not_red.tolist() == (data.labels == 0).tolist()
    assert data.images[10:, 1, 5, 5].tolist() == [20 * i for i in range(10)]  # by file name
    assert torch.equal(load(str(tmp_path), size=20).images, data.images)


def test_a_flat_folder_is_unlabelled(tmp_path):
    for i in range(4):
        save(tmp_path / f"{i}.png")
    data = load(tmp_path)
    assert data.labels is None and data.classes == () and data.images.shape == (4, 3, 32, 32)
    assert data.splits.keys() == {"unlabelled"} and len(data.unlabelled) == 4


def test_images_beside_subfolders_are_unlabelled(tmp_path):
    save(tmp_path / "z.png")
    for name in "abc":
        save(tmp_path / "kind" / f"{name}.png", (ord(name), 0, 0))
    with pytest.warns(UserWarning, match="1 image beside the folders"):
        data = load(tmp_path)
    assert data.labels.tolist() == [NO_LABEL, 0, 0, 0]
    assert data.splits["unlabelled"].tolist() == [0]


def test_broken_images_are_all_named(tmp_path):
    for i in range(3):
        save(tmp_path / f"{i}.jpg", size=(200, 200))
    (tmp_path / "text.jpg").write_text("no picture at all")
    whole = (tmp_path / "1.jpg").read_bytes()
    (tmp_path / "1.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "nothing.png").touch()
    with pytest.raises(ValueError, match="3 of 5") as error:
        load(tmp_path)
    for part in ("1.jpg (", "text.jpg (cannot identify", "nothing.png (", "remove or replace"):
        assert part in str(error.value)
    assert "2.jpg" not in str(error.value)


def test_only_the_first_broken_images_are_named(tmp_path):
    for i in range(9):
        (tmp_path / f"{i}.png").touch()
    with pytest.raises(ValueError, match=r"4\.png \([^)]*\) and 4 more"):
        load(tmp_path)


def test_folders_without_images(tmp_path):
    (tmp_path / "a.txt").touch()
    (tmp_path / ".b.png").touch()
    with pytest.raises(ValueError, match="other files: 2"):
        load(tmp_path)


def test_classes_too_small_for_any_split(tmp_path):
    save(tmp_path / "a" / "1.png")
    save(tmp_path / "b" / "1.png", (0, 0, 200))
    with pytest.raises(ValueError, match="at least three different images"):
        load(tmp_path)


def test_images_are_cropped_to_their_middle_and_turned_upright(tmp_path):
    pixels = np.zeros((40, 120, 3), np.uint8)
    pixels[:20, 40:80] = (250, 0, 0)  # red above, green below in the middle; black at the sides
    pixels[20:, 40:80] = (0, 250, 0)
    image = Image.fromarray(pixels)
    image.save(tmp_path / "a.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # shown after a quarter turn clockwise
    turned = image.transpose(Image.Transpose.ROTATE_90)
    turned.save(tmp_path / "b.jpg", exif=exif, quality=95, subsampling=0)
    plain, photo = load(tmp_path, size=16).images.float()
    assert plain[0, 1:6, 1:-1].min() > 200 and plain[1, 10:15, 1:-1].min() > 200
    assert (plain - photo)[:, 1:-1, 1:-1].abs().mean() < 10


def test_transparency_is_white_and_deep_greys_keep_their_levels(tmp_path):
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "a.png")
    deep = np.full((8, 8), 128 * 256, np.uint16)
    Image.fromarray(deep).save(tmp_path / "b.png")
    Image.new("L", (8, 8), 90).save(tmp_path / "c.gif")
    levels = [set(image.flatten().tolist()) for image in load(tmp_path, size=8).images]
    assert levels == [{255}, {128}, {90}]
