"""A folder of your own images: no file in it is trusted, and unreadable files are named."""

from __future__ import annotations

import io
import os
import re
import stat
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from tqdm import tqdm

from ssl_teach.checks import check_integer, check_seed
from ssl_teach.data.dataset import NO_LABEL, Dataset, draw_splits
from ssl_teach.data.fingerprint import content_hash
from ssl_teach.data.images import empty_images
from ssl_teach.data.layout import Layout, count_images, printable, read_layout

FRACTIONS = {"val": 0.1, "test": 0.2}
"""The fraction of each class in the splits that are drawn."""
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
"""Formats to decode, whatever a suffix says; Pillow's many other decoders are never called."""
MANY = 500  # files from which on reading takes long enough for a progress bar
SHOWN = 5  # number of broken files that an error names
BYTES = 500_000_000  # size of the largest file to read
PIXELS = 120_000_000  # limit of one image; decoding so many takes 0.4 to 2 GB
SCANS = 100  # limit of one JPEG; a progressive one has about ten, and each takes another pass
BITS = 4096  # a 16-bit image that is darker than this at its brightest holds fewer bits

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
    least one of each; a class of fewer than three is only for training. Where the folder holds
    `train`, `val` and `test` with the classes in each, these are the splits; one that is missing is
    drawn from training. Images in no class have no label and form the split "unlabelled".

    Copies of an image, equal in every pixel, stay on one side of a split. Whatever is skipped, left
    out or reinterpreted is reported as a `UserWarning`, with the number and what to do; see
    `ssl_teach.data.layout`.

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
            found twice, the layout is ambiguous, no class has three images, or they do not fit into
            memory.
    """
    path = Path(path).expanduser()
    layout = read_layout(path)
    found = [(file, NO_LABEL, "unlabelled") for file in layout.unlabelled]
    for label, name in enumerate(layout.class_names):
        found += [(file, label, "") for file in layout.classes.get(name, [])]
        for split, part in layout.splits.items():
            found += [(file, label, split) for file in part.get(name, [])]
    files = [file for file, _, _ in found]
    images = _read_all(files, check_integer(size, "size", 1), path)
    labels = torch.tensor([label for _, label, _ in found])
    given = [split for _, _, split in found] if layout.splits else None
    try:
        labels, splits = _split(images, labels, given, check_seed(seed), layout, files)
    except ValueError as error:
        raise ValueError(
            f"{printable(path)}: {error}; a class needs at least three different images"
        ) from None
    for note in layout.notes:
        warnings.warn(f"{printable(path)}: {note}", stacklevel=3)
    return Dataset(
        printable(path), images, labels if layout.class_names else None,
        tuple(map(printable, layout.class_names)), {}, splits,
        tuple(printable(file.relative_to(path)) for file in files),
    )  # fmt: skip


def _split(
    images: Tensor,
    labels: Tensor,
    given: list[str] | None,
    seed: int,
    layout: Layout,
    files: list[Path],
) -> tuple[Tensor, dict[str, Tensor]]:
    """Split the images so that copies stay together; see `folder`.

    Args:
        images: The images (N, C, H, W).
        labels: The labels (N,), or `NO_LABEL`.
        given: The split of each image where folders give it, else None: they are drawn.
        seed: The seed of the draw.
        layout: Notes are added to it.
        files: The files of the images.

    Returns:
        The labels, without those of copies that stand in two classes, and the splits.
    """
    same = _copies(images)  # (N,) the first image with the same pixels
    names = [printable(file.relative_to(layout.root)) for file in files]
    if copies := (same != torch.arange(len(same))).nonzero().flatten().tolist():
        pairs = [f"{names[i]} = {names[int(same[i])]}" for i in copies[:3]]
        layout.notes.append(
            f"{count_images(len(copies))} with a copy elsewhere ({', '.join(pairs)}); "
            "copies stay on one side of the splits: remove them to count each image once"
        )
    labels, torn = _without_contradictions(labels, same)
    if torn:
        layout.notes.append(
            f"{count_images(len(torn))} in two classes, such as {names[torn[0]]}, used without a "
            "label: remove the wrong ones"
        )
    if given is None:
        splits = _draw(labels, same, FRACTIONS, seed) if (labels != NO_LABEL).any() else {}
    else:
        splits = _kept_apart(labels, same, given, seed, layout)
    small = [
        name for label, name in enumerate(layout.class_names)
        if int((labels == label).sum()) > 0 and "test" in splits
        and not bool((labels[splits["test"]] == label).any())
    ]  # fmt: skip
    if small:
        layout.notes.append(
            f"{', '.join(map(printable, small))} without an image for the test; "
            "a class needs three different images to be tested"
        )
    labelled = labels != NO_LABEL
    taken = same[labelled].unique()
    spare = torch.where(~labelled & ~torch.isin(same, taken))[0]
    return labels, splits | ({"unlabelled": spare} if len(spare) else {})


def _copies(images: Tensor) -> Tensor:
    """Return for each image the index (N,) of the first with the same pixels."""
    first: dict[str, int] = {}
    return torch.tensor([first.setdefault(content_hash(x), i) for i, x in enumerate(images)])


def _without_contradictions(labels: Tensor, same: Tensor) -> tuple[Tensor, list[int]]:
    """Remove the labels of copies that have two different ones; return those images as well."""
    labels, seen, torn = labels.clone(), dict[int, int](), set[int]()
    for label, first in zip(labels.tolist(), same.tolist(), strict=True):
        if label != NO_LABEL and seen.setdefault(first, label) != label:
            torn.add(first)
    rows = [i for i, first in enumerate(same.tolist()) if first in torn]
    labels[rows] = NO_LABEL
    return labels, rows


def _draw(
    labels: Tensor, same: Tensor, fractions: Mapping[str, float], seed: int
) -> dict[str, Tensor]:
    """Draw the splits of the labelled images, where copies follow the first of them."""
    rows = torch.where(labels != NO_LABEL)[0]
    first = torch.tensor(
        [row for row, one in _first_of(rows.tolist(), same) if one == row], dtype=torch.long
    )
    drawn = draw_splits(labels[first], fractions, seed)
    where = {int(first[k]): split for split, chosen in drawn.items() for k in chosen.tolist()}
    parts: dict[str, list[int]] = {split: [] for split in drawn}
    for row, one in _first_of(rows.tolist(), same):
        parts[where[one]].append(row)
    return {split: torch.tensor(part) for split, part in parts.items()}


def _first_of(rows: list[int], same: Tensor) -> list[tuple[int, int]]:
    """Return each row with the first of these rows that is a copy of it."""
    first: dict[int, int] = {}
    return [(row, first.setdefault(int(same[row]), row)) for row in rows]


def _kept_apart(
    labels: Tensor, same: Tensor, given: list[str], seed: int, layout: Layout
) -> dict[str, Tensor]:
    """Return the splits that the folders give, without copies of test images in training.

    Splits without a folder are drawn from the training images.
    """
    rows = {
        split: [i for i, each in enumerate(given) if each == split and labels[i] != NO_LABEL]
        for split in ("test", "val", "train")
    }
    seen: set[int] = set()
    for split in rows:  # of copies in two splits, that for the test stays
        kept = [i for i in rows[split] if int(same[i]) not in seen]
        if left := len(rows[split]) - len(kept):
            layout.notes.append(
                f"{count_images(left)} of {split}/ left out, with a copy in another split"
            )
        seen |= {int(same[i]) for i in kept}
        rows[split] = kept
    splits = {split: torch.tensor(part, dtype=torch.long) for split, part in rows.items()}
    missing = {s: f for s, f in FRACTIONS.items() if s not in layout.splits}
    if missing:
        train = splits["train"]
        drawn = _draw(labels[train], same[train], missing, seed)
        splits |= {split: train[part] for split, part in drawn.items()}
    if empty := [split for split, part in splits.items() if not len(part)]:
        raise ValueError(f"no image is left for {empty[0]}")
    return {split: splits[split] for split in ("train", "val", "test")}


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
    if image.mode == "I" and image.format != "PNG":  # a PNG has 16 bits at most
        raise ValueError("32-bit integers, whose range is unknown; save it with 8 or 16 bits")
    if image.mode.startswith("I"):  # converted by Pillow, all bright levels would be clipped
        levels = np.asarray(image)
        if 0 < levels.max() < BITS:
            raise ValueError(
                f"16-bit pixels that reach only {levels.max()} of 65,535, so perhaps of fewer "
                "bits; save it with 8 bits, or scaled to 16"
            )
        image = Image.fromarray((levels // 256).astype(np.uint8))
    transparent = image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info
    mode = "RGBA" if transparent else "RGB"
    if image.mode != mode:
        image = image.convert(mode)
    image = ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)
    if transparent:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")
