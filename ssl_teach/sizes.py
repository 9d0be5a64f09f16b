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
        return f"{what}." + (f" No GPU has timed {named} yet." if named else "")

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
        paths = {name: Path(out) / f"{name}.json" for name in self.names}
        left = [name for name, path in paths.items() if not path.exists()]
        try:  # all rows read the same pictures
            data = experiments.at(BOOK[left[0]], root).load() if left else None
        except (OSError, ValueError) as error:
            return Markdown(
                f'**CIFAR-10 could not be read**: {error}. `SIZE = "quick"` needs no network.'
            )
        for name in left:
            checkpoint = Path(out) / name / "run.pt"
            try:
                found = experiments.run(BOOK[name], 0, data=data, checkpoint=checkpoint)
            except torch.cuda.OutOfMemoryError:
                return Markdown(_too_little_memory(self.size, name, Path(out)))
            Record(name, asdict(BOOK[name]), [found]).save(paths[name])
        records = map(load_record, paths.values())
        return results_table(dict(zip(self.rows, records, strict=True)), COLUMNS)


def _names(size: str, rows: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{size}-cifar10-{row}" for row in rows)


def _outlook(names: tuple[str, ...]) -> str:
    """What the experiments of a size add."""
    longest = max((BOOK[name] for name in names), key=lambda each: each.steps)
    encoder = {"convnet": "the small encoder", "resnet18": "ResNet-18"}[longest.encoder]
    return f"adds CIFAR-10 with {encoder}, {longest.steps:,} steps of {longest.batch_size} images"


def _measured(names: tuple[str, ...]) -> str:
    """How long the book's records took, and on which GPU; nothing where one is missing."""
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
