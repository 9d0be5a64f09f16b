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
    """Build SimCLR's transform for small images: crop, flip, colour jitter, grey; no blur.

    Source: Chen et al., 2020, appendices A and B.9 (CIFAR-10, strength 0.5). Grey images
    have no hue and no saturation, so their jitter changes only brightness and contrast.

    A representation learns to ignore whatever differs between views. `crop` and `hue` can therefore
    be set separately: use any hue if objects have any colour, and large crops if they are small.

    Args:
        channels: Channels of the images, 1 or 3.
        strength: Strength of the colour jitter, the paper's s; at most 2.5.
        crop: Smallest area of the crop as a fraction of the image.
        hue: Largest rotation of the hue in turns, at most 0.5; None for the paper's 0.2 s. If it is
            given, every view is jittered; otherwise 80% of the views, as in the paper.
        transforms: Some of "crop" (with the flip), "color", "gray" and "blur", for an ablation;
            they are applied in this order. None for crop, color and, for colour images, gray.

    Raises:
        ValueError: If the number of channels or the strength is out of range, or a transform is
            unknown.
    """
    if channels not in (1, 3):
        raise ValueError(f"channels must be 1 (grey) or 3 (colour), got {channels}")
    if not 0 <= strength <= 2.5:
        raise ValueError(f"strength must lie in [0, 2.5], got {strength}")
    s = strength
    max_hue, p = (0.2 * s, 0.8) if hue is None else (hue, 1.0)
    known: dict[str, Transform] = {"crop": RandomResizedCrop(scale=(crop, 1.0))}
    if channels == 1:
        known["color"] = ColorJitter(0.8 * s, 0.8 * s, p=0.8)
    else:
        known["color"] = ColorJitter(0.8 * s, 0.8 * s, 0.8 * s, max_hue, p=p)
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
    """Build a milder transform for supervised training: crop at least half the image, flip."""
    return RandomResizedCrop(scale=(0.5, 1.0))
