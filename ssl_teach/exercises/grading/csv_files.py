"""Text and CSV files: written atomically, and read with clear errors for missing columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from ssl_teach.files import write_atomically


def write_text(path: Path, text: str) -> None:
    """Replace a text file atomically: an interruption leaves the old one.

    A lone surrogate, which cannot be encoded, is written as its escape sequence.
    """
    write_atomically(path, lambda file: file.write(text.encode("utf-8", "backslashreplace")))


def write_rows(path: Path, head: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Replace a CSV file atomically: an interruption leaves the old one."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    write_text(path, text.getvalue())


def read_rows(path: Path, columns: Iterable[str]) -> list[dict[str, str]]:
    """The rows of a CSV file, as text.

    Args:
        path: the file.
        columns: names of required columns.

    Raises:
        ValueError: if one of them is missing.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, restval="")
        present = reader.fieldnames or []
        missing = [name for name in columns if name not in present]
        if missing:
            raise ValueError(
                f"{path} has no column {missing[0]!r}: its first line must name "
                f"{', '.join(columns)}; it names {', '.join(present) or 'nothing'}"
            )
        return list(reader)
