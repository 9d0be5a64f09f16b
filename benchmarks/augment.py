"""Views per second: the batched transforms against torchvision's, image by image.

Both do the same to the same pictures: the boxes, factors and orders are drawn once and given to
both. The last row is the whole chain of SimCLR, draws included: ours from one generator,
torchvision's by its own transform classes on each image.

Run: python benchmarks/augment.py [--batch 256] [--size 32] [--threads 2] [--repeats 15]
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
import torchvision
import torchvision.transforms.v2.functional as reference
from torch import Tensor
from torchvision.transforms import v2

from ssl_teach import augment as ours

Work = Callable[[], object]


def each(function: Callable[..., Tensor], images: Tensor, *parameters: list[float]) -> Tensor:
    """Apply torchvision's transform of one image to each, with its parameters."""
    rows = zip(images, *parameters, strict=True)
    return torch.stack([function(*row) for row in rows])


def crop_one(
    image: Tensor, top: float, left: float, height: float, width: float, flip: bool
) -> Tensor:
    """Torchvision's crop and flip."""
    box, size = [int(value) for value in (top, left, height, width)], list(image.shape[-2:])
    image = reference.resized_crop(image, *box, size, antialias=False)
    return reference.horizontal_flip(image) if flip else image


def jitter_one(image: Tensor, order: list[int], *factors: float) -> Tensor:
    """Torchvision's colour jitter in a given order."""
    steps = (
        reference.adjust_brightness,
        reference.adjust_contrast,
        reference.adjust_saturation,
        reference.adjust_hue,
    )
    for step in order:
        image = steps[step](image, factors[step])
    return image


def pairs(images: Tensor) -> dict[str, tuple[Work, Work]]:
    """For each transform, what ours and what torchvision's has to do, with equal parameters."""
    count, _, height, width = images.shape
    generator = torch.Generator().manual_seed(0)
    box = ours.RandomResizedCrop().boxes(count, (height, width), generator)
    flip = torch.rand(count, generator=generator) < 0.5
    factors = [0.6 + 0.8 * torch.rand(count, generator=generator) for _ in range(3)]
    brightness, contrast, saturation = factors
    hue = 0.2 * torch.rand(count, generator=generator) - 0.1
    order = torch.rand(count, 4, generator=generator).argsort(dim=1)
    sigma = 0.1 + 1.9 * torch.rand(count, generator=generator)
    crop_list = [value.tolist() for value in (*box, flip)]
    factor_lists = [value.tolist() for value in (*factors, hue)]
    grey = partial(reference.rgb_to_grayscale, num_output_channels=3)
    blur = lambda image, s: reference.gaussian_blur(image, [3, 3], [s])  # noqa: E731
    work: dict[str, tuple[Work, Work]] = {
        "resized_crop, flip": (
            lambda: ours.resized_crop(images, *box, size=(height, width), flip=flip),
            lambda: each(crop_one, images, *crop_list),
        ),
        "adjust_hue": (
            lambda: ours.adjust_hue(images, hue),
            lambda: each(reference.adjust_hue, images, factor_lists[3]),
        ),
        "color_jitter": (
            lambda: ours.color_jitter(images, order, brightness, contrast, saturation, hue),
            lambda: each(jitter_one, images, order.tolist(), *factor_lists),
        ),
        "grayscale": (lambda: ours.grayscale(images), lambda: each(grey, images)),
        "gaussian_blur": (
            lambda: ours.gaussian_blur(images, sigma, 3),
            lambda: each(blur, images, sigma.tolist()),
        ),
    }
    for name, adjust, theirs, factor in [
        ("adjust_brightness", ours.adjust_brightness, reference.adjust_brightness, 0),
        ("adjust_contrast", ours.adjust_contrast, reference.adjust_contrast, 1),
        ("adjust_saturation", ours.adjust_saturation, reference.adjust_saturation, 2),
    ]:
        work[name] = (
            partial(adjust, images, factors[factor]),
            partial(each, theirs, images, factor_lists[factor]),
        )
    return work


def chain(images: Tensor) -> tuple[Work, Work]:
    """SimCLR's augmentation, ours and torchvision's, draws included."""
    generator, augment = torch.Generator().manual_seed(0), ours.simclr_augmentation(3)
    theirs = v2.Compose(
        [
            v2.RandomResizedCrop(images.shape[-2:], antialias=False),
            v2.RandomHorizontalFlip(),
            v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
            v2.RandomGrayscale(0.2),
        ]
    )
    return lambda: augment(images, generator), lambda: each(theirs, images)


def seconds(work: Work, repeats: int) -> float:
    """Median time of `work`, after three runs to warm up."""
    times = []
    for _ in range(3 + repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times[3:])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--batch", type=int, default=256, help="images at a time")
    parser.add_argument("--size", type=int, default=32, help="height and width in pixels")
    parser.add_argument("--threads", type=int, default=2, help="of torch")
    parser.add_argument("--repeats", type=int, default=15, help="the median of so many is shown")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    images = torch.rand(
        args.batch, 3, args.size, args.size, generator=torch.Generator().manual_seed(0)
    )
    print(
        f"{args.batch} images of {args.size} x {args.size} x 3, {args.threads} threads, "
        f"{platform.machine()}, torch {torch.__version__}, torchvision {torchvision.__version__}"
    )
    print(f"{'views/s':24s}{'ours':>12s}{'torchvision':>14s}{'ratio':>8s}")
    for name, (batched, one_by_one) in {
        **pairs(images),
        "SimCLR, with draws": chain(images),
    }.items():
        fast, slow = (seconds(work, args.repeats) for work in (batched, one_by_one))
        print(f"{name:24s}{args.batch / fast:12,.0f}{args.batch / slow:14,.0f}{slow / fast:8.1f}")


if __name__ == "__main__":
    main()
