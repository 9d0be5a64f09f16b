"""The protocol of tasks: a task makes a batch out of images and scores an encoder on it.

`pretrain` knows nothing of rotations or pairs of views. It asks a task for a batch, asks it for a
loss, and takes a step. Supervision is a task like the others, the only one that sees labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ssl_teach.data.dataset import Dataset
from ssl_teach.encoders.base import Encoder
from ssl_teach.tasks.options import BuildContext, describe

Augment = Callable[[Tensor, torch.Generator], Tensor]
"""A random transform: (B, C, H, W) in [0, 1] and a generator in, (B, C, H', W') out."""

LossAndMetrics = tuple[Tensor, dict[str, Tensor]]
"""A loss to minimise, and the metrics that go on the training curve with it."""


@dataclass(frozen=True)
class Batch:
    """The inputs of the network, and the answers that it should give.

    A task whose answer needs more than one tensor (an image and a mask) subclasses this.

    Attributes:
        images: The inputs (M, C, H, W) in [0, 1]; M can exceed the number of images drawn.
        targets: The pseudo-labels (M,), or other tensors that the task compares its answers with.
    """

    images: Tensor
    targets: Tensor


class Task(nn.Module):
    """A task: makes batches out of images, and scores an encoder on them.

    Most tasks write two methods, `make_batch` and `forward`. A task with an adversary also
    overrides `players` (those that update at this step), `parameters_of` (the parameters of each)
    and `loss_of` (the loss of each); the training loop updates the players in the order given.
    """

    widths: tuple[int, ...] | None = None
    """The widths of the encoder that the head fits; None if it fits any."""
    uses_labels = False
    """Whether `make_batch` may see labels. `pretrain` withholds them from every other task."""

    def __init__(self) -> None:
        """Initialise without weights; a subclass adds its head, if it has one."""
        super().__init__()

    @classmethod
    def build(cls, context: BuildContext, **options: Any) -> Self:
        """Build the task for a run from the options that it registered.

        By default the options are arguments of the constructor, after the widths of the encoder.

        Args:
            context: The properties of the run, such as its encoder and the shape of its data.
            **options: A value for each registered option.
        """
        return cls(context.encoder.widths, **options)  # type: ignore[call-arg]

    def make_batch(
        self, images: Tensor, labels: Tensor | None, generator: torch.Generator
    ) -> Batch:
        """Turn images into inputs and targets.

        Args:
            images: The images (B, C, H, W) in [0, 1], on the device of the encoder.
            labels: The labels (B,) if the task is supervised, else None.
            generator: The source of all randomness, on the same device.
        """
        raise NotImplementedError

    def check_data(self, images: Tensor, labels: Tensor | None, batch_size: int) -> None:
        """Raise a ValueError if the task has nothing to learn from these data; see `pretrain`.

        Args:
            images: The images (N, C, H, W) uint8.
            labels: The labels (N,) if the task is supervised, else None.
            batch_size: The number of images per step, in all processes together.
        """

    def forward(self, encoder: Encoder, batch: Batch) -> LossAndMetrics:
        """Score the encoder on a batch: return the loss, and metrics by name."""
        raise NotImplementedError

    def players(self, step: int) -> Sequence[str]:
        """Return the players that update at this step, in order."""
        return ("learner",)

    def parameters_of(self, player: str, encoder: Encoder) -> Iterable[nn.Parameter]:
        """Return the parameters this player may change; no two players may share one."""
        return [*encoder.parameters(), *self.parameters()]

    def loss_of(self, player: str, encoder: Encoder, batch: Batch, step: int) -> LossAndMetrics:
        """Return the loss that this player minimises at this step, and its metrics."""
        return self(encoder, batch)

    def metrics(
        self,
        encoder: Encoder,
        data: Dataset,
        *,
        fractions: Sequence[float] = (1.0,),
        factors: bool = False,
        seed: int = 0,
    ) -> dict[str, float]:
        """Measure after training what only this task can measure, in addition to the probes.

        Args:
            encoder: The encoder that was trained with this task.
            data: The data set, with its splits.
            fractions: The fractions of the labels that probes are given.
            factors: Whether to probe for the factors that the images were drawn from.
            seed: The seed of the run.

        Returns:
            Numbers by name, by default none.
        """
        return {}

    def config(self) -> dict[str, Any]:
        """Describe the task in plain numbers and words; checkpoints save and compare this.

        It holds the class, every public attribute (an augmentation with its parameters), and the
        architecture of every part with weights.
        """
        public = {k: v for k, v in vars(self).items() if not k.startswith("_") and k != "training"}
        parts = {name: describe(part) for name, part in self.named_children()}
        return {"type": type(self).__name__} | parts | {k: describe(v) for k, v in public.items()}

    def extra_repr(self) -> str:
        """Return the task's choices in words, for `print`."""
        hidden = {"type", *dict(self.named_children())}
        return ", ".join(f"{k}={v!r}" for k, v in self.config().items() if k not in hidden)


def classification(logits: Tensor, targets: Tensor) -> LossAndMetrics:
    """Return the cross-entropy and the accuracy of a task that chooses one of K classes.

    Args:
        logits: The scores (M, K) of the classes.
        targets: The class indices (M,).
    """
    loss = F.cross_entropy(logits.float(), targets)
    accuracy = (logits.argmax(dim=1) == targets).float().mean()
    return loss, {"accuracy": accuracy}
