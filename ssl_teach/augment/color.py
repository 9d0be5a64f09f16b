"""Colour transforms with one factor per image; each step equals torchvision's on one image.

Brightness, contrast and saturation are the same operation: a blend of the image with black, with
its mean grey, or with its own grey version, clamped to [0, 1]. A batch in which every image has its
own order of the steps therefore needs one pass per step. The hue is changed exactly, in HSV.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ssl_teach.augment.checks import (
    check_color,
    check_grey_or_color,
    check_images,
    check_parameter,
)

BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)


def grayscale(images: Tensor) -> Tensor:
    """Remove the colour: (B, 3, H, W) to (B, 3, H, W) with three equal channels.

    Raises:
        ValueError: If the images do not have three channels.
    """
    check_images(images)
    check_color(images, "grayscale")
    return _grey(images).expand_as(images).contiguous()


def adjust_brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Blend images (B, C, H, W) with black: factor 0 gives black, 1 the image, above 1 brighter.

    Raises:
        ValueError: If factor is not of shape (B,) or is negative, or C is neither 1 nor 3.
    """
    return _adjust(images, factor, BRIGHTNESS)


def adjust_contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Blend images (B, C, H, W) with their mean grey: factor 0 gives grey, 1 the image.

    Raises:
        ValueError: If factor is not of shape (B,) or is negative, or C is neither 1 nor 3.
    """
    return _adjust(images, factor, CONTRAST)


def adjust_saturation(images: Tensor, factor: Tensor) -> Tensor:
    """Blend images (B, 3, H, W) with their grey versions: factor 0 gives grey, 1 the image.

    Raises:
        ValueError: If factor is not of shape (B,) or is negative, or the images are not in colour.
    """
    check_images(images)
    check_color(images, "saturation")
    return _adjust(images, factor, SATURATION)


def adjust_hue(images: Tensor, factor: Tensor) -> Tensor:
    """Rotate each image's hues on the HSV circle; saturation and value stay the same.

    Args:
        images: (B, 3, H, W) in [0, 1].
        factor: (B,) rotations in turns, -0.5 to 0.5: a third of a turn makes red green.

    Returns:
        (B, 3, H, W).

    Raises:
        ValueError: If factor has another shape or range, or the images are not in colour.

    >>> red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)
    >>> [round(value, 3) for value in adjust_hue(red, torch.tensor([1 / 3])).flatten().tolist()]
    [0.0, 1.0, 0.0]
    """
    check_images(images)
    check_color(images, "hue")
    check_parameter("hue", factor, images, -0.5, 0.5)
    return _rotate_hue(images, factor)


def color_jitter(
    images: Tensor,
    order: Tensor,
    brightness: Tensor,
    contrast: Tensor,
    saturation: Tensor | None = None,
    hue: Tensor | None = None,
) -> Tensor:
    """Adjust brightness, contrast, saturation and hue, in a different order for each image.

    Args:
        images: (B, C, H, W) in [0, 1]; C = 3 where saturation or hue are given, else 1 or 3.
        order: (B, 4), each row a permutation of 0 (brightness), 1 (contrast), 2 (saturation),
            3 (hue); the first step comes first.
        brightness: (B,) factors, as in `adjust_brightness`.
        contrast: (B,) factors, as in `adjust_contrast`.
        saturation: (B,) factors, as in `adjust_saturation`; None leaves the step out.
        hue: (B,) rotations, as in `adjust_hue`; None leaves the step out.

    Returns:
        (B, C, H, W).

    Raises:
        ValueError: If a parameter has another shape or range, or the images are not in colour.
    """
    check_images(images)
    check_grey_or_color(images)
    check_parameter("brightness", brightness, images)
    check_parameter("contrast", contrast, images)
    if saturation is not None:
        check_color(images, "saturation")
        check_parameter("saturation", saturation, images)
    if hue is not None:
        check_color(images, "hue")
        check_parameter("hue", hue, images, -0.5, 0.5)
    _check_order(order, images)
    unchanged = torch.ones_like(brightness)
    by_name = [brightness, contrast, unchanged if saturation is None else saturation]
    blends = order[order != HUE].view(-1, 3)  # (B, 3): the order of the three blends
    factors = torch.stack(by_name, dim=1).gather(1, blends)
    hue_step = (order == HUE).int().argmax(dim=1)  # (B,): how many blends come before the hue
    images = images.clone()  # changed in place below: allocating memory costs more than arithmetic
    for step in range(4):
        if hue is not None:
            now = (hue_step == step).nonzero()[:, 0]
            images.index_copy_(0, now, _rotate_hue(images.index_select(0, now), hue[now]))
        if step < 3:
            _blend_(images, factors[:, step], blends[:, step])
    return images


def _check_order(order: Tensor, images: Tensor) -> None:
    """Require a permutation of the four steps for each image."""
    steps = torch.arange(4, device=order.device)
    if order.shape != (len(images), 4) or bool((order.sort(dim=1).values != steps).any()):
        raise ValueError("order must have shape (B, 4), each row a permutation of 0, 1, 2, 3")


def _adjust(images: Tensor, factor: Tensor, step: int) -> Tensor:
    """Check the arguments and apply one of the blends to all images."""
    check_images(images)
    check_grey_or_color(images)
    check_parameter("factor", factor, images)
    return _blend_(images.clone(), factor, torch.full_like(factor, step, dtype=torch.long))


def _grey(images: Tensor) -> Tensor:
    """Convert (B, C, H, W) to (B, 1, H, W): luma of ITU-R BT.601, with torchvision's weights."""
    if images.shape[1] == 1:
        return images
    red, green, blue = images.split(1, dim=1)
    return (red * 0.2989).add_(green, alpha=0.587).add_(blue, alpha=0.114)


