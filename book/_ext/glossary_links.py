"""Sphinx extension: link the first use of a term on each page to the glossary.

The lessons contain no markup for this, so that they read well in Jupyter. On each page the first
occurrence of a glossary term in running text becomes an unobtrusive link, with the first sentence
of the definition as a tooltip. Headings, captions, tables, code, formulas, outputs and existing
links are left alone.

A term is linked as it is written in the glossary, regardless of case, as a whole word. A comment in
its definition can change that: `% also: plural, synonym` adds forms, and `% only: form, form`
replaces them. With nothing after `only:` the term is not linked, because the word has other senses.
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
# pages without links to the glossary
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
        name: The term as the glossary writes it.
        place: Its id on the glossary's page.
        forms: The forms that are linked to it, in lower case, with single spaces.
        meaning: The first sentence of its definition.
    """

    name: str
    place: str
    forms: tuple[str, ...]
    meaning: str


def _plain(text: str) -> str:
    return " ".join(text.split())


def forms_of(name: str, comments: Iterable[str]) -> tuple[str, ...]:
    """The forms of a term that are linked, given the comments in its definition.

    Raises:
        ValueError: if a comment starts with neither `also:` nor `only:`.
    """
    forms = [name]
    for comment in comments:
        mark = _MARK.fullmatch(comment.strip())
        if mark is None:
            raise ValueError(f"{name}: a comment must read 'also: …' or 'only: …', not {comment!r}")
        named = [_plain(form) for form in mark[2].split(",") if form.strip()]
        forms = forms + named if mark[1] == "also" else named
    return tuple(form.lower() for form in forms)


def entries_of(doctree: nodes.document) -> list[Entry]:
    """The terms that a glossary page defines, in order."""
    found = []
    for glossary in doctree.findall(addnodes.glossary):
        for item in glossary.findall(nodes.definition_list_item):
            term = next(item.findall(nodes.term))
            definition = next(item.findall(nodes.definition))
            comments = [comment.astext() for comment in definition.findall(nodes.comment)]
            meaning = _SENTENCE.match(next(definition.findall(nodes.paragraph)).astext())
            name = _plain(term.astext())
            if meaning is None:
                raise ValueError(f"{name}: its definition does not begin with a sentence")
            found.append(Entry(name, term["ids"][0], forms_of(name, comments), _plain(meaning[0])))
    return found


class Finder:
    """Finds terms in text: whole words, and of several terms at one position the longest.

    A hyphen counts as part of a word, so "self-supervised" does not contain "supervised".
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        """Prepare the search for the forms of these terms.

        Raises:
            ValueError: if two terms claim the same form.
        """
        self._owner: dict[str, Entry] = {}
        for entry in entries:
            for form in entry.forms:
                if form in self._owner:
                    raise ValueError(f"{form!r} is a form of two terms of the glossary")
                self._owner[form] = entry
        longest_first = sorted(self._owner, key=len, reverse=True)
        words = "|".join(re.escape(form).replace(r"\ ", r"\s+") for form in longest_first)
        self._pattern = re.compile(rf"(?<![\w-])(?:{words or '(?!)'})(?![\w-])", re.IGNORECASE)

    def find(self, text: str) -> Iterator[tuple[int, int, Entry]]:
        """Start, end and term of every use, from left to right."""
        for match in self._pattern.finditer(text):
            yield match.start(), match.end(), self._owner[_plain(match[0]).lower()]


def _may_hold_links(text: nodes.Text) -> bool:
    """Whether a piece of text is in a paragraph, and not in an element to be left alone."""
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
        doctree: The page; changed in place.
        finder: Finds the terms.
        glossary: Address of the glossary's page, relative to this one.

    Returns:
        The linked terms, in the order of the page.
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
    """Link the terms of one page; in the glossary itself, remove the comments about forms."""
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
