"""Transfer of an encoder from one task to another by every strategy, and training from scratch.

The rule of thumb says how much of the encoder to retrain, given how many labels the new task has
and how similar it is to the old one. Each of its four cells is an experiment here.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ssl_teach import evaluation
from ssl_teach.data import Dataset
from ssl_teach.encoders.base import Encoder
from ssl_teach.encoders.imagenet import imagenet_encoder
from ssl_teach.evaluation.probes import ProbeResult
from ssl_teach.experiments.config import Experiment, short_repr
from ssl_teach.experiments.records import Record, collect, known_fields
from ssl_teach.experiments.run import train_experiment
from ssl_teach.training.fine_tune import LEARNING_RATES, fine_tune

IMAGENET = "imagenet"


@dataclass(frozen=True)
class Transfer:
    """One cell of the table: the source of the encoder and the target task.

    Attributes:
        source: The supervised experiment that trains the encoder, or "imagenet" for a network
            pretrained on ImageNet.
        target: The experiment whose data set is the target; nothing else of it is used.
        labels: Labels per class of the target, including those for validation (a fifth).
        steps: Steps of each fine-tuning.
        batch_size: Images per step, or all of them if there are fewer.
        rates: Learning rates of fine-tuning, to choose from on validation data.
        blocks: Numbers of final blocks to fine-tune, one strategy each; None for every number.
        test: Largest number of test images to use; None for all.
        features: Approximate number of features per stage for the probes; a stage with more
            channels keeps one feature per channel. None for the channels of the last stage.
    """

    source: Experiment | str
    target: Experiment
    labels: int
    steps: int
    batch_size: int = 64
    rates: tuple[float, ...] = LEARNING_RATES
    blocks: tuple[int, ...] | None = None
    test: int | None = None
    features: int | None = None

    __repr__ = short_repr

    def with_data_root(self, root: str | Path | None) -> Transfer:
        """Copy the settings with another root of CIFAR-10, for source and target."""
        source = self.source if isinstance(self.source, str) else self.source.with_data_root(root)
        return replace(self, source=source, target=self.target.with_data_root(root))

    @classmethod
    def from_record(cls, record: Record) -> Transfer:
        """Rebuild the settings from a record.

        Raises:
            ValueError: If the record does not describe a transfer.
        """
        given = known_fields(cls, record.settings)
        try:
            for part in ("source", "target"):
                if not isinstance(given[part], str):
                    given[part] = Experiment(**known_fields(Experiment, given[part]))
            return cls(**given)
        except (KeyError, TypeError, AttributeError) as error:  # a setting is missing or no setting
            raise ValueError(
                f"record {record.name!r} does not describe a transfer: {error}"
            ) from None

    def load(self) -> Dataset:
        """Load the target data in three channels, with at most `test` test images."""
        data = in_color(self.target.load())
        if self.test is None:
            return data
        return replace(data, splits={**data.splits, "test": data.splits["test"][: self.test]})

    def pretrain_source(
        self,
        seed: int,
        *,
        data: Dataset | None = None,
        checkpoint: Path | None = None,
        progress: bool = True,
    ) -> Encoder:
        """Train the source's encoder, or load the network pretrained on ImageNet.

        Args:
            seed: Seed of the source's training.
            data: The result of `source.load`, if it is already loaded.
            checkpoint: File to save the source's training to and resume it from.
            progress: Whether to show the training curve.
        """
        if isinstance(self.source, str):
            return imagenet_encoder(64)
        data = in_color(self.source.load() if data is None else data)
        found = train_experiment(self.source, data, seed, checkpoint=checkpoint, progress=progress)
        return found[0]


def in_color(data: Dataset) -> Dataset:
    """Expand images to three channels, so that one encoder takes grey and colour images."""
    return replace(data, images=data.images.expand(-1, 3, -1, -1))


def strategies(encoder: Encoder, blocks: Sequence[int] | None = None) -> list[str]:
    """Return the names of all strategies, in ascending order of their trained parameters.

    "probe_k" trains a linear classifier on stage k, "tune_k" fine-tunes the last k blocks with a
    new linear head, "scratch" trains everything from random weights.

    Args:
        encoder: The encoder.
        blocks: The values of k for "tune_k"; None for every number of blocks.
    """
    count = len(encoder.blocks)
    probes = [f"probe_{stage}" for stage in range(count, 0, -1)]
    return [*probes, *(f"tune_{k}" for k in blocks or range(1, count + 1)), "scratch"]


def trained_parameters(
    encoder: Encoder, strategy: str, num_classes: int, width: int | None = None
) -> int:
    """Count the parameters that a strategy trains: the linear head and the blocks not frozen.

    Args:
        encoder: The encoder.
        strategy: One of `strategies`.
        num_classes: Number of classes K of the target.
        width: Input features of the head; None for the channels of the last stage.
    """
    head = ((width or encoder.widths[-1]) + 1) * num_classes
    method, _, number = strategy.partition("_")
    count = {"probe": 0, "tune": int(number or 0), "scratch": len(encoder.blocks)}[method]
    trained = list(encoder.blocks)[len(encoder.blocks) - count :]
    return head + sum(p.numel() for block in trained for p in block.parameters())


def label_fraction(data: Dataset, labels: int) -> float:
    """Convert labels per class to the fraction of all labels that `draw_labels` takes.

    Args:
        data: The target data, with labels.
        labels: Labels per class, including those for validation.

    Returns:
        The fraction of all labels outside the test split, at most 1.
    """
    pool = len(data.splits["train"]) + len(data.splits["val"])
    return min(1.0, labels * len(data.classes) / pool)


def evaluate_strategies(settings: Transfer, encoder: Encoder, seed: int) -> dict[str, Any]:
    """Evaluate every strategy on one encoder.

    Args:
        settings: The transfer.
        encoder: The source's encoder; it is not changed.
        seed: Seed of the labels, the heads and the weights from scratch.

    Returns:
        One entry of `Record.runs`. Its metrics are the test accuracy of each strategy by name, the
        validation accuracy as "NAME_val", the seconds for all its learning rates or penalties as
        "NAME_seconds", and the trained parameters as "NAME_parameters". "chosen" is the test
        accuracy of the strategy with the best validation accuracy, the one with fewest parameters
        if several are equal; the entry's "choice" is its name.
    """
    data = settings.load()
    fraction = label_fraction(data, settings.labels)
    parts = (*evaluation.draw_labels(data, fraction, seed), data.test)
    started = time.monotonic()
    stages = evaluation.stage_features(encoder, parts, size=settings.features)
    feature_seconds = time.monotonic() - started

    found: dict[str, ProbeResult] = {}
    metrics: dict[str, float] = {}
    for strategy in strategies(encoder, settings.blocks):
        method, _, number = strategy.partition("_")
        started, width = time.monotonic(), None
        if method == "probe":
            stage = stages[int(number) - 1]
            started, width = started - feature_seconds, stage.train[0].shape[1]
            found[strategy] = evaluation.linear_probe(stage)
        else:
            start = evaluation.random_weights(encoder, seed) if method == "scratch" else encoder
            found[strategy] = fine_tune(
                start, data, fraction=fraction, blocks=int(number) if number else None,
                steps=settings.steps, batch_size=settings.batch_size, rates=settings.rates,
                seed=seed,
            )  # fmt: skip
        metrics |= {
            strategy: found[strategy].test,
            f"{strategy}_val": found[strategy].val,
            f"{strategy}_seconds": round(time.monotonic() - started, 2),
            f"{strategy}_parameters": trained_parameters(
                encoder, strategy, len(data.classes), width
            ),
        }
    choice = max(found, key=lambda strategy: found[strategy].val)  # the first if several are equal
    total = sum(value for name, value in metrics.items() if name.endswith("_seconds"))
    metrics["chosen"] = found[choice].test
    return {"seed": seed, "seconds": round(total, 1), "metrics": metrics, "choice": choice}


def run_transfer(
    settings: Transfer,
    seed: int,
    *,
    data: Dataset | None = None,
    checkpoint: Path | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Train the source's encoder and evaluate every strategy on it; see `evaluate_strategies`.

    The arguments are those of `Transfer.pretrain_source`.
    """
    encoder = settings.pretrain_source(seed, data=data, checkpoint=checkpoint, progress=progress)
    return evaluate_strategies(settings, encoder, seed)


def record_transfer(
    name: str,
    settings: Transfer,
    seeds: Sequence[int],
    *,
    progress: bool = True,
    keep: Path | None = None,
) -> Record:
    """Evaluate every strategy with every seed and collect the results; see `collect`."""

    def run(seed: int, checkpoint: Path | None) -> dict[str, Any]:
        return run_transfer(settings, seed, checkpoint=checkpoint, progress=progress)

    return collect(Record(name, asdict(settings)), seeds, run, keep)
