"""STL-10, read from torchvision's files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ssl_teach.data.dataset import NO_LABEL, Dataset, draw_splits
from ssl_teach.data.downloads import find_or_download
from ssl_teach.data.images import CHUNK, empty_images, resize

CLASSES = (
    "airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck",
)  # fmt: skip


def stl10(*, size: int = 96, seed: int = 0, root: str | Path | None = None) -> Dataset:
    """Load STL-10 (Coates et al., 2011): 113,000 photographs, most of them without labels.

    Of the 5,000 labelled training images 500 are for validation, 50 of each class; 8,000 are for
    the test, and 100,000 have no label.

    Args:
        size: Height and width in pixels; at 96 the images take 3.1 GB of memory, at 32 a ninth.
        seed: Chooses the validation images.
        root: A folder with torchvision's `stl10_binary`, or that folder itself; if it is missing
            it is downloaded there (2.6 GB, and 3.2 GB unpacked). None for `~/.cache/ssl_teach`.

    Returns:
        Images (113000, 3, size, size): training, then test, then unlabelled.

    Raises:
        OSError: If the data are not on the disk and cannot be downloaded.
        ValueError: If the copy is damaged, or the images do not fit into memory.
    """
    from torchvision.datasets import STL10

    files = find_or_download(STL10, root) / STL10.base_folder
    parts = [  # the files hold columns before rows
        np.memmap(files / f"{part}_X.bin", np.uint8, "r").reshape(-1, 3, 96, 96).swapaxes(2, 3)
        for part in ("train", "test", "unlabeled")
    ]
    images = empty_images(sum(map(len, parts)), 3, size)
    start = 0
    for part in parts:
        for i in range(0, len(part), CHUNK):
            some = torch.from_numpy(np.array(part[i : i + CHUNK]))
            images[start + i : start + i + len(some)] = resize(some, size)
        start += len(part)
    known = [np.fromfile(files / f"{part}_y.bin", np.uint8) for part in ("train", "test")]
    labels = torch.full((len(images),), NO_LABEL)
    labels[: sum(map(len, known))] = torch.from_numpy(np.concatenate(known)).long() - 1
    n_train, n_test, _ = map(len, parts)
    splits = draw_splits(labels[:n_train], {"val": 0.1}, seed)
    splits["test"], splits["unlabelled"] = torch.arange(n_train, len(images)).tensor_split([n_test])
    return Dataset("stl10", images, labels, CLASSES, {}, splits)
