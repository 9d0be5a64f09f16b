"""CIFAR-10, from torchvision or from one file in Keras's layout."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from ssl_teach.data.dataset import Dataset, as_names, check_several, draw_splits
from ssl_teach.data.downloads import find_or_download
from ssl_teach.data.images import empty_pictures, resize

CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
COUNTS = {"train": 50_000, "test": 10_000}
BYTES = 32 * 32 * 3 * 8  # at most that many per picture are unpacked: as many as in float64
Part = tuple[np.ndarray, np.ndarray]


def cifar10(
    *,
    size: int = 32,
    seed: int = 0,
    classes: Sequence[str] | None = None,
    root: str | Path | None = None,
) -> Dataset:
    """60,000 photographs of ten classes (Krizhevsky, 2009): 45,000 / 5,000 / 10,000.

    Args:
        size: side in pixels.
        classes: names of those to keep, with a tenth of the pictures each; None for all.
        seed: of the 5,000 of the training pictures, 500 per class, that are for validation.
        root: a folder with torchvision's `cifar-10-batches-py`, where it is also downloaded to if
            missing (170 MB), or that folder itself; or an .npz file in Keras's layout; None for
            `~/.cache/ssl_teach`.

    Returns:
        Images (60000, 3, size, size), or fewer with fewer classes, the test pictures last.

    Raises:
        OSError: if there is no copy and downloading fails.
        ValueError: if the copy is damaged, the pictures do not fit into memory, or there is no
            class of that name.
    """
    chosen = _chosen(classes)
    npz = root is not None and Path(root).suffix == ".npz"
    parts = _from_npz(Path(str(root)).expanduser()) if npz else _from_torchvision(root)
    train, test = (_only(chosen, part) for part in parts)
    n = len(train[0])
    images = empty_pictures(n + len(test[0]), 3, size)
    for (x, _), into in zip((train, test), (images[:n], images[n:]), strict=True):
        into.copy_(resize(torch.from_numpy(x).permute(0, 3, 1, 2), size))
    labels = torch.from_numpy(np.concatenate([train[1], test[1]]).astype(np.int64))
    splits = draw_splits(labels[:n], {"val": 0.1}, seed) | {"test": torch.arange(n, len(images))}
    return Dataset("cifar10", images, labels, chosen, {}, splits)


def _chosen(classes: Sequence[str] | None) -> tuple[str, ...]:
    if classes is None:
        return CLASSES
    if isinstance(classes, int):
        raise ValueError(f"classes of cifar10 are chosen by name: {', '.join(CLASSES)}")
    chosen = as_names(classes)
    unknown = [name for name in chosen if name not in CLASSES]
    if unknown:
        raise ValueError(f"no class is called {unknown[0]!r}; there are {', '.join(CLASSES)}")
    check_several(chosen)
    return chosen


def _only(chosen: tuple[str, ...], part: Part) -> Part:
    """The pictures of those classes, with their places in `chosen` as labels."""
    if chosen == CLASSES:
        return part
    x, y = part
    place = np.full(len(CLASSES), -1)
    place[[CLASSES.index(name) for name in chosen]] = np.arange(len(chosen))
    kept = place[y] >= 0
    return x[kept], place[y[kept]]


def _from_torchvision(root: str | Path | None) -> list[Part]:
    """Training and test part: pictures (N, 32, 32, 3) uint8 and labels (N,).

    The files are pickles, which can run code, and so are opened only after all of them were found
    to have the checksums that torchvision knows of the original.
    """
    from torchvision.datasets import CIFAR10

    home = find_or_download(CIFAR10, root, other=", or an .npz file in Keras's layout")
    parts = (CIFAR10(home, train=train) for train in (True, False))
    return [(part.data, np.asarray(part.targets)) for part in parts]


def _from_npz(path: Path) -> list[Part]:
    """The same from one file with x_train, y_train, x_test and y_test.

    Raises:
        ValueError: if it is not such a file.
    """
    try:
        arrays = _arrays(path)
    except (FileNotFoundError, PermissionError):
        raise
    except Exception as error:  # there are many ways in which an archive can be broken
        raise ValueError(
            f"{path} cannot be read as an .npz with x_train, y_train, x_test, y_test: {error}"
        ) from error
    parts = []
    for split, n in COUNTS.items():
        x, y = arrays[f"x_{split}"], arrays[f"y_{split}"]
        if x.shape != (n, 32, 32, 3) or x.dtype != np.uint8:
            raise ValueError(
                f"{path}: x_{split} must be ({n}, 32, 32, 3) of uint8, got {x.shape} of {x.dtype}"
            )
        if y.shape not in {(n,), (n, 1)} or y.dtype.kind not in "iu":
            raise ValueError(
                f"{path}: y_{split} must be ({n},) or ({n}, 1) of integers, "
                f"got {y.shape} of {y.dtype}"
            )
        if y.min() < 0 or y.max() >= len(CLASSES):
            raise ValueError(f"{path}: labels go from {y.min()} to {y.max()}, not from 0 to 9")
        parts.append((x, y.reshape(n)))
    return parts


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """The four arrays of a file; no pickle in it is opened, and no more unpacked than fits them."""
    if path.exists() and not path.is_file():
        raise ValueError("not a regular file")
    with path.open("rb") as opened:
        if not zipfile.is_zipfile(opened):
            raise ValueError("no archive")
    with np.load(path, allow_pickle=False) as file:
        most = max(COUNTS.values()) * BYTES
        for part in file.zip.infolist():
            if part.file_size > most:
                raise ValueError(
                    f"{part.filename} has {part.file_size:,} bytes, more than {most:,}"
                )
        arrays = {f"{a}_{s}": file[f"{a}_{s}"] for s in COUNTS for a in "xy"}
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):  # numpy gives the bytes of what is none
            raise ValueError(f"{name} is no array")
    return arrays
