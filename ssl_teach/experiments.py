"""Experiments: a complete, named choice of data, task, encoder and budget, and what runs it.

The command line, the lessons and the book's records all go through `run`, so that a number in a
table and a number on your screen come from the same few lines.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import torch

from ssl_teach import evaluate
from ssl_teach.augment import crop_augmentation, simclr_augmentation
from ssl_teach.contrastive import SimCLR
from ssl_teach.data import Dataset, load
from ssl_teach.encoders import Encoder, build_encoder
from ssl_teach.pretext import Jigsaw, PatchPosition, Rotation
from ssl_teach.progress import Curve
from ssl_teach.records import Record
from ssl_teach.task import Supervised, Task
from ssl_teach.train import pretrain


@dataclass(frozen=True)
class Experiment:
    """Every choice that shapes a result, apart from the seed.

    Attributes:
        task: "simclr", "rotation", "patch_position", "jigsaw", "supervised", or "random" for no
            training at all, "pixels" for no encoder.
        data: a name known to `ssl_teach.data.load`, or a folder of images.
        steps: the budget; 0 for "random".
        batch_size: images per step; rotation passes four times as many pictures through the
            encoder, SimCLR and patch position twice as many, jigsaw nine times.
        lr: highest learning rate.
        weight_decay: of AdamW.
        encoder: "convnet", "vgg" or "resnet18".
        norm: "batch" or "group".
        temperature: τ of SimCLR.
        strength: of SimCLR's colour jitter.
        crop: least area of SimCLR's crop, as a share of the picture.
        hue: greatest turn of the hue in SimCLR's views; None for the paper's.
        size: side of the pictures, None for the data set's own.
        count: number of pictures, None for the data set's own.
        classes: of sketches, how many or which.
        shortcuts: of scenes, which are left in; None for the default.
        root: folder or file with a local copy of the data.
        options: what else the task's constructor takes, by name; see the task.
    """

    task: str
    data: str
    steps: int = 0
    batch_size: int = 128
    lr: float = 3e-3
    weight_decay: float = 1e-4
    encoder: str = "convnet"
    norm: str = "batch"
    temperature: float = 0.1
    strength: float = 0.5
    crop: float = 0.08
    hue: float | None = None
    size: int | None = None
    count: int | None = None
    classes: int | tuple[str, ...] | None = None
    shortcuts: tuple[str, ...] | None = None
    root: str | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def load(self, seed: int = 0) -> Dataset:
        """The data; the seed draws scenes, crops and splits where these are drawn."""
        return load(
            self.data, size=self.size, count=self.count, seed=seed,
            classes=self.classes, shortcuts=self.shortcuts, root=self.root,
        )  # fmt: skip

    @classmethod
    def from_record(cls, record: Record) -> Experiment:
        """The experiment that a record tells of."""
        known = {field.name for field in fields(cls)}
        settings: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v  # JSON knows no tuples
            for k, v in record.settings.items()
            if k in known
        }
        return cls(**settings)


def _with_options(kind: type[Task], settings: Experiment, encoder: Encoder) -> Task:
    """A task that needs nothing but the encoder's widths and its own options."""
    takes = inspect.signature(kind).parameters
    for name in settings.options:
        if name not in takes:
            raise ValueError(
                f"{settings.task} takes no option {name!r}; it takes {', '.join(list(takes)[1:])}"
            )
    return kind(encoder.widths, **settings.options)


def _rotation(settings: Experiment, encoder: Encoder, data: Dataset) -> Task:
    return _with_options(Rotation, settings, encoder)


def _patch_position(settings: Experiment, encoder: Encoder, data: Dataset) -> Task:
    return _with_options(PatchPosition, settings, encoder)


def _jigsaw(settings: Experiment, encoder: Encoder, data: Dataset) -> Task:
    return _with_options(Jigsaw, settings, encoder)


def _simclr(settings: Experiment, encoder: Encoder, data: Dataset) -> Task:
    augment = simclr_augmentation(
        data.images.shape[1], settings.strength, crop=settings.crop, hue=settings.hue
    )
    return SimCLR(encoder.widths, augment, temperature=settings.temperature)


def _supervised(settings: Experiment, encoder: Encoder, data: Dataset) -> Task:
    return Supervised(encoder.widths, len(data.classes), crop_augmentation())


TASKS: dict[str, Callable[[Experiment, Encoder, Dataset], Task]] = {
    "rotation": _rotation,
    "patch_position": _patch_position,
    "jigsaw": _jigsaw,
    "simclr": _simclr,
    "supervised": _supervised,
}


