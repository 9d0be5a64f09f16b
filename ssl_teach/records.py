"""Run records: what was run, with what, and what came out."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import sklearn
import torch
import torchvision
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


@dataclass(frozen=True)
class Spread:
    """Mean and spread over seeds.

    Attributes:
        mean: of the values.
        sd: sample standard deviation (n-1); NaN for one value.
        low: lower end of the 95 % confidence interval of the mean (Student's t).
        high: upper end.
        n: number of values.
    """

    mean: float
    sd: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        """In per cent, as the book prints accuracies: mean ± half the confidence interval."""
        if self.n < 2:
            return f"{100 * self.mean:.1f}"
        return f"{100 * self.mean:.1f} ± {100 * (self.high - self.mean):.1f}"


def spread(values: Iterable[float]) -> Spread:
    """Mean, standard deviation and 95 % confidence interval of values over seeds.

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
        """One metric over the seeds."""
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

    def save(self, path: str | Path) -> Path:
        """Write as JSON, atomically."""
        text = json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"
        path = Path(path)
        write_atomically(path, lambda file: file.write(text.encode()))
        return path


def load_record(path: str | Path) -> Record:
    """Read a record.

    Raises:
        FileNotFoundError: if there is none at that path.
        ValueError: if the file is not a record of this schema.
    """
    path = Path(path)
    content = json.loads(path.read_text())
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise ValueError(f"{path} is not a run record of schema {SCHEMA}; make it anew")
    return Record(**content)


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


def table(rows: Mapping[str, Mapping[str, str]]) -> Markdown:
    """A table of words and numbers, the first column to the left, the others to the right.

    Args:
        rows: cells by the name of their column, by the name of their row; all rows have the
            columns of the first.
    """
    columns = list(next(iter(rows.values())))
    lines = ["| " + " | ".join(["", *columns]) + " |", "|:--" + "|--:" * len(columns) + "|"]
    for name, cells in rows.items():
        texts = [cells[column].replace(" ± ", "\u00a0±\u00a0") for column in columns]
        lines.append("| " + " | ".join([name, *texts]) + " |")
    return Markdown("\n".join(lines))


def results_table(rows: Mapping[str, Record], columns: Mapping[str, str]) -> Markdown:
    """A table of accuracies over seeds, in per cent, that names the record behind each row.

    Args:
        rows: records by the name of their row.
        columns: headings by the name of their metric; a metric that a record lacks reads n/a.
    """
    head = ["", *columns.values(), "seeds", "record"]
    lines = ["| " + " | ".join(head) + " |", "|:--" + "|--:" * (len(columns) + 1) + "|:--|"]
    for title, record in rows.items():
        have = record.runs[0]["metrics"]
        cells = [
            str(record.spread(m)).replace(" ", "\u00a0") if m in have else "n/a"  # no line break
            for m in columns
        ]
        lines.append(
            "| " + " | ".join([title, *cells, str(len(record.runs)), f"`{record.name}`"]) + " |"
        )
    return Markdown("\n".join(lines))
