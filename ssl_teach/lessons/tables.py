"""Tables of results in Markdown, with the records that they cite."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from IPython.display import Markdown

from ssl_teach.experiments.records import Record

# a cell that begins as a number does, or that says there is none
_NUMERIC = re.compile(r"\W*\d|n/a$|none$|\W*$")


def _markdown(columns: Sequence[str], aligned: str, rows: Iterable[Sequence[str]]) -> Markdown:
    """A table; `aligned` has an l or an r for each column. Numbers keep to one line."""
    marks = {"l": ":--", "r": "--:"}
    head = [columns, [marks[side] for side in aligned]]
    bound = [[cell.replace(" ± ", "\u00a0±\u00a0") for cell in row] for row in rows]
    return Markdown("\n".join("| " + " | ".join(line) + " |" for line in (*head, *bound)))


def table(rows: Mapping[str, Mapping[str, str]], records: Iterable[Record | str] = ()) -> Markdown:
    """A table of words and numbers: columns of numbers are aligned right, the others left.

    Args:
        rows: cells by the name of their column, by the name of their row; all rows have the
            columns of the first.
        records: the book's records behind the numbers, or their names. A line below the table
            names them, except those that the table names itself.
    """
    columns = list(next(iter(rows.values())))
    lines = [[name, *(row[column] for column in columns)] for name, row in rows.items()]
    _, *cells = zip(*lines, strict=True)
    sides = "".join("r" if all(map(_NUMERIC.match, column)) else "l" for column in cells)
    shown = str(_markdown(["", *columns], "l" + sides, lines).data)
    names = [record.name if isinstance(record, Record) else record for record in records]
    already = set(re.findall(r"[\w.-]+", shown))
    cited = [f"`{name}`" for name in dict.fromkeys(names) if name not in already]
    line = f"Record{'s' * (len(cited) > 1)}: {', '.join(cited)}"
    return Markdown(f"{shown}\n\n{line}" if cited else shown)


def metric_text(record: Record, metric: str, scale: float = 100, digits: int = 1) -> str:
    """Mean and confidence interval of a metric as `Spread.text` prints them; n/a if it lacks it."""
    have = metric in record.runs[0]["metrics"]
    return record.spread(metric).text(scale, digits) if have else "n/a"


def results_table(rows: Mapping[str, Record], columns: Mapping[str, str]) -> Markdown:
    """A table of accuracies over seeds, in per cent, that names the record behind each row.

    Args:
        rows: records by the name of their row.
        columns: headings by the name of their metric; a metric that a record lacks reads n/a.
    """
    lines = []
    for title, record in rows.items():
        cells = [metric_text(record, metric) for metric in columns]
        lines.append([title, *cells, str(len(record.runs)), f"`{record.name}`"])
    head = ["", *columns.values(), "seeds", "record"]
    return _markdown(head, "l" + "r" * (len(columns) + 1) + "l", lines)
