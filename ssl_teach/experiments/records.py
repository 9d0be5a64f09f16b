"""Run records: what was run, with what, and what came out."""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import sklearn
import torch
import torchvision
from IPython import get_ipython
from IPython.display import Markdown
from scipy import stats

import ssl_teach

SCHEMA = 1


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file so that it is either the old one or the new one, never half of it.

    Args:
        path: the file; its folder is made if need be.
        write: is given a binary file to fill.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # mkstemp's files are for their owner alone
        os.replace(temporary, path)  # atomic on one file system
    except BaseException:
        os.unlink(temporary)
        raise


def decimal(value: float, digits: int = 1) -> str:
    """A number with so many digits after the point.

    Halves are rounded away from zero, as the explorables do, whatever the last bit of a mean says:
    Python alone makes 8.25 to 8.2, and 8.25 that was computed to 8.2 or 8.3.
    """
    return f"{value + math.copysign(1e-9, value):z.{digits}f}"


@dataclass(frozen=True)
class Spread:
    """Mean and spread over seeds.

    Attributes:
        mean: of the values.
        sd: sample standard deviation (n-1); NaN for one value.
        low: lower end of the 95% confidence interval of the mean (Student's t).
        high: upper end.
        n: number of values.
    """

    mean: float
    sd: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        """In per cent, as the book prints accuracies."""
        return self.text()

    def text(self, scale: float = 100, digits: int = 1) -> str:
        """Mean ± half the confidence interval; for one value the value alone.

        Args:
            scale: to multiply by; 100 for per cent.
            digits: after the point.
        """
        mean = decimal(scale * self.mean, digits)
        return (
            mean if self.n < 2 else f"{mean} ± {decimal(scale * (self.high - self.mean), digits)}"
        )

    def verdict(self, more: str = "better", less: str = "worse") -> str:
        """What the interval of a difference allows one to say.

        Args:
            more: the word if all of it lies above zero.
            less: the word if all of it lies below.
        """
        if self.low > 0:
            return more
        return less if self.high < 0 else "not told apart by these seeds"


def spread(values: Iterable[float]) -> Spread:
    """Mean, standard deviation and 95% confidence interval of values over seeds.

    Example:
        >>> str(spread([0.70, 0.72, 0.74]))
        '72.0 ± 5.0'
    """
    x = np.asarray(list(values), dtype=float)
    if x.size == 0:
        raise ValueError("no values to summarise")
    if x.size == 1:
        return Spread(float(x[0]), np.nan, np.nan, np.nan, 1)
    sd = float(x.std(ddof=1))
    half = float(stats.t.ppf(0.975, x.size - 1)) * sd / np.sqrt(x.size)
    return Spread(float(x.mean()), sd, float(x.mean() - half), float(x.mean() + half), x.size)


