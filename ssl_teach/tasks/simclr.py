"""SimCLR: agree on two views of one image, disagree on all others (Chen et al., 2020)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
import torch
from einops import rearrange
from torch import Tensor, nn

from ssl_teach.augment import simclr_augmentation
from ssl_teach.checks import check_several, check_widths
from ssl_teach.data.dataset import Dataset
from ssl_teach.distributed import gather_negatives
from ssl_teach.encoders.base import Encoder
from ssl_teach.evaluation.factors import factor_probe
from ssl_teach.evaluation.features import features
from ssl_teach.evaluation.label_budget import draw_labels, label_arrays, label_suffix
from ssl_teach.evaluation.probes import ProbeData, linear_probe
from ssl_teach.losses.checked import nt_xent_and_accuracy
from ssl_teach.losses.checks import check_temperature
from ssl_teach.losses.contrastive import partners
from ssl_teach.tasks.base import Augment, Batch, LossAndMetrics, Task
from ssl_teach.tasks.options import BuildContext, Option
from ssl_teach.tasks.registry import register

OPTIONS = (
    Option("temperature", float, 0.1, "temperature τ of the loss", low=1e-3),
    Option("strength", float, 0.5, "strength of the colour jitter", low=0, high=2.5),
    Option("crop", float, 0.08, "smallest area of a crop, as a fraction of the image", low=1e-4,
           high=1),
    Option("hue", float, None, "greatest rotation of the hue, in turns", low=0, high=0.5),
)  # fmt: skip
"""The options of SimCLR, also where another task trains it first."""

HEADS = ("mlp", "linear", "none")


def two_views(images: Tensor, augment: Augment, generator: torch.Generator) -> Tensor:
    """Draw two independent augmentations of each image, in the paper's order.

    Args:
        images: The images (N, C, H, W) in [0, 1].
        augment: The random transform; 𝒯 in the paper.
        generator: The source of randomness.

    Returns:
        (2N, C, H', W'): rows 2k-1 and 2k (counting from 1) are views of image k.
    """
    first, second = augment(images, generator), augment(images, generator)
    if len(first) != len(images) or first.shape != second.shape:
        raise ValueError(
            f"the augmentation made {tuple(first.shape)} and {tuple(second.shape)} of "
            f"{tuple(images.shape)}: it must return one view for each image, all of one size"
        )
    return rearrange(torch.stack([first, second]), "view n c h w -> (n view) c h w")


class ProjectionHead(nn.Sequential):
    """The head g: h to z, with one hidden layer; used in training and then thrown away.

    Source: Chen et al., 2020, section 4.2; batch norm as in the authors' code.
    """

    def __init__(
        self, in_features: int, hidden: int, out_features: int, norm: str = "batch"
    ) -> None:
        """Initialise with PyTorch's defaults.

        Args:
            in_features: The dimension of h.
            hidden: The width of the hidden layer.
            out_features: The dimension of z.
            norm: The normalisation: "batch", "sync" (over all processes, as in the paper), or
                "group", which treats each row of a batch by itself.
        """
        norms: dict[str, Callable[[int], nn.Module]] = {
            "batch": nn.BatchNorm1d,
            "sync": nn.SyncBatchNorm,
            "group": lambda features: nn.GroupNorm(1, features),
        }
        if norm not in norms:
            raise ValueError(f"norm must be one of {', '.join(norms)}, got {norm!r}")
        super().__init__(
            nn.Linear(in_features, hidden, bias=False),
            norms[norm](hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, out_features),
        )


@register(
    "simclr",
    *OPTIONS,
    Option("transforms", tuple, None, "what makes a view, for an ablation",
           choices=("crop", "color", "gray", "blur")),
    Option("head", str, "mlp", "projection head", choices=HEADS),
)  # fmt: skip
class SimCLR(Task):
    """Contrast two augmented views of each image with the views of all other images."""

    def __init__(
        self,
        widths: Sequence[int],
        augment: Augment,
        *,
        temperature: float = 0.5,
        head: nn.Module | None = None,
    ) -> None:
        """Set up the task.

        Args:
            widths: The widths of the encoder's stages; the head reads the last.
            augment: The random transform 𝒯 that makes a view.
            temperature: The temperature τ > 0.
            head: The projection head g, (2N, D) -> (2N, D'); None for the paper's form, one
                hidden layer as wide as h and 128 outputs.

        Raises:
            ValueError: If the augmentation is not a function, or τ not a positive number.
        """
        super().__init__()
        if not callable(augment):
            raise ValueError(
                "SimCLR needs an augmentation that makes the views: see ssl_teach.augment"
            )
        check_temperature(temperature)
        self.augment = augment
        self.temperature = temperature
        self.widths = check_widths(widths)
        D = self.widths[-1]
        self.head = ProjectionHead(D, D, 128) if head is None else head

    @classmethod
    def build(cls, context: BuildContext, **options: Any) -> Self:
        """Build augmentation and head from the options; those left over go to the constructor."""
        augment = simclr_augmentation(
            context.channels, options.pop("strength"), crop=options.pop("crop"),
            hue=options.pop("hue"), transforms=options.pop("transforms"),
        )  # fmt: skip
        width = context.encoder.widths[-1]
        heads: dict[str, Callable[[], nn.Module]] = {
            "mlp": lambda: ProjectionHead(width, width, 128, norm=context.norm),
            "linear": lambda: nn.Linear(width, 128),
            "none": nn.Identity,
        }
        head = heads[options.pop("head")]()
        return cls(context.encoder.widths, augment, head=head, **options)

    def check_data(self, images: Tensor, labels: Tensor | None, batch_size: int) -> None:
        """Require two images in a batch: with one, there are no negatives to tell it from."""
        check_several(batch_size, "image in a batch, so no negative: raise the batch size")
        if torch.equal(images, images[:1].expand_as(images)):
            raise ValueError("all images are the same, so there is nothing to tell apart")

    def make_batch(
        self, images: Tensor, labels: Tensor | None, generator: torch.Generator
    ) -> Batch:
        """Draw two views per image: images (2N, C, H', W'), targets (2N,), the partners' rows."""
        views = two_views(images, self.augment, generator)
        return Batch(views, partners(len(views), "pairs", views.device))

    def forward(self, encoder: Encoder, batch: Batch) -> LossAndMetrics:
        """Return NT-Xent, and how often the partner is the nearest of all other views.

        Where several processes train together, the views of the others are negatives as well.
        """
        z = self.head(encoder(batch.images))  # (2N, D')
        loss, accuracy = nt_xent_and_accuracy(
            z, temperature=self.temperature, negatives=gather_negatives(z)
        )
        return loss, {"accuracy": accuracy}

    def metrics(
        self,
        encoder: Encoder,
        data: Dataset,
        *,
        fractions: Sequence[float] = (1.0,),
        factors: bool = False,
        seed: int = 0,
    ) -> dict[str, float]:
        """Probe the projections z = g(h), with encoder and head frozen.

        Returns:
            "linear_z", the test accuracy of a linear probe on z, with each fraction of the labels;
            and, with `factors`, "factor_color_z" and so on.
        """
        device = next(encoder.parameters()).device
        head = self.head.to(device).eval()

        @torch.no_grad()
        def project(images: Tensor) -> np.ndarray:
            h = torch.from_numpy(features(encoder, images)[-1]).to(device)
            return np.asarray(head(h).cpu().numpy())

        found = {}
        for fraction in fractions:
            parts = (*draw_labels(data, fraction, seed), data.test)
            z = [project(part.images) for part in parts]
            labelled = ProbeData(*zip(z, label_arrays(*parts), strict=True))
            found[f"linear_z{label_suffix(fraction)}"] = linear_probe(labelled).test
        if factors:
            found |= {f"{k}_z": value for k, value in factor_probe(data, project).items()}
        return found
