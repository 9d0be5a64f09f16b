"""Experiments: a complete, named choice of data, task, encoder and budget, and what runs it.

The command line, the lessons and the book's records all go through `run`, so that a number in a
table and a number on your screen come from the same few lines.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ssl_teach import evaluation
from ssl_teach.augment import crop_augmentation
from ssl_teach.data import Dataset
from ssl_teach.data.images import to_float
from ssl_teach.encoders.base import Encoder
from ssl_teach.encoders.networks import build_encoder
from ssl_teach.evaluation.label_budget import label_suffix
from ssl_teach.experiments.config import Experiment
from ssl_teach.experiments.records import Record, collect
from ssl_teach.tasks.base import Task
from ssl_teach.tasks.options import BuildContext
from ssl_teach.tasks.registry import TASKS
from ssl_teach.training.curve import Curve
from ssl_teach.training.fine_tune import fine_tune
from ssl_teach.training.pretrain import pretrain


def init_encoder(settings: Experiment, data: Dataset, seed: int) -> Encoder:
    """The encoder before training; equal for all tasks that share a seed, so runs are paired."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        encoder = build_encoder(settings.encoder, data.images.shape[1], settings.norm)
    return encoder.to("cuda" if torch.cuda.is_available() else "cpu")


def build_task(settings: Experiment, encoder: Encoder, data: Dataset, seed: int) -> Task:
    """Build the task of an experiment for an encoder, data and a seed."""

    def pretrain_other(task: str, options: Mapping[str, Any], steps: int) -> Encoder:
        other = replace(settings, task=task, steps=steps, options=dict(options))
        return train_experiment(other, data, seed, progress=False)[0]

    context = BuildContext(
        encoder, data.images.shape[1], len(data.classes), settings.norm, pretrain_other
    )
    return TASKS[settings.task].build(context, settings.options)


def training_data(
    settings: Experiment, data: Dataset, task: Task, seed: int
) -> tuple[Tensor, Tensor | None, int]:
    """What a task is trained on.

    Returns:
        Images (N, C, H, W) and how many of them a step draws; between the two the labels (N,), or
        None for a task that has no use for them: then the images are all that are not for
        validation or the test, labelled or not.
    """
    if not task.uses_labels:
        return data.unlabelled, None, settings.batch_size
    labelled, _ = evaluation.draw_labels(data, settings.label_share, seed)
    return labelled.images, labelled.labels, min(settings.batch_size, len(labelled))


def train_experiment(
    settings: Experiment,
    data: Dataset,
    seed: int,
    *,
    checkpoint: Path | None = None,
    progress: bool = True,
    after_step: Callable[[int, Encoder], object] | None = None,
) -> tuple[Encoder, Task | None, Curve]:
    """Build encoder and task and pretrain.

    Args:
        settings: the experiment.
        data: loaded by `settings.load`.
        seed: of the weights, the order of images and all draws.
        checkpoint: to save to and resume from.
        progress: show the curve.
        after_step: called with the number of steps done and the encoder; see `pretrain`.

    Returns:
        The trained encoder, its task (None for "random") and the curve.

    Raises:
        ValueError: if there is no such task.
    """
    encoder = init_encoder(settings, data, seed)
    if settings.task == "random":
        return encoder.eval(), None, Curve()
    if settings.task not in TASKS:
        raise ValueError(
            f"no task is called {settings.task!r}; there are {', '.join(TASKS)}, random"
        )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        task = build_task(settings, encoder, data, seed)
    images, labels, batch_size = training_data(settings, data, task, seed)
    curve = pretrain(
        encoder, task, images, labels, steps=settings.steps, batch_size=batch_size, lr=settings.lr,
        weight_decay=settings.weight_decay, seed=seed, checkpoint=checkpoint, progress=progress,
        compiled=settings.compiled,
        after_step=None if after_step is None else lambda step: after_step(step, encoder),
    )  # fmt: skip
    return encoder, task, curve


def steps_in(minutes: float, settings: Experiment, data: Dataset, seed: int = 0) -> int:
    """How many steps take about that long on this machine, by a trial of a few.

    Only a convenience: the record then tells the steps, since a time means something else on
    every machine.

    Raises:
        ValueError: if the minutes are not positive, or nothing is trained.
    """
    if not 0 < minutes < math.inf:
        raise ValueError(f"minutes must be a positive number, got {minutes}")
    if settings.task not in TASKS:
        raise ValueError(f"{settings.task} takes no steps, so it fills no minutes")
    trial = replace(settings, steps=12)
    _, _, curve = train_experiment(trial, data, seed, progress=False)
    return max(1, round(minutes * 60 / (curve.seconds / len(curve))))


def evaluate_encoder(
    encoder: Encoder,
    data: Dataset,
    *,
    fraction: float = 1.0,
    seed: int = 0,
    every_stage: bool = True,
) -> dict[str, float]:
    """Probe a frozen encoder: linear at every stage, k-NN at the last, choices on validation.

    Args:
        encoder: f.
        data: with labels.
        fraction: of the labels.
        seed: of the labels drawn.
        every_stage: whether to read every stage, or the last alone.

    Returns:
        Test accuracies by name, "linear" (last stage), "knn", and of every stage "linear_stage_1" …
        with "linear_best", the one with the best validation accuracy.
    """
    train, val = evaluation.draw_labels(data, fraction, seed)
    stages = evaluation.stage_features(encoder, (train, val, data.test))
    linear = [evaluation.linear_probe(stage) for stage in stages[0 if every_stage else -1 :]]
    metrics = {"linear": linear[-1].test, "knn": evaluation.knn_probe(stages[-1]).test}
    if every_stage:
        best = max(range(len(linear)), key=lambda stage: linear[stage].val)
        metrics |= {f"linear_stage_{i}": probe.test for i, probe in enumerate(linear, start=1)}
        metrics |= {"linear_best": linear[best].test, "best_stage": best + 1}
    return metrics


