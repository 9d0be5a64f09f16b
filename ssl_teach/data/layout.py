"""The layout of a folder of images: which file belongs to which class and split.

Two layouts are understood. Subfolders are classes; or there are folders `train`, `val` and `test`,
each with the classes in it. Whatever is left out is counted, with the reason and what to do.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
SPLIT_NAMES = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val",
    "test": "test", "testing": "test", "unlabelled": "unlabelled", "unlabeled": "unlabelled",
}  # fmt: skip
"""Names of folders, in lower case, that are splits and not classes."""
_SPLIT = re.compile(
    r"(train(?:ing)?|val(?:id(?:ation)?)?|test(?:ing)?|unlabell?ed)"
    r"[ _-]?(?:\d+|set|images|data|split)?"
)


def split_of(name: str) -> str | None:
    """Return the split that a folder is named after ("train2017", "Test_Set"), or None."""
    found = _SPLIT.fullmatch(name.lower())
    return SPLIT_NAMES[found.group(1)] if found else None


JUNK = ("__MACOSX",)
"""Folders that archive programs add."""
SHOWN = 3  # number of examples that a note names


@dataclass
class Layout:
    """The images of a folder, and notes about what is not as one might expect.

    Attributes:
        root: The folder that holds the classes or splits; below the given one if that only wraps
            it.
        unlabelled: Images without a class.
        classes: Images by class, where the splits are to be drawn.
        splits: Images by split and class, where folders give the splits.
        notes: Sentences about what was skipped or reinterpreted.
    """

    root: Path
    unlabelled: list[Path] = field(default_factory=list)
    classes: dict[str, list[Path]] = field(default_factory=dict)
    splits: dict[str, dict[str, list[Path]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def class_names(self) -> list[str]:
        """All classes, sorted."""
        return sorted({*self.classes, *(name for part in self.splits.values() for name in part)})


def printable(name: str | Path) -> str:
    """Make a file name safe to print: line ends, escapes and broken UTF-8 become codes."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(name))


def read_layout(path: Path) -> Layout:
    """Find the images of a folder, without opening any.

    Raises:
        ValueError: If a folder cannot be listed, there is no image, an image is found twice by way
            of a link, or it is not clear which folders are classes and which are splits.
    """
    try:
        tree = _Tree(path)
    except OSError as error:
        at = printable(error.filename or path)
        raise ValueError(
            f"{at} cannot be listed: {error.strerror}; give a folder that you may read"
        ) from error
    if not tree.total:
        raise ValueError(tree.nothing())
    wrapped = tree
    while wrapped.is_wrapper:
        wrapped = next(iter(wrapped.children.values()))
    layout = Layout(wrapped.path, notes=tree.skipped_notes())
    if wrapped is not tree:
        layout.notes.insert(0, f"{_at(wrapped.path, path)} is read: all images are in it")
    _refuse_twice(tree.below(), path)
    if wrapped.loose and wrapped.children:
        layout.notes.append(
            f"{count_images(len(wrapped.loose))} beside the folders without a label, such as "
            f"{printable(wrapped.loose[0].name)}; move them into a class to give them one"
        )
    layout.unlabelled = list(wrapped.loose)
    if wrapped.has_splits:
        _add_splits(layout, wrapped)
    else:
        layout.classes = {name: child.below() for name, child in wrapped.children.items()}
        _note_deeper(layout, wrapped.children.values())
    return layout


