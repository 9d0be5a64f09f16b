"""What an experiment is: every choice that shapes a result."""

from __future__ import annotations

import reprlib
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ssl_teach.data import Dataset, load
from ssl_teach.experiments.records import Record, known_fields


def shortened(thing: Any) -> str:
    """A dataclass in one line: what differs from its defaults, long tuples cut."""
    cut = reprlib.Repr()
    cut.maxtuple, cut.maxdict, cut.maxstring, cut.maxother = 4, 20, 1000, 1000
    told = []
    for each in fields(thing):
        value = getattr(thing, each.name)
        usual = each.default_factory() if callable(each.default_factory) else each.default
        if value != usual:
            told.append(f"{each.name}={cut.repr(value)}")
    return f"{type(thing).__name__}({', '.join(told)})"


@dataclass(frozen=True)
class Experiment:
    """Every choice that shapes a result, apart from the seed.

    Attributes:
        task: "simclr", "rotation", "patch_position", "jigsaw", "inpainting", "super_resolution",
            "supervised", or "random" for no training at all, "pixels" for no encoder.
        data: a name known to `ssl_teach.data.load`, or a folder of images.
        steps: the budget; 0 for "random" and "pixels".
        batch_size: images per step; rotation passes four times as many pictures through the
            encoder, SimCLR and patch position twice as many, jigsaw nine times.
        lr: highest learning rate.
        weight_decay: of AdamW.
        encoder: "convnet", "vgg" or "resnet18".
        norm: "batch", "group" or "sync"; see `ssl_teach.encoders`.
        temperature: τ of SimCLR.
        strength: of SimCLR's colour jitter.
        crop: least area of SimCLR's crop, as a share of the picture.
        hue: greatest turn of the hue in SimCLR's views; None for the paper's.
        size: side of the pictures, None for the data set's own.
        count: number of pictures, None for the data set's own.
        classes: of sketches, how many or which; of cifar10, which.
        shortcuts: of scenes, which are left in; None for the default.
        root: folder or file with a local copy of the data.
        data_seed: of the pictures, places or splits drawn; the same for all seeds of a record.
        fractions: of the labels that the probes are given, one after the other.
        label_share: of supervised training, the share of the labels it is given, drawn anew for
            each seed and its validation labels inside the count, as for a probe with that fraction.
            The steps stay the same; a step draws all labelled pictures where these are fewer than
            `batch_size`.
        every_stage: whether the linear probe reads every stage, or the last alone.
        factors: whether to probe for the factors that the pictures were drawn from.
        fine_tune_steps: of fine-tuning with each of `fractions`, for each learning rate that is
            tried; 0 for no fine-tuning. From "random", it is training from scratch.
        compiled: whether encoder and task are compiled; see `ssl_teach.training.pretrain.pretrain`.
        options: what else the task's constructor takes, by name; see the task.

    Raises:
        ValueError: if a share of the labels is asked for where none is used.
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
    data_seed: int = 0
    fractions: tuple[float, ...] = (1.0,)
    label_share: float = 1.0
    every_stage: bool = True
    factors: bool = False
    fine_tune_steps: int = 0
    compiled: bool = False
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a choice that would have no effect."""
        if self.label_share != 1 and self.task != "supervised":
            raise ValueError(
                f"{self.task} is trained without labels, so label_share cannot limit them; "
                "leave it at 1, and give the probes fewer labels by fractions"
            )

    __repr__ = shortened

    def load(self) -> Dataset:
        """The data; `data_seed` draws scenes, crops and splits where these are drawn."""
        return load(
            self.data, size=self.size, count=self.count, seed=self.data_seed,
            classes=self.classes, shortcuts=self.shortcuts, root=self.root,
        )  # fmt: skip

    def with_data_root(self, root: str | Path | None) -> Experiment:
        """The same experiment reading CIFAR-10 from that place; other data need no local copy."""
        local = None if root is None or self.data != "cifar10" else str(root)
        return replace(self, root=local)

    @classmethod
    def from_record(cls, record: Record) -> Experiment:
        """The experiment that a record tells of."""
        return cls(**known_fields(cls, record.settings))
