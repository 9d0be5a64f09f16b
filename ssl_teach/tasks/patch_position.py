"""Relative patch position: which of eight neighbours is this patch? (Doersch et al., 2015)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ssl_teach.checks import check_widths
from ssl_teach.encoders.base import PIXEL_MEAN, Encoder
from ssl_teach.tasks.base import Augment, Batch, LossAndMetrics, Task, classification
from ssl_teach.tasks.options import Option
from ssl_teach.tasks.registry import register

NEIGHBORS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (2, 2))
"""The row and column of each position in the 3×3 grid, in reading order without the centre:

    0 1 2
    3 · 4
    5 6 7
"""


def cut(images: Tensor, corners: Tensor, size: tuple[int, int]) -> Tensor:
    """Cut K boxes of the same size out of each image, each at its own position, without resampling.

    Args:
        images: The images (B, C, H, W).
        corners: The row and column of each box's upper left pixel, as integers (B, K, 2).
        size: The height and width (h, w) of a box, in pixels.

    Returns:
        The boxes (B, K, C, h, w).

    Raises:
        ValueError: If a box reaches beyond its image.
    """
    _, C, H, W = images.shape
    K, (h, w) = corners.shape[1], size
    last = corners.new_tensor([H - h, W - w])
    if bool(((corners < 0) | (corners > last)).any()):
        raise ValueError(f"a box of {h}×{w} pixels reaches beyond its image of {H}×{W}")
    rows = corners[:, :, 0, None] + torch.arange(h, device=images.device)  # (B, K, h)
    columns = corners[:, :, 1, None] + torch.arange(w, device=images.device)  # (B, K, w)
    places = rows[:, :, :, None] * W + columns[:, :, None, :]  # (B, K, h, w), in reading order
    places = rearrange(places, "b k i j -> b 1 (k i j)").expand(-1, C, -1)
    pixels = rearrange(images, "b c h w -> b c (h w)").gather(2, places)
    return rearrange(pixels, "b c (k i j) -> b k c i j", k=K, i=h, j=w)


def patch_pairs(
    images: Tensor, patch: int, gap: int, jitter: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Cut out the centre of a 3×3 grid of patches, and one of its eight neighbours.

    For each image we draw which neighbour it is, the position of the grid (anywhere that all nine
    patches fit, so that the position of the centre reveals nothing about that of the neighbour),
    and by how much each of the two patches is moved from its place in the grid.

    Args:
        images: The images (B, C, H, W).
        patch: The side p of a patch, in pixels.
        gap: The number of pixels between two patches of the grid.
        jitter: The greatest number of pixels by which a patch is moved along each axis.
        generator: The source of randomness, on the device of the images.

    Returns:
        Patches (B, 2, C, p, p), the centre first, and positions (B,), numbered as in `NEIGHBORS`.

    Raises:
        ValueError: If the grid does not fit into the images, `patch` is below 1, or `gap` or
            `jitter` is negative.
    """
    if patch < 1 or gap < 0 or jitter < 0:
        raise ValueError(
            f"patch must be at least 1, gap and jitter at least 0, got {patch}, {gap}, {jitter}"
        )
    B, _, H, W = images.shape
    side = 3 * patch + 2 * gap + 2 * jitter
    if min(H, W) < side:
        raise ValueError(
            f"a 3×3 grid of patches of {patch} pixels with a gap of {gap} and a jitter of {jitter} "
            f"needs images of at least {side}×{side} pixels, got {H}×{W}"
        )

    def draw(below: int, *shape: int) -> Tensor:
        return torch.randint(below, shape, generator=generator, device=images.device)

    positions = draw(8, B)
    neighbor = positions.new_tensor(NEIGHBORS)[positions]  # (B, 2): row and column in the grid
    cells = torch.stack([torch.ones_like(neighbor), neighbor], dim=1)  # (B, 2, 2): centre first
    grid = torch.stack([draw(H - side + 1, B), draw(W - side + 1, B)], dim=1)  # (B, 2)
    shift = draw(2 * jitter + 1, B, 2, 2)  # from 0, because `side` includes the margin
    corners = grid[:, None] + cells * (patch + gap) + shift  # (B, 2, 2)
    return cut(images, corners, (patch, patch)), positions


