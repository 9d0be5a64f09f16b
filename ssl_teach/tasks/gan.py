"""The second player: a network that distinguishes real from generated images.

The generator G makes images, and the discriminator D gives each image the probability that it is
real. D is trained to be correct and G to make D wrong; they are updated in turn.

Source: Goodfellow et al., 2014.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from ssl_teach.encoders.base import standardize


def discriminator_loss(real: Tensor, generated: Tensor) -> Tensor:
    """Return the loss of D: the mean of -log D(x) - log(1 - D(G(·))); 2 log 2 at D = ½.

    With D = sigmoid(logit), -log D is softplus(-logit) and -log(1 - D) is softplus(logit). Neither
    overflows or takes the logarithm of zero.

    Args:
        real: The logits (B,) of real images.
        generated: The logits (B,) of generated images.

    Source: Goodfellow et al., 2014, equation 1.
    """
    return F.softplus(-real.float()).mean() + F.softplus(generated.float()).mean()


def generator_loss(generated: Tensor) -> Tensor:
    """Return the loss of the generator: the mean of -log D(G(·)); log 2 at D = ½.

    In the min-max game itself the generator minimises log(1 - D(G(·))), whose gradient vanishes
    exactly where D is sure that the image is generated. This "non-saturating" form is steepest
    there.

    Args:
        generated: The logits (B,) of generated images.

    Source: Goodfellow et al., 2014, end of section 3.
    """
    return F.softplus(-generated.float()).mean()


class Discriminator(nn.Module):
    """The discriminator D: strided 4×4 convolutions, averaged over positions, then one logit.

    If D is bounded, each layer is divided by its largest singular value (spectral norm; Miyato et
    al., 2018), so that the logits cannot become arbitrarily steep. D is small, starts late and has
    the learning rate of the generator. Without the bound it would soon win outright where it has
    much to see, as in a whole image, and the generator would stop learning. Where it has little to
    see, as in a well-filled hole, the bound keeps it at chance. D has no batch norm, which would
    let it compare the images of a batch instead of judging each by itself.
    """

    def __init__(
        self, channels: int = 3, widths: Sequence[int] = (32, 64, 128), *, bounded: bool = True
    ) -> None:
        """Initialise with PyTorch's defaults.

        Args:
            channels: The number of channels of the images.
            widths: The number of channels of each layer. Each layer halves height and width, so the
                default needs images of at least 8×8 pixels.
            bounded: Whether spectral norm bounds the layers.
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
        """Return the logit of each image being real: (B, C, H, W) in [0, 1] -> (B,)."""
        # in single precision, because the singular values are estimated here and D is cheap
        with torch.autocast(images.device.type, enabled=False):
            x = self.layers(standardize(images.float()))  # (B, D, H', W')
            return self.head(x.mean(dim=(2, 3))).squeeze(1)


@contextmanager
def eval_mode(module: nn.Module) -> Iterator[None]:
    """Put a module into evaluation mode for a `with` block, and freeze its weights.

    Gradients still pass through the module to its input. On leaving, its state is restored.
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
