"""SimCLR's loss with a mistake in it: six that people make, each of which runs without an error.

They share a signature with `right`: projections z, (2N, D), views 2k-1 and 2k of one image, and the
temperature τ. Lesson 11b shows which test catches which, and what each does to a training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ssl_teach.encoders.base import Encoder
from ssl_teach.losses.contrastive import affinity_matrix, full_precision, partners
from ssl_teach.tasks.base import Augment, Batch, LossAndMetrics
from ssl_teach.tasks.simclr import SimCLR

Loss = Callable[[Tensor, float], Tensor]


def _products(a: Tensor, b: Tensor) -> Tensor:
    """Inner products of rows, (M, D) and (K, D) -> (M, K); autocast would round them."""
    with torch.autocast(a.device.type, enabled=False):
        return a @ b.T


def classify(scores: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of each row, (2N, 2N) and (2N,), with the diagonal left out."""
    itself = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
    return F.cross_entropy(scores.masked_fill(itself, -torch.inf), labels)


def right(z: Tensor, tau: float) -> Tensor:
    """No mistake: NT-Xent."""
    return classify(affinity_matrix(z) / tau, partners(len(z), device=z.device))


def not_masked(z: Tensor, tau: float) -> Tensor:
    """Every view itself competes with its positive."""
    return F.cross_entropy(affinity_matrix(z) / tau, partners(len(z), device=z.device))


def minus_identity(z: Tensor, tau: float) -> Tensor:
    """S - I: 0 is left on the diagonal, and e⁰ = 1 stays in the sum."""
    s = affinity_matrix(z) - torch.eye(len(z), device=z.device)
    return F.cross_entropy(s / tau, partners(len(z), device=z.device))


def wrong_axis(z: Tensor, tau: float) -> Tensor:
    """Each feature is scaled to length one over the batch, not each vector."""
    z = F.normalize(full_precision(z), dim=0)
    return classify(_products(z, z) / tau, partners(len(z), device=z.device))


def zero_labels(z: Tensor, tau: float) -> Tensor:
    """The positive is sought in column 0, where other code would have moved it."""
    return classify(affinity_matrix(z) / tau, 0 * partners(len(z), device=z.device))


def other_order(z: Tensor, tau: float) -> Tensor:
    """Views in pairs, labels for halves."""
    return classify(affinity_matrix(z) / tau, partners(len(z), "halves", z.device))


def fewer_negatives(z: Tensor, tau: float) -> Tensor:
    """First views against second views alone: N - 1 negatives, not 2(N - 1)."""
    z = F.normalize(full_precision(z), dim=1)
    s = _products(z[0::2], z[1::2])  # (N, N)
    return F.cross_entropy(s / tau, torch.arange(len(s), device=z.device))


MISTAKES: dict[str, Loss] = {
    loss.__name__: loss
    for loss in (not_masked, minus_identity, wrong_axis, zero_labels, other_order, fewer_negatives)
}
"""The losses with a mistake, by name."""


class Mistaken(SimCLR):
    """SimCLR that descends a loss with a mistake, and reports the true pretext accuracy."""

    def __init__(
        self,
        widths: Sequence[int],
        augment: Augment,
        mistake: str,
        *,
        temperature: float = 0.5,
        head: nn.Module | None = None,
    ) -> None:
        """Set up the task; `mistake` is one of `MISTAKES`, the rest as in `SimCLR`.

        Raises:
            ValueError: if there is no such mistake.
        """
        super().__init__(widths, augment, temperature=temperature, head=head)
        if mistake not in MISTAKES:
            raise ValueError(f"no mistake is called {mistake!r}; there are {', '.join(MISTAKES)}")
        self.mistake = mistake

    def forward(self, encoder: Encoder, batch: Batch) -> LossAndMetrics:
        """The mistaken loss, and how often the partner is the nearest of all other views."""
        z = self.head(encoder(batch.images))  # (2N, D')
        return MISTAKES[self.mistake](z, self.temperature), self.accuracy(z, batch)
