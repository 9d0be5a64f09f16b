"""Run records: what was run, with what, and what came out."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
import torch
import torchvision
from IPython import get_ipython

import ssl_teach
from ssl_teach.files import write_atomically
from ssl_teach.statistics import Spread, spread

SCHEMA = 1
PACKAGE = Path(ssl_teach.__file__).parent


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
    try:
        head = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"],
            cwd=PACKAGE, capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--", ".", ":!experiments/results"],
            cwd=PACKAGE, capture_output=True, text=True, check=True,
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
        keep: A folder for finished seeds and checkpoints until all seeds are done; `clear_partial`
            removes it then. None to keep nothing.

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
    digest = hashlib.sha256()
    for source in sorted(PACKAGE.rglob("*.py")):
        digest.update(str(source.relative_to(PACKAGE)).encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()[:12]


def _comparable(record: Record) -> dict[str, Any]:
    """What must not change between seeds, by name, as JSON gives it back."""
    flat = json.loads(json.dumps(record.settings | record.environment))
    assert isinstance(flat, dict)
    del flat["commit"]  # another one with the same code is no other run
    return flat


def clear_partial(keep: Path, seeds: Sequence[int]) -> None:
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
    return Record(**_upgraded(content))


RENAMED_METRICS = {"told_apart": "discriminator_auc"}
"""Metrics of older records, by the name that they have today."""


def _upgraded(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a record in today's names; the file stays as it is."""
    for run in content["runs"]:
        run["metrics"] = {RENAMED_METRICS.get(k, k): v for k, v in run["metrics"].items()}
    return content


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


def known_fields(kind: type, settings: Mapping[str, Any]) -> dict[str, Any]:
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
