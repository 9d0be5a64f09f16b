"""Crop, flip and blur, with different parameters for each image of a batch.

A crop samples the image at a grid of positions, in one pass and without a copy. A blur mixes pixels
along the columns and along the rows independently, so it is two small matrix products.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from ssl_teach.augment.checks import check_images, check_parameter


def resized_crop(
    images: Tensor,
    top: Tensor,
    left: Tensor,
    height: Tensor,
    width: Tensor,
    size: tuple[int, int],
    flip: Tensor | None = None,
) -> Tensor:
    """Crop a box out of each image, scale it bilinearly to one size, and optionally mirror it.

    Equal to torchvision's ``resized_crop(..., antialias=False)`` up to the rounding of
    positions, about 1e-7 of the image's width. Pixels outside the box have no influence. To make
    large images much smaller, shrink them beforehand.

    Args:
        images: (B, C, H, W) in [0, 1].
        top: (B,) number of pixels above the box.
        left: (B,) number of pixels to the left of the box.
        height: (B,) height of the box in pixels.
        width: (B,) width of the box in pixels.
        size: Height H' and width W' of the result in pixels.
        flip: (B,) bool, True for images to mirror left to right; None to mirror no image.

    Returns:
        (B, C, H', W').

    Raises:
        ValueError: If a box is smaller than a pixel or not inside the image.
    """
    check_images(images)
    _, _, H, W = images.shape
    check_parameter("height", height, images, 1, H)
    check_parameter("width", width, images, 1, W)
    check_parameter("top", top, images, 0, H)
    check_parameter("left", left, images, 0, W)
    if bool(((top + height > H) | (left + width > W)).any()):
        raise ValueError(f"a box reaches beyond the image of {H} x {W} pixels")
    if min(size) < 1:
        raise ValueError(f"size must be at least (1, 1), got {size}")
    down, right = _positions(top, height, size[0]), _positions(left, width, size[1])
    if flip is not None:
        check_parameter("flip", flip, images, 0, 1)
        right = torch.where(flip[:, None], right.flip(1), right)
    return _sample(images, down, right)


def gaussian_blur(images: Tensor, sigma: Tensor, kernel_size: int) -> Tensor:
    """Blur each image with its own Gaussian; the border is reflected, as in torchvision.

    Args:
        images: (B, C, H, W) in [0, 1].
        sigma: (B,) standard deviation in pixels, positive.
        kernel_size: Number of pixels to average along each axis; odd.

    Returns:
        (B, C, H, W).

    Raises:
        ValueError: If the kernel size is even, or the reflected border would exceed the image.
    """
    check_images(images)
    check_parameter("sigma", sigma, images, torch.finfo(images.dtype).tiny)
    _, _, H, W = images.shape
    radius = kernel_size // 2
    if kernel_size % 2 == 0 or not 0 <= radius < min(H, W):
        raise ValueError(
            f"kernel_size must be odd and at most {2 * min(H, W) - 1} for {H} x {W} pixels, "
            f"got {kernel_size}"
        )
    offsets = torch.arange(-radius, radius + 1, device=images.device)  # (K,)
    kernels = torch.softmax(-0.5 * (offsets / sigma.float()[:, None]) ** 2, dim=1)  # (B, K)
    return _mix(images, _convolution(kernels, H), _convolution(kernels, W))


def _positions(start: Tensor, length: Tensor, new: int) -> Tensor:
    """Return (B, new): the position of each new pixel's centre in the old image, in pixels."""
    start, length = start.float()[:, None], length.float()[:, None]  # (B, 1)
    centres = torch.arange(new, device=start.device) + 0.5
    # The centre of pixel 0 is at 0. Within half a pixel of the border there is a neighbour on one
    # side only: the value there is that of the outermost pixel of the box.
    return (centres * length / new - 0.5).clamp(min=0).minimum(length - 1) + start


def _sample(images: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Interpolate (B, C, H, W) at positions down (B, H') and right (B, W') -> (B, C, H', W')."""
    _, _, H, W = images.shape
    rows, columns = down.shape[1], right.shape[1]
    half = images.dtype in (torch.half, torch.bfloat16)
    exact = images.float() if half else images  # CPUs cannot sample in half precision
    x, y = (2 / max(size - 1, 1) * each - 1 for size, each in ((W, right), (H, down)))
    grid = torch.stack([x[:, None].expand(-1, rows, -1), y[:, :, None].expand(-1, -1, columns)], 3)
    sampled = F.grid_sample(exact, grid.to(exact.dtype), padding_mode="border", align_corners=True)
    return sampled.to(images.dtype)


def _convolution(kernels: Tensor, length: int) -> Tensor:
    """Turn kernels (B, K) into matrices (B, length, length) that reflect at the border."""
    radius = kernels.shape[1] // 2
    pixels = torch.arange(length, device=kernels.device, dtype=kernels.dtype)
    sources = F.pad(pixels[None], (radius, radius), mode="reflect")[0].long().unfold(0, length, 1)
    taps = F.one_hot(sources, length).to(kernels.dtype)  # (K, length, length)
    return torch.einsum("bk,kij->bij", kernels, taps)


def _mix(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Apply (B, H', H) to the rows and (B, W', W) to the columns of (B, C, H, W)."""
    C = images.shape[1]
    rows, columns = rows.to(images.dtype), columns.to(images.dtype)
    images = rearrange(images, "b c h w -> b (c h) w") @ rearrange(columns, "b v w -> b w v")
    return rows[:, None] @ rearrange(images, "b (c h) v -> b c h v", c=C)
