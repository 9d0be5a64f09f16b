"""Transfer: an encoder taught on one task serves another, by every strategy, beside no transfer.

The rule of thumb says how much of the encoder to teach anew, by how many labels the new task has
and how like the old one it is. Here each of its four cells is an experiment.
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
from ssl_teach.experiments.config import Experiment, shortened
from ssl_teach.experiments.records import Record, collect, known_fields
from ssl_teach.experiments.run import train_experiment
from ssl_teach.training.fine_tune import LEARNING_RATES, fine_tune

IMAGENET = "imagenet"


@dataclass(frozen=True)
class Transfer:
    """One cell of the table: where the encoder comes from, and what it is to learn.

    Attributes:
        source: the supervised experiment that teaches the encoder, or "imagenet" for a network
            that others have taught.
        target: the experiment whose data the encoder is to serve; nothing else of it is used.
        labels: per class of the target, those for validation (a fifth) included.
        steps: of each fine-tuning.
        batch_size: images per step, or all of them if there are fewer.
        rates: learning rates of fine-tuning, chosen from on validation data.
        blocks: how many of the last blocks to fine-tune, each a strategy; None for every number.
        test: how many test images to read at most.
        features: about how many a probe takes of each stage; a stage of more channels keeps one
            for each. None for the width of the last.
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

    __repr__ = shortened

    def with_data_root(self, root: str | Path | None) -> Transfer:
        """The same cell reading CIFAR-10 from that place, for source and target alike."""
        source = self.source if isinstance(self.source, str) else self.source.with_data_root(root)
        return replace(self, source=source, target=self.target.with_data_root(root))

    @classmethod
    def from_record(cls, record: Record) -> Transfer:
        """What a record of a transfer tells of."""
        given = known_fields(cls, record.settings)
        for part in ("source", "target"):
            if not isinstance(given[part], str):
                given[part] = Experiment(**known_fields(Experiment, given[part]))
        return cls(**given)

    def load(self) -> Dataset:
        """The target's images, in three channels, with at most `test` of them for the test."""
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
        """The encoder that comes from the source.

        Args:
            seed: of the source's training.
            data: what `source.load` returns, where it is at hand; None to load it.
            checkpoint: of the source's training, to save to and resume from.
            progress: show the curve.
        """
        if isinstance(self.source, str):
            return imagenet_encoder(64)
        data = in_color(self.source.load() if data is None else data)
        found = train_experiment(self.source, data, seed, checkpoint=checkpoint, progress=progress)
        return found[0]


def in_color(data: Dataset) -> Dataset:
    """The same images in three channels, so that one encoder takes grey and coloured ones."""
    return replace(data, images=data.images.expand(-1, 3, -1, -1))


def strategies(encoder: Encoder, blocks: Sequence[int] | None = None) -> list[str]:
    """Names of all strategies for an encoder, those that train fewest parameters first.

    "probe_k" is a linear classifier on stage k, "tune_k" fine-tunes the last k blocks with a new
    linear head, "scratch" trains all from random weights.

    Args:
        encoder: f.
        blocks: the k of "tune_k"; None for every number of blocks.
    """
    count = len(encoder.blocks)
    probes = [f"probe_{stage}" for stage in range(count, 0, -1)]
    return [*probes, *(f"tune_{k}" for k in blocks or range(1, count + 1)), "scratch"]


def trained_parameters(
    encoder: Encoder, strategy: str, num_classes: int, width: int | None = None
) -> int:
    """How many parameters a strategy trains: those of the linear head, and of the blocks let go.

    Args:
        encoder: f.
        strategy: one of `strategies`.
        num_classes: K, of the target.
        width: features that the head takes; None for the width of the last stage.
    """
    head = ((width or encoder.widths[-1]) + 1) * num_classes
    kind, _, number = strategy.partition("_")
    free = {"probe": 0, "tune": int(number or 0), "scratch": len(encoder.blocks)}[kind]
    moved = list(encoder.blocks)[len(encoder.blocks) - free :]
    return head + sum(p.numel() for block in moved for p in block.parameters())


def label_fraction(data: Dataset, labels: int) -> float:
    """So many labels a class, as a fraction of all labels outside the test: see `draw_labels`.

    Args:
        data: with labels.
        labels: per class, those for validation included; 1 is returned if there are no more.
    """
    pool = len(data.splits["train"]) + len(data.splits["val"])
    return min(1.0, labels * len(data.classes) / pool)


def evaluate_strategies(settings: Transfer, taught: Encoder, seed: int) -> dict[str, Any]:
    """Try every strategy on one encoder; the labels drawn and the head depend on the seed.

    Args:
        settings: the cell.
        taught: the encoder that comes from the source; is not changed.
        seed: of everything drawn, and of the weights from scratch.

    Returns:
        One entry of `Record.runs`. Its metrics are the test accuracy of each strategy by name, the
        validation accuracy as "NAME_val", the seconds it took with all its learning rates or
        penalties as "NAME_seconds", and "NAME_parameters"; "chosen" is the test accuracy of the
        strategy that did best on validation data, the cheapest of equals, and the entry's "choice"
        its name.
    """
    data = settings.load()
    fraction = label_fraction(data, settings.labels)
    parts = (*evaluation.draw_labels(data, fraction, seed), data.test)
    started = time.monotonic()
    stages = evaluation.stage_features(taught, parts, size=settings.features)
    taking = time.monotonic() - started

    found: dict[str, ProbeResult] = {}
    metrics: dict[str, float] = {}
    for strategy in strategies(taught, settings.blocks):
        kind, _, number = strategy.partition("_")
        started, width = time.monotonic(), None
        if kind == "probe":
            stage = stages[int(number) - 1]
            started, width = started - taking, stage.train[0].shape[1]
            found[strategy] = evaluation.linear_probe(stage)
        else:
            start = evaluation.random_weights(taught, seed) if kind == "scratch" else taught
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
                taught, strategy, len(data.classes), width
            ),
        }
    choice = max(found, key=lambda strategy: found[strategy].val)  # the first of equals
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
    """Teach an encoder the source's task and try every strategy on it; see `evaluate_strategies`.

    The arguments are those of `Transfer.pretrain_source`.
    """
    taught = settings.pretrain_source(seed, data=data, checkpoint=checkpoint, progress=progress)
    return evaluate_strategies(settings, taught, seed)


def record_transfer(
    name: str,
    settings: Transfer,
    seeds: Sequence[int],
    *,
    progress: bool = True,
    keep: Path | None = None,
) -> Record:
    """Try every strategy with every seed and collect the results; see `record_experiment`."""

    def each(seed: int, checkpoint: Path | None) -> dict[str, Any]:
        return run_transfer(settings, seed, checkpoint=checkpoint, progress=progress)

    return collect(Record(name, asdict(settings)), seeds, each, keep)
