"""SimCLR's loss with a mistake in it: six common ones, each of which runs without an error.

They have the signature of `no_mistake`: projections z (2N, D), of which rows 2k-1 and 2k are views
of the same image, and the temperature τ. Lesson 11b shows which test catches which mistake, and how
each affects training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ssl_teach.encoders.base import Encoder
from ssl_teach.losses.checked import affinity_matrix, nt_xent_and_accuracy
from ssl_teach.losses.checks import full_precision
from ssl_teach.losses.contrastive import partners
from ssl_teach.tasks.base import Augment, Batch, LossAndMetrics
from ssl_teach.tasks.options import Option
from ssl_teach.tasks.registry import TASKS, register
from ssl_teach.tasks.simclr import SimCLR

Loss = Callable[[Tensor, float], Tensor]


def _products(a: Tensor, b: Tensor) -> Tensor:
    """Return the inner products (M, K) of rows in full precision, outside autocast."""
    with torch.autocast(a.device.type, enabled=False):
        return a @ b.T


def classify(scores: Tensor, labels: Tensor) -> Tensor:
    """Return the cross-entropy of each row, (2N, 2N) and (2N,), without the diagonal."""
    itself = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
    return F.cross_entropy(scores.masked_fill(itself, -torch.inf), labels)


def no_mistake(z: Tensor, tau: float) -> Tensor:
    """Return NT-Xent without a mistake."""
    return classify(affinity_matrix(z) / tau, partners(len(z), device=z.device))


def not_masked(z: Tensor, tau: float) -> Tensor:
    """Return the loss without the mask, so that each view competes with itself."""
    return F.cross_entropy(affinity_matrix(z) / tau, partners(len(z), device=z.device))


def minus_identity(z: Tensor, tau: float) -> Tensor:
    """Return the loss of S - I: 0 is left on the diagonal, and e⁰ = 1 stays in the sum."""
    s = affinity_matrix(z) - torch.eye(len(z), device=z.device)
    return F.cross_entropy(s / tau, partners(len(z), device=z.device))


def wrong_axis(z: Tensor, tau: float) -> Tensor:
    """Return the loss of features normalised over the batch, instead of normalised vectors."""
    z = F.normalize(full_precision(z), dim=0)
    return classify(_products(z, z) / tau, partners(len(z), device=z.device))


def zero_labels(z: Tensor, tau: float) -> Tensor:
    """Return the loss with the positive in column 0, where some other code moves it."""
    return classify(affinity_matrix(z) / tau, 0 * partners(len(z), device=z.device))


def other_order(z: Tensor, tau: float) -> Tensor:
    """Return the loss of views in pairs with the labels for views in halves."""
    return classify(affinity_matrix(z) / tau, partners(len(z), "halves", z.device))


def fewer_negatives(z: Tensor, tau: float) -> Tensor:
    """Return the loss of first against second views only: N - 1 negatives, not 2(N - 1)."""
    z = F.normalize(full_precision(z), dim=1)
    s = _products(z[0::2], z[1::2])  # (N, N)
    return F.cross_entropy(s / tau, torch.arange(len(s), device=z.device))


WRONG_LOSSES: dict[str, Loss] = {
    loss.__name__: loss
    for loss in (not_masked, minus_identity, wrong_axis, zero_labels, other_order, fewer_negatives)
}
"""The losses with a mistake, by the name of the mistake."""


@register(
    "wrong_loss",
    *TASKS["simclr"].options,
    Option("mistake", str, "not_masked", "which mistake", choices=tuple(WRONG_LOSSES)),
)
class WrongLoss(SimCLR):
    """SimCLR that minimises a loss with a mistake, and reports the true pretext accuracy."""

    def __init__(
        self,
        widths: Sequence[int],
        augment: Augment,
        mistake: str,
        *,
        temperature: float = 0.5,
        head: nn.Module | None = None,
    ) -> None:
        """Set up the task.

        Args:
            widths: The widths of the encoder's stages; the head reads the last.
            augment: The random transform 𝒯 that makes a view.
            mistake: The name of one of `WRONG_LOSSES`.
            temperature: The temperature τ > 0.
            head: The projection head; see `SimCLR`.

        Raises:
            ValueError: If the mistake is unknown.
        """
        super().__init__(widths, augment, temperature=temperature, head=head)
        if mistake not in WRONG_LOSSES:
            raise ValueError(
                f"there is no mistake {mistake!r}; there are {', '.join(WRONG_LOSSES)}"
            )
        self.mistake = mistake

    def forward(self, encoder: Encoder, batch: Batch) -> LossAndMetrics:
        """Return the wrong loss, and how often the partner is the nearest of all other views."""
        z = self.head(encoder(batch.images))  # (2N, D')
        with torch.no_grad():
            _, accuracy = nt_xent_and_accuracy(z, temperature=self.temperature)
        return WRONG_LOSSES[self.mistake](z, self.temperature), {"accuracy": accuracy}
