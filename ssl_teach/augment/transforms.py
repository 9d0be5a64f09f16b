"""Random transforms, which draw parameters for each image from a given generator.

Each is called with images (B, C, H, W) in [0, 1] and a `torch.Generator` on their device, leaves
its input unchanged, and returns a new batch. The same state of the generator gives the same result.
The parameters of an image do not depend on those of the other images.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ssl_teach.augment.checks import check_color, check_generator, check_shape
from ssl_teach.augment.color import color_jitter, grayscale
from ssl_teach.augment.geometry import gaussian_blur, resized_crop

Range = tuple[float, float]
Transform = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class RandomResizedCrop:
    """Crop a random box and scale it to one size (Szegedy et al., 2015, section 6).

    As in torchvision: a box that does not fit is drawn again, up to ten times in all; after that
    it is the largest centred box of an allowed ratio.

    Attributes:
        scale: Smallest and largest area of the box as a fraction of the image.
        ratio: Smallest and largest ratio of width to height, drawn uniformly in its logarithm.
        flip: Probability of mirroring left to right.
        size: Height H' and width W' in pixels; None keeps the size of the images.
    """

    scale: Range = (0.08, 1.0)
    ratio: Range = (3 / 4, 4 / 3)
    flip: float = 0.5
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        """Check the ranges."""
        _check_range("scale", self.scale, 0, 1)
        _check_range("ratio", self.ratio, 0)
        if min(self.scale[0], self.ratio[0]) <= 0:
            raise ValueError("scale and ratio must be positive: a box has an area")
        _check_probability("flip", self.flip)
        if self.size is not None and (not isinstance(self.size, tuple) or len(self.size) != 2):
            raise ValueError(f"size must be (height, width) in pixels or None, got {self.size}")

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Transform (B, C, H, W) to (B, C, H', W')."""
        check_shape(images)
        check_generator(generator, images)
        B, _, H, W = images.shape
        box = self.boxes(B, (H, W), generator)
        flip = _rand(generator, B) < self.flip
        return resized_crop(images, *box, size=self.size or (H, W), flip=flip)

    def boxes(
        self, count: int, image_size: tuple[int, int], generator: torch.Generator, tries: int = 10
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Draw top, left, height and width, each (count,), in whole pixels."""
        H, W = image_size
        area = _uniform(generator, self.scale, count, tries) * H * W
        log_ratio = math.log(self.ratio[0]), math.log(self.ratio[1])
        ratio = _uniform(generator, log_ratio, count, tries).exp()
        height, width = (area / ratio).sqrt().round(), (area * ratio).sqrt().round()
        fits = (height >= 1) & (height <= H) & (width >= 1) & (width <= W)
        first = fits.int().argmax(dim=1, keepdim=True)  # (count, 1): the first try that fits
        found = fits.any(dim=1)
        largest = self._largest(H, W)
        height = torch.where(found, height.gather(1, first)[:, 0], largest[0])
        width = torch.where(found, width.gather(1, first)[:, 0], largest[1])
        places = _rand(generator, 2, count)
        top = torch.where(found, places[0] * (H - height + 1), (H - height) / 2).floor()
        left = torch.where(found, places[1] * (W - width + 1), (W - width) / 2).floor()
        return top, left, height, width

    def _largest(self, H: int, W: int) -> tuple[int, int]:
        """Return height and width of the largest box with an allowed ratio."""
        ratio = min(max(W / H, self.ratio[0]), self.ratio[1])
        return max(1, min(H, round(W / ratio))), max(1, min(W, round(H * ratio)))


@dataclass(frozen=True)
class ColorJitter:
    """Change brightness, contrast, saturation and hue, in random order, with probability p.

    Attributes:
        brightness: Factors are drawn from [max(0, 1 - brightness), 1 + brightness].
        contrast: The same for the contrast.
        saturation: The same for the saturation; 0 for grey images.
        hue: Rotations of the hue are drawn from [-hue, hue] turns; at most 0.5.
        p: Probability that an image is changed.
    """

    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    p: float = 1.0

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name in ("brightness", "contrast", "saturation"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be 0 or more, got {getattr(self, name)}")
        if not 0 <= self.hue <= 0.5:
            raise ValueError(f"hue must lie in [0, 0.5] turns, got {self.hue}")
        _check_probability("p", self.p)

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Transform (B, C, H, W) to the same shape."""
        check_shape(images)
        check_generator(generator, images)
        if self.saturation or self.hue:
            check_color(images, "ColorJitter with saturation or hue")
        B = len(images)
        chosen = (_rand(generator, B) < self.p).nonzero()[:, 0]
        order = _rand(generator, B, 4).argsort(dim=1)
        draws = [
            _uniform(generator, (max(0.0, 1 - strength), 1 + strength), B)[chosen]
            for strength in (self.brightness, self.contrast, self.saturation)
        ]
        hue = _uniform(generator, (-self.hue, self.hue), B)[chosen]

        def jitter(part: Tensor) -> Tensor:
            return color_jitter(
                part,
                order[chosen],
                brightness=draws[0],
                contrast=draws[1],
                saturation=draws[2] if self.saturation else None,
                hue=hue if self.hue else None,
            )

        return _change(images, chosen, jitter)


@dataclass(frozen=True)
class RandomGrayscale:
    """Make an image grey with probability p, as three equal channels."""

    p: float = 0.1

    def __post_init__(self) -> None:
        """Check the probability."""
        _check_probability("p", self.p)

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Transform (B, 3, H, W) to the same shape."""
        check_shape(images)
        check_color(images, "RandomGrayscale")
        check_generator(generator, images)
        chosen = (_rand(generator, len(images)) < self.p).nonzero()[:, 0]
        return _change(images, chosen, grayscale)


@dataclass(frozen=True)
class GaussianBlur:
    """Blur an image with probability p (SimCLR, appendix A).

    Attributes:
        sigma: Smallest and largest standard deviation in pixels, drawn uniformly.
        p: Probability that an image is blurred.
        kernel_size: Odd, in pixels; None for a tenth of the shorter side (the paper), at least 3.
    """

    sigma: Range = (0.1, 2.0)
    p: float = 0.5
    kernel_size: int | None = None

    def __post_init__(self) -> None:
        """Check the ranges."""
        _check_range("sigma", self.sigma, 0)
        if self.sigma[0] <= 0:
            raise ValueError(f"sigma must be positive, got {self.sigma}")
        if self.kernel_size is not None and self.kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd, got {self.kernel_size}")
        _check_probability("p", self.p)

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Transform (B, C, H, W) to the same shape."""
        check_shape(images)
        check_generator(generator, images)
        B, _, H, W = images.shape
        chosen = (_rand(generator, B) < self.p).nonzero()[:, 0]
        sigma = _uniform(generator, self.sigma, B)[chosen]
        size = self.kernel_size or max(3, min(H, W) // 20 * 2 + 1)
        return _change(images, chosen, lambda part: gaussian_blur(part, sigma, size))


@dataclass(frozen=True)
class Compose:
    """Apply several transforms in turn."""

    transforms: Sequence[Transform]

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Transform (B, C, H, W); the last transform determines the shape of the result."""
        for transform in self.transforms:
            images = transform(images, generator)
        return images


def _change(images: Tensor, chosen: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """Return a new batch in which only the images at the chosen indices are changed."""
    if not len(chosen):
        return images.clone()
    return images.index_copy(0, chosen, change(images.index_select(0, chosen)))


def _rand(generator: torch.Generator, *shape: int) -> Tensor:
    """Draw uniformly from [0, 1), on the generator's device."""
    return torch.rand(shape, generator=generator, device=generator.device)


def _uniform(generator: torch.Generator, limits: Range, *shape: int) -> Tensor:
    """Draw uniformly between two limits."""
    low, high = limits
    return low + (high - low) * _rand(generator, *shape)


def _check_range(name: str, limits: Range, least: float, most: float = math.inf) -> None:
    low, high = limits
    if not least <= low <= high <= most:
        raise ValueError(f"{name} must rise within [{least:g}, {most:g}], got {limits}")


def _check_probability(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is a probability and must lie in [0, 1], got {value}")
