"""Reproducing the book's records: run one again, or check all against today's experiments.

A record depends on its settings, its seed and, in the last digits, on versions, threads and CPU. A
new run is therefore the same to the last digit, or within the interval for one more seed, or
different; the report names everything else that has changed.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from scipy import stats

from ssl_teach.experiments.config import Experiment
from ssl_teach.experiments.records import RESULTS, Record, all_records, environment, load_record
from ssl_teach.experiments.registry import ALL_EXPERIMENTS
from ssl_teach.experiments.run import record_experiment
from ssl_teach.experiments.transfer import Transfer, record_transfer
from ssl_teach.statistics import spread

SAME = "the same to the last digit"
"""The two numbers are equal, or only the new run has the metric."""
ROUNDED = "the same but for rounding"
"""The two numbers agree to about one part in a million."""
WITHIN = "within the spread of the recorded seeds"
"""The new number is in the 95% prediction interval for one more seed; see `compare`."""
DIFFERS = "differs"
"""The new number is outside that interval, or the new run lacks the metric."""
VERDICTS = (SAME, ROUNDED, WITHIN, DIFFERS)
"""From best to worst."""


@dataclass(frozen=True)
class Compared:
    """One metric of the record and of the new run.

    Attributes:
        recorded: The recorded number with the same seed; None if the record lacks the metric.
        now: The number of the new run; None if it lacks the metric.
        verdict: One of `VERDICTS`; a metric that only the new run has does not count as different.
    """

    recorded: float | None
    now: float | None
    verdict: str


def compare(record: Record, run: Mapping[str, Any]) -> dict[str, Compared]:
    """Compare a run with the record's run of the same seed, metric by metric, except times.

    A metric is "within the spread" if it is in the 95% prediction interval for one more run, given
    the recorded seeds.

    Args:
        record: The record.
        run: The new run, as `run_experiment` and `run_transfer` return it.

    Raises:
        ValueError: If the record has no run with that seed.
    """
    old, new = _run_with_seed(record, run["seed"])["metrics"], run["metrics"]
    names = [name for name in {**old, **new} if not name.endswith("_seconds")]
    return {name: _compared(record, name, old.get(name), new.get(name)) for name in names}


def _compared(record: Record, name: str, old: float | None, new: float | None) -> Compared:
    """Compare one metric."""
    if old is None or new is None:
        return Compared(old, new, SAME if old is None else DIFFERS)
    if old == new or (math.isnan(old) and math.isnan(new)):
        return Compared(old, new, SAME)
    if math.isclose(old, new, rel_tol=1e-6):
        return Compared(old, new, ROUNDED)
    s = spread(run["metrics"][name] for run in record.runs if name in run["metrics"])
    half = stats.t.ppf(0.975, s.n - 1) * s.sd * math.sqrt(1 + 1 / s.n) if s.n > 1 else 0.0
    return Compared(old, new, WITHIN if abs(new - s.mean) <= half else DIFFERS)


def verdict(compared: Mapping[str, Compared]) -> str:
    """Return the worst verdict of all metrics."""
    return max((c.verdict for c in compared.values()), key=VERDICTS.index, default=DIFFERS)


def _run_with_seed(record: Record, seed: int) -> dict[str, Any]:
    """Return the record's run with that seed, or raise ValueError."""
    for run in record.runs:
        if run["seed"] == seed:
            return run
    seeds = ", ".join(str(run["seed"]) for run in record.runs)
    raise ValueError(f"record {record.name!r} has no seed {seed}; it has {seeds}")


def settings_of(record: Record) -> Experiment | Transfer:
    """Rebuild the settings of a record; a setting that is newer than it takes its default."""
    return (Transfer if "target" in record.settings else Experiment).from_record(record)


