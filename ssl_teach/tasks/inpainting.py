"""Inpainting: cut a hole into the picture, and fill it (context encoders; Pathak et al., 2016)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from ssl_teach.encoders.base import Encoder
from ssl_teach.evaluation.reconstruction import sharpness
from ssl_teach.tasks.base import Augment, Batch, LossAndMetrics
from ssl_teach.tasks.decoders import MapDecoder
from ssl_teach.tasks.gan import eval_mode
from ssl_teach.tasks.options import BuildContext, Option
from ssl_teach.tasks.reconstruction import ReconstructionTask
from ssl_teach.tasks.registry import register

Masks = Callable[[Tensor, torch.Generator], Tensor]
"""Draws holes, with (B, C, H, W) and a generator in, (B, 1, H, W) bool out, True where missing."""

GREY = 0.5
"""What the hole is filled with in the input; encoders subtract it, so they see zeros there."""


def centre_mask(images: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """The same hole in each picture: a centred block of half its height and width.

    Args:
        images: (B, C, H, W).
        generator: is not used; `block_masks` has one.

    Returns:
        (B, 1, H, W) bool, True where missing: a quarter of the picture.
    """
    B, _, H, W = images.shape
    mask = torch.zeros(B, 1, H, W, dtype=torch.bool, device=images.device)
    h, w = H // 2, W // 2
    top, left = (H - h) // 2, (W - w) // 2
    mask[:, :, top : top + h, left : left + w] = True
    return mask


def block_masks(images: Tensor, generator: torch.Generator, *, blocks: int = 4) -> Tensor:
    """Holes of their own for each picture: blocks of random size and place, which may overlap.

    Height and width of a block are drawn between an eighth and a quarter of the picture's, so
    that four blocks cover at most a quarter of it, as in the paper's "random block".

    Args:
        images: (B, C, H, W).
        generator: source of randomness, on the device of the images.
        blocks: in each picture.

    Returns:
        (B, 1, H, W) bool, True where missing.
    """
    B, _, H, W = images.shape

    def spans(length: int) -> Tensor:  # (B, K, length): True within the block
        u, v = torch.rand(2, B, blocks, 1, generator=generator, device=images.device)
        least, most = max(1, length // 8), max(1, length // 4)
        size = (least + (u * (most - least + 1)).long()).clamp(max=most)  # (B, K, 1)
        start = torch.minimum((v * (length - size + 1)).long(), length - size)
        at = torch.arange(length, device=images.device)
        return (at >= start) & (at < start + size)

    rows, columns = spans(H), spans(W)
    inside = rows[..., :, None] & columns[..., None, :]  # (B, K, H, W)
    return inside.any(dim=1, keepdim=True)


def reconstruction_loss(pictures: Tensor, originals: Tensor, mask: Tensor) -> Tensor:
    """ℒ_rec = ‖M ⊙ (x - x̂)‖² / (missing pixels · C): squared error, over the holes alone.

    The paper's squared norm is a sum; here it is the mean over the missing pixels of the batch
    and their channels, so that it does not depend on the size of the holes.

    Args:
        pictures: x̂, (B, C, H, W).
        originals: x, (B, C, H, W).
        mask: M, (B, 1, H, W) bool, True where missing.

    Source: Pathak et al., 2016, equation 1.
    """
    squared = (pictures.float() - originals.float()).square() * mask
    return squared.sum() / (mask.sum() * pictures.shape[1]).clamp(min=1)


def smooth_fill(images: Tensor, mask: Tensor) -> Tensor:
    """A rule that learns nothing: each missing pixel is the mean of its neighbours.

    That is the surface which meets the border of the hole and is as level as it can be, what a
    soap film would do. Neighbours are the four above, below and beside, fewer at the rim. Missing
    neighbours are unknown too, so a linear system is solved for each picture.

    Args:
        images: (B, C, H, W) in [0, 1]; what is in the holes is not looked at.
        mask: (B, 1, H, W) bool, True where missing; a picture all of which is missing turns grey.

    Returns:
        (B, C, H, W), equal to `images` outside the holes.
    """
    H, W = images.shape[2:]
    places = torch.cartesian_prod(torch.arange(H), torch.arange(W)).double()  # (HW, 2)
    touching = (torch.cdist(places, places, p=1) == 1).double()  # (HW, HW)
    balance = torch.diag(touching.sum(dim=1)) - touching  # 0 where a pixel is its neighbours' mean
    filled = images.masked_fill(mask, GREY).flatten(2).cpu().double()  # (B, C, HW)
    for x, hole in zip(filled, mask.flatten(1).cpu(), strict=True):
        if hole.any() and not hole.all():
            known = balance[hole][:, ~hole] @ x[:, ~hole].T  # (missing, C)
            x[:, hole] = torch.linalg.solve(balance[hole][:, hole], -known).T
    return filled.view(images.shape).to(images)


@dataclass(frozen=True)
class HoleBatch(Batch):
    """Pictures with holes, and what was there.

    Attributes:
        images: (B, C, H, W) in [0, 1], grey in the holes.
        targets: (B, C, H, W), the originals.
        mask: (B, 1, H, W) bool, True where missing.
    """

    mask: Tensor


@register(
    "inpainting",
    Option("masks", str, "blocks", "shape of the holes", choices=("blocks", "centre")),
    Option("lambda_rec", float, 1.0, "weight of the reconstruction loss", low=0),
    Option("lambda_gan", float, 0.0, "weight of the adversarial loss, 0 for none", low=0),
    Option("warmup_steps", int, 0, "steps before the adversary joins", low=0),
)
class Inpainting(ReconstructionTask):
    """Fill the holes: ℒ = λ_rec ℒ_rec + λ_gan ℒ_gan, the latter after a warm-up and if wished.

    The discriminator sees completed pictures, known pixels as they were: they fit holes of any
    shape, what does not fit its surroundings is found out, and its gradient reaches the holes
    alone. (The paper shows it the decoder's whole output; outside the hole, where ℒ_rec asks for
    nothing, that would give the game away.)
    """

    decoder: MapDecoder

    def __init__(
        self,
        widths: Sequence[int],
        augment: Augment | None = None,
        *,
        channels: int = 3,
        masks: Masks = block_masks,
        lambda_rec: float = 1.0,
        lambda_gan: float = 0.0,
        warmup_steps: int = 0,
    ) -> None:
        """Set up the task.

        Args:
            widths: of the encoder; the decoder reads the map of its last stage.
            augment: random transform applied to each picture before the hole is cut, or None.
            channels: of the pictures.
            masks: where to cut; `block_masks` or `centre_mask`, or your own.
            lambda_rec: λ_rec, weight of the reconstruction (paper: 0.999).
            lambda_gan: λ_gan, weight of the adversarial loss (paper: 0.001); 0 for no adversary.
            warmup_steps: steps before the adversary joins.
        """
        super().__init__(channels, lambda_gan, warmup_steps, bounded=False)
        self.augment, self.masks, self.lambda_rec = augment, masks, lambda_rec
        self.decoder = MapDecoder(widths, channels)

    @classmethod
    def build(cls, context: BuildContext, **options: Any) -> Self:
        """Build the task for images of the run's channels, with the masks of that name."""
        masks: dict[str, Masks] = {"blocks": block_masks, "centre": centre_mask}
        holes = masks[options.pop("masks")]
        return cls(context.encoder.widths, channels=context.channels, masks=holes, **options)

    def make_batch(
        self, images: Tensor, labels: Tensor | None, generator: torch.Generator
    ) -> HoleBatch:
        """Cut holes: (B, C, H, W) -> images (B, C, H, W) with grey holes, originals, mask."""
        if self.augment is not None:
            images = self.augment(images, generator)
        mask = self.masks(images, generator)
        return HoleBatch(images.masked_fill(mask, GREY), images, mask)

    def reconstruct(self, encoder: Encoder, batch: Batch) -> Tensor:
        """Completed pictures: the decoder's in the holes, the originals elsewhere."""
        assert isinstance(batch, HoleBatch)
        maps = encoder.stages(batch.images)  # (B, C_l, H_l, W_l) each
        sizes = [(m.shape[2], m.shape[3]) for m in (*maps[-2::-1], batch.images)]
        return torch.where(batch.mask, self.decoder(maps[-1], sizes), batch.targets)

    def reconstruction_loss(
        self, reconstructions: Tensor, batch: Batch, step: int
    ) -> LossAndMetrics:
        """λ_rec ℒ_rec."""
        assert isinstance(batch, HoleBatch)
        loss = reconstruction_loss(reconstructions, batch.targets, batch.mask)
        return self.lambda_rec * loss, {"reconstruction": loss.detach()}

    def image_metrics(self, reconstructions: Tensor, batches: Sequence[Batch]) -> dict[str, float]:
        """Measure "l2", the squared error over the holes, and "sharpness" within them.

        The sharpness is divided by that of the true images.
        """
        true = torch.cat([batch.targets for batch in batches])
        mask = torch.cat([batch.mask for batch in batches if isinstance(batch, HoleBatch)])
        return {
            "l2": float(reconstruction_loss(reconstructions, true, mask)),
            "sharpness": sharpness(reconstructions, mask) / sharpness(true, mask),
        }

    @torch.no_grad()
    def fill(self, encoder: Encoder, images: Tensor, mask: Tensor) -> Tensor:
        """Completed pictures, for looking at; the encoder is in evaluation mode meanwhile.

        Args:
            encoder: that was trained with this task.
            images: (B, C, H, W) in [0, 1]; what is in the holes is not looked at.
            mask: (B, 1, H, W) bool, True where missing.

        Returns:
            (B, C, H, W) in [0, 1], equal to `images` outside the holes.

        Raises:
            ValueError: if the mask does not fit the images.
        """
        B, _, H, W = images.shape
        if mask.dtype != torch.bool or mask.shape != (B, 1, H, W):
            raise ValueError(
                f"the mask must be bool {(B, 1, H, W)}, got {tuple(mask.shape)} of {mask.dtype}"
            )
        with eval_mode(encoder):
            return self.reconstruct(
                encoder, HoleBatch(images.masked_fill(mask, GREY), images, mask)
            )
