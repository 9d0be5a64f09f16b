"""Sphinx extension: the first use of a term on a page leads to the glossary.

The lessons stay free of markup for it, so that they read well in Jupyter. On each page the first
place in running text where a term of the glossary stands becomes a quiet link, with the first
sentence of the definition as a tooltip. Headings, captions, tables, code, formulas, outputs and
what is a link already are left alone.

A term is linked as it is written in the glossary, capitals or not, as a whole word. A comment in
its definition says more: `% also: plural, synonym` adds forms, `% only: form, form` names those
that stand for it; with nothing after `only:` the term is not linked, since the word has other
senses too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util import logging

GLOSSARY = "book/glossary"
# the reference says things in signatures; these say them in lists of their own
LEFT_ALONE = ("book/api/", "book/bibliography", GLOSSARY)
CLASS = "glossary-link"

_NOT_IN = (
    nodes.title,
    nodes.caption,
    nodes.legend,
    nodes.table,
    nodes.figure,
    nodes.term,
    nodes.reference,
    nodes.literal,
    nodes.literal_block,
    nodes.math,
    nodes.math_block,
    nodes.citation,
    nodes.raw,
    nodes.comment,
    nodes.system_message,
    addnodes.pending_xref,
    addnodes.desc,
)
_NOT_UNDER = {"cell", "sd-card", "lesson-times"}
_MARK = re.compile(r"(also|only):(.*)", re.DOTALL)
_SENTENCE = re.compile(r".*?[.](?=\s|$)", re.DOTALL)
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """A term of the glossary.

    Attributes:
        name: the term as the glossary writes it.
        place: its id on the glossary's page.
        forms: what is linked to it: words in small letters, one space between them.
        meaning: the first sentence of its definition.
    """

    name: str
    place: str
    forms: tuple[str, ...]
    meaning: str


def _plain(text: str) -> str:
    return " ".join(text.split())


def forms_of(name: str, comments: Iterable[str]) -> tuple[str, ...]:
    """The forms of a term that are linked, given the comments of its definition.

    Raises:
        ValueError: for a comment that says neither `also:` nor `only:`.
    """
    forms = [name]
    for comment in comments:
        mark = _MARK.fullmatch(comment.strip())
        if mark is None:
            raise ValueError(f"{name}: a comment says 'also: …' or 'only: …', not {comment!r}")
        named = [_plain(form) for form in mark[2].split(",") if form.strip()]
        forms = forms + named if mark[1] == "also" else named
    return tuple(form.lower() for form in forms)


def entries_of(doctree: nodes.document) -> list[Entry]:
    """The terms that a glossary's page defines, in its order."""
    found = []
    for glossary in doctree.findall(addnodes.glossary):
        for item in glossary.findall(nodes.definition_list_item):
            term = next(item.findall(nodes.term))
            definition = next(item.findall(nodes.definition))
            comments = [comment.astext() for comment in definition.findall(nodes.comment)]
            meaning = _SENTENCE.match(next(definition.findall(nodes.paragraph)).astext())
            name = _plain(term.astext())
            if meaning is None:
                raise ValueError(f"{name}: its definition is no sentence")
            found.append(Entry(name, term["ids"][0], forms_of(name, comments), _plain(meaning[0])))
    return found


class Finder:
    """Finds terms in text: the longest of those that begin at a place, and whole words alone.

    A hyphen counts as part of a word, so "self-supervised" does not hold "supervised".
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        """Look for the forms of these terms.

        Raises:
            ValueError: if two terms claim the same form.
        """
        self._owner: dict[str, Entry] = {}
        for entry in entries:
            for form in entry.forms:
                if form in self._owner:
                    raise ValueError(f"{form!r} stands for two terms of the glossary")
                self._owner[form] = entry
        longest_first = sorted(self._owner, key=len, reverse=True)
        words = "|".join(re.escape(form).replace(r"\ ", r"\s+") for form in longest_first)
        self._pattern = re.compile(rf"(?<![\w-])(?:{words or '(?!)'})(?![\w-])", re.IGNORECASE)

    def find(self, text: str) -> Iterator[tuple[int, int, Entry]]:
        """Begin, end and term of every use, from left to right."""
        for match in self._pattern.finditer(text):
            yield match.start(), match.end(), self._owner[_plain(match[0]).lower()]


def _may_hold_links(text: nodes.Text) -> bool:
    """Whether a piece of text stands in a paragraph, and in nothing that is to be left alone."""
    in_paragraph = False
    node = text.parent
    while node is not None:
        if isinstance(node, _NOT_IN) or _NOT_UNDER.intersection(node.get("classes", ())):
            return False
        in_paragraph = in_paragraph or isinstance(node, nodes.paragraph)
        node = node.parent
    return in_paragraph


def link_first_uses(doctree: nodes.document, finder: Finder, glossary: str) -> list[Entry]:
    """Link the first use of each term on a page.

    Args:
        doctree: the page; changed in place.
        finder: looks for the terms.
        glossary: address of the glossary's page, as seen from this one.

    Returns:
        The terms that were linked, in the order of the page.
    """
    seen: dict[str, Entry] = {}
    for text in list(doctree.findall(nodes.Text)):
        if not _may_hold_links(text):
            continue
        words, pieces, done = text.astext(), [], 0
        for begin, end, entry in finder.find(words):
            if entry.place in seen:
                continue
            seen[entry.place] = entry
            link = nodes.reference(
                "",
                words[begin:end],
                internal=True,
                refuri=f"{glossary}#{entry.place}",
                reftitle=entry.meaning,
                classes=[CLASS],
            )
            pieces += [nodes.Text(words[done:begin]), link]
            done = end
        if pieces:
            pieces.append(nodes.Text(words[done:]))
            text.parent.replace(text, [piece for piece in pieces if piece.astext()])
    return list(seen.values())


def link_page(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Link the terms of one page; take the marks for this out of the glossary itself."""
    if page == GLOSSARY:
        for comment in list(doctree.findall(nodes.comment)):
            comment.parent.remove(comment)
    if page.startswith(LEFT_ALONE) or GLOSSARY not in app.env.all_docs:
        return
    finder = getattr(app, "_glossary_finder", None)
    if finder is None:
        finder = Finder(entries_of(app.env.get_doctree(GLOSSARY)))
        app._glossary_finder = finder  # type: ignore[attr-defined]
    link_first_uses(doctree, finder, app.builder.get_relative_uri(page, GLOSSARY))


def setup(app: Sphinx) -> dict[str, object]:
    """Called by Sphinx."""
    app.connect("doctree-resolved", link_page, priority=700)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
