"""Checks of what public functions are given: images, labels, rows, numbers, seeds.

Each returns its argument in the form that the package computes with, or raises a ValueError that
names what was wrong and what to do. NumPy arrays and, where they are short, lists become tensors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

SEEDS = 2**32
"""Seeds are smaller than this: the limit of NumPy and scikit-learn."""


def as_images(images: Any, name: str = "images") -> Tensor:
    """Return uint8 images (N, C, H, W), with at least one image and one pixel.

    Raises:
        ValueError: If the dtype is not uint8, the shape is wrong, or there are no images.
    """
    if isinstance(images, np.ndarray):
        images = _from_numpy(images, name)
    if not isinstance(images, Tensor):
        remedy = "stack them with torch.stack"
        if hasattr(images, "unlabelled"):  # a data set
            remedy = "pass one part of it, such as its .unlabelled or .test.images"
        raise ValueError(
            f"{name} must be one tensor (N, C, H, W), got a {type(images).__name__}: {remedy}"
        )
    if images.dtype != torch.uint8:
        raise ValueError(
            f"{name} must be uint8 (N, C, H, W) with values from 0 to 255, got "
            f"{tuple(images.shape)} of {_dtype(images)}; images in [0, 1] are converted by "
            "(255 * images).round().to(torch.uint8)"
        )
    if images.ndim != 4:
        one = ": make a single image a batch by image[None]" if images.ndim == 3 else ""
        raise ValueError(
            f"{name} must have four dimensions (N, C, H, W), got {tuple(images.shape)}{one}"
        )
    if images.numel() == 0:
        raise ValueError(f"{name} are empty, with shape {tuple(images.shape)}")
    if images.shape[1] not in (1, 3) and images.shape[3] in (1, 3):
        raise ValueError(
            f"{name} must have their channels second (N, C, H, W), got {tuple(images.shape)}: "
            "move them by images.permute(0, 3, 1, 2)"
        )
    return images


def as_labels(
    labels: Any,
    count: int | None = None,
    num_classes: int | None = None,
    *,
    missing: bool = False,
    name: str = "labels",
) -> Tensor:
    """Return labels (N,) as int64, indices of classes counted from 0.

    Args:
        labels: Integers (N,): a tensor, an array or a list.
        count: The number of images that the labels belong to, or None if it is unknown.
        num_classes: The number of classes, or None if it is unknown.
        missing: Whether -1, for an image without a label, is allowed.
        name: What errors call them.

    Raises:
        ValueError: If they are not integers of shape (N,), their number is wrong, or one is not the
            index of a class.
    """
    labels = _as_integers(labels, name, "indices of classes")
    if count is not None and len(labels) != count:
        raise ValueError(f"{name} must be one for each of {count} images, got {len(labels)}")
    if not len(labels):
        return labels
    low, high = (int(value) for value in labels.aminmax())
    if low < (-1 if missing else 0):
        lacking = int((labels < 0).sum())
        raise ValueError(
            f"{name} must be indices from 0, got {low} ({lacking} of {len(labels)} are negative); "
            "leave out images without a label"
        )
    if num_classes is not None and high >= num_classes:
        shifted = "; subtract 1 if they start at 1" if (low, high) == (1, num_classes) else ""
        raise ValueError(
            f"{name} must be indices of {num_classes} classes, from 0 to {num_classes - 1}, "
            f"got {high}{shifted}"
        )
    return labels


def as_rows(rows: Any, count: int, name: str = "rows") -> Tensor:
    """Return indices (n,) of rows as int64, each from 0 to count - 1.

    Raises:
        ValueError: If they are not integers, or a row does not exist.
    """
    if isinstance(rows, Tensor | np.ndarray) and str(rows.dtype).endswith("bool"):
        raise ValueError(f"{name} must be indices, got a mask; convert it by torch.where(mask)[0]")
    rows = _as_integers(rows, name, "indices of images")
    if len(rows):
        low, high = (int(value) for value in rows.aminmax())
        if low < 0 or high >= count:
            wrong = low if low < 0 else high
            raise ValueError(f"{name} must be indices from 0 to {count - 1}, got {wrong}")
    return rows


def as_matrix(values: Any, name: str) -> np.ndarray:
    """Return features (N, D) as a floating-point array with at least one row and one column.

    Raises:
        ValueError: If the shape is wrong, they are not numbers, or one is NaN or infinite.
    """
    if isinstance(values, Tensor):
        values = values.detach().cpu().numpy()
    values = np.asarray(values)
    if values.ndim != 2 or values.dtype.kind not in "fiu" or not values.size:
        raise ValueError(
            f"{name} must be numbers of shape (N, D), got {values.shape} of {values.dtype}"
        )
    values = values if values.dtype.kind == "f" else values.astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError(f"{name} contain NaN or infinite values: look at the step that made them")
    if np.abs(values).max() > 1e18:
        raise ValueError(f"{name} are too large to be squared: scale them to about 1")
    return values


def check_channels(images: Tensor, channels: int | None) -> None:
    """Raise a ValueError unless images (N, C, H, W) have as many channels as the encoder reads."""
    if channels is not None and images.shape[1] != channels:
        remedy = {
            (1, 3): "repeat the grey channel by images.expand(-1, 3, -1, -1)",
            (3, 1): "average the colours, or train an encoder for 3 channels",
        }.get((images.shape[1], channels), f"build an encoder with channels={images.shape[1]}")
        raise ValueError(
            f"the encoder reads images of {channels} channels, got {images.shape[1]}: {remedy}"
        )


def check_integer(value: Any, name: str, low: int, high: int | None = None) -> int:
    """Return a value as an int.

    Raises:
        ValueError: If it is not an integer from low to high.
    """
    bounds = f"of at least {low}" if high is None else f"from {low} to {high}"
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise ValueError(f"{name} must be an integer {bounds}, got {value!r}")
    number = int(value)
    if number < low or (high is not None and number > high):
        raise ValueError(f"{name} must be an integer {bounds}, got {number}")
    return number


def check_positive(value: Any, name: str, *, zero: bool = False) -> float:
    """Return a value as a float.

    Raises:
        ValueError: If it is not a finite number above 0 (or, with `zero`, at least 0).
    """
    wanted = "a number of at least 0" if zero else "a positive number"
    real = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not real or value < 0 or (value == 0 and not zero):
        raise ValueError(f"{name} must be {wanted}, got {value!r}")
    return float(value)


def check_widths(widths: Any) -> tuple[int, ...]:
    """Return the widths of an encoder's stages; raise a ValueError unless all are at least 1."""
    if not isinstance(widths, Sequence) or isinstance(widths, str) or not len(widths):
        got = "an encoder: pass its .widths" if hasattr(widths, "widths") else repr(widths)
        raise ValueError(f"widths must be the channels of one or more stages, got {got}")
    return tuple(check_integer(width, "a width", 1) for width in widths)


