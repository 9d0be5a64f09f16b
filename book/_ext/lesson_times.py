"""Sphinx extension: a line under the title of each lesson that says how long it takes.

The line gives the reading time, the time that the code ran when the book was built, and the place
of the lesson in the book. Reading time follows a simple rule (`seconds_to_read`), running time
comes from the execution cache, and the place from the table of contents. Anything unknown is left
out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from sphinx.application import Sphinx

LESSONS = "notebooks/"
WORDS_A_MINUTE = 200
SECONDS_A_CODE_LINE = 3
SECONDS_A_FIGURE = 15
RULE = (
    f"Counted: {WORDS_A_MINUTE} words a minute, {SECONDS_A_CODE_LINE} seconds for a line of code, "
    f"{SECONDS_A_FIGURE} for a formula on a line of its own, a figure or a table. "
    "Not counted: what is folded away, what code prints, and play with explorables."
)
_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NAME = re.compile(r"(\d+)([a-z]?)_")
_FIGURES = (nodes.math_block, nodes.image, nodes.table)
_SILENT = (nodes.comment, nodes.raw, nodes.Invisible, nodes.system_message)


@dataclass(frozen=True)
class Content:
    """The amount of content on a page.

    Attributes:
        words: Words of text, captions and headings; an inline formula counts as one word.
        code_lines: Visible lines of code that are not blank.
        figures: Displayed formulas, images and tables.
    """

    words: int = 0
    code_lines: int = 0
    figures: int = 0

    def __add__(self, other: Content) -> Content:
        """The sum of both."""
        return Content(
            self.words + other.words,
            self.code_lines + other.code_lines,
            self.figures + other.figures,
        )


def _is_folded(node: nodes.Node) -> bool:
    """Whether a node is an answer behind a button, or a cell that is hidden as a whole."""
    if not isinstance(node, nodes.Element):
        return False
    hidden = node.get("hide_mode", "")
    return "dropdown" in node["classes"] or hidden in ("all", "input+output")


def content(node: nodes.Node) -> Content:
    """Count the content of a node and its descendants."""
    if _is_folded(node) or isinstance(node, _SILENT):
        return Content()
    if isinstance(node, nodes.Text):
        return Content(words=len(node.astext().split()))
    if isinstance(node, nodes.math):
        return Content(words=1)
    if isinstance(node, _FIGURES):
        return Content(figures=1)
    if isinstance(node, nodes.literal_block):
        return Content() if "output" in node["classes"] else _code(node)
    if isinstance(node, nodes.Element) and "cell" in node["classes"]:
        return _cell(node)
    if isinstance(node, nodes.Element) and "cell_output" in node["classes"]:
        return _output(node)
    return sum((content(child) for child in _in_sight(node)), Content())


def _in_sight(node: nodes.Node) -> Iterator[nodes.Node]:
    """Children of a node, except those between the HTML tags of a folded part."""
    depth = 0
    for child in node.children:
        if isinstance(child, nodes.raw):
            html = child.astext()
            depth += html.count("<details") - html.count("</details")
        elif depth <= 0:
            yield child


def _code(node: nodes.Node) -> Content:
    return Content(code_lines=sum(bool(line.strip()) for line in node.astext().splitlines()))


def _cell(cell: nodes.Element) -> Content:
    """Content of a cell: its code unless it is hidden, and its output except printed text."""
    total = Content()
    for part in cell.children:
        role = "input" if "cell_input" in part.get("classes", ()) else "output"
        if cell.get("hide_mode") != role:
            total += content(part)
    return total


def _output(output: nodes.Element) -> Content:
    """Figures, tables, captions and displayed source code count; printed words do not."""
    found = sum((content(child) for child in _in_sight(output)), Content())
    return Content(
        words=sum(len(caption.astext().split()) for caption in output.findall(nodes.caption)),
        code_lines=found.code_lines,
        figures=found.figures,
    )


def seconds_to_read(found: Content) -> float:
    """Reading time in seconds, according to `RULE`."""
    return (
        found.words * 60 / WORDS_A_MINUTE
        + found.code_lines * SECONDS_A_CODE_LINE
        + found.figures * SECONDS_A_FIGURE
    )


def _minutes(seconds: float) -> int:
    """Minutes, rounded to a multiple of 5 from 10 on, as the rule is no more precise."""
    minutes = seconds / 60
    return max(1, round(minutes)) if minutes < 9.5 else 5 * round(minutes / 5)


def reading_time(text: float, all_of_it: float) -> str:
    """Reading times in words.

    Args:
        text: Seconds for the text without its code.
        all_of_it: Seconds for text and code.
    """
    short, long = _minutes(text), _minutes(all_of_it)
    with_code = f", {long} with the code" if long > short else ""
    return f"About {short} min to read{with_code}"


def running_time(seconds: float) -> str:
    """Running time in words, rounded to 5 seconds, and from 90 seconds on to half minutes."""
    if seconds < 90:
        return f"ran in about {max(5, 5 * round(seconds / 5))} s"
    halves = round(seconds / 30)
    return f"ran in about {halves // 2}{'½' if halves % 2 else ''} min"


def _number(count: int) -> str:
    return _NUMBERS[count - 1] if count <= len(_NUMBERS) else str(count)


def machine(cores: int | None, threads: int | None = None) -> str:
    """Words for the machine; empty if its number of cores is unknown.

    Args:
        cores: The number of its cores.
        threads: The number of threads that the code could use.
    """
    if not cores:
        return ""
    if threads and threads < cores:
        return f" on {_number(threads)} of a machine’s {_number(cores)} cores"
    return f" on a machine with {_number(cores)} core{'s' if cores > 1 else ''}"


def threads_given() -> int | None:
    """Threads that the code of a page can use; tools/build_book.py runs two lessons at a time."""
    said = os.environ.get("OMP_NUM_THREADS", "")
    return int(said) if said.isdigit() else None


def places(toc: dict[str, Any]) -> dict[str, str]:
    """Part and number of every lesson in a table of contents.

    The number is that in the file's name: "06_jigsaw" is lesson 6. A file that begins with 00 comes
    before the first lesson; "11b" is the second page of lesson 11.
    """
    files = [
        (str(part.get("caption", "")).partition(":")[0], str(chapter["file"]))
        for part in toc.get("parts", ())
        for chapter in part.get("chapters", ())
        if str(chapter.get("file", "")).startswith(LESSONS)
    ]
    names = {file: _NAME.match(file.removeprefix(LESSONS)) for _, file in files}
    last = max((int(name[1]) for name in names.values() if name), default=0)
    found = {}
    for part, file in files:
        name = names[file]
        number = int(name[1]) if name else 0
        words = [part] if part else []
        if name and number:
            page = ", second page" if name[2] else ""
            words.append(f"lesson {number} of {last}{page}")
        found[file] = ", ".join(words)
    return found


def line(found: Content, seconds: float | None, where: str, place: str) -> nodes.paragraph:
    """Make the line.

    Args:
        found: The content of the page.
        seconds: The running time of the code, if it is known.
        where: The machine, in the words of `machine`.
        place: Part and number of the lesson.
    """
    text_only = Content(words=found.words, figures=found.figures)
    paragraph = nodes.paragraph(classes=["lesson-times"])
    said = reading_time(seconds_to_read(text_only), seconds_to_read(found))
    paragraph += nodes.abbreviation("", said, explanation=RULE)
    if seconds is not None:
        ran = f"{running_time(seconds)}{where} when this page was built"
        paragraph += nodes.Text(f" · {ran}")
    if place:
        paragraph += nodes.Text(f" · {place}")
    return paragraph


def add_line(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Insert the line under the title of a lesson."""
    title = next(iter(doctree.findall(nodes.title)), None)
    if not page.startswith(LESSONS) or title is None:
        return
    if not hasattr(app, "_lesson_places"):
        toc = Path(app.config.external_toc_path)
        read = yaml.safe_load((app.srcdir / toc).read_text(encoding="utf-8"))
        app._lesson_places = places(read)  # type: ignore[attr-defined]
    execution = getattr(app.env, "nb_metadata", {}).get(page, {}).get("exec_data") or {}
    place = app._lesson_places.get(page, "")  # type: ignore[attr-defined]
    where = machine(os.cpu_count(), threads_given())
    new = line(content(doctree), execution.get("runtime"), where, place)
    title.parent.insert(title.parent.index(title) + 1, new)


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("doctree-resolved", add_line, priority=600)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
