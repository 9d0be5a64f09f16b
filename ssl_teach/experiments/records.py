"""Records of experiments: their settings, their environment and their results."""

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

import ssl_teach
from ssl_teach.checks import check_seed
from ssl_teach.files import write_atomically
from ssl_teach.statistics import Spread, spread

SCHEMA = 2
PACKAGE = Path(ssl_teach.__file__).parent


def environment() -> dict[str, str]:
    """Return what a result may depend on besides its settings: versions, threads, GPU, commit."""
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
    """Return the package's commit, with "+" if files have changed; "unknown" if it is installed."""
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


@dataclass
class Record:
    """One configuration, run with one or more seeds.

    Attributes:
        name: Name of the experiment, and of its file.
        settings: Every setting that shaped the result.
        runs: One dict per seed, with "seed", "seconds" and "metrics".
        environment: Versions, threads, GPU and commit; see `environment`.
        schema: Version of this layout.
    """

    name: str
    settings: dict[str, Any]
    runs: list[dict[str, Any]] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=environment)
    schema: int = SCHEMA

    def values(self, metric: str) -> list[float]:
        """One metric over the seeds.

        Raises:
            KeyError: if a run lacks it; the message names the metrics that there are.
        """
        try:
            return [run["metrics"][metric] for run in self.runs]
        except KeyError:
            have = sorted({name for run in self.runs for name in run["metrics"]})
            raise KeyError(
                f"record {self.name!r} has no metric {metric!r}; it has {have}"
            ) from None

    def spread(self, metric: str) -> Spread:
        """Summarise one metric over the seeds by its mean and confidence interval."""
        return spread(self.values(metric))

    def stages(self) -> list[Spread]:
        """Summarise the linear probe of every stage of the encoder, first to last."""
        names = {name for run in self.runs for name in run["metrics"]}
        count = sum(re.fullmatch(r"linear_stage_\d+", name) is not None for name in names)
        return [self.spread(f"linear_stage_{stage}") for stage in range(1, count + 1)]

    def save(self, path: str | Path) -> Path:
        """Write the record as JSON, atomically, and return the path."""
        text = json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"
        path = Path(path)
        write_atomically(path, lambda file: file.write(text.encode()))
        return path


def collect(
    record: Record,
    seeds: Sequence[int],
    run: Callable[[int, Path | None], dict[str, Any]],
    keep: Path | None = None,
    data: str = "",
) -> Record:
    """Run a configuration with each seed, and continue an interrupted call where it stopped.

    Args:
        record: The name and settings; its runs are ignored.
        seeds: Seeds to run, in this order.
        run: Takes a seed and the path for the checkpoint of its training; returns one entry of
            `Record.runs`.
        keep: A folder for finished seeds and checkpoints until all seeds are done; `clear_partial`
            removes it then. None to keep nothing.
        data: A hash of the data, which must not change between the seeds.

    Returns:
        The record with a run for each seed.

    Raises:
        ValueError: If there are no seeds, one is given twice, or the folder keeps runs with other
            settings, code or versions.
    """
    seeds = [check_seed(seed) for seed in seeds]
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"one or more different seeds are needed, got {seeds}")
    if keep is None:
        return replace(record, runs=[run(seed, None) for seed in seeds])
    path, done = keep / KEPT, dict[int, dict[str, Any]]()
    begun = replace(record, environment=record.environment | {"code": _code(), "data": data})
    if path.exists():
        kept = load_record(path)
        ours, theirs = (_comparable(each) for each in (begun, kept))
        changed = [
            f"{k} is {theirs.get(k)} in the folder and {v} in this run"
            for k, v in ours.items()
            if v != theirs.get(k)
        ]
        if changed:
            raise ValueError(
                f"{keep} keeps an unfinished run that is not this one ({'; '.join(changed)}); "
                "continue with its settings, or delete that folder to start again"
            )
        done = {entry["seed"]: entry for entry in kept.runs}
    else:
        for stray in keep.glob(CHECKPOINT.format("*")):  # their settings are unknown
            stray.unlink()
        begun.save(path)
    for seed in seeds:
        if seed not in done:
            done[seed] = run(seed, keep / CHECKPOINT.format(seed))
            replace(begun, runs=list(done.values())).save(path)
    return replace(record, runs=[done[seed] for seed in seeds])


KEPT, CHECKPOINT = "unfinished.json", "seed{}.pt"