def check_mask(mask: Any, images: Tensor) -> Tensor:
    """Return a mask of missing pixels.

    Raises:
        ValueError: If it is not bool of shape (B, 1, H, W) for images (B, C, H, W), or it
            hides nothing.
    """
    wanted = (len(images), 1, *images.shape[-2:])
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool or mask.shape != wanted:
        got = f"{tuple(mask.shape)} of {_dtype(mask)}" if isinstance(mask, Tensor) else repr(mask)
        raise ValueError(f"the mask must be bool {wanted}, True where missing, got {got}")
    if not mask.any():
        raise ValueError("the mask hides nothing, so there is nothing to fill in")
    return mask


def check_choices(values: Any, what: str) -> Sequence[Any]:
    """Return values to choose from; raise a ValueError if they are no sequence, or an empty one."""
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise ValueError(f"{what} to choose from must be a sequence such as ({values!r},)")
    if not len(values):
        raise ValueError(f"there are no {what} to choose from")
    return values


def check_seed(seed: Any, name: str = "seed") -> int:
    """Return a seed as an int; raise a ValueError unless it is an integer from 0 to 2³² - 1."""
    return check_integer(seed, name, 0, SEEDS - 1)


def check_several(count: int, what: str) -> None:
    """Raise a ValueError if a question has fewer than two possible answers."""
    if count < 2:
        there_is = "is only one" if count == 1 else "is no"
        raise ValueError(
            f"a question needs at least two possible answers, but there {there_is} {what}"
        )


def _as_integers(values: Any, name: str, what: str) -> Tensor:
    """Return a tensor, an array or a sequence of integers as (n,) int64."""
    if isinstance(values, np.ndarray):
        values = _from_numpy(values, name)
    elif isinstance(values, Sequence) and not isinstance(values, str):
        try:
            values = torch.tensor(values, dtype=None if len(values) else torch.long)
        except (TypeError, ValueError, RuntimeError, OverflowError) as error:
            raise ValueError(f"{name} must be {what}, so integers: {error}") from None
    if not isinstance(values, Tensor):
        raise ValueError(f"{name} must be {what}, so integers, got a {type(values).__name__}")
    if values.ndim != 1:
        raise ValueError(f"{name} must have the shape (N,), got {tuple(values.shape)}")
    if values.is_floating_point() or values.is_complex() or values.dtype == torch.bool:
        raise ValueError(f"{name} must be {what}, so integers, got {_dtype(values)}")
    return values.long()


def _from_numpy(values: np.ndarray, name: str) -> Tensor:
    """Return an array as a tensor that does not share its memory if it cannot be written to."""
    try:
        return torch.from_numpy(
            np.ascontiguousarray(values) if values.flags.writeable else values.copy()
        )
    except (TypeError, ValueError):  # a type or a byte order that torch does not know
        raise ValueError(f"{name} must be numbers, got an array of {values.dtype}") from None


def _dtype(values: Tensor) -> str:
    return str(values.dtype).removeprefix("torch.")
