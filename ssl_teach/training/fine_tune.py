"""Fine-tuning: training a copy of a pretrained encoder with a new head on labels."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch

from ssl_teach.checks import check_choices, check_integer, check_positive
from ssl_teach.data import Dataset
from ssl_teach.encoders.base import Encoder
from ssl_teach.evaluation.features import check_encoder
from ssl_teach.evaluation.label_budget import draw_labels, label_arrays
from ssl_teach.evaluation.probes import ProbeResult
from ssl_teach.tasks.base import Augment
from ssl_teach.tasks.supervised import Supervised, accuracy
from ssl_teach.training.pretrain import pretrain

LEARNING_RATES = (1e-4, 1e-3, 3e-3)
"""The learning rates that fine-tuning chooses from."""


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
        encoder: The encoder to start from; it is not changed.
        dataset: The data set, with labels.
        steps: The number of steps for each learning rate.
        fraction: The fraction of the labels, including those for validation; see `draw_labels`.
        blocks: The number of blocks to train, counted from the last; None for all of them. The
            others are frozen.
        augment: The random transform of the training images, or None.
        batch_size: The number of images per step; all images if there are fewer.
        rates: The learning rates, of which the best on the validation data is chosen.
        seed: The seed of the labels drawn, of the head and of the order of the images.
        progress: Whether to show the curve of each run.

    Returns:
        The test and validation accuracy, with the learning rate that was chosen.

    Raises:
        ValueError: If the data set lacks labels or a split, a number is out of range, or there are
            no rates.
    """
    check_encoder(encoder)
    check_choices(rates, "learning rates")
    rates = [check_positive(rate, "a learning rate") for rate in rates]
    if blocks is not None:
        check_integer(blocks, "blocks", 0, len(encoder.blocks))
    check_integer(batch_size, "batch_size", 1)
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
