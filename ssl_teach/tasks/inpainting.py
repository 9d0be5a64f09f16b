"""Inpainting: cut a hole into the image, and fill it (context encoders; Pathak et al., 2016)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from ssl_teach.augment.checks import check_images
from ssl_teach.checks import check_mask, check_positive, check_widths
from ssl_teach.encoders.base import PIXEL_MEAN, Encoder
from ssl_teach.evaluation.reconstruction import sharpness
from ssl_teach.tasks.base import Augment, Batch, LossAndMetrics
from ssl_teach.tasks.decoders import MapDecoder
from ssl_teach.tasks.gan import eval_mode
from ssl_teach.tasks.options import BuildContext, Option
from ssl_teach.tasks.reconstruction import ReconstructionTask
from ssl_teach.tasks.registry import register

Masks = Callable[[Tensor, torch.Generator], Tensor]
"""A function from images (B, C, H, W) and a generator to masks (B, 1, H, W), True where missing."""

GREY = PIXEL_MEAN
"""The value of the holes in the input; encoders subtract it, so they see zeros there."""


def centre_mask(images: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Return the same hole for each image: a centred block of half its height and width.

    Args:
        images: The images (B, C, H, W).
        generator: Not used; it is there so that the signature is that of `block_masks`.

    Returns:
        The mask (B, 1, H, W) bool, True where missing: a quarter of the image.
    """
    B, _, H, W = images.shape
    mask = torch.zeros(B, 1, H, W, dtype=torch.bool, device=images.device)
    h, w = H // 2, W // 2
    top, left = (H - h) // 2, (W - w) // 2
    mask[:, :, top : top + h, left : left + w] = True
    return mask


