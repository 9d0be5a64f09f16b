"""Data sets by name: images and labels in memory, split for training, validation and test.

>>> sketches = load("sketches", classes=10)
>>> sketches
Dataset('sketches': 34,500 of 1×28×28, 10 classes; 600 train, 100 val, 300 test, 33,500 unlabelled)
>>> sketches.unlabelled.shape
torch.Size([34100, 1, 28, 28])
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ssl_teach.checks import check_integer, check_seed
from ssl_teach.data import cifar10, digits, folder, photos, scenes, sketches, stl10
from ssl_teach.data.dataset import NO_LABEL, Dataset
from ssl_teach.data.scenes import SHORTCUTS

__all__ = ["BUILTIN", "NO_LABEL", "SHORTCUTS", "Dataset", "load", "names"]

BUILTIN = "builtin:"
"""Put before the name of a data set where a folder has the same name."""

_LOADERS: dict[str, Callable[..., Dataset]] = {
    "scenes": scenes.scenes,
    "sketches": sketches.sketches,
    "digits": digits.digits,
    "photos": photos.photos,
    "cifar10": cifar10.cifar10,
    "stl10": stl10.stl10,
}


def names() -> list[str]:
    """Return the names of the data sets that `load` knows."""
    return list(_LOADERS)


def load(
    name: str | Path,
    *,
    size: int | None = None,
    count: int | None = None,
    seed: int = 0,
    classes: int | Sequence[str] | None = None,
    shortcuts: Iterable[str] | None = None,
    root: str | Path | None = None,
) -> Dataset:
    """Load a data set by name, or the images of a folder by its path.

    Scenes are rendered from known factors; sketches were drawn by people; digits and photos come
    with scikit-learn and scikit-image. These need no network. CIFAR-10 and STL-10 are downloaded
    unless `root` says where they are. A folder has one subfolder per class, or unlabelled images.
    An option that is None takes the data set's own default.

    A folder in the current directory with the name of a data set makes that name ambiguous: write
    "./photos" for the folder, "builtin:photos" for the data set.

    Args:
        name: One of `names()`, or the path of a folder.
        size: Height and width of the images in pixels.
        count: Number of images, for scenes and photos.
        seed: Seed of everything random: scenes, crops, splits.
        classes: Classes that keep their labels. For sketches their number or their names; for
            CIFAR-10 their names.
        shortcuts: For scenes, the `SHORTCUTS` to leave in.
        root: For CIFAR-10 and STL-10, the folder with a copy; for CIFAR-10 also an .npz file.

    Raises:
        ValueError: If the name is unknown or ambiguous, the data set does not take an option, its
            value is not valid, or a file is damaged.
        OSError: If the data are not on the disk and cannot be downloaded.
    """
    loader = _find(name)
    options: dict[str, Any] = {
        "size": size, "count": count, "classes": classes, "shortcuts": shortcuts, "root": root,
    }  # fmt: skip
    options = {option: value for option, value in options.items() if value is not None}
    takes = inspect.signature(loader).parameters
    for option, value in options.items():
        if option not in takes:
            known = str(name).removeprefix(BUILTIN)
            raise ValueError(f"{known} takes no {option}; its options are {', '.join(takes)}")
        if option == "root" and not isinstance(value, str | Path):
            raise ValueError(f"root must be the path of a folder or file, got {value!r}")
        if option in {"size", "count"}:
            options[option] = check_integer(value, option, 1)
    return loader(seed=check_seed(seed), **options)


def _find(name: str | Path) -> Callable[..., Dataset]:
    """Return the function that loads a data set by its name, or a folder by its path."""
    if not isinstance(name, str | Path):
        raise ValueError(f"a data set is loaded by its name or path, got {name!r}")
    builtin = str(name).removeprefix(BUILTIN)
    if builtin != str(name) and builtin not in _LOADERS:
        raise ValueError(f"no data set is called {builtin!r}; there are {', '.join(_LOADERS)}")
    if isinstance(name, str) and builtin in _LOADERS:
        if builtin == name and Path(name).is_dir():
            raise ValueError(
                f"{name!r} is a data set of this book and also a folder here: "
                f"write './{name}' for the folder, '{BUILTIN}{name}' for the data set"
            )
        return _LOADERS[builtin]
    if not str(name):
        raise ValueError("a data set is loaded by its name or path, and this one is empty")
    try:
        path = Path(name).expanduser()
    except RuntimeError as error:  # there is no such user
        raise ValueError(f"{name}: {error}") from None
    if path.is_dir():
        return partial(folder.folder, path)
    what = "is a file" if path.exists() else "is neither a data set nor a folder"
    raise ValueError(
        f"{str(name)!r} {what}; there are {', '.join(_LOADERS)}, "
        "or give the path of a folder of your own images"
    )
