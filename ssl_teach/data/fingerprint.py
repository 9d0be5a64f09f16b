"""Fingerprints of data sets: whether the data of a run are still the same, and what has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from ssl_teach.data.dataset import Dataset

SHOWN = 3  # number of files that a change names


def content_hash(values: Tensor) -> str:
    """Return a hash of a tensor's type, shape and values, in order: 16 hexadecimal digits."""
    values = values.detach().cpu().contiguous()
    digest = hashlib.sha256(f"{values.dtype} {tuple(values.shape)}".encode())
    digest.update(values.reshape(-1).view(torch.uint8).numpy().data)  # NumPy lacks bfloat16
    return digest.hexdigest()[:16]


def fingerprint(dataset: Dataset) -> dict[str, Any]:
    """Identify the content of a data set: equal for two only if every part is the same.

    Returns:
        The shape of the images, the classes, and hashes of images and labels in order and of each
        split; for a folder also the hash of each image by its file. All of it can be saved as JSON.
    """
    found: dict[str, Any] = {
        "shape": list(dataset.images.shape),
        "images": content_hash(dataset.images),
        "labels": None if dataset.labels is None else content_hash(dataset.labels),
        "classes": list(dataset.classes),
        "splits": {name: content_hash(rows) for name, rows in dataset.splits.items()},
    }
    if dataset.sources:
        hashes = map(content_hash, dataset.images)
        found["files"] = dict(zip(dataset.sources, hashes, strict=True))
    return found


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Say what differs between two fingerprints, in phrases; an empty list if nothing does."""
    old, new = before.get("files") or {}, now.get("files") or {}
    files = {
        "added": [name for name in new if name not in old],
        "removed": [name for name in old if name not in new],
        "changed": [name for name in new if name in old and old[name] != new[name]],
    }
    found = [_files(names, what) for what, names in files.items() if names]
    what = {
        "shape": "the number or size of the images", "images": "the images or their order",
        "labels": "the labels", "classes": "the classes", "splits": "the splits",
    }  # fmt: skip
    if not found:
        found = [f"{words} changed" for part, words in what.items()
                 if before.get(part) != now.get(part)]  # fmt: skip
    return found


def _files(names: Sequence[str], what: str) -> str:
    more = ", …" if len(names) > SHOWN else ""
    return f"{len(names):,} {what} ({', '.join(names[:SHOWN])}{more})"
