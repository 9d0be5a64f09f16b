"""Views per second: the batched transforms against those of torchvision, kornia and lightly.

The first table compares each batched transform with torchvision's, applied image by image. Both
apply the same transform to the same images: boxes, factors and orders are drawn once and given to
both. The second table compares SimCLR's whole chain, random draws included, with equal parameters.
Ours draws from one generator; torchvision uses its own transform classes on each image; kornia
works on the batch and draws for each image; lightly makes two views of each PIL image at a call.
The row of a library that is not installed says so.

Run: .venv-bench/bin/python benchmarks/augment.py [--batch 256] [--size 32] [--threads 2]
[--repeats 15]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

import torch
import torchvision.transforms.v2.functional as reference
from losses import versions
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2

from ssl_teach import augment as ours

Work = Callable[[], object]

GOALS = {"torchvision": 10, "kornia": 5}  # our speed must be at least this many times theirs


def each(function: Callable[..., Tensor], images: Tensor, *parameters: list[float]) -> Tensor:
    """Apply a torchvision function to each image of a batch, with the parameters of that image."""
    rows = zip(images, *parameters, strict=True)
    return torch.stack([function(*row) for row in rows])


def crop_one(
    image: Tensor, top: float, left: float, height: float, width: float, flip: bool
) -> Tensor:
    """Crop and flip one image (C, H, W) with torchvision."""
    box, size = [int(value) for value in (top, left, height, width)], list(image.shape[-2:])
    image = reference.resized_crop(image, *box, size, antialias=False)
    return reference.horizontal_flip(image) if flip else image


def jitter_one(image: Tensor, order: list[int], *factors: float) -> Tensor:
    """Jitter the colours of one image (C, H, W) with torchvision, in a given order."""
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
    """For each transform, a call of ours and of torchvision's with equal parameters."""
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


def chain_ours(images: Tensor) -> Work:
    """SimCLR's augmentation in this package, batched."""
    generator, augment = torch.Generator().manual_seed(0), ours.simclr_augmentation(3)
    return lambda: augment(images, generator)


def chain_torchvision(images: Tensor) -> Work:
    """The same with torchvision, image by image, since its classes draw once for each call."""
    augment = v2.Compose(
        [
            v2.RandomResizedCrop(images.shape[-2:], antialias=False),
            v2.RandomHorizontalFlip(),
            v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
            v2.RandomGrayscale(0.2),
        ]
    )
    return lambda: each(augment, images)


def chain_kornia(images: Tensor) -> Work:
    """The same with kornia, batched, with separate draws for each image.

    It differs in two respects. One order of the jitter's four steps serves the whole batch, whereas
    ours and torchvision's draw an order for each image. After ten boxes that do not fit, it takes
    the largest one at a random position instead of in the centre.
    """
    from kornia import augmentation as K  # type: ignore[import-not-found]

    augment = K.AugmentationSequential(
        K.RandomResizedCrop(tuple(images.shape[-2:]), align_corners=False),  # torchvision's grid
        K.RandomHorizontalFlip(p=0.5),
        K.ColorJitter(0.4, 0.4, 0.4, 0.1, p=0.8),  # torchvision's formulas; ColorJiggle's differ
        K.RandomGrayscale(p=0.2),
        same_on_batch=False,
    )
    return lambda: augment(images)


def lightly_transform(size: int) -> Callable[[Image.Image], list[Tensor]]:
    """Lightly's SimCLR transform with our parameters: a PIL image to two views (3, H, W)."""
    from lightly.transforms import SimCLRTransform  # type: ignore[import-not-found]

    # strength 0.5 of its default jitter is 0.4, 0.4, 0.4, 0.1; ours normalises in the encoder
    transform: Any = SimCLRTransform(
        input_size=size, cj_strength=0.5, gaussian_blur=0.0, normalize=None
    )
    return transform


def pil_images(images: Tensor) -> list[Image.Image]:
    """Convert (B, 3, H, W) uint8 to PIL images."""
    return [Image.fromarray(image) for image in images.permute(0, 2, 3, 1).numpy()]


def chain_lightly(images: Tensor) -> Work:
    """The same with lightly, as it is used: single PIL images, and the views as one tensor."""
    inputs = pil_images((255 * images).byte())
    augment = lightly_transform(images.shape[-1])
    return lambda: torch.stack([view for image in inputs for view in augment(image)])


CHAINS: dict[str, tuple[Callable[[Tensor], Work], int, str]] = {  # with views per image, and method
    "ours": (chain_ours, 1, "batched"),
    "torchvision": (chain_torchvision, 1, "image by image"),
    "kornia": (chain_kornia, 1, "batched"),
    "lightly": (chain_lightly, 2, "image by image, PIL"),
}


def seconds(work: Work, repeats: int) -> float:
    """Median time of `work`, after three runs to warm up."""
    times = []
    for _ in range(3 + repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times[3:])


def print_parts(images: Tensor, repeats: int) -> None:
    """Print the first table: each transform by itself."""
    print(f"{'views/s':24s}{'ours':>12s}{'torchvision':>14s}{'ratio':>8s}")
    for name, works in pairs(images).items():
        fast, slow = (seconds(work, repeats) for work in works)
        count = len(images)
        print(f"{name:24s}{count / fast:12,.0f}{count / slow:14,.0f}{slow / fast:8.1f}")


def print_chains(images: Tensor, repeats: int) -> None:
    """Print the second table: SimCLR's whole chain in every library."""
    print(f"{'SimCLR, with draws':32s}{'views/s':>12s}{'speed-up':>10s}")
    rates: dict[str, float] = {}
    for library, (chain, views, how) in CHAINS.items():
        title = f"{library}, {how}"
        if library != "ours" and find_spec(library) is None:
            print(f"{title:32s}{'not installed':>12s}")
            continue
        rates[library] = views * len(images) / seconds(chain(images), repeats)
        ratio, goal = rates["ours"] / rates[library], GOALS.get(library)
        verdict = f"   goal {goal} x: {'met' if ratio >= goal else 'missed'}" if goal else ""
        print(f"{title:32s}{rates[library]:12,.0f}{ratio:8.1f} x{verdict}")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--batch", type=int, default=256, help="images at a time")
    parser.add_argument("--size", type=int, default=32, help="height and width in pixels")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch")
    parser.add_argument("--repeats", type=int, default=15, help="runs; their median is shown")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    images = torch.rand(
        args.batch, 3, args.size, args.size, generator=torch.Generator().manual_seed(0)
    )
    print(f"{args.batch} images of {args.size} x {args.size} x 3, {args.threads} threads")
    print(versions("torch", "torchvision", "kornia", "lightly", "pillow"))
    print_parts(images, args.repeats)
    print_chains(images, args.repeats)


if __name__ == "__main__":
    main()
