"""SimCLR: agree on two views of one image, disagree on all others (Chen et al., 2020)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from einops import rearrange
from torch import Tensor, nn

from ssl_teach.distributed import gather_negatives
from ssl_teach.encoders.base import Encoder
from ssl_teach.losses.contrastive import affinity_matrix, nt_xent, partners
from ssl_teach.tasks.base import Augment, Batch, LossAndMetrics, Task


def two_views(images: Tensor, augment: Augment, generator: torch.Generator) -> Tensor:
    """Two independent draws of the augmentation for each image, in the paper's order.

    Args:
        images: (N, C, H, W) in [0, 1].
        augment: the random transform; 𝒯 in the paper.
        generator: source of randomness.

    Returns:
        (2N, C, H', W'): rows 2k-1 and 2k (counting from 1) are views of image k.
    """
    first, second = augment(images, generator), augment(images, generator)
    return rearrange(torch.stack([first, second]), "view n c h w -> (n view) c h w")


class ProjectionHead(nn.Sequential):
    """The head g: h to z, with one hidden layer; used in training and then thrown away.

    Source: Chen et al., 2020, section 4.2; batch norm as in the authors' code.
    """

    def __init__(
        self, in_features: int, hidden: int, out_features: int, norm: str = "batch"
    ) -> None:
        """Its weights are random, drawn as torch draws them.

        Args:
            in_features: of h.
            hidden: features of the hidden layer.
            out_features: of z.
            norm: "batch", "sync" (the paper's: over all processes), or "group", which mixes no
                rows of a batch.
        """
        kinds: dict[str, Callable[[int], nn.Module]] = {
            "batch": nn.BatchNorm1d,
            "sync": nn.SyncBatchNorm,
            "group": lambda features: nn.GroupNorm(1, features),
        }
        if norm not in kinds:
            raise ValueError(f"norm must be one of {', '.join(kinds)}, got {norm!r}")
        super().__init__(
            nn.Linear(in_features, hidden, bias=False),
            kinds[norm](hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, out_features),
        )


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
            widths: of the encoder; the head reads its last stage.
            augment: the random transform 𝒯 that makes a view.
            temperature: τ > 0.
            head: the projection head g, (2N, D) -> (2N, D'); None for the paper's form, one
                hidden layer as wide as h, 128 numbers out.
        """
        super().__init__()
        self.augment = augment
        self.temperature = temperature
        self.head = ProjectionHead(widths[-1], widths[-1], 128) if head is None else head

    def make_batch(
        self, images: Tensor, labels: Tensor | None, generator: torch.Generator
    ) -> Batch:
        """Two views each: (N, C, H, W) -> images (2N, C, H', W'), targets (2N,) the partners."""
        views = two_views(images, self.augment, generator)
        return Batch(views, partners(len(views), "pairs", views.device))

    def forward(self, encoder: Encoder, batch: Batch) -> LossAndMetrics:
        """NT-Xent, and how often the partner is the nearest of all other views.

        Where several processes train together, the others' views are negatives as well.
        """
        z = self.head(encoder(batch.images))  # (2N, D')
        negatives = gather_negatives(z)  # (K, D'), or None in one process
        loss = nt_xent(z, temperature=self.temperature, negatives=negatives)
        return loss, self.accuracy(z, batch, negatives)

    @torch.no_grad()
    def accuracy(
        self, z: Tensor, batch: Batch, negatives: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Pretext accuracy: the share of views whose partner is the nearest of all others."""
        s = affinity_matrix(z, negatives).fill_diagonal_(-torch.inf)  # nobody is its own neighbour
        return {"accuracy": (s.argmax(dim=1) == batch.targets).float().mean()}
