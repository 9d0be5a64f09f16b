"""A folder of your own images: no file in it is trusted, and unreadable files are named."""

from __future__ import annotations

import io
import os
import re
import stat
import warnings
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from tqdm import tqdm

from ssl_teach.data.dataset import NO_LABEL, Dataset, draw_splits
from ssl_teach.data.images import empty_images

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
"""Formats to decode, whatever a suffix says; Pillow's many other decoders are never called."""
MANY = 500  # files from which on reading takes long enough for a progress bar
SHOWN = 5  # number of broken files that an error names
BYTES = 500_000_000  # size of the largest file to read
PIXELS = 120_000_000  # limit of one image; decoding so many takes 0.4 to 2 GB
SCANS = 100  # limit of one JPEG; a progressive one has about ten, and each takes another pass
LOOKED_AT = 10_000  # files to inspect for the error about a folder without images

T = Image.Transpose
UPRIGHT = {
    2: T.FLIP_LEFT_RIGHT, 3: T.ROTATE_180, 4: T.FLIP_TOP_BOTTOM, 5: T.TRANSPOSE,
    6: T.ROTATE_270, 7: T.TRANSVERSE, 8: T.ROTATE_90,
}  # fmt: skip
"""The transposition that brings an image upright, by its EXIF orientation."""
ORIENTATION = 0x0112
SCAN = re.compile(rb"\xff\xda\x00(?:\x06\x00|\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)")


def folder(path: str | Path, *, size: int = 32, seed: int = 0) -> Dataset:
    """Load the images of a folder in colour, each scaled and cropped to its central square.

    Each subfolder is a class. In each class 10% are for validation and 20% for the test, at
    least one of each; a class of fewer than three is only for training. Images directly in the
    folder have no label and form the split "unlabelled". Hidden files, files without an image's
    suffix and deeper folders are skipped.

    Links are followed wherever they lead, because a folder of links is the usual way to choose from
    a larger collection, and only pixels are read from a file. An image found twice is an error,
    since it could be in both training and test.

    Args:
        path: Path of the folder.
        size: Height and width in pixels.
        seed: Seed of the splits.

    Returns:
        Images (N, 3, size, size), the unlabelled ones first, then by class and file name.

    Raises:
        ValueError: If the folder cannot be listed, it has no image, an image cannot be read or is
            found twice, no class has three images, or they do not fit into memory.
    """
    path = Path(path).expanduser()
    loose, groups = _images_of(path)
    files = [*loose, *(file for group in groups.values() for file in group)]
    if not files:
        raise ValueError(_nothing_in(path))
    _refuse_twice(files, path)
    images = _read_all(files, size, path)
    if not groups:
        return Dataset(printable(path), images, splits={"unlabelled": torch.arange(len(files))})
    labels = [NO_LABEL] * len(loose)
    for label, group in enumerate(groups.values()):
        labels += [label] * len(group)
    known = torch.tensor(labels)
    try:
        splits = draw_splits(known, {"val": 0.1, "test": 0.2}, seed)
    except ValueError as error:
        raise ValueError(
            f"{printable(path)}: {error}; a class needs at least three images"
        ) from None
    return Dataset(printable(path), images, known, tuple(map(printable, groups)), {}, splits)


def printable(name: str | Path) -> str:
    """Make a file name safe to print: line ends, escapes and broken UTF-8 become codes."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(name))


def _images_of(path: Path) -> tuple[list[Path], dict[str, list[Path]]]:
    """Return the images directly in a folder, and those of each subfolder that has any."""
    try:
        groups = {each.name: _images_in(each) for each in _visible(path) if each.is_dir()}
        return _images_in(path), {name: files for name, files in groups.items() if files}
    except OSError as error:
        at = printable(error.filename or path)
        raise ValueError(
            f"{at} cannot be listed: {error.strerror}; give a folder that you may read"
        ) from error


def _visible(path: Path) -> list[Path]:
    """Return the contents of a folder, sorted, without hidden ones."""
    return sorted(each for each in path.iterdir() if not each.name.startswith("."))


def _images_in(path: Path) -> list[Path]:
    """Return the files directly in a folder that have an image's suffix, sorted."""
    return [f for f in _visible(path) if f.suffix.lower() in SUFFIXES and not f.is_dir()]


def _refuse_twice(files: Iterable[Path], root: Path) -> None:
    """Raise ValueError if links lead to one file by two names."""
    folders: dict[Path, str] = {}
    seen: dict[str, Path] = {}
    for file in files:
        if file.parent not in folders:
            folders[file.parent] = os.path.realpath(file.parent)
        real = (
            os.path.realpath(file) if file.is_symlink() else f"{folders[file.parent]}/{file.name}"
        )
        first = seen.setdefault(real, file)
        if first is not file:
            one, other = (printable(each.relative_to(root)) for each in (first, file))
            raise ValueError(
                f"{one} and {other} in {printable(root)} are the same file by way of a link; "
                "remove one, or the image could be in both training and test"
            )


