"""Supervised learning as a task like the others; only this one sees the labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from ssl_teach.augment import crop_augmentation
from ssl_teach.checks import as_labels, check_integer, check_several, check_widths
from ssl_teach.data.dataset import Dataset
from ssl_teach.encoders.base import Encoder
from ssl_teach.evaluation.features import features
from ssl_teach.evaluation.label_budget import label_arrays
from ssl_teach.tasks.base import Augment, Batch, LossAndMetrics, Task, classification
from ssl_teach.tasks.options import BuildContext
from ssl_teach.tasks.registry import register


@register("supervised")
class Supervised(Task):
    """Predict the labels: ordinary supervised learning, written as a task."""

    uses_labels = True

    def __init__(
        self, widths: Sequence[int], num_classes: int, augment: Augment | None = None
    ) -> None:
        """Build the classifier head.

        Args:
            widths: The widths of the encoder's stages; the head reads the last.
            num_classes: The number K of classes.
            augment: The random transform applied to each image, or None.

        Raises:
            ValueError: If there are fewer than two classes.
        """
        super().__init__()
        check_integer(num_classes, "the number of classes", 0)
        check_several(num_classes, "class: supervision needs labelled images of two or more")
        self.augment = augment
        self.widths = check_widths(widths)
        self.head = nn.Linear(self.widths[-1], num_classes)

    @classmethod
    def build(cls, context: BuildContext, **options: Any) -> Self:
        """Build a head for the classes of the data; images are cropped and flipped."""
        return cls(context.encoder.widths, context.num_classes, crop_augmentation(), **options)

    def check_data(self, images: Tensor, labels: Tensor | None, batch_size: int) -> None:
        """Require labels of at least two different classes, all known to the head."""
        labels = as_labels(labels, len(images), self.head.out_features)
        check_several(len(labels.unique()), "class among the labels")

    def make_batch(
        self, images: Tensor, labels: Tensor | None, generator: torch.Generator
    ) -> Batch:
        """Augment the images; the targets are their labels.

        Raises:
            ValueError: If there are no labels.
        """
        if labels is None:
            raise ValueError("Supervised needs labels: pass labels= to pretrain")
        if self.augment is not None:
            images = self.augment(images, generator)
        return Batch(images, labels)

    def forward(self, encoder: Encoder, batch: Batch) -> LossAndMetrics:
        """Return the cross-entropy of the class, log K at chance, and the accuracy."""
        return classification(self.head(encoder(batch.images)), batch.targets)

    def metrics(
        self,
        encoder: Encoder,
        data: Dataset,
        *,
        fractions: Sequence[float] = (1.0,),
        factors: bool = False,
        seed: int = 0,
    ) -> dict[str, float]:
        """Return "head", the test accuracy of the encoder with the head it was trained with."""
        (labels,) = label_arrays(data.test)
        return {"head": accuracy(encoder, self, data.test.images, labels)}


def accuracy(encoder: Encoder, task: Supervised, images: Tensor, labels: np.ndarray) -> float:
    """Return the fraction of images that encoder and head together classify correctly."""
    labels = as_labels(labels, len(images), task.head.out_features).numpy()
    h = torch.from_numpy(features(encoder, images)[-1]).to(task.head.weight.device)
    with torch.no_grad():
        return float((task.head(h).argmax(dim=1).cpu().numpy() == labels).mean())
