"""Checks of a batch of images and its parameters, with errors that say what to change."""

from __future__ import annotations

import torch
from torch import Tensor


def check_images(images: Tensor) -> None:
    """Require floats in [0, 1], up to rounding, of shape (B, C, H, W)."""
    check_shape(images)
    low, high = (value.item() for value in images.detach().aminmax())
    if not (low >= -1e-3 and high <= 1 + 1e-3):  # written so that NaN fails too
        raise ValueError(
            f"images must lie in [0, 1], got values from {low:g} to {high:g}: "
            "divide by 255, or augment before normalising"
        )


def check_shape(images: Tensor) -> None:
    """Require floats of shape (B, C, H, W), without reading their values."""
    if not isinstance(images, Tensor):
        raise TypeError(
            f"images must be a tensor (B, C, H, W), got a {type(images).__name__}: "
            "convert arrays by torch.from_numpy, lists by torch.stack"
        )
    if not images.is_floating_point():
        raise TypeError(
            f"images must be floats in [0, 1], got {images.dtype}: "
            "convert bytes to floats by images.float() / 255"
        )
    if images.ndim != 4:
        raise ValueError(
            f"images must have shape (B, C, H, W), got {tuple(images.shape)}: "
            "make a single image a batch by image[None]"
        )
    if images.numel() == 0:
        raise ValueError(f"images are empty, with shape {tuple(images.shape)}")


def check_color(images: Tensor, what: str) -> None:
    """Require three channels: red, green, blue."""
    if images.shape[1] != 3:
        raise ValueError(
            f"{what} needs 3 channels (red, green, blue), got {images.shape[1]}: "
            "leave it out for grey images"
        )


def check_grey_or_color(images: Tensor) -> None:
    """Require one channel, or three."""
    if images.shape[1] not in (1, 3):
        raise ValueError(
            f"images must have 1 channel (grey) or 3 (red, green, blue), got {images.shape[1]}"
        )


def check_parameter(
    name: str, values: Tensor, images: Tensor, low: float = 0.0, high: float = float("inf")
) -> None:
    """Require one value in [low, high] per image, on the device of the images."""
    if values.shape != images.shape[:1]:
        raise ValueError(
            f"{name} must have one value per image, shape ({images.shape[0]},), "
            f"got {tuple(values.shape)}"
        )
    if values.device != images.device:
        raise ValueError(f"{name} is on {values.device}, the images are on {images.device}")
    if not bool(((values >= low) & (values <= high)).all()):
        least, most = values.float().aminmax()
        raise ValueError(
            f"{name} must lie in [{low:g}, {high:g}], got values from {least:g} to {most:g}"
        )


def check_generator(generator: torch.Generator, images: Tensor) -> None:
    """Require a generator on the type of device that the images are on."""
    if generator.device.type != images.device.type:
        raise ValueError(
            f"generator is on {generator.device}, the images are on {images.device}: "
            f"create it by torch.Generator({images.device.type!r})"
        )
