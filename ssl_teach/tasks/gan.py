"""The second player: a network that tells real pictures from made ones (Goodfellow et al., 2014).

The learner makes pictures, the discriminator D gives each picture the probability of being real.
One wants to be right, the other wants it to be wrong, and they move in turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from ssl_teach.encoders import Encoder
from ssl_teach.task import Batch, LossAndMetrics, Task


def discriminator_loss(real: Tensor, made: Tensor) -> Tensor:
    """What D wants to make small: the mean of -log D(x) - log(1 - D(G(·))); 2 log 2 at D = ½.

    With D = sigmoid(logit), -log D is softplus(-logit) and -log(1 - D) is softplus(logit), which
    neither overflow nor take the logarithm of zero.

    Args:
        real: (B,) logits of real pictures.
        made: (B,) logits of pictures that the learner made.

    Source: Goodfellow et al., 2014, equation 1.
    """
    return F.softplus(-real.float()).mean() + F.softplus(made.float()).mean()


def generator_loss(made: Tensor) -> Tensor:
    """What the learner wants to make small: the mean of -log D(G(·)); log 2 at D = ½.

    The min-max game itself would have it minimise log(1 - D(G(·))), whose slope vanishes just
    when D is sure that the picture is made; this form, "non-saturating", is steepest there.

    Args:
        made: (B,) logits of pictures that the learner made.

    Source: Goodfellow et al., 2014, end of section 3.
    """
    return F.softplus(-made.float()).mean()


class Discriminator(nn.Module):
    """D: strided 4×4 convolutions, averaged over positions, to one logit per picture.

    Bounded, each layer is divided by its largest singular value (spectral norm; Miyato et al.,
    2018), so the logits cannot become arbitrarily steep. D is small, starts late and shares the
    learner's learning rate: where it has much to see, as in a whole picture, it would soon win
    outright without that bound, and who has lost learns no more. Where it has little to see, as
    in a hole that is well filled, the bound keeps it at guessing.
    There is no batch norm: it would let D compare the pictures of a batch instead of judging each.
    """

    def __init__(
        self, channels: int = 3, widths: Sequence[int] = (32, 64, 128), *, bounded: bool = True
    ) -> None:
        """Its weights are random, drawn as torch draws them.

        Args:
            channels: of the pictures.
            widths: channels of each layer; each halves height and width, so pictures of 8×8 and
                more fit the default.
            bounded: by spectral norm.
        """
        super().__init__()
        bound = spectral_norm if bounded else nn.Identity()
        layers: list[nn.Module] = []
        for c_in, c_out in pairwise([channels, *widths]):
            conv = nn.Conv2d(c_in, c_out, kernel_size=4, stride=2, padding=1)
            layers += [bound(conv), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers)
        self.head = bound(nn.Linear(widths[-1], 1))

    def forward(self, images: Tensor) -> Tensor:
        """Logit of the picture being real: (B, C, H, W) in [0, 1] -> (B,)."""
        # in single precision: the singular values are estimated here, and D is a small part
        with torch.autocast(images.device.type, enabled=False):
            x = self.layers((images.float() - 0.5) / 0.25)  # (B, D, H', W')
            return self.head(x.mean(dim=(2, 3))).squeeze(1)


@contextmanager
def still(module: nn.Module) -> Iterator[None]:
    """Use a module without touching it: evaluation mode, and no gradients gather in its weights.

    Gradients still pass through it, to its input; and all is as before on leaving.
    """
    modes = [(part, part.training) for part in module.modules()]
    needs = [(parameter, parameter.requires_grad) for parameter in module.parameters()]
    module.eval().requires_grad_(False)
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode
        for parameter, need in needs:
            parameter.requires_grad_(need)


class PictureTask(Task):
    """A task whose answer is a picture: judged by its likeness and, if wished, by an adversary.

    A subclass sets `decoder` and writes `make_batch` (whose targets are the true pictures),
    `paint` and `likeness`. The learner is encoder and decoder; it minimises
    likeness + λ_gan · (-log D(picture)). Without λ_gan there is no discriminator at all.
    """

    decoder: nn.Module

    def __init__(
        self, channels: int, lambda_gan: float, warmup_steps: int, *, bounded: bool = True
    ) -> None:
        """Set up the game.

        Args:
            channels: of the pictures.
            lambda_gan: weight of the adversarial loss; 0 for no adversary.
            warmup_steps: steps before the discriminator joins.
            bounded: the discriminator; see there.

        Raises:
            ValueError: if either number is negative.
        """
        super().__init__()
        if lambda_gan < 0 or warmup_steps < 0:
            raise ValueError(
                f"lambda_gan and warmup_steps must be 0 or more, got {lambda_gan}, {warmup_steps}"
            )
        self.lambda_gan, self.warmup_steps = lambda_gan, warmup_steps
        self.discriminator = Discriminator(channels, bounded=bounded) if lambda_gan > 0 else None
        self._painted: tuple[Batch, Tensor] | None = None

    def paint(self, encoder: Encoder, batch: Batch) -> Tensor:
        """The learner's pictures, with gradients: (B, C, H, W), to compare with the targets."""
        raise NotImplementedError

    def likeness(self, pictures: Tensor, batch: Batch, step: int) -> LossAndMetrics:
        """How far the pictures are from the truth, and the numbers for the curve."""
        raise NotImplementedError

    def forward(self, encoder: Encoder, batch: Batch) -> LossAndMetrics:
        """The likeness alone, as at the first step."""
        return self.likeness(self.paint(encoder, batch), batch, 0)

    def players(self, step: int) -> Sequence[str]:
        """The learner alone during the warm-up; then the discriminator, then the learner."""
        if self.discriminator is None or step < self.warmup_steps:
            return ("learner",)
        return ("discriminator", "learner")

    def parameters_of(self, player: str, encoder: Encoder) -> Iterable[nn.Parameter]:
        """Encoder and decoder are the learner's; the discriminator's are its own."""
        if player == "discriminator" and self.discriminator is not None:
            return [*self.discriminator.parameters()]
        return [*encoder.parameters(), *self.decoder.parameters()]

    def loss_of(self, player: str, encoder: Encoder, batch: Batch, step: int) -> LossAndMetrics:
        """Each player's loss; the pictures are painted once and judged by both."""
        if player == "discriminator":
            return self._loss_of_discriminator(encoder, batch)
        pictures = self._take(batch)
        if pictures is None:
            pictures = self.paint(encoder, batch)
        loss, metrics = self.likeness(pictures, batch, step)
        if self.discriminator is not None and step >= self.warmup_steps:
            with still(self.discriminator):
                adversarial = generator_loss(self.discriminator(pictures))
            loss = loss + self.lambda_gan * adversarial
            metrics = metrics | {"adversarial": adversarial.detach()}
        return loss, metrics

    def _take(self, batch: Batch) -> Tensor | None:
        """What was painted for D's move, which has not changed the learner, so it is still true."""
        kept, self._painted = self._painted, None
        return kept[1] if kept is not None and kept[0] is batch else None

    def _loss_of_discriminator(self, encoder: Encoder, batch: Batch) -> LossAndMetrics:
        assert self.discriminator is not None
        pictures = self.paint(encoder, batch)
        if torch.is_grad_enabled():
            self._painted = (batch, pictures)  # with its graph, for the learner's move
        both = torch.cat([batch.targets, pictures.detach()])  # (2B, C, H, W)
        real, made = self.discriminator(both).chunk(2)  # (B,), (B,)
        right = torch.cat([real > 0, made < 0]).float().mean()
        return discriminator_loss(real, made), {"discriminator accuracy": right}
