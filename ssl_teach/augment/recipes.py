"""The compositions that the lessons use."""

from __future__ import annotations

from collections.abc import Sequence

from ssl_teach.augment.transforms import (
    ColorJitter,
    Compose,
    GaussianBlur,
    RandomGrayscale,
    RandomResizedCrop,
    Transform,
)


def simclr_augmentation(
    channels: int,
    strength: float = 0.5,
    *,
    crop: float = 0.08,
    hue: float | None = None,
    transforms: Sequence[str] | None = None,
) -> Compose:
    """The transform of SimCLR for small images: crop, flip, colour jitter, grey; no blur.

    Source: Chen et al., 2020, appendices A and B.9 (CIFAR-10, strength 0.5). Images of one
    channel have no hue and no saturation: for them the jitter is brightness and contrast alone.

    What a view may change is what the representation learns to ignore. So `crop` and `hue` can be
    set apart: objects of any colour ask for any hue, small objects for large crops.

    Args:
        channels: of the images, 1 or 3.
        strength: of the colour jitter, the paper's s; at most 2.5.
        crop: least area of the crop, as a share of the image.
        hue: greatest turn of the hue, at most 0.5; None for the paper's 0.2 s. With a hue of its
            own, every view is jittered; else four in five, as in the paper.
        transforms: some of "crop" (with the flip), "color", "gray" and "blur", for an ablation;
            they are applied in this order. None for crop, color and, in colour, gray.

    Raises:
        ValueError: another number of channels, a strength out of range, an unknown transform.
    """
    if channels not in (1, 3):
        raise ValueError(f"channels must be 1 (grey) or 3 (colour), got {channels}")
    if not 0 <= strength <= 2.5:
        raise ValueError(f"strength must lie in [0, 2.5], got {strength}")
    s = strength
    turn, p = (0.2 * s, 0.8) if hue is None else (hue, 1.0)
    known: dict[str, Transform] = {"crop": RandomResizedCrop(scale=(crop, 1.0))}
    if channels == 1:
        known["color"] = ColorJitter(0.8 * s, 0.8 * s, p=0.8)
    else:
        known["color"] = ColorJitter(0.8 * s, 0.8 * s, 0.8 * s, turn, p=p)
        known["gray"] = RandomGrayscale(p=0.2)
    usual = list(known)
    known["blur"] = GaussianBlur(p=0.5)
    chosen = usual if transforms is None else list(transforms)
    if not chosen or not set(chosen) <= set(known):
        raise ValueError(
            f"views of {channels} channels are made by some of {', '.join(known)}, not by {chosen}"
        )
    return Compose([transform for name, transform in known.items() if name in chosen])


def crop_augmentation() -> RandomResizedCrop:
    """The milder transform for training with labels: a crop of at least half the image, a flip."""
    return RandomResizedCrop(scale=(0.5, 1.0))
