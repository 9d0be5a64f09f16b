"""Data sets by name: splits that share nothing, the same by seed, and errors that help."""

import hashlib
import pickle
import shutil
import tarfile
from urllib.error import URLError

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision.datasets
from PIL import Image

from ssl_teach.data import NO_LABEL, SHORTCUTS, Dataset, cifar10, load, names
from ssl_teach.data.dataset import draw_splits
from ssl_teach.data.images import pad_or_average, resize
from ssl_teach.data.photos import PHOTOGRAPHS, photographs
from ssl_teach.data.sketches import CHOSEN, choose_classes, sketch_names

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


# --- names and options


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


# --- splits


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


# --- sizes


def test_resize_keeps_a_flat_picture_flat_and_averages_a_chequered_one():
    flat = torch.full((3, 3, 10, 10), 77, dtype=torch.uint8)
    assert resize(flat, 10) is flat
    for size in (4, 25):
        assert (resize(flat, size) == 77).all()
    chequered = ((torch.arange(32)[:, None] + torch.arange(32)) % 2 * 200).to(torch.uint8)
    small = resize(chequered[None, None], 8)[0, 0, 1:-1, 1:-1].float()
    assert (small - 100).abs().max() < 10


def test_padding_is_black_around_the_whole_drawing():
    images = torch.randint(1, 256, (2, 1, 28, 28), dtype=torch.uint8)
    padded = pad_or_average(images, 33)
    assert torch.equal(padded[:, :, 2:30, 2:30], images)
    assert padded.long().sum() == images.long().sum()
    halved = pad_or_average(images, 14)
    torch.testing.assert_close(halved.float(), F.avg_pool2d(images.float(), 2), atol=0.5, rtol=0)


# --- sketches


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


# --- digits, photos


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


# --- a folder


def save(path, color=(200, 30, 30), size=(60, 40), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path, **options)


def test_subfolders_are_classes(tmp_path):
    for i in range(10):
        save(tmp_path / "reds" / f"{i}.png", (200, 20 * i, 0))
        save(tmp_path / "blues" / f"{i}.JPG", (0, 20 * i, 200))
    save(tmp_path / "reds" / ".hidden.png")
    save(tmp_path / "reds" / "deeper" / "x.png")
    (tmp_path / "reds" / "notes.txt").write_text("not a picture")
    (tmp_path / "empty").mkdir()
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
        save(tmp_path / "kind" / f"{name}.png")
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
    with pytest.raises(ValueError, match="1 files of other types were ignored"):
        load(tmp_path)
    save(tmp_path / "train" / "cats" / "a.png")
    with pytest.raises(ValueError, match="1 are in deeper folders"):
        load(tmp_path)


def test_classes_too_small_for_any_split(tmp_path):
    save(tmp_path / "a" / "1.png")
    save(tmp_path / "b" / "1.png")
    with pytest.raises(ValueError, match="at least three images"):
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


# --- CIFAR-10 and STL-10


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(cifar10, "COUNTS", {"train": 200, "test": 30})


def keras_arrays(seed=0):
    rng = np.random.default_rng(seed)
    return {
        "x_train": rng.integers(0, 256, (200, 32, 32, 3), dtype=np.uint8),
        "y_train": np.arange(200)[:, None] % 10,
        "x_test": rng.integers(0, 256, (30, 32, 32, 3), dtype=np.uint8),
        "y_test": (np.arange(30) % 10).astype(np.uint8),
    }


