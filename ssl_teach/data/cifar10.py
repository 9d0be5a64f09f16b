"""CIFAR-10, from torchvision or from one file in Keras's layout."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from ssl_teach.data.dataset import Dataset, as_names, check_several, draw_splits
from ssl_teach.data.downloads import find_or_download
from ssl_teach.data.images import empty_images, resize

CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
COUNTS = {"train": 50_000, "test": 10_000}
BYTES = 32 * 32 * 3 * 8  # limit per image when unpacking: the size of an image in float64
Part = tuple[np.ndarray, np.ndarray]


def cifar10(
    *,
    size: int = 32,
    seed: int = 0,
    classes: Sequence[str] | None = None,
    root: str | Path | None = None,
) -> Dataset:
    """Load CIFAR-10 (Krizhevsky, 2009): 60,000 photographs of ten classes.

    They are split into 45,000 images for training, 5,000 for validation and 10,000 for the test.

    Args:
        size: Height and width in pixels.
        seed: Chooses the validation images, 500 of each class, among the training images.
        classes: Names of the classes to keep, each a tenth of the images; None for all.
        root: A folder with torchvision's `cifar-10-batches-py`, or that folder itself; if it is
            missing it is downloaded there (170 MB). Or an .npz file in Keras's layout. None for
            `~/.cache/ssl_teach`.

    Returns:
        Images (60000, 3, size, size), or fewer with fewer classes; the test images come last.

    Raises:
        OSError: If the data are not on the disk and cannot be downloaded.
        ValueError: If the copy is damaged, the images do not fit into memory, or a class is
            unknown.
    """
    chosen = _chosen(classes)
    npz = root is not None and Path(root).suffix == ".npz"
    parts = _from_npz(Path(str(root)).expanduser()) if npz else _from_torchvision(root)
    train, test = (_only(chosen, part) for part in parts)
    n = len(train[0])
    images = empty_images(n + len(test[0]), 3, size)
    for (x, _), into in zip((train, test), (images[:n], images[n:]), strict=True):
        into.copy_(resize(torch.from_numpy(x).permute(0, 3, 1, 2), size))
    labels = torch.from_numpy(np.concatenate([train[1], test[1]]).astype(np.int64))
    splits = draw_splits(labels[:n], {"val": 0.1}, seed) | {"test": torch.arange(n, len(images))}
    return Dataset("cifar10", images, labels, chosen, {}, splits)


def _chosen(classes: Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of the classes to keep, or raise ValueError."""
    if classes is None:
        return CLASSES
    if not isinstance(classes, Sequence):
        raise ValueError(f"classes of cifar10 are chosen by name: {', '.join(CLASSES)}")
    chosen = as_names(classes)
    unknown = [name for name in chosen if name not in CLASSES]
    if unknown:
        raise ValueError(f"no class is called {unknown[0]!r}; there are {', '.join(CLASSES)}")
    check_several(chosen)
    return chosen


def _only(chosen: tuple[str, ...], part: Part) -> Part:
    """Keep the images of the chosen classes and number the labels by their places in `chosen`."""
    if chosen == CLASSES:
        return part
    x, y = part
    place = np.full(len(CLASSES), -1)
    place[[CLASSES.index(name) for name in chosen]] = np.arange(len(chosen))
    kept = place[y] >= 0
    return x[kept], place[y[kept]]


def _from_torchvision(root: str | Path | None) -> list[Part]:
    """Read the training and the test part: images (N, 32, 32, 3) uint8 and labels (N,).

    The files are pickles, which can run code. They are opened only after all of them have been
    verified against torchvision's checksums of the originals.
    """
    from torchvision.datasets import CIFAR10

    home = find_or_download(CIFAR10, root, other=", or an .npz file in Keras's layout")
    parts = (CIFAR10(home, train=train) for train in (True, False))
    return [(part.data, np.asarray(part.targets)) for part in parts]


def _from_npz(path: Path) -> list[Part]:
    """Read the same from one file with x_train, y_train, x_test and y_test.

    Raises:
        ValueError: If the file is broken, or its arrays have other shapes, types or labels.
    """
    try:
        arrays = _arrays(path)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} does not exist; name the file with root=") from None
    except PermissionError:
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
    """Read the four arrays of a file. No pickle is opened, and nothing oversized is unpacked."""
    if path.exists() and not path.is_file():
        raise ValueError("not a regular file")
    with path.open("rb") as opened:
        if not zipfile.is_zipfile(opened):
            raise ValueError("not an archive")
    with np.load(path, allow_pickle=False) as file:
        most = max(COUNTS.values()) * BYTES
        for part in file.zip.infolist():
            if part.file_size > most:
                raise ValueError(
                    f"{part.filename} has {part.file_size:,} bytes, more than {most:,}"
                )
        arrays = {f"{a}_{s}": file[f"{a}_{s}"] for s in COUNTS for a in "xy"}
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):  # numpy returns the bytes of other files
            raise ValueError(f"{name} is not an array")
    return arrays
