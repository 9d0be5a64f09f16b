"""A folder of the reader's own images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from tqdm import tqdm

from ssl_teach.data.dataset import NO_LABEL, Dataset, draw_splits

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
MANY = 500  # from here on reading takes long enough to show how far it is
SHOWN = 5  # broken files named in an error


def folder(path: str | Path, *, size: int = 32, seed: int = 0) -> Dataset:
    """Images of a folder, in colour, each scaled and cropped to the square in its middle.

    Each subfolder is a class. In each class 10 % are for validation and 20 % for the test, at
    least one of each; a class of fewer than three serves training alone. Images beside the
    subfolders have no label and are the split "unlabelled"; in a folder without subfolders that
    is all of them. Hidden files, other kinds of file and deeper folders are passed over.

    Args:
        path: of the folder.
        size: side in pixels.
        seed: of the splits.

    Returns:
        Images (N, 3, size, size), unlabelled ones first, then by class and file name.

    Raises:
        ValueError: if there is no image, one cannot be read, or no class has three.
    """
    path = Path(path).expanduser()
    groups = {each.name: _images_in(each) for each in _visible(path) if each.is_dir()}
    groups = {name: files for name, files in groups.items() if files}
    loose = _images_in(path)
    files = [*loose, *(file for group in groups.values() for file in group)]
    if not files:
        raise ValueError(_nothing_in(path))
    images = _read_all(files, size, path)
    if not groups:
        return Dataset(str(path), images, splits={"unlabelled": torch.arange(len(files))})
    labels = [NO_LABEL] * len(loose)
    for label, group in enumerate(groups.values()):
        labels += [label] * len(group)
    known = torch.tensor(labels)
    try:
        splits = draw_splits(known, {"val": 0.1, "test": 0.2}, seed)
    except ValueError as error:
        raise ValueError(f"{path}: {error}; a class needs at least three images") from None
    return Dataset(str(path), images, known, tuple(groups), {}, splits)


def _visible(path: Path) -> list[Path]:
    """Sorted contents of a folder without hidden ones."""
    return sorted(each for each in path.iterdir() if not each.name.startswith("."))


def _images_in(path: Path) -> list[Path]:
    """Sorted image files directly in a folder, told by their suffix."""
    return [f for f in _visible(path) if f.suffix.lower() in SUFFIXES and f.is_file()]


def _nothing_in(path: Path) -> str:
    """What to say of a folder without images: what is there instead."""
    below = [file for file in path.rglob("*") if file.is_file() and not file.name.startswith(".")]
    deeper = sum(file.suffix.lower() in SUFFIXES for file in below)
    message = f"{path} holds no image ({', '.join(SUFFIXES)}), neither directly nor in a subfolder"
    if deeper:
        return f"{message}; {deeper:,} lie deeper: name the folder whose subfolders are the classes"
    return f"{message}; {len(below):,} files of other kinds were ignored"


def _read_all(files: list[Path], size: int, root: Path) -> Tensor:
    """(N, 3, size, size) uint8; every file that cannot be read is told in one error."""
    images = torch.empty(len(files), 3, size, size, dtype=torch.uint8)
    broken = []
    shown = tqdm(files, desc="reading images", leave=False, disable=len(files) < MANY)
    for file, into in zip(shown, images, strict=True):
        try:
            into.copy_(read_image(file, size))
        except Exception as error:  # broken bytes can make a decoder raise anything
            reason = str(error).split(str(file))[0].strip(" :'") or type(error).__name__
            broken.append(f"{file.relative_to(root)} ({reason})")
    if broken:
        more = f" and {len(broken) - SHOWN} more" if len(broken) > SHOWN else ""
        raise ValueError(
            f"{len(broken)} of {len(files)} files in {root} cannot be read as images: "
            f"{', '.join(broken[:SHOWN])}{more}; remove or replace them"
        )
    return images


def read_image(file: Path, size: int) -> Tensor:
    """One image, upright as its camera meant it, what is transparent on white.

    Returns:
        (3, size, size) uint8: the square in the middle.

    Raises:
        Exception: of many kinds, if the file is broken.
    """
    with Image.open(file) as opened:
        opened.draft("RGB", (2 * size, 2 * size))  # a JPEG need not be decoded at full resolution
        image: Image.Image = ImageOps.exif_transpose(opened)
        if image.mode.startswith("I;16") or image.mode == "I":  # else everything bright is cut off
            image = Image.fromarray((np.asarray(image) // 256).clip(0, 255).astype(np.uint8))
        if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        image = ImageOps.fit(image.convert("RGB"), (size, size), Image.Resampling.BICUBIC)
        return torch.from_numpy(np.array(image)).permute(2, 0, 1)
