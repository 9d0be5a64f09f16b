"""The second player: a network that tells real pictures from made ones (Goodfellow et al., 2014).

The learner makes pictures, the discriminator D gives each picture the probability of being real.
One wants to be right, the other wants it to be wrong, and they move in turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


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
def eval_mode(module: nn.Module) -> Iterator[None]:
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
