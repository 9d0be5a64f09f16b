"""Run experiments: train an encoder with a task, probe it, and record the results.

The command line, the lessons and the book's records all use this module, so that a number in a
table and a number on your screen come from the same code.
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
from ssl_teach.data.fingerprint import content_hash
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
    """Return the untrained encoder, the same for all tasks with this seed, so runs are paired."""
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
    """Return the training data of a task.

    Returns:
        The images (N, C, H, W), the labels (N,) and the number of images that a step draws. A task
        that does not use labels gets None for them, and all images that are not for validation or
        the test, labelled or not.
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
    """Build the encoder and the task of an experiment, and pretrain.

    Args:
        settings: The experiment.
        data: The data, loaded by `settings.load`.
        seed: The seed of the weights, the order of the images and all random draws.
        checkpoint: The file to save to and resume from, or None.
        progress: Whether to show the curve.
        after_step: A function of the number of steps done and the encoder; see `pretrain`.

    Returns:
        The trained encoder, its task (None for "random") and the curve.

    Raises:
        ValueError: If the task is unknown.
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
    """Estimate how many steps this machine takes in a number of minutes, from a short trial.

    This is only a convenience. The record stores the number of steps, because a time depends on the
    machine.

    Raises:
        ValueError: If the minutes are not positive, or the experiment trains nothing.
    """
    if not 0 < minutes < math.inf:
        raise ValueError(f"minutes must be a positive number, got {minutes}")
    if settings.task not in TASKS:
        raise ValueError(f"{settings.task} is not trained, so it cannot take minutes")
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
    """Probe a frozen encoder: a linear probe of every stage, and k-NN on the last.

    Hyperparameters are chosen on the validation data.

    Args:
        encoder: The encoder f.
        data: The data set, with labels.
        fraction: The fraction of the labels that the probes are given.
        seed: The seed of the labels drawn.
        every_stage: Whether the linear probe reads every stage, or only the last.

    Returns:
        Test accuracies by name: "linear" (last stage) and "knn". With `every_stage` also
        "linear_stage_1" and so on, "linear_best" of the stage with the best validation accuracy,
        and the number of that stage, "best_stage".
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
    """Probe raw pixels, the baseline without an encoder; see `evaluate_encoder`."""
    train, val = evaluation.draw_labels(data, fraction, seed)
    parts = (train, val, data.test)
    labels = evaluation.label_arrays(*parts)
    pixels = [evaluation.raw_pixels(part.images) for part in parts]
    probed = evaluation.ProbeData(*zip(pixels, labels, strict=True))
    return {
        "linear": evaluation.linear_probe(probed).test,
        "knn": evaluation.knn_probe(probed).test,
    }


def evaluate_fine_tuning(
    settings: Experiment, encoder: Encoder, data: Dataset, seed: int
) -> dict[str, float]:
    """Fine-tune a copy of the encoder with each fraction of the labels.

    The training images are cropped and flipped, as in the task "supervised".

    Returns:
        Test accuracies by name: ``fine_tune``, and with fewer labels ``fine_tune@10%`` and so on.
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
    """Return the computational cost of a training: images and pixels that passed the encoder.

    They are counted in one step and multiplied by the number of steps.

    Returns:
        "images_seen", the number of images drawn; "passes", the number of images that the encoder
        read, such as four rotations or nine tiles of each image; and "megapixels", the pixels of
        all passes, in millions.
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
        targets = None if labels is None else labels[:batch_size].to(device)
        task(encoder, task.make_batch(pixels, targets, generator))
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
    """Train and evaluate with one seed.

    Args:
        settings: The experiment.
        seed: The seed of the weights, the order of the images and all random draws.
        data: The data, if already loaded by `settings.load`; None to load it.
        checkpoint: The file to save to and resume from, or None.
        progress: Whether to show the curve.

    Returns:
        One entry of `Record.runs`. Its metrics are those of `evaluate_encoder` (with fewer labels
        under ``linear@10%`` and so on), of the task itself, of `compute_cost`, and, if requested,
        of `evaluate_fine_tuning` and `factor_probe`.

    Raises:
        ValueError: If the experiment fine-tunes pixels, which have no weights.
    """
    if settings.task == "pixels" and settings.fine_tune_steps:
        raise ValueError("pixels have no weights to fine-tune: leave fine_tune_steps at 0")
    data = settings.load() if data is None else data
    metrics: dict[str, float] = {}
    if settings.task == "pixels":
        seconds, probe, extract = 0.0, partial(evaluate_pixels, data), evaluation.raw_pixels
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
            metrics |= evaluate_fine_tuning(settings, encoder, data, seed)
        probe = partial(evaluate_encoder, encoder, data, every_stage=settings.every_stage)

        def extract(images: Tensor) -> np.ndarray:
            return evaluation.features(encoder, images)[-1]

    for fraction in settings.fractions:
        found = probe(fraction=fraction, seed=seed)
        metrics |= {name + label_suffix(fraction): value for name, value in found.items()}
    if settings.factors:
        metrics |= evaluation.factor_probe(data, extract)
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

    Raw pixels do not depend on the seed unless labels are drawn, so they get only one run.

    Args:
        name: The name of the record.
        settings: The experiment.
        seeds: The seeds, with one run for each.
        progress: Whether to show the curves.
        keep: A folder from which an interrupted call resumes; see `records.collect`.
    """
    drawn = any(fraction < 1 for fraction in settings.fractions)
    seeds = seeds[:1] if settings.task == "pixels" and not drawn else seeds
    data = settings.load()

    def run_seed(seed: int, checkpoint: Path | None) -> dict[str, Any]:
        return run_experiment(settings, seed, data=data, checkpoint=checkpoint, progress=progress)

    identity = content_hash(data.images) + content_hash(torch.cat(list(data.splits.values())))
    return collect(Record(name, asdict(settings)), seeds, run_seed, keep, identity)
