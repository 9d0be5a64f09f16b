"""Fine-tuning: training a copy of a pretrained encoder with a new head on labels."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch

from ssl_teach.data import Dataset
from ssl_teach.encoders.base import Encoder
from ssl_teach.evaluation.label_budget import draw_labels, label_arrays
from ssl_teach.evaluation.probes import ProbeResult
from ssl_teach.tasks.base import Augment
from ssl_teach.tasks.supervised import Supervised, accuracy
from ssl_teach.training.pretrain import pretrain

LEARNING_RATES = (1e-4, 1e-3, 3e-3)
"""Grid of fine-tuning."""


def fine_tune(
    encoder: Encoder,
    dataset: Dataset,
    *,
    steps: int,
    fraction: float = 1.0,
    blocks: int | None = None,
    augment: Augment | None = None,
    batch_size: int = 64,
    rates: Sequence[float] = LEARNING_RATES,
    seed: int = 0,
    progress: bool = False,
) -> ProbeResult:
    """Train a copy of the encoder and a new linear head on the labels.

    Args:
        encoder: where to start from; not changed.
        dataset: with labels.
        steps: the budget for each learning rate.
        fraction: of the labels, validation included; see `draw_labels`.
        blocks: how many of the last blocks may move; None for all of them.
        augment: random transform of the training pictures, or None.
        batch_size: pictures per step, or all of them if there are fewer.
        rates: learning rates to choose from on validation data.
        seed: of the labels drawn, the head and the order of pictures.
        progress: show each run.
    """
    train, val = draw_labels(dataset, fraction, seed)
    _, y_val, y_test = label_arrays(train, val, dataset.test)
    tried = []
    for rate in rates:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            task = Supervised(encoder.widths, len(dataset.classes), augment)
        copied = copy.deepcopy(encoder)
        copied.freeze(0 if blocks is None else len(encoder.blocks) - blocks)
        pretrain(
            copied, task, train.images, train.labels, steps=steps, lr=rate, seed=seed,
            batch_size=min(batch_size, len(train)), progress=progress,
        )  # fmt: skip
        tried.append((accuracy(copied, task, val.images, y_val), rate, copied, task))
    best_val, rate, best, task = max(tried, key=lambda each: each[0])
    return ProbeResult(accuracy(best, task, dataset.test.images, y_test), best_val, rate)
