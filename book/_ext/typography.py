"""Sphinx extension: numbers as a printer sets them, however the text and the code wrote them.

A per-cent sign follows its number without a space, as in what code prints; a minus is as wide as a
plus; a formula keeps the full stop or the comma behind it.
Code and what it prints stay as they are.
"""

from __future__ import annotations

import re

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

SPACE, MINUS, JOINER = "\u00a0", "\u2212", "\u2060"

_PER_CENT = re.compile(r"(?<=\d)[ \u00a0]%")
_NEGATIVE = re.compile(r"(?<![\w.)\-])-(?=\d)")
_PLUS_MINUS = re.compile(r"(?<=[\d%]) ± (?=\d)")
_CLOSING = re.compile(r"^(?=[.,;:?!)])")
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
    """The text with its numbers set; text without numbers comes back as it is."""
    text = _PER_CENT.sub("%", text)
    text = _NEGATIVE.sub(MINUS, text)
    return _PLUS_MINUS.sub(f"{SPACE}±{SPACE}", text)


def _is_left_alone(node: nodes.Node | None) -> bool:
    while node is not None:
        if isinstance(node, _LEFT_ALONE):
            return True
        node = node.parent
    return False


def set_page(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Set the numbers of one page."""
    for text in list(doctree.findall(nodes.Text)):
        if _is_left_alone(text.parent):
            continue
        before = text.astext()
        after = set_numbers(before)
        beside = text.parent.index(text) - 1
        if beside >= 0 and isinstance(text.parent[beside], nodes.math):
            after = _CLOSING.sub(JOINER, after)
        if after != before:
            text.parent.replace(text, nodes.Text(after))


def setup(app: Sphinx) -> dict[str, object]:
    """Called by Sphinx."""
    app.connect("doctree-resolved", set_page, priority=650)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
