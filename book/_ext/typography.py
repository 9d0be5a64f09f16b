"""Sphinx extension: typeset numbers consistently, however text and code wrote them.

A per-cent sign follows its number without a space, as in the output of code; a minus sign is as
wide as a plus sign; no line breaks between a formula and punctuation attached to it, such as a full
stop. Code and its output stay as they are.
"""

from __future__ import annotations

import re

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

SPACE, MINUS = "\u00a0", "\u2212"
# class of a column (see book.css), and the number of characters its longest cell must exceed
WIDE = {"book-paragraphs": 80, "book-sentences": 40, "book-names": 12}
TOGETHER = "book-together"  # class of text that may not be broken at the end of a line

_PER_CENT = re.compile(r"(?<=\d)[ \u00a0]%")
_NEGATIVE = re.compile(r"(?<![\w.)\-])-(?=\d)")
_PLUS_MINUS = re.compile(r"(?<=[\d%]) ± (?=\d)")
_NUMBERED = re.compile(r"(?<=\b[Ll]esson) (?=\d)")
_EQUALS = re.compile(r"(?<=\b[A-Za-zτ]) = (?=\d)")
_BEHIND = re.compile(r"[^\s—]{1,12}(?=\s|—|$)|[.,;:?!)]+")
_BEFORE = re.compile(r"[(\[“]+$")
_LEFT_ALONE = (
    nodes.literal,
    nodes.literal_block,
    nodes.doctest_block,
    nodes.raw,
    nodes.math,
    nodes.math_block,
    nodes.comment,
    addnodes.desc_signature,
)


def set_numbers(text: str) -> str:
    """Return text with its numbers typeset; text without numbers is returned unchanged."""
    text = _PER_CENT.sub("%", text)
    text = _NEGATIVE.sub(MINUS, text)
    text = _NUMBERED.sub(SPACE, text)
    text = _EQUALS.sub(f"{SPACE}={SPACE}", text)
    return _PLUS_MINUS.sub(f"{SPACE}±{SPACE}", text)


def _is_left_alone(node: nodes.Node | None) -> bool:
    while node is not None:
        if isinstance(node, _LEFT_ALONE):
            return True
        node = node.parent
    return False


def set_page(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Typeset the numbers of one page."""
    for text in list(doctree.findall(nodes.Text)):
        if _is_left_alone(text.parent):
            continue
        before = text.astext()
        after = set_numbers(before)
        if after != before:
            text.parent.replace(text, nodes.Text(after))
    for formula in list(doctree.findall(nodes.math)):
        keep_together(formula)
    for body in doctree.findall(nodes.tbody):
        widen_columns(body)


def widen_columns(body: nodes.tbody) -> None:
    """Give the cells of each column a class that depends on the longest cell.

    Otherwise a browser that cannot fit a table narrows its columns to one word a line before it
    lets the table scroll.
    """
    columns = zip(*(row.findall(nodes.entry) for row in body.findall(nodes.row)), strict=False)
    for number, column in enumerate(columns):
        longest = max(len(cell.astext()) for cell in column)
        width = next((name for name, least in WIDE.items() if longest > least), "book-word")
        if width == "book-names" and number:
            continue  # a name may take two lines unless it heads its row
        for cell in column:
            cell["classes"].append(width)


def keep_together(formula: nodes.math) -> None:
    """Allow no line break between a formula and the characters attached to it.

    These are a bracket before it and text after it without a space. A browser treats a formula as a
    box and may break a line on both sides of it, whichever characters the text contains.
    """
    parent = formula.parent
    at = parent.index(formula)
    before, behind = (
        parent[at - 1] if at else None,
        parent[at + 1] if at + 1 < len(parent) else None,
    )
    parts: list[nodes.Node] = [formula]
    if isinstance(before, nodes.Text) and (found := _BEFORE.search(before.astext())):
        parts.insert(0, nodes.Text(found[0]))
        parent.replace(before, nodes.Text(before.astext()[: found.start()]))
    if isinstance(behind, nodes.Text) and (found := _BEHIND.match(behind.astext())):
        parts.append(nodes.Text(found[0]))
        parent.replace(behind, nodes.Text(behind.astext()[found.end() :]))
    if len(parts) > 1:
        parent.replace(formula, nodes.inline("", "", *parts, classes=[TOGETHER]))


def setup(app: Sphinx) -> dict[str, object]:
    """Called by Sphinx."""
    app.connect("doctree-resolved", set_page, priority=650)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
