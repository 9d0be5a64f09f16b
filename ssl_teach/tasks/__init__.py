"""Pretext tasks: questions about an image whose answers are known without a label."""

from ssl_teach.pretext.adversary import Discriminator, discriminator_loss, generator_loss
from ssl_teach.pretext.inpainting import Inpainting, block_masks, centre_mask
from ssl_teach.pretext.jigsaw import Jigsaw, tiles
from ssl_teach.pretext.patch_position import PatchPosition, drop_colors, patch_pairs
from ssl_teach.pretext.permutations import hamming_distances, permutation_set
from ssl_teach.pretext.rotation import Rotation, rotate
from ssl_teach.pretext.super_resolution import SuperResolution, bicubic, nearest, shrink

__all__ = [
    "Discriminator",
    "Inpainting",
    "Jigsaw",
    "PatchPosition",
    "Rotation",
    "SuperResolution",
    "bicubic",
    "block_masks",
    "centre_mask",
    "discriminator_loss",
    "drop_colors",
    "generator_loss",
    "hamming_distances",
    "nearest",
    "patch_pairs",
    "permutation_set",
    "rotate",
    "shrink",
    "tiles",
]
