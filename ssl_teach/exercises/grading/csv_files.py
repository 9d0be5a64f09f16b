"""Text and CSV files, written whole or not at all, and read with a word about what is missing."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from ssl_teach.files import write_atomically


def write_text(path: Path, text: str) -> None:
    """Write a text file anew; an interruption leaves the old one.

    Half a surrogate pair, which no encoding has, is written as its escape.
    """
    write_atomically(path, lambda file: file.write(text.encode("utf-8", "backslashreplace")))


def write_rows(path: Path, head: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a CSV file anew; an interruption leaves the old one."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    write_text(path, text.getvalue())


def read_rows(path: Path, columns: Iterable[str]) -> list[dict[str, str]]:
    """The rows of a CSV file, as text.

    Args:
        path: the file.
        columns: that it must have.

    Raises:
        ValueError: if one of them is missing.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, restval="")
        there = reader.fieldnames or []
        missing = [name for name in columns if name not in there]
        if missing:
            raise ValueError(
                f"{path} has no column {missing[0]!r}: its first line must name "
                f"{', '.join(columns)}; it names {', '.join(there) or 'nothing'}"
            )
        return list(reader)