def evaluate_pixels(data: Dataset, *, fraction: float = 1.0, seed: int = 0) -> dict[str, float]:
    """The probes on raw pixels: what the pictures give without any encoder."""
    train, val = evaluation.draw_labels(data, fraction, seed)
    parts = (train, val, data.test)
    labels = evaluation.label_arrays(*parts)
    pixels = [evaluation.raw_pixels(part.images) for part in parts]
    taken = evaluation.ProbeData(*zip(pixels, labels, strict=True))
    return {
        "linear": evaluation.linear_probe(taken).test,
        "knn": evaluation.knn_probe(taken).test,
    }


def fine_tuned(
    settings: Experiment, encoder: Encoder, data: Dataset, seed: int
) -> dict[str, float]:
    """Fine-tune a copy of the encoder with each share of the labels, cropped as in "supervised".

    Returns:
        Test accuracies by name, ``fine_tune`` and with fewer labels ``fine_tune@10%`` and so on.
    """
    found = {}
    for fraction in settings.fractions:
        found[f"fine_tune{label_suffix(fraction)}"] = fine_tune(
            encoder, data, steps=settings.fine_tune_steps, fraction=fraction,
            augment=crop_augmentation(), seed=seed,
        ).test  # fmt: skip
    return found


def compute_cost(
    settings: Experiment, encoder: Encoder, task: Task, data: Dataset, seed: int = 0
) -> dict[str, float]:
    """What a training asked of the encoder: pictures passed through it, and millions of pixels.

    Counted at one step, and multiplied: rotation passes four pictures for each image, jigsaw nine
    small ones.
    """
    counted = [0, 0]

    def count(module: nn.Module, inputs: tuple[Tensor]) -> None:
        (x,) = inputs
        counted[0] += len(x)
        counted[1] += len(x) * x.shape[-2] * x.shape[-1]

    images, labels, batch_size = training_data(settings, data, task, seed)
    device = next(encoder.parameters()).device
    generator = torch.Generator(device).manual_seed(0)
    hook = encoder.blocks[0].register_forward_pre_hook(count)
    with evaluation.frozen(encoder):
        pixels = to_float(images[:batch_size].to(device))
        named = None if labels is None else labels[:batch_size].to(device)
        task(encoder, task.make_batch(pixels, named, generator))
    hook.remove()
    return {
        "images_seen": settings.steps * batch_size,
        "passes": settings.steps * counted[0],
        "megapixels": settings.steps * counted[1] / 1e6,
    }


def run_experiment(
    settings: Experiment,
    seed: int,
    *,
    data: Dataset | None = None,
    checkpoint: Path | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Train and measure with one seed.

    Args:
        settings: the experiment.
        seed: of weights, order and draws.
        data: what `settings.load` returns, where it is at hand; None to load it.
        checkpoint: to save to and resume from.
        progress: show the curve.

    Returns:
        One entry of `Record.runs`. Its metrics are those of `evaluate_encoder` (with fewer labels
        under ``linear@10%`` and so on), of the task itself, of `compute_cost`, and of `fine_tuned`
        and `factor_probe` where asked for.

    Raises:
        ValueError: if pixels, which have no weights, are to be fine-tuned.
    """
    if settings.task == "pixels" and settings.fine_tune_steps:
        raise ValueError("pixels have no weights to fine-tune: leave fine_tune_steps at 0")
    data = settings.load() if data is None else data
    metrics: dict[str, float] = {}
    if settings.task == "pixels":
        seconds, probe, take = 0.0, partial(evaluate_pixels, data), evaluation.raw_pixels
    else:
        encoder, task, curve = train_experiment(
            settings, data, seed, checkpoint=checkpoint, progress=progress
        )
        seconds = round(curve.seconds, 1)
        if "accuracy" in curve.values:
            metrics["pretext"] = curve.last("accuracy")
        if task is not None:
            metrics |= task.metrics(
                encoder, data, fractions=settings.fractions, factors=settings.factors, seed=seed
            )
            metrics |= compute_cost(settings, encoder, task, data, seed)
        if settings.fine_tune_steps:
            metrics |= fine_tuned(settings, encoder, data, seed)
        probe = partial(evaluate_encoder, encoder, data, every_stage=settings.every_stage)

        def take(images: Tensor) -> np.ndarray:
            return evaluation.features(encoder, images)[-1]

    for fraction in settings.fractions:
        found = probe(fraction=fraction, seed=seed)
        metrics |= {name + label_suffix(fraction): value for name, value in found.items()}
    if settings.factors:
        metrics |= evaluation.factor_probe(data, take)
    return {"seed": seed, "seconds": seconds, "metrics": metrics}


def record_experiment(
    name: str,
    settings: Experiment,
    seeds: Sequence[int],
    *,
    progress: bool = True,
    keep: Path | None = None,
) -> Record:
    """Run an experiment with every seed and collect the results.

    Pixels know no seed, unless labels are drawn: else one run tells all.

    Args:
        name: of the record.
        settings: the experiment.
        seeds: one run for each.
        progress: show the curves.
        keep: A folder from which an interrupted call goes on; see `records.collect`.
    """
    drawn = any(fraction < 1 for fraction in settings.fractions)
    seeds = seeds[:1] if settings.task == "pixels" and not drawn else seeds
    data = settings.load()

    def each(seed: int, checkpoint: Path | None) -> dict[str, Any]:
        return run_experiment(settings, seed, data=data, checkpoint=checkpoint, progress=progress)

    return collect(Record(name, asdict(settings)), seeds, each, keep)
