"""The folder of a run: its record, its encoder, its checkpoint, and a fingerprint of its data.

The fingerprint ties them together. A run is evaluated, and an interrupted one continued, only on
the data that it was trained on; otherwise test images of today could be training images of then.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ssl_teach.data import Dataset, names
from ssl_teach.data.fingerprint import changes, fingerprint
from ssl_teach.encoders.base import Encoder
from ssl_teach.experiments.config import Experiment
from ssl_teach.experiments.records import Record, load_record
from ssl_teach.files import write_atomically
from ssl_teach.training.checkpoint import load_encoder, save_encoder
from ssl_teach.training.curve import Curve

RECORD, ENCODER, CHECKPOINT, DATA = "record.json", "encoder.pt", "run.pt", "data.json"


class RunFolder:
    """A folder for one run, which may replace a finished one.

    A run that replaces another is trained beside it, in a folder that ends in ".unfinished". The
    finished run is lost only when the other is complete.

    Attributes:
        path: The folder.
        checkpoint: The file from which an interrupted training continues.
    """

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        """Look at the folder, and change nothing.

        Args:
            path: The folder, which need not exist.
            overwrite: Whether a finished run in it may be replaced.
        """
        finished = (path / RECORD).exists()
        self.path, self._closed = path, finished and not overwrite
        replaces = finished and overwrite
        self._work = path.with_name(f"{path.name}.unfinished") if replaces else path
        self.checkpoint = self._work / CHECKPOINT
        self._fingerprint: dict[str, Any] = {}  # of the data, from `prepare` on

    def prepare(self, settings: Experiment, data: Dataset) -> None:
        """Make the folder and note the data in it.

        Raises:
            ValueError: If the folder cannot be made, or it holds a finished run, or an interrupted
                one with other data.
        """
        if self._closed:
            raise ValueError(
                f"{self.path} holds a finished run: choose another folder with --out, "
                "or replace the run with --overwrite"
            )
        if self._work.exists() and not self._work.is_dir():
            raise ValueError(f"{self._work} is a file; give a folder for the run with --out")
        self._fingerprint = fingerprint(data)
        if self.checkpoint.exists():
            if settings.task == "random":
                raise ValueError(
                    f"{self._work} holds an interrupted training; choose another with --out"
                )
            if changed := changes(_read_fingerprint(self._work / DATA), self._fingerprint):
                raise ValueError(
                    f"the data have changed since {self._work} was interrupted: "
                    f"{'; '.join(changed)}; restore them, or start again with another --out"
                )
            return
        try:
            self._work.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(
                f"the folder {self._work} cannot be made ({error.strerror}); "
                "give another with --out"
            ) from None
        _write_json(self._work / DATA, self._fingerprint)

    def save(self, settings: Experiment, seed: int, encoder: Encoder, curve: Curve) -> None:
        """Save a finished run, after `prepare`, and replace the one that was there, if any."""
        metrics = {f"pretext_{name}": curve.last(name) for name in curve.values}
        run = {"seed": seed, "seconds": curve.seconds, "metrics": metrics}
        work = self._work
        save_encoder(encoder, work / ENCODER)
        _write_json(work / DATA, self._fingerprint | {"encoder": _hash(work / ENCODER)})
        Record(self.path.name, asdict(settings), [run]).save(work / RECORD)
        if work != self.path:
            ours = (RECORD, ENCODER, CHECKPOINT, DATA)
            for old in [*(self.path / name for name in ours), *self.path.glob("evaluation-*.json")]:
                old.unlink(missing_ok=True)
            for name in ours:
                if (work / name).exists():  # weights that are not trained have no checkpoint
                    (work / name).replace(self.path / name)
            work.rmdir()


def load_run(folder: Path) -> tuple[Record, Dataset, Encoder]:
    """Return the record of a finished run, its data as they were, and its encoder.

    Raises:
        ValueError: If the folder holds no finished run, a file of it is not the run's, or the data
            have changed.
    """
    for name in (RECORD, ENCODER):
        if not (folder / name).is_file():
            raise ValueError(
                f"{folder} is not the folder of a finished run, since {name} is missing; "
                "give the folder that pretrain printed"
            )
    record = load_record(folder / RECORD)
    settings = Experiment.from_record(record)
    if len(record.runs) != 1:
        raise ValueError(f"{folder} holds the record of {len(record.runs)} runs, not of one")
    saved = _read_fingerprint(folder / DATA)
    if settings.data not in names() and not Path(settings.data).is_dir():
        raise ValueError(
            f"the run was trained on the folder {settings.data!r}, which is not there; evaluate "
            "from the directory in which it was trained, or put the folder back"
        )
    data = settings.load()
    if changed := changes(saved, fingerprint(data)):
        raise ValueError(
            f"{settings.data} has changed since the run: {'; '.join(changed)}. What was training "
            "data then could be test data now; restore the data, or pretrain again"
        )
    if saved.get("encoder") != _hash(folder / ENCODER):
        raise ValueError(f"{folder / ENCODER} is not the encoder of this run; pretrain again")
    return record, data, load_encoder(folder / ENCODER)


def _read_fingerprint(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        files = found.get("files", {})
        if not all(isinstance(each, str) for each in [*files, *files.values()]):
            raise ValueError("its files have no hashes")
    except FileNotFoundError:
        raise ValueError(
            f"{path} is missing, so it is unknown which data the run has seen; pretrain again"
        ) from None
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"{path} is not the fingerprint of data ({error}); pretrain again"
        ) from None
    return dict(found)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=1) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))


def _hash(path: Path) -> str:
    """Return a hash of a file's bytes: 16 hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
