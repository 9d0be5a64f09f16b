"""Jigsaw: shuffle nine tiles, and ask for the shuffle (Noroozi and Favaro, 2016).

There are 9! = 362,880 ways to lay nine tiles, too many for a class each, and most of them differ
little. So a set of permutations is chosen beforehand, far apart, and the question is which one.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from einops import rearrange
from torch import Tensor, nn

from ssl_teach.encoders.base import Encoder
from ssl_teach.tasks.base import Augment, Batch, LossAndMetrics, Task, classification
from ssl_teach.tasks.options import Option
from ssl_teach.tasks.patch_position import cut
from ssl_teach.tasks.permutations import permutation_set
from ssl_teach.tasks.registry import register


def tiles(images: Tensor, grid: int, gap: int | None, generator: torch.Generator) -> Tensor:
    """Cut images into grid×grid cells, and a tile out of each cell, at a place drawn per tile.

    So between neighbouring tiles there lie gap pixels on average, from 0 to twice as many, and no
    edge runs on in a way to rely on. If cells do not fill an image, where they lie in it is drawn.

    Args:
        images: (B, C, H, W).
        grid: cells along each side.
        gap: pixels by which a tile is smaller than its cell; None for 11/75 of the cell's shorter
            side as in the paper (tiles of 64 pixels from cells of 75), at least 1.
        generator: source of randomness, on the device of the images.

    Returns:
        (B, grid², C, h, w), in reading order.

    Raises:
        ValueError: if nothing of a cell is left.
    """
    B, _, H, W = images.shape
    h, w = H // grid, W // grid  # of a cell
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

    Else brightness and contrast would tell which tiles come from the same part of a picture. An
    encoder takes 0.5 away and divides by 0.25, so it sees mean 0 and deviation 1. Values may leave
    [0, 1]; a deviation below one of 255 levels is noise and counts as one.

    Args:
        pieces: (..., h, w) in [0, 1].

    Source: Noroozi and Favaro, 2016; per channel, as in most code.
    """
    centred = pieces - pieces.mean(dim=(-2, -1), keepdim=True)
    deviation = centred.square().mean(dim=(-2, -1), keepdim=True).sqrt()  # faster than std
    return 0.5 + centred * (0.25 / deviation.clamp(min=1 / 255))


def shuffle(pieces: Tensor, orders: Tensor) -> Tensor:
    """Lay tiles in new orders: place i then shows tile orders[:, i]; `argsort` of them undoes it.

    Args:
        pieces: (B, T, C, h, w).
        orders: (B, T), each row a permutation.
    """
    image = torch.arange(len(pieces), device=pieces.device)[:, None]  # (B, 1)
    return pieces[image, orders]


@register(
    "jigsaw",
    Option("num_permutations", int, 100, "number of permutations to tell", low=2),
    Option("criterion", str, "mean", "Hamming distance to maximise", choices=("mean", "minimum")),
    Option("permutation_seed", int, 0, "seed of the permutation set", low=0),
    Option("grid", int, 3, "tiles in a row", low=2),
    Option("gap", int, None, "pixels between two tiles", low=0),
    Option("normalize_tiles", bool, True, "normalise each tile to mean 0 and standard deviation 1"),
)
class Jigsaw(Task):
    """Predict which permutation of a set shuffled the tiles; their number sets the difficulty.

    One encoder for all tiles; their features, in shuffled order, go into a head with one hidden
    layer, which alone sees more than one tile.
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
        """Build the head: as many hidden units as the encoder has features.

        Args:
            widths: of the encoder; the head reads its last stage.
            augment: random transform applied to each picture before it is cut, or None.
            num_permutations: P, the number of classes (paper: up to 1,000).
            criterion: "mean" or "minimum", see `permutation_set`.
            permutation_seed: of the set.
            grid: tiles along each side, 2 or 3.
            gap: pixels by which a tile is smaller than its cell, see `tiles`.
            normalize_tiles: each to the same mean and deviation, see `normalize`.
        """
        super().__init__()
        self.augment, self.grid, self.gap = augment, grid, gap
        self.num_permutations, self.criterion = num_permutations, criterion
        self.permutation_seed, self.normalize_tiles = permutation_seed, normalize_tiles
        orders = permutation_set(num_permutations, permutation_seed, criterion, grid**2)
        self.register_buffer("permutations", torch.from_numpy(orders))  # (P, grid²)
        D = widths[-1]
        self.head = nn.Sequential(
            nn.Linear(grid**2 * D, D), nn.ReLU(inplace=True), nn.Linear(D, num_permutations)
        )

    def make_batch(
        self, images: Tensor, labels: Tensor | None, generator: torch.Generator
    ) -> Batch:
        """Shuffled tiles: (B, C, H, W) -> images (grid²·B, C, h, w), targets (B,)."""
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
        """Cross-entropy of the permutation; chance is log P."""
        h = encoder(batch.images)  # (grid²·B, D)
        h = rearrange(h, "(b tile) d -> b (tile d)", tile=self.grid**2)
        return classification(self.head(h), batch.targets)