def block_masks(images: Tensor, generator: torch.Generator, *, blocks: int = 4) -> Tensor:
    """Draw holes for each image: blocks of random size and position, which may overlap.

    The height and width of a block are between an eighth and a quarter of the image's, so that four
    blocks cover at most a quarter of it, as in the paper's "random block".

    Args:
        images: The images (B, C, H, W).
        generator: The source of randomness, on the device of the images.
        blocks: The number of blocks in each image.

    Returns:
        The mask (B, 1, H, W) bool, True where missing.
    """
    B, _, H, W = images.shape

    def spans(length: int) -> Tensor:  # (B, K, length), True inside each of K blocks
        u, v = torch.rand(2, B, blocks, 1, generator=generator, device=images.device)
        least, most = max(1, length // 8), max(1, length // 4)
        size = (least + (u * (most - least + 1)).long()).clamp(max=most)  # (B, K, 1)
        start = torch.minimum((v * (length - size + 1)).long(), length - size)
        at = torch.arange(length, device=images.device)
        return (at >= start) & (at < start + size)

    rows, columns = spans(H), spans(W)
    inside = rows[..., :, None] & columns[..., None, :]  # (B, K, H, W)
    return inside.any(dim=1, keepdim=True)


def reconstruction_loss(reconstructions: Tensor, originals: Tensor, mask: Tensor) -> Tensor:
    """Return ℒ_rec = ‖M ⊙ (x - x̂)‖² / (missing pixels · C), the squared error over the holes only.

    The paper sums the squares; here they are averaged over the missing pixels of the batch and
    their channels, so that the loss does not depend on the size of the holes.

    Args:
        reconstructions: The reconstructions x̂ (B, C, H, W).
        originals: The original images x (B, C, H, W).
        mask: The mask M (B, 1, H, W) bool, True where missing.

    Raises:
        ValueError: If the mask hides nothing, which would leave a loss of 0.

    Source: Pathak et al., 2016, equation 1.
    """
    mask = check_mask(mask, originals)
    squared = (reconstructions.float() - originals.float()).square() * mask
    return squared.sum() / (mask.sum() * originals.shape[1])


def smooth_fill(images: Tensor, mask: Tensor) -> Tensor:
    """Fill each hole so that every missing pixel is the mean of its neighbours; nothing is learnt.

    The result is the smoothest surface that meets the border of the hole, like a soap film. A pixel
    has four neighbours (above, below, left and right), and fewer at the edge of the image. Missing
    neighbours are unknown too, so a linear system is solved for each image.

    Args:
        images: The images (B, C, H, W) in [0, 1]; the values in the holes are ignored.
        mask: The mask (B, 1, H, W) bool, True where missing; an image that is missing entirely
            becomes grey.

    Returns:
        The filled images (B, C, H, W), equal to `images` outside the holes.

    Raises:
        ValueError: If the images are not in [0, 1], or the mask does not fit them.
    """
    check_images(images)
    mask = check_mask(mask, images)
    H, W = images.shape[2:]
    places = torch.cartesian_prod(torch.arange(H), torch.arange(W)).double()  # (HW, 2)
    adjacent = (torch.cdist(places, places, p=1) == 1).double()  # (HW, HW)
    # the graph Laplacian: its product with an image is 0 where a pixel is its neighbours' mean
    laplacian = torch.diag(adjacent.sum(dim=1)) - adjacent
    filled = images.masked_fill(mask, GREY).flatten(2).cpu().double()  # (B, C, HW)
    for x, hole in zip(filled, mask.flatten(1).cpu(), strict=True):
        if hole.any() and not hole.all():
            known = laplacian[hole][:, ~hole] @ x[:, ~hole].T  # (missing, C)
            x[:, hole] = torch.linalg.solve(laplacian[hole][:, hole], -known).T
    return filled.view(images.shape).to(images)


@dataclass(frozen=True)
class HoleBatch(Batch):
    """Images with holes, and the originals.

    Attributes:
        images: The images (B, C, H, W) in [0, 1], grey in the holes.
        targets: The originals (B, C, H, W).
        mask: The mask (B, 1, H, W) bool, True where missing.

    Raises:
        ValueError: If the mask does not fit the images, or nothing is missing.
    """

    mask: Tensor

    def __post_init__(self) -> None:
        """Check the mask, which may come from a reader's own function."""
        check_mask(self.mask, self.images)


@register(
    "inpainting",
    Option("masks", str, "blocks", "shape of the holes", choices=("blocks", "centre")),
    Option("lambda_rec", float, 1.0, "weight of the reconstruction loss", low=0),
    Option("lambda_gan", float, 0.0, "weight of the adversarial loss, 0 for none", low=0),
    Option("warmup_steps", int, 0, "steps before the adversary joins", low=0),
)
class Inpainting(ReconstructionTask):
    """Fill the holes, with the loss ℒ = λ_rec ℒ_rec + λ_gan ℒ_gan.

    The adversarial loss ℒ_gan is optional and joins after a warm-up.

    The discriminator sees completed images, in which the known pixels are unchanged. This works for
    holes of any shape, it exposes a fill that does not fit its surroundings, and the gradient
    reaches only the holes. (The paper shows the discriminator the decoder's whole output. Outside
    the hole, where ℒ_rec has no effect, that would reveal which images are generated.)
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
            widths: The widths of the encoder's stages; the decoder reads the map of the last.
            augment: The random transform applied to each image before the hole is cut, or None.
            channels: The number of channels of the images.
            masks: The function that draws the holes: `block_masks`, `centre_mask` or your own.
            lambda_rec: The weight λ_rec of the reconstruction loss (paper: 0.999).
            lambda_gan: The weight λ_gan of the adversarial loss (paper: 0.001); 0 for no adversary.
            warmup_steps: The number of steps before the adversary joins.
        """
        check_positive(lambda_rec, "lambda_rec", zero=True)
        if lambda_rec == 0 and (lambda_gan == 0 or warmup_steps > 0):
            raise ValueError(
                "lambda_rec is 0, so there is nothing to learn without an adversary, or before it "
                "joins: raise lambda_rec, or set lambda_gan above 0 and warmup_steps to 0"
            )
        super().__init__(channels, lambda_gan, warmup_steps, bounded=False)
        self.widths = check_widths(widths)
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
        """Return completed images: the decoder's output in the holes, the originals elsewhere."""
        assert isinstance(batch, HoleBatch)
        maps = encoder.stages(batch.images)  # (B, C_l, H_l, W_l) each
        sizes = [(m.shape[2], m.shape[3]) for m in (*maps[-2::-1], batch.images)]
        return torch.where(batch.mask, self.decoder(maps[-1], sizes), batch.targets)

    def reconstruction_loss(
        self, reconstructions: Tensor, batch: Batch, step: int
    ) -> LossAndMetrics:
        """Return λ_rec ℒ_rec, and ℒ_rec as a metric."""
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
        """Return completed images for display, with the encoder in evaluation mode.

        Args:
            encoder: The encoder that was trained with this task.
            images: The images (B, C, H, W) in [0, 1]; the values in the holes are ignored.
            mask: The mask (B, 1, H, W) bool, True where missing.

        Returns:
            The completed images (B, C, H, W) in [0, 1], equal to `images` outside the holes.

        Raises:
            ValueError: If the mask does not fit the images, or hides nothing.
        """
        check_images(images)
        mask = check_mask(mask, images)
        batch = HoleBatch(images.masked_fill(mask, GREY), images, mask)
        with eval_mode(encoder):
            return self.reconstruct(encoder, batch)
