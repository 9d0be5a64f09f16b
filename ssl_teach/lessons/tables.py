"""Tables of results in Markdown, and the records that they cite."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from IPython.display import Markdown

from ssl_teach.experiments.records import RESULTS, Record, _read_here

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
    return Markdown(f"{shown}\n\n{cite_records(shown).data}".rstrip())


def cite_records(shown: str = "") -> Markdown:
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
