"""Relative patch position: which of eight neighbours is this patch? (Doersch et al., 2015)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ssl_teach.encoders.base import Encoder
from ssl_teach.tasks.base import Augment, Batch, LossAndMetrics, Task, classification
from ssl_teach.tasks.options import Option
from ssl_teach.tasks.registry import register

NEIGHBORS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (2, 2))
"""Row and column of each position in the 3×3 grid, in reading order without the centre:

    0 1 2
    3 · 4
    5 6 7
"""


def cut(images: Tensor, corners: Tensor, size: tuple[int, int]) -> Tensor:
    """Cut K boxes of one size out of each image, each at a place of its own; none is resampled.

    Args:
        images: (B, C, H, W).
        corners: (B, K, 2) whole numbers: row and column of each box's upper left pixel.
        size: (h, w) of a box, in pixels.

    Returns:
        (B, K, C, h, w).

    Raises:
        ValueError: if a box reaches beyond its image.
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
    """The centre of a 3×3 grid of patches, and one of its eight neighbours.

    Each image draws which neighbour it is, where the grid lies (anywhere that all nine patches
    fit, so that the place of the centre says nothing of the neighbour's), and by how much each of
    the two patches is off its place in the grid.

    Args:
        images: (B, C, H, W).
        patch: side p of a patch, in pixels.
        gap: pixels between two patches of the grid.
        jitter: how many pixels a patch is off at most, up or down, left or right.
        generator: source of randomness, on the device of the images.

    Returns:
        Patches (B, 2, C, p, p), the centre first, and positions (B,), numbered as in `NEIGHBORS`.

    Raises:
        ValueError: if the grid does not fit, or a measure is negative.
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
    neighbor = positions.new_tensor(NEIGHBORS)[positions]  # (B, 2): its row and column in the grid
    cells = torch.stack([torch.ones_like(neighbor), neighbor], dim=1)  # (B, 2, 2): centre first
    grid = torch.stack([draw(H - side + 1, B), draw(W - side + 1, B)], dim=1)  # (B, 2)
    nudge = draw(2 * jitter + 1, B, 2, 2)  # from 0, since the grid's margin is counted in `side`
    corners = grid[:, None] + cells * (patch + gap) + nudge  # (B, 2, 2)
    return cut(images, corners, (patch, patch)), positions


def drop_colors(patches: Tensor, generator: torch.Generator) -> Tensor:
    """Keep one random channel of each patch; the other two become faint noise around mid-grey.

    A lens shifts colours towards the rim, so how they lie beside each other tells a patch's place.
    The noise has a hundredth of the spread of the channel that is kept; it lies around 0.5, which
    encoders take away, as the paper's lies around 0.

    Args:
        patches: (M, 3, h, w) in [0, 1].
        generator: source of randomness, on the device of the patches.

    Raises:
        ValueError: if the patches have no colour.

    Source: Doersch et al., 2015, section 3.1, "color dropping", one of its two remedies.
    """
    if patches.shape[1] != 3:
        raise ValueError(f"colours can be dropped from 3 channels, got {patches.shape[1]}")
    kept = torch.randint(3, patches.shape[:1], generator=generator, device=patches.device)
    keep = F.one_hot(kept, 3).bool()[:, :, None, None]  # (M, 3, 1, 1)
    spread = patches.std(dim=(2, 3), correction=0, keepdim=True)  # (M, 3, 1, 1)
    spread = (spread * keep).sum(dim=1, keepdim=True)  # (M, 1, 1, 1)
    noise = torch.randn(
        patches.shape, generator=generator, device=patches.device, dtype=patches.dtype
    )
    return torch.where(keep, patches, 0.5 + 0.01 * spread * noise)


@register(
    "patch_position",
    Option("patch", int, 8, "side of a patch in pixels", low=1),
    Option("gap", int, None, "pixels between two patches", low=0),
    Option("jitter", int, None, "greatest shift of a patch in pixels", low=0),
    Option("drop_color", bool, False, "drop two of the three colour channels of each patch"),
)
class PatchPosition(Task):
    """Predict on which of eight sides of the centre patch the other patch lies.

    One encoder for both patches; their features side by side go into a head with one hidden layer.
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

        By default the grid with its gaps and jitter fills four patches a side: 8 pixels suit
        pictures of 32, 16 pixels those of 64.

        Args:
            widths: of the encoder; the head reads its last stage.
            augment: random transform applied to each picture before it is cut, or None.
            patch: side of a patch, in pixels.
            gap: pixels between patches; None for half a patch less the jitter (paper: half a
                patch, 48 pixels of 96). With 0 and no jitter, lines run on across the border.
            jitter: how many pixels a patch is off at most; None for a fourteenth of a patch, at
                least 1 (paper: 7 pixels of 96).
            drop_color: leave each patch one colour channel, see `drop_colors`.
        """
        super().__init__()
        self.augment, self.patch, self.drop_color = augment, patch, drop_color
        self.jitter = max(1, round(patch / 14)) if jitter is None else jitter
        self.gap = max(0, patch // 2 - self.jitter) if gap is None else gap
        D = widths[-1]
        self.head = nn.Sequential(nn.Linear(2 * D, D), nn.ReLU(inplace=True), nn.Linear(D, 8))

    def make_batch(
        self, images: Tensor, labels: Tensor | None, generator: torch.Generator
    ) -> Batch:
        """A pair each: (B, C, H, W) -> images (2B, C, p, p), targets (B,).

        Patches 2k-1 and 2k, counting from 1, are the centre and the neighbour of image k.
        """
        if self.augment is not None:
            images = self.augment(images, generator)
        pairs, positions = patch_pairs(images, self.patch, self.gap, self.jitter, generator)
        patches = rearrange(pairs, "b pair c h w -> (b pair) c h w")
        if self.drop_color:
            patches = drop_colors(patches, generator)
        return Batch(patches, positions)

    def forward(self, encoder: Encoder, batch: Batch) -> LossAndMetrics:
        """Cross-entropy of the position; chance is log 8."""
        h = encoder(batch.images)  # (2B, D)
        h = rearrange(h, "(b pair) d -> b (pair d)", pair=2)  # (B, 2D)
        return classification(self.head(h), batch.targets)
