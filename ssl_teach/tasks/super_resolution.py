"""Super-resolution: shrink the image to a quarter, and restore it (Ledig et al., 2017)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import torch
import torch.nn.functional as F
from einops import reduce
from torch import Tensor

from ssl_teach.augment.checks import check_shape
from ssl_teach.checks import check_widths
from ssl_teach.encoders.base import PIXEL_STD, Encoder
from ssl_teach.evaluation.reconstruction import psnr, sharpness, ssim
from ssl_teach.tasks.base import Augment, Batch, LossAndMetrics
from ssl_teach.tasks.decoders import SkipDecoder
from ssl_teach.tasks.gan import eval_mode
from ssl_teach.tasks.options import BuildContext, Option
from ssl_teach.tasks.reconstruction import ReconstructionTask
from ssl_teach.tasks.registry import register
from ssl_teach.tasks.simclr import OPTIONS as SIMCLR_OPTIONS

FACTOR = 4
"""The ratio of the sides at high and at low resolution, as in the paper."""

CONTENT_SCALE = PIXEL_STD**2
"""The factor that brings squared differences of features to the scale of those of pixels.

Encoders divide pixels by `PIXEL_STD`. The paper scales the features of its VGG by 1/12.75 for the
same purpose (section 3.2).
"""


def shrink(images: Tensor) -> Tensor:
    """Return the mean of each 4×4 block: (B, C, H, W) -> (B, C, H/4, W/4).

    The paper shrinks with a bicubic kernel; a mean imitates a coarser sensor.

    Raises:
        ValueError: If the images are not floats (B, C, H, W), or H and W not divisible by 4.
    """
    check_shape(images)
    if images.shape[-1] % FACTOR or images.shape[-2] % FACTOR:
        raise ValueError(
            f"super-resolution needs sides divisible by {FACTOR}, got {tuple(images.shape)}"
        )
    return reduce(images, "b c (h i) (w j) -> b c h w", "mean", i=FACTOR, j=FACTOR)


def bicubic(low: Tensor) -> Tensor:
    """Return bicubic upsampling, a baseline: (B, C, h, w) -> (B, C, 4h, 4w); may leave [0, 1]."""
    return F.interpolate(low, scale_factor=FACTOR, mode="bicubic", align_corners=False)


def nearest(low: Tensor) -> Tensor:
    """Return each pixel as a 4×4 block, the simplest baseline: (B, C, h, w) -> (B, C, 4h, 4w)."""
    return F.interpolate(low, scale_factor=FACTOR, mode="nearest")


@register(
    "super_resolution",
    Option("content_steps", int, 0, "steps of SimCLR for the content encoder, 0 for none", low=0),
    *(replace(option, name=f"content_{option.name}") for option in SIMCLR_OPTIONS),
    Option("content_stage", int, 1, "stage of the content encoder, from 0", low=0),
    Option("lambda_gan", float, 0.0, "weight of the adversarial loss, 0 for none", low=0),
    Option("warmup_steps", int, 0, "steps with the squared error of pixels only", low=0),
)
class SuperResolution(ReconstructionTask):
    """Predict an image from a copy of a quarter of its size.

    The output of the decoder is added to bicubic upsampling. It is zero at first, so training
    starts from the bicubic image and learns the detail that is missing in it.

    During the warm-up, the loss is the squared error of pixels. Then ℒ = content loss +
    λ_gan ℒ_gan, where the content loss is the squared error between the features in one stage of a
    frozen encoder, or still between pixels if no such encoder is given. The paper's features come
    from a VGG19 trained on labels.

    Source: Ledig et al., 2017, equations 3 to 6.
    """

    def __init__(
        self,
        widths: Sequence[int],
        augment: Augment | None = None,
        *,
        channels: int = 3,
        content_encoder: Encoder | None = None,
        content_stage: int = 1,
        lambda_gan: float = 0.0,
        warmup_steps: int = 0,
    ) -> None:
        """Set up the task.

        Args:
            widths: The widths of the encoder's stages; the decoder reads the maps of all of them.
            augment: The random transform applied to each image before it is shrunk, or None.
            channels: The number of channels of the images.
            content_encoder: The encoder whose features the content loss compares, or None. The task
                freezes a copy, so later training of the original does not change the loss.
            content_stage: The stage whose features are compared, counted from 0.
            lambda_gan: The weight λ_gan of the adversarial loss (paper: 0.001); 0 for no adversary.
            warmup_steps: The number of steps with only the squared error of pixels.

        Raises:
            ValueError: If the content encoder has no such stage.
        """
        super().__init__(channels, lambda_gan, warmup_steps)
        self.widths = check_widths(widths)
        self.augment, self.content_stage = augment, content_stage
        self.decoder = SkipDecoder(widths, channels)
        self.content: Encoder | None = None
        if content_encoder is not None:
            if not 0 <= content_stage < len(content_encoder.blocks):
                raise ValueError(
                    f"content_stage {content_stage}: "
                    f"the content encoder has stages 0 to {len(content_encoder.blocks) - 1}"
                )
            self.content = copy.deepcopy(content_encoder).requires_grad_(False).eval()
            self.content.blocks = self.content.blocks[: content_stage + 1]

    @classmethod
    def build(cls, context: BuildContext, **options: Any) -> Self:
        """Build the task; with content_steps, SimCLR trains a content encoder first."""
        steps = options.pop("content_steps")
        simclr = {each.name: options.pop(f"content_{each.name}") for each in SIMCLR_OPTIONS}
        content = context.pretrain("simclr", simclr, steps) if steps else None
        return cls(
            context.encoder.widths, channels=context.channels, content_encoder=content, **options
        )

    def train(self, mode: bool = True) -> Self:
        """Set training mode for all but the content encoder; see `torch.nn.Module.train`."""
        super().train(mode)
        if self.content is not None:
            self.content.eval()  # so that its batch-norm statistics stay fixed
        return self

    def make_batch(
        self, images: Tensor, labels: Tensor | None, generator: torch.Generator
    ) -> Batch:
        """Shrink the images: (B, C, H, W) -> images (B, C, H/4, W/4), targets (B, C, H, W)."""
        if self.augment is not None:
            images = self.augment(images, generator)
        return Batch(shrink(images), images)

    def reconstruct(self, encoder: Encoder, batch: Batch) -> Tensor:
        """Return high-resolution images (B, C, H, W), not clamped, to keep the gradients."""
        return self._enlarge(encoder, batch.images)

    def _enlarge(self, encoder: Encoder, low: Tensor) -> Tensor:
        return bicubic(low) + self.decoder(encoder.stages(low), low)

    def reconstruction_loss(
        self, reconstructions: Tensor, batch: Batch, step: int
    ) -> LossAndMetrics:
        """Return the squared error of pixels, or that of features after the warm-up; log both."""
        pixel = F.mse_loss(reconstructions, batch.targets)
        metrics = {"pixel": pixel.detach()}
        if self.content is None or step < self.warmup_steps:
            return pixel, metrics
        with torch.no_grad():
            true = self.content.stages(batch.targets)[-1]
        generated = self.content.stages(reconstructions)[-1]
        content = CONTENT_SCALE * F.mse_loss(generated.float(), true.float())
        return content, metrics | {"content": content.detach()}

    def image_metrics(self, reconstructions: Tensor, batches: Sequence[Batch]) -> dict[str, float]:
        """Measure "psnr", "ssim" and "sharpness", also of bicubic and nearest upsampling.

        The sharpness is divided by that of the true images.
        """
        true = torch.cat([batch.targets for batch in batches])
        low = torch.cat([batch.images for batch in batches])
        images = {
            "": reconstructions,
            "_bicubic": bicubic(low).clamp(0, 1),
            "_nearest": nearest(low).clamp(0, 1),
        }
        found = {}
        for name, each in images.items():
            found[f"psnr{name}"] = psnr(each, true)
            found[f"ssim{name}"] = ssim(each, true)
            found[f"sharpness{name}"] = sharpness(each) / sharpness(true)
        return found

    @torch.no_grad()
    def upscale(self, encoder: Encoder, low: Tensor) -> Tensor:
        """Return images at four times the size for display, with the encoder in evaluation mode.

        Args:
            encoder: The encoder that was trained with this task.
            low: The images (B, C, h, w) in [0, 1].

        Returns:
            The enlarged images (B, C, 4h, 4w) in [0, 1].
        """
        with eval_mode(encoder):
            return self._enlarge(encoder, low).clamp(0, 1)
