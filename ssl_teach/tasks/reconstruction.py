"""The base class of tasks whose answer is an image, with an optional adversary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from ssl_teach.checks import as_images, check_channels, check_integer, check_positive
from ssl_teach.data.dataset import Dataset
from ssl_teach.data.images import to_float
from ssl_teach.encoders.base import Encoder
from ssl_teach.evaluation.features import frozen
from ssl_teach.tasks.base import Batch, LossAndMetrics, Task
from ssl_teach.tasks.gan import Discriminator, discriminator_loss, eval_mode, generator_loss


class ReconstructionTask(Task):
    """A task whose answer is an image, scored by a reconstruction loss and, optionally, a GAN loss.

    A subclass sets `decoder` and writes `make_batch` (whose targets are the true images),
    `reconstruct`, `reconstruction_loss` and `image_metrics`. Encoder and decoder together are the
    generator; they minimise reconstruction loss + λ_gan · (-log D(reconstruction)). Without λ_gan
    the task has no discriminator.
    """

    decoder: nn.Module

    def __init__(
        self, channels: int, lambda_gan: float, warmup_steps: int, *, bounded: bool = True
    ) -> None:
        """Build the discriminator, if there is to be one.

        Args:
            channels: The number of channels of the images.
            lambda_gan: The weight of the adversarial loss; 0 for no adversary.
            warmup_steps: The number of steps before the discriminator joins.
            bounded: Whether the discriminator is bounded by spectral norm; see `Discriminator`.

        Raises:
            ValueError: If a number is not valid.
        """
        super().__init__()
        self.channels = check_integer(channels, "channels", 1)
        self.lambda_gan = check_positive(lambda_gan, "lambda_gan", zero=True)
        self.warmup_steps = check_integer(warmup_steps, "warmup_steps", 0)
        self.discriminator = Discriminator(channels, bounded=bounded) if lambda_gan > 0 else None
        self._reconstructed: tuple[Batch, Tensor] | None = None

    def check_data(self, images: Tensor, labels: Tensor | None, batch_size: int) -> None:
        """Require images of as many channels as the decoder makes."""
        check_channels(images, self.channels)

    def reconstruct(self, encoder: Encoder, batch: Batch) -> Tensor:
        """Return the reconstructions (B, C, H, W), with gradients, to compare with the targets."""
        raise NotImplementedError

    def reconstruction_loss(
        self, reconstructions: Tensor, batch: Batch, step: int
    ) -> LossAndMetrics:
        """Return the distance from the reconstructions to the truth, and metrics for the curve."""
        raise NotImplementedError

    def image_metrics(self, reconstructions: Tensor, batches: Sequence[Batch]) -> dict[str, float]:
        """Measure the quality of the reconstructions (N, C, H, W) of all these batches."""
        raise NotImplementedError

    def forward(self, encoder: Encoder, batch: Batch) -> LossAndMetrics:
        """Return the reconstruction loss without any adversary, as at the first step."""
        return self.reconstruction_loss(self.reconstruct(encoder, batch), batch, 0)

    def players(self, step: int) -> Sequence[str]:
        """Return the generator only during the warm-up; then the discriminator, then the generator.

        The generator goes by the name "learner", as the only player of every other task does.
        """
        if self.discriminator is None or step < self.warmup_steps:
            return ("learner",)
        return ("discriminator", "learner")

    def parameters_of(self, player: str, encoder: Encoder) -> Iterable[nn.Parameter]:
        """Return the discriminator's parameters, or those of encoder and decoder."""
        if player == "discriminator" and self.discriminator is not None:
            return [*self.discriminator.parameters()]
        return [*encoder.parameters(), *self.decoder.parameters()]

    def loss_of(self, player: str, encoder: Encoder, batch: Batch, step: int) -> LossAndMetrics:
        """Return the player's loss; images are reconstructed once per step and serve both."""
        if player == "discriminator":
            return self._discriminator_loss(encoder, batch)
        images = self._pop_reconstructions(batch)
        if images is None:
            images = self.reconstruct(encoder, batch)
        loss, metrics = self.reconstruction_loss(images, batch, step)
        if self.discriminator is not None and step >= self.warmup_steps:
            with eval_mode(self.discriminator):
                adversarial = generator_loss(self.discriminator(images))
            loss = loss + self.lambda_gan * adversarial
            metrics = metrics | {"adversarial": adversarial.detach()}
        return loss, metrics

    def _pop_reconstructions(self, batch: Batch) -> Tensor | None:
        """Return the reconstructions that D was shown; the generator has not changed since."""
        kept, self._reconstructed = self._reconstructed, None
        return kept[1] if kept is not None and kept[0] is batch else None

    def _discriminator_loss(self, encoder: Encoder, batch: Batch) -> LossAndMetrics:
        assert self.discriminator is not None
        images = self.reconstruct(encoder, batch)
        if torch.is_grad_enabled():
            self._reconstructed = (batch, images)  # with its graph, for the generator's turn
        both = torch.cat([batch.targets, images.detach()])  # (2B, C, H, W)
        real, generated = self.discriminator(both).chunk(2)  # (B,), (B,)
        correct = torch.cat([real > 0, generated < 0]).float().mean()
        return discriminator_loss(real, generated), {"discriminator accuracy": correct}

    def metrics(
        self,
        encoder: Encoder,
        data: Dataset,
        *,
        fractions: Sequence[float] = (1.0,),
        factors: bool = False,
        seed: int = 0,
    ) -> dict[str, float]:
        """Return `reconstruction_metrics` of the test images, the same holes for every seed."""
        return self.reconstruction_metrics(encoder, data.test.images)

    @torch.no_grad()
    def reconstruction_metrics(
        self, encoder: Encoder, images: Tensor, *, seed: int = 0, batch_size: int = 250
    ) -> dict[str, float]:
        """Measure the reconstructions of images that the task was not trained on.

        Args:
            encoder: The encoder that was trained with this task.
            images: The images (N, C, H, W) uint8.
            seed: The seed of the random draws of `make_batch`, such as the holes.
            batch_size: The number of images reconstructed at a time.

        Returns:
            The metrics of `image_metrics` and, with an adversary, "discriminator_auc": the fraction
            of pairs of a real and a generated image in which the discriminator gives the real one
            the higher probability; 0.5 if it cannot distinguish them.
        """
        images = as_images(images)
        check_channels(images, self.channels)
        device = next(encoder.parameters()).device
        generator = torch.Generator(device).manual_seed(seed)
        batches, parts = [], []
        with frozen(encoder), eval_mode(self):
            for chunk in images.split(batch_size):
                batch = self.make_batch(to_float(chunk.to(device)), None, generator)
                batches.append(batch)
                parts.append(self.reconstruct(encoder, batch).clamp(0, 1))
            generated = torch.cat(parts)
            metrics = self.image_metrics(generated, batches)
            if self.discriminator is not None:
                real = self.discriminator(torch.cat([batch.targets for batch in batches]))
                fake = self.discriminator(generated)
                metrics["discriminator_auc"] = float((real[:, None] > fake).float().mean())
        return metrics
