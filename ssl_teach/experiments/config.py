"""The settings of an experiment: every choice that affects a result."""

from __future__ import annotations

import reprlib
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ssl_teach.checks import check_integer, check_seed
from ssl_teach.data import BUILTIN, Dataset, load, names
from ssl_teach.encoders import ENCODERS
from ssl_teach.evaluation.label_budget import check_fraction
from ssl_teach.experiments.records import Record, known_fields
from ssl_teach.tasks import TASKS, Option

UNTRAINED = ("random", "pixels")
"""The baselines of an experiment: random weights, and raw pixels without an encoder."""


def short_repr(thing: Any) -> str:
    """Return a dataclass in one line: the fields that differ from the defaults, abbreviated."""
    cut = reprlib.Repr()
    cut.maxtuple, cut.maxdict, cut.maxstring, cut.maxother = 4, 20, 1000, 1000
    parts = []
    for each in fields(thing):
        value = getattr(thing, each.name)
        default = each.default_factory() if callable(each.default_factory) else each.default
        if value != default:
            parts.append(f"{each.name}={cut.repr(value)}")
    return f"{type(thing).__name__}({', '.join(parts)})"


def _option(default: Any, of_type: type, help: str, **limits: Any) -> Any:
    """Return a field that the command line offers as well; `Option` checks its values."""
    named = {"type": of_type, "default": default, "help": help, **limits}
    return field(default=default, metadata={"option": named})


@dataclass(frozen=True)
class Experiment:
    """Every choice that affects a result, apart from the seed.

    Attributes:
        task: The name of a registered task (`ssl_teach.tasks.TASKS`), "random" for an untrained
            encoder, or "pixels" for no encoder.
        data: A name known to `ssl_teach.data.load`, or a folder of images.
        steps: The number of training steps; 0 for "random" and "pixels".
        batch_size: The number of images per step. Rotation passes four times as many images through
            the encoder, SimCLR and patch position twice as many, and jigsaw nine times.
        lr: The highest learning rate.
        weight_decay: The weight decay of AdamW.
        encoder: "convnet", "vgg" or "resnet18".
        norm: "batch", "group" or "sync"; see `ssl_teach.encoders`.
        size: The side of the images in pixels; None for the data set's own.
        count: The number of images; None for the data set's own.
        classes: The number or the names of the classes of sketches; the names, of cifar10.
        shortcuts: The shortcuts that scenes contain; None for the default ones.
        root: A folder or file with a local copy of the data.
        data_seed: The seed of images, positions or splits that are drawn. It is the same for all
            seeds of a record.
        fractions: The fractions of the labels that the probes are given, one after the other.
        label_share: The fraction of the labels for supervised training. As for a probe with that
            fraction, it includes the validation labels and is drawn again for each seed. The number
            of steps stays the same; a step draws all labelled images if there are fewer than
            `batch_size`.
        every_stage: Whether the linear probe reads every stage, or only the last.
        factors: Whether to probe for the factors that the images were drawn from.
        fine_tune_steps: The steps of fine-tuning with each of `fractions`, for each learning rate
            that is tried; 0 for no fine-tuning. From "random", it is training from scratch.
        compiled: Whether encoder and task are compiled; see `ssl_teach.training.pretrain`.
        options: The options of the task by name; those not given take their defaults.

    Raises:
        ValueError: If an option is unknown or its value not valid, or a fraction of the labels is
            given to a task that does not use them.
    """

    task: str
    data: str
    steps: int = 0
    batch_size: int = _option(128, int, "images per step", low=1)
    lr: float = _option(3e-3, float, "highest learning rate", low=1e-9)
    weight_decay: float = _option(1e-4, float, "weight decay of AdamW", low=0)
    encoder: str = _option("convnet", str, "encoder", choices=tuple(ENCODERS))
    norm: str = _option(
        "batch", str, "normalisation; sync is batch norm over all processes and needs GPUs",
        choices=("batch", "group", "sync"),
    )  # fmt: skip
    size: int | None = _option(None, int, "side of the images in pixels", low=1)
    count: int | None = _option(None, int, "number of images (scenes and photos)", low=1)
    classes: int | tuple[str, ...] | None = None
    shortcuts: tuple[str, ...] | None = None
    root: str | None = _option(None, str, "folder or file that holds the data, for local data")
    data_seed: int = 0
    fractions: tuple[float, ...] = (1.0,)
    label_share: float = 1.0
    every_stage: bool = True
    factors: bool = False
    fine_tune_steps: int = 0
    compiled: bool = False
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Give every option of the task a value, and raise a ValueError on ineffective choices."""
        if self.task in TASKS:
            object.__setattr__(self, "options", TASKS[self.task].complete(self.options))
        elif self.options and self.task in UNTRAINED:
            raise ValueError(f"{self.task} takes no options, got {', '.join(self.options)}")
        for option in self.command_line_options():
            object.__setattr__(self, option.name, option.check(getattr(self, option.name)))
        check_integer(self.steps, "steps", 0)
        check_integer(self.fine_tune_steps, "fine_tune_steps", 0)
        check_seed(self.data_seed, "data_seed")
        for fraction in (*self.fractions, self.label_share):
            check_fraction(fraction)
        if self.label_share != 1 and self.task != "supervised":
            raise ValueError(
                f"{self.task} is trained without labels, so label_share cannot limit them; "
                "leave it at 1, and set fractions to give the probes fewer labels"
            )

    def __repr__(self) -> str:
        """Return the choices that differ from the defaults, in one line."""
        if self.task not in TASKS:
            return short_repr(self)
        defaults = {option.name: option.default for option in TASKS[self.task].options}
        changed = {k: v for k, v in self.options.items() if v != defaults[k]}
        shown = replace(self)
        object.__setattr__(shown, "options", changed)
        return short_repr(shown)

    @classmethod
    def command_line_options(cls) -> list[Option]:
        """Return the choices that the command line offers: the fields that carry an option."""
        found = [each for each in fields(cls) if "option" in each.metadata]
        return [Option(name=each.name, **each.metadata["option"]) for each in found]

    def load(self) -> Dataset:
        """Load the data; `data_seed` is the seed of scenes, crops and splits that are drawn.

        The name of a data set always means that data set here, never a folder of the same name.
        """
        name = BUILTIN + self.data if self.data in names() else self.data
        return load(
            name, size=self.size, count=self.count, seed=self.data_seed, classes=self.classes,
            shortcuts=self.shortcuts, root=self.root,
        )  # fmt: skip

    def with_data_root(self, root: str | Path | None) -> Experiment:
        """Return the experiment with a local copy of CIFAR-10; other data need no copy."""
        local = None if root is None or self.data != "cifar10" else str(root)
        return replace(self, root=local)

    @classmethod
    def from_record(cls, record: Record) -> Experiment:
        """Return the experiment that a record describes.

        Raises:
            ValueError: If the record does not describe one.
        """
        try:
            return cls(**known_fields(cls, record.settings))
        except TypeError as error:  # a setting is missing
            raise ValueError(
                f"record {record.name!r} does not describe an experiment: {error}"
            ) from None