def test_cifar10_from_one_file(tmp_path, few):
    arrays = keras_arrays()
    np.savez(tmp_path / "cifar.npz", **arrays)
    data = load("cifar10", root=tmp_path / "cifar.npz")
    assert data.images.shape == (230, 3, 32, 32)
    assert data.images[7, 2, 5, 9] == arrays["x_train"][7, 5, 9, 2]
    np.testing.assert_array_equal(data.test.images.permute(0, 2, 3, 1), arrays["x_test"])
    assert data.test.labels.tolist() == arrays["y_test"].tolist()
    assert counts(data, "train") == [18] * 10 and counts(data, "val") == [2] * 10
    two = load("cifar10", root=tmp_path / "cifar.npz", classes=("frog", "cat"))
    assert two.classes == ("frog", "cat")
    kept = [int(i) for i in range(len(data)) if data.classes[data.labels[i]] in two.classes]
    assert torch.equal(two.images, data.images[kept])
    assert [two.classes[k] for k in two.labels] == [data.classes[data.labels[i]] for i in kept]
    assert len(two.test) == sum(i >= 200 for i in kept)
    for wrong, words in ((("frog", "toad"), "'toad'"), (("frog",), "two or more"), (3, "by name")):
        with pytest.raises(ValueError, match=words):
            load("cifar10", root=tmp_path / "cifar.npz", classes=wrong)
    small = load("cifar10", root=str(tmp_path / "cifar.npz"), size=16)
    torch.testing.assert_close(
        small.images.float().mean(), data.images.float().mean(), atol=1, rtol=0
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y_test": None}, "y_test"),
        ({"x_train": np.zeros((200, 3, 32, 32), np.uint8)}, r"x_train must be \(200, 32, 32, 3\)"),
        ({"x_test": np.zeros((30, 32, 32, 3))}, "float64"),
        ({"y_train": np.zeros((200, 10), int)}, r"y_train must be"),
        ({"y_train": np.arange(200)}, "from 0 to 199"),
    ],
)
def test_files_in_another_layout_are_told_what_is_wrong(tmp_path, few, change, message):
    arrays = {name: a for name, a in (keras_arrays() | change).items() if a is not None}
    np.savez(tmp_path / "cifar.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        load("cifar10", root=tmp_path / "cifar.npz")


def test_a_file_must_hold_all_of_cifar10(tmp_path):
    np.savez(tmp_path / "cifar.npz", **keras_arrays())
    with pytest.raises(ValueError, match="50000"):
        load("cifar10", root=tmp_path / "cifar.npz")


def test_files_that_are_none(tmp_path):
    (tmp_path / "a.npz").write_text("no archive")
    with pytest.raises(ValueError, match=r"cannot be read as an \.npz"):
        load("cifar10", root=tmp_path / "a.npz")
    with pytest.raises(OSError, match=r"b\.npz"):
        load("cifar10", root=tmp_path / "b.npz")
    (tmp_path / "c.mat").touch()
    with pytest.raises(ValueError, match="is a file; root takes"):
        load("cifar10", root=tmp_path / "c.mat")


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


def small_cifar(folder, monkeypatch):
    """A data set in torchvision's form, 5 × 20 and 10 pictures, whose checksums torchvision has."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    lists = {"train_list": [f"data_batch_{i}" for i in range(1, 6)], "test_list": ["test_batch"]}
    for attribute, files in lists.items():
        for name in files:
            n = 20 if attribute == "train_list" else 10
            data = rng.integers(0, 256, (n, 3072), dtype=np.uint8)
            content = {"data": data, "labels": [i % 10 for i in range(n)]}
            (folder / name).write_bytes(pickle.dumps(content))
        known = [[name, md5(folder / name)] for name in files]
        monkeypatch.setattr(torchvision.datasets.CIFAR10, attribute, known)
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list(cifar10.CLASSES)}))
    meta = {"filename": "batches.meta", "key": "label_names", "md5": md5(folder / "batches.meta")}
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "meta", meta)


def test_cifar10_from_torchvisions_folder_or_the_one_that_holds_it(tmp_path, monkeypatch):
    folder = tmp_path / "cifar-10-batches-py"
    small_cifar(folder, monkeypatch)
    data, inner = load("cifar10", root=tmp_path), load("cifar10", root=folder)
    assert torch.equal(data.images, inner.images) and len(data) == 110
    first = pickle.loads((folder / "data_batch_2").read_bytes())["data"][3].reshape(3, 32, 32)
    assert data.images[23].tolist() == first.tolist()
    assert data.splits["test"].tolist() == list(range(100, 110))
    (folder / "data_batch_3").write_bytes(b"half")
    with pytest.raises(ValueError, match=r"damaged \(data_batch_3\)"):
        load("cifar10", root=tmp_path)


@pytest.fixture
def server(tmp_path, monkeypatch):
    """CIFAR-10 to be downloaded: what the network does is up to `server.send(path)`."""

    class Server:
        def fail(self, path):
            raise URLError("no route to host")

        def whole(self, path):
            shutil.copy(archive, path)

        def half(self, path):
            with open(path, "wb") as file:
                file.write(archive.read_bytes()[:1000])
            raise URLError("connection lost")

        def cut_short(self, path):
            with open(path, "wb") as file:
                file.write(archive.read_bytes()[:1000])

    origin = tmp_path / "origin" / "cifar-10-batches-py"
    small_cifar(origin, monkeypatch)
    archive = tmp_path / "origin" / "cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(origin, origin.name)
    server = Server()
    utils = torchvision.datasets.utils
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "tgz_md5", md5(archive))
    monkeypatch.setattr(utils, "_get_redirect_url", lambda url, max_hops=3: url)
    monkeypatch.setattr(utils, "_urlretrieve", lambda url, path, *_: server.send(path))
    return server


def test_offline_says_what_to_do_instead(tmp_path, server):
    server.send = server.fail
    with pytest.raises(OSError, match="no route to host") as error:
        load("cifar10", root=tmp_path / "new")
    for part in ("--root", "cifar-10-batches-py", "Keras", "scenes, sketches"):
        assert part in str(error.value)


@pytest.mark.parametrize("trouble", ["half", "cut_short"])
def test_a_broken_download_leaves_nothing_under_the_final_name(tmp_path, server, trouble):
    home = tmp_path / "new"
    server.send = getattr(server, trouble)
    with pytest.raises(OSError, match="failed"):
        load("cifar10", root=home)
    assert [path.name for path in home.iterdir()] == ["cifar-10-batches-py.partial"]
    server.send = server.whole
    assert len(load("cifar10", root=home)) == 110
    assert [path.name for path in home.iterdir()] == ["cifar-10-batches-py"]
    server.send = server.fail  # and is not asked for again
    assert len(load("cifar10", root=home)) == 110


def test_an_archive_on_the_disk_is_unpacked_without_a_network(tmp_path, server):
    server.send = server.fail
    (tmp_path / "new").mkdir()
    archive = tmp_path / "new" / "cifar-10-python.tar.gz"
    shutil.copy(tmp_path / "origin" / archive.name, archive)
    assert len(load("cifar10", root=archive)) == 110
    assert archive.exists()


def test_stl10(tmp_path, monkeypatch):
    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    rng = np.random.default_rng(0)
    pixels = {"train": 40, "test": 8, "unlabeled": 5}
    for part, n in pixels.items():
        pixels[part] = rng.integers(0, 256, (n, 3, 96, 96), dtype=np.uint8)  # as we want to see it
        pixels[part].swapaxes(2, 3).tofile(folder / f"{part}_X.bin")
        if part != "unlabeled":
            (np.arange(n) % 4 + 1).astype(np.uint8).tofile(folder / f"{part}_y.bin")
    for attribute in ("train_list", "test_list"):
        files = [name for name, _ in getattr(torchvision.datasets.STL10, attribute)]
        known = [[name, md5(folder / name)] for name in files]
        monkeypatch.setattr(torchvision.datasets.STL10, attribute, known)
    data = load("stl10", root=tmp_path)
    np.testing.assert_array_equal(data.images, np.concatenate(list(pixels.values())))
    assert {name: len(rows) for name, rows in data.splits.items()} == {
        "train": 36, "val": 4, "test": 8, "unlabelled": 5,
    }  # fmt: skip
    assert data.labels[data.splits["unlabelled"]].tolist() == [NO_LABEL] * 5
    assert data.test.labels.tolist() == [0, 1, 2, 3] * 2
    reference = torchvision.datasets.STL10(tmp_path, split="train")
    np.testing.assert_array_equal(data.images[:40], reference.data)
    assert load("stl10", root=folder, size=32).images.shape == (53, 3, 32, 32)


def test_pictures_for_a_test_are_not_pretrained_on_without_a_training_split():
    images = torch.arange(6, dtype=torch.uint8).reshape(6, 1, 1, 1)
    splits = {"val": torch.tensor([1]), "test": torch.tensor([4, 5])}
    assert Dataset("mine", images, splits=splits).unlabelled.flatten().tolist() == [0, 2, 3]
    assert torch.equal(Dataset("mine", images).unlabelled, images)


def test_splits_that_count_from_the_end_are_refused():
    images = torch.zeros(3, 1, 1, 1, dtype=torch.uint8)
    with pytest.raises(ValueError, match="some that are not"):
        Dataset("mine", images, splits={"train": torch.tensor([0, -1])})