def drop_colors(patches: Tensor, generator: torch.Generator) -> Tensor:
    """Keep one random channel of each patch; the other two become faint noise around mid-grey.

    A lens shifts the colours against each other towards the edge of a photograph, which reveals the
    position of a patch. The noise has a hundredth of the standard deviation of the channel that is
    kept. Its mean is 0.5, which encoders subtract; in the paper the mean is 0.

    Args:
        patches: The patches (M, 3, h, w) in [0, 1].
        generator: The source of randomness, on the device of the patches.

    Returns:
        The patches (M, 3, h, w) with one channel as it was.

    Raises:
        ValueError: If the patches do not have three channels.

    Source: Doersch et al., 2015, section 3.1, "color dropping", one of its two remedies.
    """
    if patches.shape[1] != 3:
        raise ValueError(f"colours can be dropped from 3 channels, got {patches.shape[1]}")
    kept = torch.randint(3, patches.shape[:1], generator=generator, device=patches.device)
    keep = F.one_hot(kept, 3).bool()[:, :, None, None]  # (M, 3, 1, 1)
    deviation = patches.std(dim=(2, 3), correction=0, keepdim=True)  # (M, 3, 1, 1)
    deviation = (deviation * keep).sum(dim=1, keepdim=True)  # (M, 1, 1, 1)
    noise = torch.randn(
        patches.shape, generator=generator, device=patches.device, dtype=patches.dtype
    )
    return torch.where(keep, patches, PIXEL_MEAN + 0.01 * deviation * noise)


@register(
    "patch_position",
    Option("patch", int, 8, "side of a patch in pixels", low=1),
    Option("gap", int, None, "pixels between two patches", low=0),
    Option("jitter", int, None, "greatest shift of a patch in pixels", low=0),
    Option("drop_color", bool, False, "drop two of the three colour channels of each patch"),
)
class PatchPosition(Task):
    """Predict which of the eight neighbours of the centre patch the other patch is.

    The same encoder reads both patches; their concatenated features go into a head with one hidden
    layer.
    """

    def __init__(
        self,
        widths: Sequence[int],
        augment: Augment | None = None,
        *,
        patch: int = 8,
        gap: int | None = None,
        jitter: int | None = None,
        drop_color: bool = False,
    ) -> None:
        """Build the 8-way head: as many hidden units as the encoder has features.

        By default the grid with its gaps and jitter is four patches wide: patches of 8 pixels suit
        images of 32 pixels, and patches of 16 pixels suit images of 64.

        Args:
            widths: The widths of the encoder's stages; the head reads the last.
            augment: The random transform applied to each image before it is cut, or None.
            patch: The side of a patch, in pixels.
            gap: The number of pixels between patches; None for half a patch less the jitter (paper:
                half a patch, 48 pixels of 96). With 0 and no jitter, lines continue from one patch
                to the next.
            jitter: The greatest number of pixels by which a patch is moved; None for a fourteenth
                of a patch, at least 1 (paper: 7 pixels of 96).
            drop_color: Whether to leave each patch only one colour channel; see `drop_colors`.
        """
        super().__init__()
        self.augment, self.patch, self.drop_color = augment, patch, drop_color
        self.jitter = max(1, round(patch / 14)) if jitter is None else jitter
        self.gap = max(0, patch // 2 - self.jitter) if gap is None else gap
        self.widths = check_widths(widths)
        D = self.widths[-1]
        self.head = nn.Sequential(nn.Linear(2 * D, D), nn.ReLU(inplace=True), nn.Linear(D, 8))

    def make_batch(
        self, images: Tensor, labels: Tensor | None, generator: torch.Generator
    ) -> Batch:
        """Cut a pair out of each image: (B, C, H, W) -> images (2B, C, p, p), targets (B,).

        Patches 2k-1 and 2k, counted from 1, are the centre and the neighbour of image k.
        """
        if self.augment is not None:
            images = self.augment(images, generator)
        pairs, positions = patch_pairs(images, self.patch, self.gap, self.jitter, generator)
        patches = rearrange(pairs, "b pair c h w -> (b pair) c h w")
        if self.drop_color:
            patches = drop_colors(patches, generator)
        return Batch(patches, positions)

    def forward(self, encoder: Encoder, batch: Batch) -> LossAndMetrics:
        """Return the cross-entropy of the position, log 8 at chance, and the accuracy."""
        h = encoder(batch.images)  # (2B, D)
        h = rearrange(h, "(b pair) d -> b (pair d)", pair=2)  # (B, 2D)
        return classification(self.head(h), batch.targets)
