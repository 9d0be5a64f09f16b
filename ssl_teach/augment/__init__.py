"""Random transforms of images: a batch at a time, on its device, with parameters per image.

Functions (`resized_crop`, `adjust_hue`, ...) are deterministic and take one parameter per image.
Transforms (`RandomResizedCrop`, `ColorJitter`, ...) draw these parameters at random.

>>> import torch
>>> augment = simclr_augmentation(channels=3)
>>> images = torch.rand(8, 3, 32, 32)
>>> augment(images, torch.Generator().manual_seed(0)).shape
torch.Size([8, 3, 32, 32])
"""

from ssl_teach.augment.color import (
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
    color_jitter,
    grayscale,
)
from ssl_teach.augment.geometry import gaussian_blur, resized_crop
from ssl_teach.augment.recipes import crop_augmentation, simclr_augmentation
from ssl_teach.augment.transforms import (
    ColorJitter,
    Compose,
    GaussianBlur,
    RandomGrayscale,
    RandomResizedCrop,
)

__all__ = [
    "ColorJitter",
    "Compose",
    "GaussianBlur",
    "RandomGrayscale",
    "RandomResizedCrop",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_hue",
    "adjust_saturation",
    "color_jitter",
    "crop_augmentation",
    "gaussian_blur",
    "grayscale",
    "resized_crop",
    "simclr_augmentation",
]
