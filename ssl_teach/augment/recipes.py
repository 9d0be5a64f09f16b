"""The compositions that the lessons use."""

from __future__ import annotations

from ssl_teach.augment.transforms import ColorJitter, Compose, RandomGrayscale, RandomResizedCrop


def simclr_augmentation(channels: int, strength: float = 0.5) -> Compose:
    """The transform of SimCLR for small pictures: crop, flip, colour jitter, grey; no blur.

    Source: Chen et al., 2020, appendices A and B.9 (CIFAR-10, strength 0.5). Pictures of one
    channel have no hue and no saturation: for them the jitter is brightness and contrast alone.

    Args:
        channels: of the images, 1 or 3.
        strength: of the colour jitter, the paper's s; at most 2.5.

    Raises:
        ValueError: another number of channels, or a strength out of range.
    """
    if channels not in (1, 3):
        raise ValueError(f"channels must be 1 (grey) or 3 (colour), got {channels}")
    if not 0 <= strength <= 2.5:
        raise ValueError(f"strength must lie in [0, 2.5], got {strength}")
    s = strength
    if channels == 1:
        return Compose([RandomResizedCrop(), ColorJitter(0.8 * s, 0.8 * s, p=0.8)])
    jitter = ColorJitter(0.8 * s, 0.8 * s, 0.8 * s, 0.2 * s, p=0.8)
    return Compose([RandomResizedCrop(), jitter, RandomGrayscale(p=0.2)])


def crop_augmentation() -> RandomResizedCrop:
    """The milder transform for training with labels: a crop of at least half the image, a flip."""
    return RandomResizedCrop(scale=(0.5, 1.0))