def environment() -> dict[str, str]:
    """What a result may depend on beside its settings: versions, processor, threads, commit."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    return {
        "ssl_teach": ssl_teach.__version__,
        "commit": commit(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
        "machine": platform.machine(),
        "threads": str(torch.get_num_threads()),
        "gpu": gpu,
    }


def commit() -> str:
    """The commit the package stands at, "+" if files were changed since; "unknown" if installed."""
    here = Path(__file__).parent
    try:
        head = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"],
            cwd=here, capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--", ".", ":!results"],  # records change no result
            cwd=here, capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip
    except (OSError, subprocess.CalledProcessError):  # no git, or not a checkout
        return "unknown"
    return head + ("+" if changed else "")


_READ: dict[int, list[str]] = {}


def _read_here() -> list[str]:
    """Names of the records read in this cell of a notebook so far; outside of one always none."""
    shell = get_ipython()
    if shell is None:
        return []
    if shell.execution_count not in _READ:  # another cell
        _READ.clear()
    return _READ.setdefault(shell.execution_count, [])


@dataclass
class Record:
    """One configuration, run with one or more seeds.

    Attributes:
        name: of the experiment; also of its file.
        settings: every choice that shaped the result.
        runs: per seed a dict with "seed", "seconds" and "metrics".
        environment: versions, device, commit.
        schema: version of this layout.
    """

    name: str
    settings: dict[str, Any]
    runs: list[dict[str, Any]] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=environment)
    schema: int = SCHEMA

    def values(self, metric: str) -> list[float]:
        """One metric over the seeds; a `table` in the same cell of a notebook names the record."""
        here = _read_here()
        if self.name not in here:
            here.append(self.name)
        try:
            return [run["metrics"][metric] for run in self.runs]
        except KeyError:
            have = sorted({name for run in self.runs for name in run["metrics"]})
            raise KeyError(
                f"record {self.name!r} has no metric {metric!r}; it has {have}"
            ) from None

    def spread(self, metric: str) -> Spread:
        """Mean and confidence interval of one metric over the seeds."""
        return spread(self.values(metric))

    def stages(self) -> list[Spread]:
        """The linear probe at every stage of the encoder, first to last."""
        names = {name for run in self.runs for name in run["metrics"]}
        count = sum(re.fullmatch(r"linear_stage_\d+", name) is not None for name in names)
        return [self.spread(f"linear_stage_{stage}") for stage in range(1, count + 1)]

    def save(self, path: str | Path) -> Path:
        """Write as JSON, atomically."""
        text = json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"
        path = Path(path)
        write_atomically(path, lambda file: file.write(text.encode()))
        return path


def collect(
    record: Record,
    seeds: Sequence[int],
    run: Callable[[int, Path | None], dict[str, Any]],
    keep: Path | None = None,
) -> Record:
    """Run a configuration with each seed, and lose nothing if that is interrupted.

    Args:
        record: its name and settings, as yet without runs.
        seeds: to run, in this order.
        run: is given a seed and where to keep the checkpoint of its training; returns one entry of
            `Record.runs`.
        keep: folder for what is finished until all of it is; `forget` removes it then. None to keep
            nothing.

    Returns:
        The record with a run for each seed.

    Raises:
        ValueError: if the folder holds runs of other settings, or of other code or versions.
    """
    if keep is None:
        return replace(record, runs=[run(seed, None) for seed in seeds])
    path, done = keep / KEPT, dict[int, dict[str, Any]]()
    begun = replace(record, environment=record.environment | {"code": _code()})
    if path.exists():
        kept = load_record(path)
        ours, theirs = (_comparable(each) for each in (begun, kept))
        changed = [
            f"{k}: {theirs.get(k)} there, {v} here" for k, v in ours.items() if v != theirs.get(k)
        ]
        if changed:
            raise ValueError(
                f"{keep} keeps an unfinished run that is not this one ({'; '.join(changed)}); "
                "go on as it was begun, or delete that folder to start anew"
            )
        done = {entry["seed"]: entry for entry in kept.runs}
    else:
        for stray in keep.glob(CHECKPOINT.format("*")):  # nothing tells what these are of
            stray.unlink()
        begun.save(path)
    for seed in seeds:
        if seed not in done:
            done[seed] = run(seed, keep / CHECKPOINT.format(seed))
            replace(begun, runs=list(done.values())).save(path)
    return replace(record, runs=[done[seed] for seed in seeds])


KEPT, CHECKPOINT = "unfinished.json", "seed{}.pt"


def _code() -> str:
    """A hash of the package's sources: a commit does not tell what was edited since."""
    here, digest = Path(__file__).parent, hashlib.sha256()
    for source in sorted(here.rglob("*.py")):
        digest.update(str(source.relative_to(here)).encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()[:12]


def _comparable(record: Record) -> dict[str, Any]:
    """What must not change between seeds, by name, as JSON gives it back."""
    flat = json.loads(json.dumps(record.settings | record.environment))
    assert isinstance(flat, dict)
    del flat["commit"]  # another one with the same code is no other run
    return flat


def forget(keep: Path, seeds: Sequence[int]) -> None:
    """Remove what `collect` kept of these seeds, once its result is saved; what is left stays."""
    for seed in seeds:
        (keep / CHECKPOINT.format(seed)).unlink(missing_ok=True)
    path = keep / KEPT
    if path.exists():
        kept = load_record(path)
        left = [entry for entry in kept.runs if entry["seed"] not in seeds]
        if left or any(keep.glob(CHECKPOINT.format("*"))):
            replace(kept, runs=left).save(path)
        else:
            path.unlink()
    if keep.exists() and not any(keep.iterdir()):
        keep.rmdir()


def load_record(path: str | Path) -> Record:
    """Read a record.

    Raises:
        FileNotFoundError: if there is none at that path.
        ValueError: if the file is not a record of this schema.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not a run record, since it is not JSON: {error}") from None
    if fault := _fault(content):
        raise ValueError(f"{path} is not a run record of schema {SCHEMA}: {fault}; make it anew")
    return Record(**content)


def _fault(content: Any) -> str | None:
    """What keeps a JSON value from being a record, in words."""
    if not isinstance(content, dict):
        return "it is no object"
    if type(content.get("schema")) is not int or content["schema"] != SCHEMA:
        return f"its schema is {content.get('schema')!r}"
    kinds = {"name": str, "settings": dict, "runs": list, "environment": dict, "schema": int}
    if content.keys() != kinds.keys():
        return f"it has {sorted(content)} in place of {sorted(kinds)}"
    for key, kind in kinds.items():
        if not isinstance(content[key], kind):
            return f"its {key} is a {type(content[key]).__name__}, not a {kind.__name__}"
    for number, run in enumerate(content["runs"]):
        metrics = run.get("metrics") if isinstance(run, dict) else None
        if not isinstance(metrics, dict) or type(run.get("seed")) is not int:
            return f"run {number} lacks a seed or its metrics"
        for name, value in metrics.items():
            if type(value) not in (int, float):
                return f"{name} of run {number} is no number: {value!r}"
    return None


def choices(kind: type, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a record's settings that a dataclass knows, as it takes them: JSON has no tuples."""
    known = {field.name for field in fields(kind)}
    return {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items() if k in known}


RESULTS = Path(__file__).parent / "results"
"""The book's records. They ship with the package, so that a lesson finds them in Colab as well."""


def book_record(name: str) -> Record:
    """A record behind the book's tables, by the name of its experiment.

    Raises:
        FileNotFoundError: if it has not been made; the message says how to make it.
    """
    path = RESULTS / f"{name}.json"
    if not path.exists():
        raise FileNotFoundError(
            f"no record {name!r} yet; make it: python -m ssl_teach experiment {name}"
        )
    return load_record(path)


def all_records(folder: Path = RESULTS) -> dict[str, Record]:
    """Every record in a folder, by name, in alphabetical order.

    Raises:
        ValueError: if a file there is not a record, or is called by another record's name.
    """
    found = {path.stem: load_record(path) for path in sorted(folder.glob("*.json"))}
    for name, record in found.items():
        if record.name != name:
            raise ValueError(f"{folder / name}.json holds the record {record.name!r}")
    return found


def difference(
    ours: Record | str, theirs: Record | str, metric: str = "linear", against: str | None = None
) -> Spread:
    """How far two records lie apart, seed by seed, since their runs are paired.

    Args:
        ours: a record, or the name of one of the book's.
        theirs: is subtracted.
        metric: of both.
        against: the second one's metric, if it is another.

    Raises:
        ValueError: if they have different seeds.
    """
    a, b = (book_record(each) if isinstance(each, str) else each for each in (ours, theirs))
    seeds = [[run["seed"] for run in record.runs] for record in (a, b)]
    if seeds[0] != seeds[1]:
        raise ValueError(
            f"{a.name} and {b.name} are not paired: their seeds are {seeds[0]} and {seeds[1]}"
        )
    return spread(x - y for x, y in zip(a.values(metric), b.values(against or metric), strict=True))


# a cell that begins as a number does, or that says there is none
_NUMERIC = re.compile(r"\W*\d|n/a$|none$|\W*$")


def _markdown(columns: Sequence[str], aligned: str, rows: Iterable[Sequence[str]]) -> Markdown:
    """A table; `aligned` has an l or an r for each column. Numbers keep to one line."""
    marks = {"l": ":--", "r": "--:"}
    head = [columns, [marks[side] for side in aligned]]
    bound = [[cell.replace(" ± ", "\u00a0±\u00a0") for cell in row] for row in rows]
    return Markdown("\n".join("| " + " | ".join(line) + " |" for line in (*head, *bound)))


def table(rows: Mapping[str, Mapping[str, str]]) -> Markdown:
    """A table of words and numbers: columns of numbers stand to the right, the others to the left.

    In a notebook, a line below it names the book's records that were read in the same cell, unless
    the table does.

    Args:
        rows: cells by the name of their column, by the name of their row; all rows have the
            columns of the first.
    """
    columns = list(next(iter(rows.values())))
    lines = [[name, *(row[column] for column in columns)] for name, row in rows.items()]
    _, *cells = zip(*lines, strict=True)
    sides = "".join("r" if all(map(_NUMERIC.match, column)) else "l" for column in cells)
    shown = _markdown(["", *columns], "l" + sides, lines).data
    return Markdown(f"{shown}\n\n{behind(shown).data}".rstrip())


def behind(shown: str = "") -> Markdown:
    """A line that names the book's records read in this cell of a notebook; empty if none was.

    `table` ends in it by itself; other shows of numbers may be followed by it.

    Args:
        shown: a text in Markdown; records that it names already are left out.
    """
    words = set(re.findall(r"[\w.-]+", shown))
    names = [name for name in _read_here() if (RESULTS / f"{name}.json").exists()]
    told = [f"`{name}`" for name in names if name not in words]
    return Markdown(f"Record{'s' * (len(told) > 1)}: {', '.join(told)}" if told else "")


def results_table(rows: Mapping[str, Record], columns: Mapping[str, str]) -> Markdown:
    """A table of accuracies over seeds, in per cent, that names the record behind each row.

    Args:
        rows: records by the name of their row.
        columns: headings by the name of their metric; a metric that a record lacks reads n/a.
    """
    lines = []
    for title, record in rows.items():
        have = record.runs[0]["metrics"]
        cells = [str(record.spread(m)) if m in have else "n/a" for m in columns]
        lines.append([title, *cells, str(len(record.runs)), f"`{record.name}`"])
    head = ["", *columns.values(), "seeds", "record"]
    return _markdown(head, "l" + "r" * (len(columns) + 1) + "l", lines)