def _flat(settings: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield settings by name, nested ones as "source.steps", without the data's root."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        elif name != "root":
            yield before + name, value


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Values by name where two differ; None where one has no such name."""
    names = {**old, **new}
    return {n: (old.get(n), new.get(n)) for n in names if old.get(n) != new.get(n)}


def changed_settings(record: Record, today: Experiment | Transfer) -> dict[str, tuple[Any, Any]]:
    """Choices that are not what they were when the record was made: by name, then and now."""
    plain = [json.loads(json.dumps(asdict(each))) for each in (settings_of(record), today)]
    then, now = (dict(_flat(each)) for each in plain)
    stored = dict(_flat(json.loads(json.dumps(record.settings))))
    gone = {name: value for name, value in stored.items() if name not in then}
    return _differences(then | gone, now)


def changed_environment(record: Record) -> dict[str, tuple[Any, Any]]:
    """Return the parts of the environment that differ, by name: recorded and now."""
    return _differences(record.environment, environment())


def named(name: str, folder: Path = RESULTS) -> Record:
    """Load a record by its name.

    Raises:
        ValueError: If the record does not exist; the message suggests similar names.
    """
    if (folder / f"{name}.json").exists():
        return load_record(folder / f"{name}.json")
    if name in ALL_EXPERIMENTS:
        raise ValueError(
            f"{name!r} has no record yet; make it: python -m ssl_teach experiment {name}"
        )
    names = sorted(path.stem for path in folder.glob("*.json"))
    raise ValueError(f"no record of {folder} is called {name!r}{suggestions(name, names)}")


def suggestions(name: str, known: Sequence[str]) -> str:
    """Return the end of an error about an unknown name: what may have been meant, if anything."""
    near = difflib.get_close_matches(name, known, n=3) or [n for n in known if name in n][:3]
    return f"; did you mean {', '.join(near)}?" if near else ""


@contextmanager
def threads_of(record: Record) -> Iterator[None]:
    """Use as many threads as the record was made with."""
    before = torch.get_num_threads()
    threads = str(record.environment.get("threads", before))
    if not threads.isdecimal() or threads == "0":
        raise ValueError(f"record {record.name!r} was made with {threads!r} threads: not a number")
    torch.set_num_threads(int(threads))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def rerun(
    record: Record, seed: int, root: str | None = None, keep: Path | None = None
) -> dict[str, Any]:
    """Run a record's stored settings with one seed.

    Args:
        record: The record.
        seed: Seed of the run.
        root: Local copy of CIFAR-10, for records that use it.
        keep: Folder in which an interrupted call can be resumed; None to keep nothing.

    Returns:
        One entry of `Record.runs`.
    """
    name, settings = record.name, settings_of(record)
    if isinstance(settings, Transfer):
        here = settings.with_data_root(root)
        again = record_transfer(name, here, [seed], progress=False, keep=keep)
    else:
        there = settings.with_data_root(root)
        again = record_experiment(name, there, [seed], progress=False, keep=keep)
    return again.runs[0]


def _list_changes(changed: Mapping[str, tuple[Any, Any]], of: str, same: str) -> list[str]:
    """Return report lines about what has changed, or one that nothing has."""
    if not changed:
        return [f"{of}: {same}"]
    return [f"{of}, recorded → now:", *(f"  {n}: {a} → {b}" for n, (a, b) in changed.items())]


def _row(name: str, c: Compared) -> str:
    """Format one metric of the report."""
    cells = ["none" if value is None else f"{value:.6g}" for value in (c.recorded, c.now)]
    gap = "" if c.recorded is None or c.now is None else f"{c.now - c.recorded:+.2g}"
    last = "" if c.verdict == SAME else f"  {c.verdict}"
    return f"{name:<24}{cells[0]:>12}{cells[1]:>12}{gap if c.verdict != SAME else '0':>12}{last}"


def reproduce(
    record: Record, seed: int | None = None, root: str | None = None, keep: Path | None = None
) -> tuple[str, str]:
    """Run a record again and report its metrics and everything that has changed since.

    Args:
        record: The record.
        seed: One of its seeds; None for the first.
        root: Local copy of CIFAR-10, for records that use it.
        keep: Folder in which an interrupted call can be resumed; None to keep nothing.

    Returns:
        One of `VERDICTS`, and a report of several lines that ends with it.

    Raises:
        ValueError: If the record has no run with that seed.
    """
    old = _run_with_seed(record, record.runs[0]["seed"] if seed is None else seed)
    today = ALL_EXPERIMENTS.get(record.name)
    changed = {} if today is None else changed_settings(record, today)
    lines = [f"{record.name}, seed {old['seed']}"]
    lines += _list_changes(
        changed, "settings", "the book has no such experiment today" if today is None
        else "as in the book today",
    )  # fmt: skip
    with threads_of(record):
        lines += _list_changes(changed_environment(record), "environment", "the same")
        run = rerun(record, old["seed"], root, keep)
    compared = compare(record, run)
    found = verdict(compared)
    lines += [f"training: {old['seconds']:.1f} s → {run['seconds']:.1f} s", ""]
    lines += [f"{'metric':<24}{'recorded':>12}{'now':>12}{'difference':>12}"]
    lines += [*(_row(name, c) for name, c in compared.items()), "", f"{record.name}: {found}"]
    return found, "\n".join(lines)


def check(folder: Path = RESULTS) -> dict[str, list[str]]:
    """Check all records against today's experiments, without running any.

    Returns:
        Three lists by name: "out of date" for records whose settings have changed, with the
        changes; "orphaned" for records without an experiment; "missing" for experiments without a
        record.
    """
    records = all_records(folder)
    changed = {
        n: changed_settings(r, ALL_EXPERIMENTS[n])
        for n, r in records.items()
        if n in ALL_EXPERIMENTS
    }
    return {
        "out of date": [
            f"{name} ({', '.join(f'{k}: {a} → {b}' for k, (a, b) in changes.items())})"
            for name, changes in changed.items()
            if changes
        ],
        "orphaned": [name for name in records if name not in ALL_EXPERIMENTS],
        "missing": [name for name in ALL_EXPERIMENTS if name not in records],
    }
