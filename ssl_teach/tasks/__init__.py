"""Tasks: they ask a network a question about an image, and score its answer."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from ssl_teach.tasks.base import Augment, Batch, LossAndMetrics, Task, classification
from ssl_teach.tasks.gan import Discriminator, discriminator_loss, generator_loss
from ssl_teach.tasks.inpainting import Inpainting, block_masks, centre_mask
from ssl_teach.tasks.jigsaw import Jigsaw, tiles
from ssl_teach.tasks.options import Option
from ssl_teach.tasks.patch_position import PatchPosition, drop_colors, patch_pairs
from ssl_teach.tasks.permutations import hamming_distances, permutation_set
from ssl_teach.tasks.registry import TASKS, register
from ssl_teach.tasks.rotation import Rotation, rotate
from ssl_teach.tasks.simclr import ProjectionHead, SimCLR, two_views
from ssl_teach.tasks.super_resolution import SuperResolution, bicubic, nearest, shrink
from ssl_teach.tasks.supervised import Supervised, accuracy
from ssl_teach.tasks.wrong_losses import WRONG_LOSSES, WrongLoss

__all__ = [
    "TASKS",
    "WRONG_LOSSES",
    "Augment",
    "Batch",
    "Discriminator",
    "Inpainting",
    "Jigsaw",
    "LossAndMetrics",
    "Option",
    "PatchPosition",
    "ProjectionHead",
    "Rotation",
    "SimCLR",
    "SuperResolution",
    "Supervised",
    "Task",
    "WrongLoss",
    "accuracy",
    "bicubic",
    "block_masks",
    "centre_mask",
    "classification",
    "discriminator_loss",
    "drop_colors",
    "generator_loss",
    "hamming_distances",
    "nearest",
    "patch_pairs",
    "permutation_set",
    "register",
    "rotate",
    "shrink",
    "tiles",
    "two_views",
]

for _module in pkgutil.iter_modules(__path__):  # a task registers itself when it is imported
    import_module(f"{__name__}.{_module.name}")
