"""The larger sizes of the lessons: CIFAR-10 on a GPU, by one switch at the top of a lesson.

A lesson in the book is "quick": it runs on two cores in about a minute, on data that it draws
itself. The larger sizes ask the same question about CIFAR-10, at the end of the lesson: "gpu" with
the book's small encoder, "full" with ResNet-18 and as many steps as one GPU allows. A lesson names
rows of the league table, or cells of the transfer table.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from IPython.display import Markdown

from ssl_teach.encoders.networks import build_encoder
from ssl_teach.experiments.config import Experiment
from ssl_teach.experiments.records import RESULTS, Record, load_record
from ssl_teach.experiments.registry import ALL_EXPERIMENTS, EXPERIMENTS, TRANSFERS
from ssl_teach.experiments.run import run_experiment
from ssl_teach.experiments.transfer import Transfer, run_transfer, strategies
from ssl_teach.lessons.tables import results_table

SIZES = ("quick", "gpu", "full")
_GPU = "gpu-cifar10-"
ROWS = tuple(name.removeprefix(_GPU) for name in EXPERIMENTS if name.startswith(_GPU))
"""Every row of the league table on CIFAR-10."""
CELLS = tuple(name.removeprefix(_GPU) for name in TRANSFERS if name.startswith(_GPU))
"""Every cell of the transfer table on CIFAR-10."""

COLUMNS = {"linear": "linear, all labels", "linear@10%": "linear, 10%", "knn": "k-NN"}


@dataclass(frozen=True)
class CIFAR10Run:
    """The experiments on CIFAR-10 that a lesson can run in addition to its own.

    Displayed at the top of a lesson, it says what each size adds; `run` runs them at the end.

    Attributes:
        size: One of `SIZES`.
        rows: Some of `ROWS`, such as "rotation", or some of `CELLS`.

    Raises:
        ValueError: If the size or a row is unknown, or if there are rows of both tables.
    """

    size: str
    rows: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check the size and the rows."""
        if self.size not in SIZES:
            raise ValueError(f"SIZE is one of {', '.join(SIZES)}, not {self.size!r}")
        unknown = [row for row in self.rows if row not in (*ROWS, *CELLS)]
        if unknown:
            raise ValueError(f"there is no row {', '.join(unknown)}")
        if len({row in ROWS for row in self.rows}) > 1:
            raise ValueError("rows of the league and cells of transfer make no common table")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the experiments to run; empty for "quick"."""
        return () if self.size == "quick" else _names(self.size, self.rows)

    def _repr_markdown_(self) -> str:
        wanted = SIZES[1:] if self.size == "quick" else (self.size,)
        measured = {size: _measured(_names(size, self.rows)) for size in wanted}
        what = "; ".join(
            f'`"{size}"` {_outlook(_names(size, self.rows))}{time}'
            for size, time in measured.items()
        )
        if self.size == "quick":
            what = f'`"quick"` is the lesson as the book shows it. At its end, {what}'
        named = " and ".join(f'`"{size}"`' for size, time in measured.items() if not time)
        return f"{what}." + (f" Not yet timed on a GPU: {named}." if named else "")

    def run(
        self, *, root: str | Path | None = None, out: str | Path = "runs", anyway: bool = False
    ) -> Markdown:
        """Run the experiments that have no record yet, and show the table of all of them.

        Each experiment resumes from its checkpoint if it was interrupted, and saves its record in
        `out`. If the machine is too small, the text says so and names a size that fits.

        Args:
            root: Folder with a copy of CIFAR-10; None to download it.
            out: Folder for checkpoints and records.
            anyway: Whether to run without a GPU, however long that takes.

        Returns:
            The table of accuracies, or the reason why there is none.
        """
        if not self.names:
            return Markdown('Nothing larger was asked for: `SIZE` at the top is `"quick"`.')
        if not (torch.cuda.is_available() or anyway):
            return Markdown(
                f"**There is no GPU here**, and `SIZE = {self.size!r}` would take a processor many "
                "hours. In Colab: Runtime, Change runtime type, GPU. Without one, "
                '`SIZE = "quick"` is the size that fits; all above was run with it. '
                "`.run(anyway=True)` runs it in spite of that, and goes on where it stopped."
            )
        paths = {name: Path(out) / f"{name}.json" for name in self.names}
        left = [name for name, path in paths.items() if not path.exists()]
        try:  # all rows read the same images
            data = _trained(left[0]).with_data_root(root).load() if left else None
        except (OSError, ValueError) as error:
            return Markdown(
                f'**CIFAR-10 could not be read**: {error}. `SIZE = "quick"` needs no network.'
            )
        for name in left:
            settings = ALL_EXPERIMENTS[name]
            try:
                if isinstance(settings, Transfer):  # all cells have one source
                    checkpoint = Path(out) / f"{self.size}-cifar10-transfer-source" / "run.pt"
                    cell = settings.with_data_root(root)
                    found = run_transfer(cell, 0, data=data, checkpoint=checkpoint)
                else:
                    checkpoint = Path(out) / name / "run.pt"
                    found = run_experiment(settings, 0, data=data, checkpoint=checkpoint)
            except torch.cuda.OutOfMemoryError:
                return Markdown(_too_little_memory(self.size, name, Path(out)))
            Record(name, asdict(settings), [found]).save(paths[name])
        records = [load_record(path) for path in paths.values()]
        return results_table(dict(zip(self.rows, records, strict=True)), _columns(records[0]))


def _names(size: str, rows: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{size}-cifar10-{row}" for row in rows)


def _trained(name: str) -> Experiment:
    """The experiment that is trained on CIFAR-10: this one, or the source of a transfer."""
    settings = ALL_EXPERIMENTS[name]
    if isinstance(settings, Experiment):
        return settings
    assert isinstance(settings.source, Experiment)  # none of the larger cells borrows a network
    return settings.source


def _columns(record: Record) -> dict[str, str]:
    """Return headings by metric: the probes, or the strategies of a transfer."""
    if "source" not in record.settings:
        return COLUMNS
    cell = Transfer.from_record(record)
    assert isinstance(cell.source, Experiment)
    encoder = build_encoder(cell.source.encoder)
    return {name: name.replace("_", " ") for name in strategies(encoder, cell.blocks)}


def _outlook(names: tuple[str, ...]) -> str:
    """Describe the experiments of a size: encoder, steps and batch size."""
    longest = max((_trained(name) for name in names), key=lambda each: each.steps)
    encoder = {"convnet": "the small encoder", "resnet18": "ResNet-18"}[longest.encoder]
    return f"adds CIFAR-10 with {encoder}, {longest.steps:,} steps of {longest.batch_size} images"


def _measured(names: tuple[str, ...]) -> str:
    """Say how long the book's records took, and on which GPU; "" if a record is missing."""
    paths = [RESULTS / f"{name}.json" for name in names]
    if not all(path.exists() for path in paths):
        return ""
    records = [load_record(path) for path in paths]
    minutes = sum(record.runs[0]["seconds"] for record in records) / 60
    return f": {minutes:.0f} minutes on {records[0].environment['gpu']}"


def _too_little_memory(size: str, name: str, out: Path) -> str:
    smaller = "gpu" if size == "full" else "quick"
    return (
        f"**The GPU's memory is too small** for `{name}`. `SIZE = {smaller!r}` needs less. What "
        f"was done so far is kept in `{out}`, and a larger GPU goes on from there."
    )
