"""Jigsaw: shuffle nine tiles, and ask for the shuffle (Noroozi and Favaro, 2016).

Nine tiles have 9! = 362,880 orders, too many for one class each, and most of them differ little.
A set of permutations that are far apart is therefore chosen beforehand, and the network predicts
which of them was applied.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from einops import rearrange
from torch import Tensor, nn

from ssl_teach.checks import check_several, check_widths
from ssl_teach.encoders.base import PIXEL_MEAN, PIXEL_STD, Encoder
from ssl_teach.tasks.base import Augment, Batch, LossAndMetrics, Task, classification
from ssl_teach.tasks.options import Option
from ssl_teach.tasks.patch_position import cut
from ssl_teach.tasks.permutations import permutation_set
from ssl_teach.tasks.registry import register


def tiles(images: Tensor, grid: int, gap: int | None, generator: torch.Generator) -> Tensor:
    """Cut images into grid×grid cells, and a tile out of each cell, at a random place.

    Neighbouring tiles are separated by `gap` pixels on average, and by 0 to 2·gap pixels in any one
    image, so the network cannot rely on edges that continue from one tile to the next. If the cells
    do not fill an image, the position of the grid in it is drawn at random as well.

    Args:
        images: The images (B, C, H, W).
        grid: The number of cells along each side.
        gap: The number of pixels by which a tile is smaller than its cell; None for 11/75 of the
            cell's shorter side as in the paper (tiles of 64 pixels from cells of 75), at least 1.
        generator: The source of randomness, on the device of the images.

    Returns:
        The tiles (B, grid², C, h, w), in reading order.

    Raises:
        ValueError: If the gap is negative or leaves nothing of a cell.
    """
    B, _, H, W = images.shape
    h, w = H // grid, W // grid  # size of a cell
    gap = max(1, round(min(h, w) * 11 / 75)) if gap is None else gap
    if not 0 <= gap < min(h, w):
        raise ValueError(
            f"{grid}×{grid} cells with a gap of {gap} need a gap of at least 0 and images of at "
            f"least {grid * (gap + 1)}×{grid * (gap + 1)} pixels, got {H}×{W}"
        )

    def draw(below: int, *shape: int) -> Tensor:
        return torch.randint(below, shape, generator=generator, device=images.device)

    origin = torch.stack([draw(H % grid + 1, B), draw(W % grid + 1, B)], dim=1)  # (B, 2)
    index = torch.arange(grid, device=images.device)
    cells = torch.cartesian_prod(index * h, index * w)  # (grid², 2), in reading order
    corners = origin[:, None] + cells + draw(gap + 1, B, grid**2, 2)  # (B, grid², 2)
    return cut(images, corners, (h - gap, w - gap))


def normalize(pieces: Tensor) -> Tensor:
    """Give every channel of every tile the mean 0.5 and the standard deviation 0.25.

    Otherwise brightness and contrast would reveal which tiles come from the same part of an image.
    The encoder subtracts 0.5 and divides by 0.25, so it sees mean 0 and standard deviation 1.
    Values may leave [0, 1]. A standard deviation below 1/255, one level of a pixel, is noise and
    counts as 1/255.

    Args:
        pieces: The tiles (..., h, w) in [0, 1].

    Source: Noroozi and Favaro, 2016; per channel, as in most code.
    """
    centred = pieces - pieces.mean(dim=(-2, -1), keepdim=True)
    deviation = centred.square().mean(dim=(-2, -1), keepdim=True).sqrt()  # faster than std
    return PIXEL_MEAN + centred * (PIXEL_STD / deviation.clamp(min=1 / 255))


def shuffle(pieces: Tensor, orders: Tensor) -> Tensor:
    """Reorder tiles: position i then holds tile orders[:, i]; the `argsort` of orders undoes it.

    Args:
        pieces: The tiles (B, T, C, h, w).
        orders: The orders (B, T); each row is a permutation.
    """
    image = torch.arange(len(pieces), device=pieces.device)[:, None]  # (B, 1)
    return pieces[image, orders]


@register(
    "jigsaw",
    Option("num_permutations", int, 100, "number of permutations to distinguish", low=2),
    Option("criterion", str, "mean", "Hamming distance to maximise", choices=("mean", "minimum")),
    Option("permutation_seed", int, 0, "seed of the permutation set", low=0),
    Option("grid", int, 3, "tiles in a row", low=2),
    Option("gap", int, None, "pixels between two tiles", low=0),
    Option("normalize_tiles", bool, True, "normalise each tile to mean 0 and standard deviation 1"),
)
class Jigsaw(Task):
    """Predict which permutation of a set shuffled the tiles; a larger set is harder.

    The same encoder reads every tile. The features of all tiles, in shuffled order, go into a head
    with one hidden layer, the only part that sees more than one tile.
    """

    permutations: Tensor

    def __init__(
        self,
        widths: Sequence[int],
        augment: Augment | None = None,
        *,
        num_permutations: int = 100,
        criterion: str = "mean",
        permutation_seed: int = 0,
        grid: int = 3,
        gap: int | None = None,
        normalize_tiles: bool = True,
    ) -> None:
        """Choose the permutations and build the head, with as many hidden units as features.

        Args:
            widths: The widths of the encoder's stages; the head reads the last.
            augment: The random transform applied to each image before it is cut, or None.
            num_permutations: P, the number of classes (paper: up to 1,000).
            criterion: "mean" or "minimum"; see `permutation_set`.
            permutation_seed: The seed of the set of permutations.
            grid: The number of tiles along each side, 2 or 3.
            gap: The number of pixels by which a tile is smaller than its cell; see `tiles`.
            normalize_tiles: Whether all tiles get the same mean and standard deviation; see
                `normalize`.
        """
        super().__init__()
        check_several(num_permutations, "permutation")
        self.augment, self.grid, self.gap = augment, grid, gap
        self.num_permutations, self.criterion = num_permutations, criterion
        self.permutation_seed, self.normalize_tiles = permutation_seed, normalize_tiles
        orders = permutation_set(num_permutations, permutation_seed, criterion, grid**2)
        self.register_buffer("permutations", torch.from_numpy(orders))  # (P, grid²)
        self.widths = check_widths(widths)
        D = self.widths[-1]
        self.head = nn.Sequential(
            nn.Linear(grid**2 * D, D), nn.ReLU(inplace=True), nn.Linear(D, num_permutations)
        )

    def make_batch(
        self, images: Tensor, labels: Tensor | None, generator: torch.Generator
    ) -> Batch:
        """Cut and shuffle tiles: (B, C, H, W) -> images (grid²·B, C, h, w), targets (B,)."""
        if self.augment is not None:
            images = self.augment(images, generator)
        pieces = tiles(images, self.grid, self.gap, generator)  # (B, grid², C, h, w)
        if self.normalize_tiles:
            pieces = normalize(pieces)
        targets = torch.randint(
            self.num_permutations, (len(images),), generator=generator, device=images.device
        )
        pieces = shuffle(pieces, self.permutations[targets])
        return Batch(rearrange(pieces, "b tile c h w -> (b tile) c h w"), targets)

    def forward(self, encoder: Encoder, batch: Batch) -> LossAndMetrics:
        """Return the cross-entropy of the permutation, log P at chance, and the accuracy."""
        h = encoder(batch.images)  # (grid²·B, D)
        h = rearrange(h, "(b tile) d -> b (tile d)", tile=self.grid**2)
        return classification(self.head(h), batch.targets)
