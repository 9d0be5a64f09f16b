"""The protocol that everything hangs on: a task makes questions out of images and scores answers.

`pretrain` knows nothing of rotations or pairs of views. It asks a task for a batch, asks it for a
loss, and steps. Supervision is a task like the others; it alone looks at the labels.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ssl_teach.encoders.base import Encoder

Augment = Callable[[Tensor, torch.Generator], Tensor]
"""A random transform with (B, C, H, W) in [0, 1] and a generator in, (B, C, H', W') out."""

LossAndMetrics = tuple[Tensor, dict[str, Tensor]]
"""A loss to descend, and the numbers that belong on the curve beside it."""


@dataclass(frozen=True)
class Batch:
    """What the network sees, and what it must answer.

    A task whose answer needs more than one tensor (a mask beside a picture) subclasses this.

    Attributes:
        images: (M, C, H, W) in [0, 1]; M may be more than the number of pictures drawn.
        targets: (M,) pseudo labels, or whatever the task compares its answers with.
    """

    images: Tensor
    targets: Tensor


class Task(nn.Module):
    """A pretext task: makes batches out of images, and scores an encoder on them.

    Most tasks write two methods, `make_batch` and `forward`. A task with an adversary also
    overrides `players` (who moves at this step), `parameters_of` (what each may change) and
    `loss_of` (what each wants); the training loop steps the players in the order given.
    """

    uses_labels = False
    """Whether `make_batch` may see labels. `pretrain` withholds them from every other task."""

    def __init__(self) -> None:
        """Without weights; a subclass adds its head, if it has one."""
        super().__init__()

    def make_batch(
        self, images: Tensor, labels: Tensor | None, generator: torch.Generator
    ) -> Batch:
        """Turn pictures into a question.

        Args:
            images: (B, C, H, W) in [0, 1], on the device of the encoder.
            labels: (B,) if the task is supervised, else None.
            generator: source of all randomness, on the same device.
        """
        raise NotImplementedError

    def forward(self, encoder: Encoder, batch: Batch) -> LossAndMetrics:
        """Score the encoder on a batch: the loss, and metrics by name."""
        raise NotImplementedError

    def players(self, step: int) -> Sequence[str]:
        """Who moves at this step, in turn. A warm-up leaves a player out at first."""
        return ("learner",)

    def parameters_of(self, player: str, encoder: Encoder) -> Iterable[nn.Parameter]:
        """The parameters this player may change; the players' sets must not overlap."""
        return [*encoder.parameters(), *self.parameters()]

    def loss_of(self, player: str, encoder: Encoder, batch: Batch, step: int) -> LossAndMetrics:
        """What this player wants to make small at this step."""
        return self(encoder, batch)

    def extra_repr(self) -> str:
        """The task's choices in words; a run resumes only if they are those of its checkpoint."""
        chosen = {k: v for k, v in vars(self).items() if k[0] != "_" and k != "training"}
        words = ", ".join(f"{name}={value!r}" for name, value in chosen.items())
        return re.sub(r" at 0x[0-9a-f]+", "", words)  # a function's address says nothing


def classification(logits: Tensor, targets: Tensor) -> LossAndMetrics:
    """Cross-entropy and accuracy, as every task that names one of K classes needs them.

    Args:
        logits: (M, K).
        targets: (M,) class indices.
    """
    loss = F.cross_entropy(logits.float(), targets)
    accuracy = (logits.argmax(dim=1) == targets).float().mean()
    return loss, {"accuracy": accuracy}