class _Tree:
    """A folder's images, those of its subfolders that hold any, and counts of all else."""

    def __init__(self, path: Path, above: frozenset[str] = frozenset()) -> None:
        self.path = path
        self.loose: list[Path] = []
        self.children: dict[str, _Tree] = {}
        self.skipped: Counter[str] = Counter()
        self.empty: list[Path] = []
        above |= {os.path.realpath(path)}
        for each in sorted(path.iterdir()):
            if each.name.startswith(".") or (each.name in JUNK and each.is_dir()):
                self.skipped["hidden files or folders"] += 1
            elif each.is_dir():
                if os.path.realpath(each) in above:
                    raise ValueError(
                        f"{printable(each)} is a link to a folder that holds it; remove the link"
                    )
                child = _Tree(each, above)
                self.skipped += child.skipped
                self.empty += child.empty
                if child.total:
                    self.children[each.name] = child
                elif not child.empty:
                    self.empty.append(each)
            elif each.suffix.lower() in SUFFIXES:
                self.loose.append(each)
            else:
                self.skipped[f"{each.suffix.lower() or 'suffixless'} files"] += 1
        self.total: int = len(self.loose) + sum(child.total for child in self.children.values())

    @property
    def is_wrapper(self) -> bool:
        """Whether this folder only wraps another, as archives often do, which holds the classes."""
        if self.loose or len(self.children) != 1:
            return False
        ((name, child),) = self.children.items()
        return split_of(name) is None and not child.loose and bool(child.children)

    @property
    def has_splits(self) -> bool:
        """Whether the subfolders are splits: one is named so, and holds classes or stands alone."""
        named = {name: child for name, child in self.children.items() if split_of(name)}
        if len(named) == len(self.children) or any(c.children for c in named.values()):
            return bool(named)
        return any(name.lower() != "train" for name in named)  # which may be a vehicle

    def below(self) -> list[Path]:
        """Return all images of this folder and those below it."""
        return [*self.loose, *(f for child in self.children.values() for f in child.below())]

    def skipped_notes(self) -> list[str]:
        """Say what is not an image, and which folders hold none."""
        notes = []
        if self.skipped:
            kinds = ", ".join(f"{n:,} {kind}" for kind, n in self.skipped.most_common(SHOWN))
            others = sum(self.skipped.values()) - sum(n for _, n in self.skipped.most_common(SHOWN))
            kinds += f" and {others:,} of other types" if others else ""
            notes.append(
                f"{kinds} skipped; images have the suffixes {', '.join(SUFFIXES)}: "
                "rename or convert what should be read"
            )
        if self.empty:
            names = ", ".join(_at(each, self.path) for each in self.empty[:SHOWN])
            more = " and others" if len(self.empty) > SHOWN else ""
            notes.append(f"{names}{more} without images, so no class; add images or remove it")
        return notes

    def nothing(self) -> str:
        """Return the error for a folder without images: it says what is there instead."""
        found = sum(self.skipped.values())
        return (
            f"{printable(self.path)} holds no image ({', '.join(SUFFIXES)}), "
            f"neither directly nor in a subfolder; other files: {found:,}"
        )


def _add_splits(layout: Layout, tree: _Tree) -> None:
    """Fill in the splits of a folder that has folders for them."""
    named = [name for name in tree.children if split_of(name)]
    others = [name for name in tree.children if name not in named]
    at = printable(tree.path)
    if others and {split_of(name) for name in named} == {"unlabelled"}:
        layout.unlabelled += [file for name in named for file in tree.children[name].below()]
        layout.classes = {name: tree.children[name].below() for name in others}
        _note_deeper(layout, [tree.children[name] for name in others])
        return
    if others:
        raise ValueError(
            f"{at} holds folders that are splits ({_names(named)}) beside folders that are not "
            f"({_names(others)}); move the classes into train/, or remove the others"
        )
    folders: dict[str, _Tree] = {}
    for name in named:
        split = split_of(name) or ""
        if split in folders:
            raise ValueError(
                f"{at}: {printable(folders[split].path.name)}/ and {printable(name)}/ are both "
                f"the split {split!r}; keep one of them"
            )
        folders[split] = tree.children[name]
    if (spare := folders.pop("unlabelled", None)) is not None:
        layout.unlabelled += spare.below()
    for split, folder in folders.items():
        if folder.loose:
            raise ValueError(
                f"{_at(folder.path, tree.path)}/ of {at} holds "
                f"{count_images(len(folder.loose))} in no class; "
                "put each into the folder of its class, or move them to a folder "
                "unlabelled/ to use them only for pretraining"
            )
        layout.splits[split] = {name: child.below() for name, child in folder.children.items()}
        _note_deeper(layout, folder.children.values())
    if folders and "train" not in folders:
        raise ValueError(f"{at} holds {_names(named)} but no folder train/; add it or rename one")
    for split, part in layout.splits.items():
        if unknown := [name for name in part if name not in layout.splits["train"]]:
            raise ValueError(
                f"{at}: {_names(unknown)} in {split}/ is no class of train/; "
                "give each class a folder in train/, spelt the same"
            )
    if missing := [split for split in ("val", "test") if split not in folders and folders]:
        absent = " or ".join(f"{split}/" for split in missing)
        layout.notes.append(f"no folder {absent}, so its images are drawn from train/")


def _note_deeper(layout: Layout, classes: Iterable[_Tree]) -> None:
    """Say which images lie deeper than directly in the folder of their class."""
    deeper = [
        file for each in classes for child in each.children.values() for file in child.below()
    ]
    if deeper:
        layout.notes.append(
            f"{count_images(len(deeper))} in folders within a class, such as "
            f"{_at(deeper[0], layout.root)}, counted to that class; "
            "move the folders up to make them classes"
        )


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
            one, other = (_at(each, root) for each in (first, file))
            raise ValueError(
                f"{one} and {other} in {printable(root)} are the same file by way of a link; "
                "remove one, or the image could be in both training and test"
            )


def _at(path: Path, root: Path) -> str:
    return printable(path.relative_to(root))


def count_images(count: int) -> str:
    """Return a number of images in words: "1 image", "1,200 images"."""
    return f"{count:,} image{'s' if count != 1 else ''}"


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"{printable(name)}/" for name in names)
