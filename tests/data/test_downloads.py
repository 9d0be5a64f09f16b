"""CIFAR-10 and STL-10 are read from every layout, verified and downloaded."""

import hashlib
import pickle
import shutil
import tarfile
from urllib.error import URLError

import numpy as np
import pytest
import torch
import torchvision.datasets

from ssl_teach.data import NO_LABEL, cifar10, load


def counts(data, name):
    return torch.bincount(data.split(name).labels, minlength=len(data.classes)).tolist()


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