def _nothing_in(path: Path) -> str:
    """Return the error for a folder without images: it says what is there instead."""
    names = (name for _, _, files in os.walk(path) for name in files if name[0] != ".")
    below = [os.path.splitext(name)[1].lower() for name in islice(names, LOOKED_AT)]
    deeper = sum(suffix in SUFFIXES for suffix in below)
    message = (
        f"{printable(path)} holds no image ({', '.join(SUFFIXES)}), "
        "neither directly nor in a subfolder"
    )
    if deeper:
        return (
            f"{message}; {deeper:,} are in deeper folders: "
            "name the folder whose subfolders are the classes"
        )
    return f"{message}; {len(below):,} files of other types were ignored"


def _read_all(files: list[Path], size: int, root: Path) -> Tensor:
    """Read all images, (N, 3, size, size) uint8, or raise one error about all unreadable files."""
    images = empty_images(len(files), 3, size)
    broken = []
    shown = tqdm(files, desc="reading images", leave=False, disable=len(files) < MANY)
    for file, into in zip(shown, images, strict=True):
        try:
            into.copy_(read_image(file, size))
        except ValueError as error:
            broken.append(f"{printable(file.relative_to(root))} ({error})")
    if broken:
        more = f" and {len(broken) - SHOWN} more" if len(broken) > SHOWN else ""
        raise ValueError(
            f"{len(broken)} of {len(files)} files in {printable(root)} cannot be read as images: "
            f"{', '.join(broken[:SHOWN])}{more}; remove or replace them"
        )
    return images


def read_image(file: Path, size: int) -> Tensor:
    """Read an image in its EXIF orientation, with white behind transparent pixels.

    Of an animation the first frame is read.

    Returns:
        The central square, (3, size, size) uint8.

    Raises:
        ValueError: If the file is not an image, is broken, or exceeds `BYTES`, `PIXELS` or `SCANS`.
    """
    data = _content(file)
    try:
        with warnings.catch_warnings():  # about sizes below the limits here and odd metadata
            warnings.simplefilter("ignore")
            return _decode(data, size)
    except UnidentifiedImageError:
        raise ValueError(f"cannot identify it as {', '.join(FORMATS)}") from None
    except Image.DecompressionBombError:
        raise ValueError(_too_large("") + "; scale it down") from None
    except Exception as error:  # broken bytes can make a decoder raise anything
        raise ValueError(printable(str(error)) or type(error).__name__) from error


def _content(file: Path) -> bytes:
    """Read a regular file, or raise ValueError; anything else, such as a pipe, could block."""
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("not a regular file")
        if not status.st_size:
            raise ValueError("empty")
        if status.st_size > BYTES:
            raise ValueError(f"{status.st_size / 1e6:,.0f} MB; at most {BYTES / 1e6:,.0f} are read")
        with file.open("rb") as opened:
            return opened.read(status.st_size)
    except OSError as error:
        link = f"a link to {printable(os.readlink(file))}: " if file.is_symlink() else ""
        raise ValueError(f"{link}{error.strerror}") from error


def _too_large(sides: str) -> str:
    """Say that an image has too many pixels."""
    return f"{sides}more than {PIXELS / 1e6:.0f} million pixels"


def _decode(data: bytes, size: int) -> Tensor:
    """Decode to (3, size, size) uint8; a decoder may raise any exception."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
        if opened.width * opened.height > PIXELS:
            sides = f"{opened.width:,} × {opened.height:,}, "
            raise ValueError(_too_large(sides) + "; scale it down")
        if opened.format in {"JPEG", "MPO"} and len(SCAN.findall(data)) > SCANS:
            raise ValueError(f"more than {SCANS} scans, which no camera writes; save it again")
        opened.draft("RGB", (2 * size, 2 * size))  # a JPEG need not be decoded at full resolution
        opened.load()
        transposition = _transposition(opened)
        image = _square(opened, size)
        if transposition is not None:
            image = image.transpose(transposition)
        return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def _transposition(image: Image.Image) -> Image.Transpose | None:
    """Return what brings an image upright; None if it is upright or its EXIF is invalid."""
    try:
        return UPRIGHT.get(image.getexif().get(ORIENTATION, 1))
    except Exception:  # such as a number that cannot be unpacked, or a list, which cannot be a key
        return None


def _square(image: Image.Image, size: int) -> Image.Image:
    """Scale and crop to the central square in 8-bit colour, with white behind transparency."""
    if image.mode == "F":
        raise ValueError("floating-point pixels, whose range is unknown; save it with 8 or 16 bits")
    if image.mode.startswith("I;16") or image.mode == "I":  # else all bright levels are clipped
        levels = np.asarray(image) // 256
        image = Image.fromarray(np.clip(levels, 0, 255, out=levels).astype(np.uint8))
    transparent = image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info
    mode = "RGBA" if transparent else "RGB"
    if image.mode != mode:
        image = image.convert(mode)
    image = ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)
    if transparent:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")
