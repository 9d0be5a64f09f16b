"""The larger sizes of the lessons: CIFAR-10 on a GPU, by one switch at a lesson's top.

A lesson as it stands in the book is "quick": it runs on two cores in about a minute, and its
figures and words belong to the data that it draws. The larger sizes ask the same question of
CIFAR-10, at the lesson's end: "gpu" with the book's own small encoder, "full" with ResNet-18 and
the length of the papers, as far as one GPU goes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from IPython.display import Markdown

from ssl_teach import experiments
from ssl_teach.book import BOOK
from ssl_teach.records import RESULTS, Record, load_record, results_table

SIZES = ("quick", "gpu", "full")
ROWS = tuple(name.removeprefix("gpu-cifar10-") for name in BOOK if name.startswith("gpu-cifar10-"))
"""All rows of the league."""

COLUMNS = {"linear": "linear, all labels", "linear@10%": "linear, 10 %", "knn": "k-NN"}


@dataclass(frozen=True)
class Larger:
    """What a lesson runs beside itself; shown by its switch, run at its end.

    Attributes:
        size: one of `SIZES`.
        rows: of the league table, such as "rotation".

    Raises:
        ValueError: for another size, or a row that there is none of.
    """

    size: str
    rows: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse what cannot be run."""
        if self.size not in SIZES:
            raise ValueError(f"SIZE is one of {', '.join(SIZES)}, not {self.size!r}")
        unknown = [row for row in self.rows if row not in ROWS]
        if unknown:
            raise ValueError(f"the league has no row {', '.join(unknown)}")

    @property
    def names(self) -> tuple[str, ...]:
        """Of the experiments; none for "quick"."""
        rows = () if self.size == "quick" else self.rows
        return tuple(f"{self.size}-cifar10-{row}" for row in rows)

    def _repr_markdown_(self) -> str:
        wanted = SIZES[1:] if self.size == "quick" else (self.size,)
        what = "; ".join(f'`"{size}"` {_outlook(size, self.rows)}' for size in wanted)
        if self.size == "quick":
            what = f'`"quick"` is the lesson as the book shows it. At its end, {what}'
        unknown = [size for size in wanted if _minutes(size, self.rows) is None]
        named = " and ".join(f'`"{size}"`' for size in unknown)
        return f"{what}." + (f" No GPU has timed {named} yet." if unknown else "")

    def run(
        self, *, root: str | Path | None = None, out: str | Path = "runs", anyway: bool = False
    ) -> Markdown:
        """Run what the size asks for, and show the table; what was done before is not done again.

        Each experiment goes on from its checkpoint where it was interrupted, and leaves its record
        in `out`. Where the machine is too small, the text says so and what would fit.

        Args:
            root: a copy of CIFAR-10 on your disk; None to download it.
            out: folder for checkpoints and records.
            anyway: without a GPU too, however long that takes.
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
        records = {}
        for row, name in zip(self.rows, self.names, strict=True):
            try:
                records[row] = one(name, Path(out), root)
            except torch.cuda.OutOfMemoryError:
                return Markdown(_too_little_memory(self.size, name, Path(out)))
            except (OSError, ValueError) as error:
                return Markdown(
                    f'**CIFAR-10 could not be read**: {error}. `SIZE = "quick"` needs no network.'
                )
        return results_table(records, COLUMNS)


def one(name: str, out: Path, root: str | Path | None) -> Record:
    """The record of an experiment: read if it was run before, else run, with its first seed."""
    path = out / f"{name}.json"
    if path.exists():
        return load_record(path)
    settings = experiments.at(BOOK[name], root)
    found = experiments.run(settings, 0, checkpoint=out / name / "run.pt")
    record = Record(name, asdict(BOOK[name]), [found])
    record.save(path)
    return record


def _outlook(size: str, rows: tuple[str, ...]) -> str:
    """What a size adds, and how long that took where it was measured."""
    longest = max((BOOK[f"{size}-cifar10-{row}"] for row in rows), key=lambda each: each.steps)
    encoder = {"convnet": "the small encoder", "resnet18": "ResNet-18"}[longest.encoder]
    what = f"adds CIFAR-10 with {encoder}, {longest.steps:,} steps of {longest.batch_size} images"
    measured = _minutes(size, rows)
    return what if measured is None else f"{what}: {measured[0]:.0f} minutes on {measured[1]}"


def _minutes(size: str, rows: tuple[str, ...]) -> tuple[float, str] | None:
    """How long the book's records took, and on which GPU; None where one is missing."""
    paths = [RESULTS / f"{size}-cifar10-{row}.json" for row in rows]
    if not all(path.exists() for path in paths):
        return None
    records = [load_record(path) for path in paths]
    seconds = sum(record.runs[0]["seconds"] for record in records)
    return seconds / 60, records[0].environment["gpu"]


def _too_little_memory(size: str, name: str, out: Path) -> str:
    smaller = "gpu" if size == "full" else "quick"
    return (
        f"**The GPU's memory is too small** for `{name}`. `SIZE = {smaller!r}` needs less. What "
        f"was done so far is kept in `{out}`, and a larger GPU goes on from there."
    )