def start(settings: Experiment, data: Dataset, seed: int) -> Encoder:
    """The encoder before training; equal for all tasks that share a seed, so runs are paired."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        encoder = build_encoder(settings.encoder, data.images.shape[1], settings.norm)
    return encoder.to("cuda" if torch.cuda.is_available() else "cpu")


def train(
    settings: Experiment,
    data: Dataset,
    seed: int,
    *,
    checkpoint: Path | None = None,
    progress: bool = True,
) -> tuple[Encoder, Task | None, Curve]:
    """Build encoder and task and pretrain.

    Args:
        settings: the experiment.
        data: loaded by `settings.load`.
        seed: of the weights, the order of images and all draws.
        checkpoint: to save to and resume from.
        progress: show the curve.

    Returns:
        The trained encoder, its task (None for "random") and the curve.

    Raises:
        ValueError: if there is no such task.
    """
    encoder = start(settings, data, seed)
    if settings.task == "random":
        return encoder.eval(), None, Curve()
    if settings.task not in TASKS:
        raise ValueError(
            f"no task is called {settings.task!r}; there are {', '.join(TASKS)}, random"
        )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        task = TASKS[settings.task](settings, encoder, data)
    images = data.train.images if task.uses_labels else data.unlabelled
    curve = pretrain(
        encoder, task, images, data.train.labels if task.uses_labels else None,
        steps=settings.steps, batch_size=settings.batch_size, lr=settings.lr,
        weight_decay=settings.weight_decay, seed=seed, checkpoint=checkpoint, progress=progress,
    )  # fmt: skip
    return encoder, task, curve


def steps_in(minutes: float, settings: Experiment, data: Dataset, seed: int = 0) -> int:
    """How many steps take about that long on this machine, by a trial of a few.

    Only a convenience: the record then tells the steps, since a time means something else on
    every machine.
    """
    trial = replace(settings, steps=12)
    _, _, curve = train(trial, data, seed, progress=False)
    return max(1, round(minutes * 60 / (curve.seconds / len(curve))))


def measure(
    encoder: Encoder, data: Dataset, *, fraction: float = 1.0, seed: int = 0
) -> dict[str, float]:
    """Probe a frozen encoder: linear at every stage, k-NN at the last, choices on validation.

    Args:
        encoder: f.
        data: with labels.
        fraction: of the labels.
        seed: of the labels drawn.

    Returns:
        Test accuracies: "linear" (last stage), "knn", "linear_stage_1" …, and "linear_best", the
        stage with the best validation accuracy.
    """
    train, val = evaluate.draw_labels(data, fraction, seed)
    parts = (train, val, data.test)
    labels = evaluate.label_arrays(*parts)
    taken = [evaluate.features(encoder, part.images) for part in parts]
    stages = [
        evaluate.Labelled(*((x[stage], y) for x, y in zip(taken, labels, strict=True)))
        for stage in range(len(encoder.widths))
    ]
    linear = [evaluate.linear_probe(stage) for stage in stages]
    best = max(range(len(linear)), key=lambda stage: linear[stage].val)
    metrics = {f"linear_stage_{i}": probe.test for i, probe in enumerate(linear, start=1)}
    return metrics | {
        "linear": linear[-1].test,
        "linear_best": linear[best].test,
        "best_stage": best + 1,
        "knn": evaluate.knn_probe(stages[-1]).test,
    }


def measure_pixels(data: Dataset, *, fraction: float = 1.0, seed: int = 0) -> dict[str, float]:
    """The probes on raw pixels: what the pictures give without any encoder."""
    train, val = evaluate.draw_labels(data, fraction, seed)
    parts = (train, val, data.test)
    labels = evaluate.label_arrays(*parts)
    pixels = [evaluate.raw_pixels(part.images) for part in parts]
    taken = evaluate.Labelled(*zip(pixels, labels, strict=True))
    return {
        "linear": evaluate.linear_probe(taken).test,
        "knn": evaluate.knn_probe(taken).test,
    }


def run(
    settings: Experiment, seed: int, *, checkpoint: Path | None = None, progress: bool = True
) -> dict[str, Any]:
    """Train and measure with one seed.

    Returns:
        One entry of `Record.runs`.
    """
    data = settings.load()
    if settings.task == "pixels":
        return {"seed": seed, "seconds": 0.0, "metrics": measure_pixels(data, seed=seed)}
    encoder, task, curve = train(settings, data, seed, checkpoint=checkpoint, progress=progress)
    metrics = measure(encoder, data, seed=seed)
    if "accuracy" in curve.values:
        metrics["pretext"] = curve.last("accuracy")
    if isinstance(task, Supervised):
        (labels,) = evaluate.label_arrays(data.test)
        metrics["head"] = evaluate.accuracy(encoder, task, data.test.images, labels)
    return {"seed": seed, "seconds": round(curve.seconds, 1), "metrics": metrics}


def record(
    name: str, settings: Experiment, seeds: tuple[int, ...], *, progress: bool = True
) -> Record:
    """Run an experiment with every seed and collect the results.

    Pixels know no seed: one run tells all.
    """
    seeds = seeds[:1] if settings.task == "pixels" else seeds
    runs = [run(settings, seed, progress=progress) for seed in seeds]
    return Record(name, asdict(settings), runs)