def _code() -> str:
    """Hash the package's sources: the commit does not show uncommitted edits."""
    digest = hashlib.sha256()
    for source in sorted(PACKAGE.rglob("*.py")):
        digest.update(str(source.relative_to(PACKAGE)).encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()[:12]


def _comparable(record: Record) -> dict[str, Any]:
    """Return what must not change between seeds, by name, as read back from JSON."""
    flat = json.loads(json.dumps(record.settings | record.environment))
    assert isinstance(flat, dict)
    del flat["commit"]  # another commit may have the same code
    return flat


def clear_partial(keep: Path, seeds: Sequence[int]) -> None:
    """Remove what `collect` kept of these seeds, once their result is saved."""
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
        FileNotFoundError: If there is no file at that path.
        ValueError: If the file is not a record of this schema.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not a run record, since it is not JSON: {error}") from None
    if fault := _fault(content):
        raise ValueError(f"{path} is not a run record of schema {SCHEMA}: {fault}; make it again")
    return Record(**_converted(content))


RENAMED_METRICS = {"told_apart": "discriminator_auc"}
"""Metrics of records of schema 1, by the name that they have now."""
OPTIONS_OF_SIMCLR = ("temperature", "strength", "crop", "hue")
"""Settings that every experiment had under schema 1, and that are options of SimCLR now."""


def _converted(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a record of schema 1 as schema 2 has it; the file stays as it is."""
    if content["schema"] == 1:
        for run in content["runs"]:
            run["metrics"] = {RENAMED_METRICS.get(k, k): v for k, v in run["metrics"].items()}
        content["settings"] = _converted_settings(content["settings"])
    return content | {"schema": SCHEMA}


def _converted_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings in which SimCLR's choices are options of the tasks that train SimCLR."""
    if "target" in settings:  # a transfer, which holds two experiments
        parts = {k: v for k, v in settings.items() if k in ("source", "target")}
        return settings | {
            k: _converted_settings(v) if isinstance(v, dict) else v for k, v in parts.items()
        }
    options = settings.get("options", {})  # the first records had none
    if "task" not in settings or not isinstance(options, dict):
        return settings
    kept = {k: v for k, v in settings.items() if k not in OPTIONS_OF_SIMCLR}
    simclr = {k: v for k, v in settings.items() if k in OPTIONS_OF_SIMCLR}
    if kept.get("task") == "simclr":
        options |= simclr
        if "mistake" in options:
            kept["task"] = "wrong_loss"
    elif options.get("content_steps"):
        options |= {f"content_{name}": value for name, value in simclr.items()}
    return kept | {"options": options}


def _fault(content: Any) -> str | None:
    """Say why a JSON value is not a record; None if it is one."""
    if not isinstance(content, dict):
        return "it is not an object"
    if type(content.get("schema")) is not int or content["schema"] not in (1, SCHEMA):
        return f"its schema is {content.get('schema')!r}"
    types = {"name": str, "settings": dict, "runs": list, "environment": dict, "schema": int}
    if content.keys() != types.keys():
        return f"it has {sorted(content)} in place of {sorted(types)}"
    for key, expected in types.items():
        if not isinstance(content[key], expected):
            return f"its {key} is a {type(content[key]).__name__}, not a {expected.__name__}"
    for number, run in enumerate(content["runs"]):
        metrics = run.get("metrics") if isinstance(run, dict) else None
        if not isinstance(metrics, dict) or type(run.get("seed")) is not int:
            return f"run {number} lacks a seed or its metrics"
        if type(run.get("seconds", 0.0)) not in (int, float):
            return f"the seconds of run {number} are not a number"
        for name, value in metrics.items():
            if type(value) not in (int, float):
                return f"{name} of run {number} is not a number: {value!r}"
    return None


def known_fields(cls: type, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that are fields of a dataclass, with lists, as JSON has, as tuples."""
    known = {field.name for field in fields(cls)}
    return {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items() if k in known}


RESULTS = Path(__file__).parent / "results"
"""The book's records, which are part of the package so that lessons find them in Colab, too."""


def book_record(name: str) -> Record:
    """Load one of the book's records by the name of its experiment.

    Raises:
        FileNotFoundError: If the record does not exist; the message says how to make it.
    """
    path = RESULTS / f"{name}.json"
    if not path.exists():
        raise FileNotFoundError(
            f"no record {name!r} yet; make it: python -m ssl_teach experiment {name}"
        )
    return load_record(path)


def all_records(folder: Path = RESULTS) -> dict[str, Record]:
    """Load every record in a folder, by name, in alphabetical order.

    Raises:
        ValueError: If a file is not a record, or its name is not that of the record.
    """
    found = {path.stem: load_record(path) for path in sorted(folder.glob("*.json"))}
    for name, record in found.items():
        if record.name != name:
            raise ValueError(f"{folder / name}.json holds the record {record.name!r}")
    return found


def difference(
    ours: Record | str, theirs: Record | str, metric: str = "linear", against: str | None = None
) -> Spread:
    """Summarise the paired difference of two records, seed by seed.

    Args:
        ours: A record, or the name of one of the book's.
        theirs: The record that is subtracted.
        metric: The metric of both records.
        against: The metric of the second record, if it differs.

    Raises:
        ValueError: If the records have different seeds.
    """
    a, b = (book_record(each) if isinstance(each, str) else each for each in (ours, theirs))
    seeds = [[run["seed"] for run in record.runs] for record in (a, b)]
    if seeds[0] != seeds[1]:
        raise ValueError(
            f"{a.name} and {b.name} are not paired: their seeds are {seeds[0]} and {seeds[1]}"
        )
    return spread(x - y for x, y in zip(a.values(metric), b.values(against or metric), strict=True))