def _blend_(images: Tensor, factor: Tensor, step: Tensor) -> Tensor:
    """Blend in place, factor * image + (1 - factor) * other; step (B,) selects the other."""
    grey = _grey(images)  # (B, 1, H, W)
    mean = grey.mean(dim=(1, 2, 3))  # (B,)
    of_grey = torch.where(step == SATURATION, 1 - factor, 0)  # weight of the grey image
    of_mean = torch.where(
        step == CONTRAST, 1 - factor, 0
    )  # weight of the mean grey; black adds nothing
    factor, of_grey, offset = (
        x.to(images.dtype)[:, None, None, None] for x in (factor, of_grey, of_mean * mean)
    )
    other = (grey * of_grey).add_(offset)
    return images.mul_(factor).add_(other).clamp_(0, 1)


def _rotate_hue(images: Tensor, turns: Tensor) -> Tensor:
    """Convert RGB to HSV, add to the hue, and convert back, without branching.

    The hue counts sixths of the circle from red: 2 is green, 4 is blue. With the channels scaled so
    that the lowest is 0 and the highest 1, the distance from red is 1 - r + g + b in every sixth;
    it is towards green where g > b.
    """
    red, green, blue = images.unbind(dim=1)  # (B, H, W)
    low = torch.minimum(torch.minimum(red, green), blue)
    chroma = torch.maximum(torch.maximum(red, green), blue).sub_(low)
    distance = (green - low).add_(blue - red)  # = (g - low) + (b - low) - (r - low)
    distance.div_(chroma.clamp(min=torch.finfo(images.dtype).tiny)).add_(1)
    hue = distance.copysign_(green - blue).div_(6)  # in turns, -1/2 to 1/2
    hue = hue.add_(1 + turns.to(images.dtype)[:, None, None]).frac_().mul_(6)
    # Each channel is high for two sixths, falls for one, is low for two and rises for one. Red is
    # low around 3, green is high around 2, blue around 4.
    rotated = (hue[:, None] - hue.new_tensor([3, 2, 4])[:, None, None]).abs_()  # (B, 3, H, W)
    rotated[:, 0].sub_(1)
    rotated[:, 1:].neg_().add_(2)
    return rotated.clamp_(0, 1).mul_(chroma[:, None]).add_(low[:, None])
