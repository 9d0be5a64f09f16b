"""One stylesheet for the whole book, with the rules, icons and fonts that its pages can use.

The theme and its extensions have ten stylesheets of half a megabyte in total, most of it for
buttons, forms and grids that no page of this book has, and a rule for each of two thousand icons. A
browser parses all of it before it paints anything. Here the sheets are joined in the order in which
pages load them, without the rules for classes and ids that appear in no page and no script.
lean_pages.py calls this once the pages are written.

On a processor slowed to a quarter, this brings the first paint forward from 1.6 s to 1.2 s for the
sketch pad, and saves 0.2 MB on every page, 1.4 MB in `_static`. PurgeCSS would do the same, but
needs Node.
"""

from __future__ import annotations

import hashlib
import logging
import posixpath
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tinycss2
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

STYLE = "style.css"
# prefix of classes that Bootstrap's script composes, so that they appear in no text
MADE_BY_SCRIPTS = ("bs-",)
FONTS = {"fa-solid-900": "fas", "fa-regular-400": "far", "fa-brands-400": "fab"}
ALIASES = {"fa-solid": "fas", "fa-regular": "far", "fa-brands": "fab"}

_LINK = re.compile(r'\s*<link[^>]*\bhref="([^"]*?)_static/([^"?]+\.css)[^"]*"[^>]*>')
_WORD = re.compile(r"-?[A-Za-z_][\w-]*")
_URL = re.compile(r"""url\((["']?)(?!["']?(?:data:|https?:|#))([^"')]+)\1\)""")
_CLASSES = re.compile(r'class="([^"]*)"')
_FACE = re.compile(r"@font-face\s*\{[^}]*?webfonts/(fa-[a-z]+-\d+)[^}]*\}")
_WOFF2 = re.compile(r'url\([^)]*\.woff2"?\) format\("woff2"\),\s*')
# an icon is a character that a rule inserts, written literally or as its code point
_CONTENT = re.compile(r"""content:\s*(["'])(?:\\([0-9a-fA-F]{2,6})\s?|([^"'\\]))\1""")
_HOLDS_RULES = ("media", "supports", "layer", "container")
_ONE_OF = ("is", "where")

Tokens = list[Any]


def words(texts: Iterable[str]) -> set[str]:
    """Every word in pages and scripts that may be the name of a class or an element."""
    return {word for text in texts for word in _WORD.findall(text)}


def _alternatives(tokens: Iterable[Any]) -> list[Tokens]:
    """Selectors separated by commas."""
    found: list[Tokens] = [[]]
    for token in tokens:
        if token.type == "literal" and token.value == ",":
            found.append([])
        else:
            found[-1].append(token)
    return found


def _can_match(selector: Tokens, known: set[str]) -> bool:
    """Whether all classes and ids that a selector requires are known (not those in `:not()`)."""
    for before, token in zip([None, *selector], selector, strict=False):
        named = token.type == "hash"
        if token.type == "ident":
            named = before is not None and before.type == "literal" and before.value == "."
        if named and token.value not in known and not token.value.startswith(MADE_BY_SCRIPTS):
            return False
        choice = token.type == "function" and token.lower_name in _ONE_OF
        if choice and not any(_can_match(one, known) for one in _alternatives(token.arguments)):
            return False
    return True


def used_rules(css: str, known: set[str]) -> str:
    """A stylesheet without the selectors that require an unknown class or id.

    Raises:
        ValueError: If it contains something that is not valid CSS.
    """
    return _used(tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True), known)


def _used(rules: Iterable[Any], known: set[str]) -> str:
    kept = []
    for rule in rules:
        if rule.type == "error":
            raise ValueError(f"line {rule.source_line} of a stylesheet: {rule.message}")
        if rule.type == "qualified-rule":
            some = [each for each in _alternatives(rule.prelude) if _can_match(each, known)]
            if some:
                selectors = ",".join(tinycss2.serialize(each).strip() for each in some)
                kept.append(f"{selectors}{{{tinycss2.serialize(rule.content).strip()}}}")
        elif rule.lower_at_keyword in _HOLDS_RULES and rule.content is not None:
            inside = tinycss2.parse_rule_list(
                rule.content, skip_comments=True, skip_whitespace=True
            )
            if within := _used(inside, known):
                head = f"@{rule.at_keyword} {tinycss2.serialize(rule.prelude).strip()}"
                kept.append(f"{head}{{{within}}}")
        elif rule.lower_at_keyword != "charset":
            kept.append(rule.serialize())
    return "\n".join(kept)


def joined(folder: Path, names: Iterable[str]) -> str:
    """Concatenate stylesheets, and those that they import.

    Args:
        folder: The folder that the result will be written to.
        names: Paths of the sheets in it, such as "styles/theme.css".
    """
    parts = []
    for name in names:
        text = (folder / name).read_text(encoding="utf-8")
        beside = posixpath.dirname(name)
        for rule in tinycss2.parse_stylesheet(text, skip_comments=True, skip_whitespace=True):
            if rule.type == "at-rule" and rule.lower_at_keyword == "import":
                (address,) = (token for token in rule.prelude if token.type in ("string", "url"))
                inner = posixpath.normpath(posixpath.join(beside, address.value))
                parts.append(joined(folder, [inner]))
                text = text.replace(rule.serialize(), "")

        def moved(match: re.Match[str], beside: str = beside) -> str:
            path = posixpath.normpath(posixpath.join(beside, match[2]))
            return f"url({match[1]}{path}{match[1]})"

        parts.append(_URL.sub(moved, text))
    return "\n".join(parts)


def icon_fonts(texts: Iterable[str]) -> set[str]:
    """The icon fonts that pages use, among "fas", "far" and "fab"."""
    names = (name for text in texts for found in _CLASSES.findall(text) for name in found.split())
    return {ALIASES.get(name, name) for name in names} & set(FONTS.values())


def icons_in(css: str) -> set[int]:
    """Code points of the icons that a stylesheet shows."""
    return {int(number, 16) if number else ord(one) for _, number, one in _CONTENT.findall(css)}


def with_fonts(css: str, fonts: set[str]) -> str:
    """A stylesheet that loads only these icon fonts, each from one file."""

    def face(match: re.Match[str]) -> str:
        return _WOFF2.sub("", match[0]) if FONTS.get(match[1], "") in fonts else ""

    return _FACE.sub(face, css)


def cut_font(path: Path, codes: set[int]) -> None:
    """Remove from a font all glyphs except those of these code points."""
    logging.getLogger("fontTools").setLevel(logging.WARNING)  # it would report every table
    font = TTFont(path)
    cutter = Subsetter(Options(drop_tables=["FFTM"], hinting=False))
    cutter.populate(unicodes=codes)
    cutter.subset(font)
    font.save(path)


def with_one_style(html: str, digest: str) -> str:
    """A page that loads the one stylesheet in place of its first; the digest is its version."""
    first = _LINK.search(html)
    if not first:
        return html
    up = first[1]
    link = f'\n<link rel="stylesheet" type="text/css" href="{up}_static/{STYLE}?v={digest}" />'
    return html[: first.start()] + link + _LINK.sub("", html[first.end() :])


def make_one_style(root: Path) -> None:
    """Write the stylesheet of a built book, and make its pages load it.

    Raises:
        ValueError: If pages load different stylesheets, so that their order is not defined.
    """
    pages = {page: page.read_text(encoding="utf-8") for page in sorted(root.rglob("*.html"))}
    lists = {tuple(m[2] for m in _LINK.finditer(html)) for html in pages.values()}
    lists -= {(), (STYLE,)}  # Sphinx does not rewrite the source pages of unchanged modules
    if len(lists) != 1:
        raise ValueError(f"pages load different stylesheets: {sorted(lists)}")
    scripts = [path.read_text(encoding="utf-8") for path in sorted(root.rglob("*.js"))]
    texts = [*pages.values(), *scripts]
    fonts = icon_fonts(texts)
    static = root / "_static"
    css = with_fonts(used_rules(joined(static, lists.pop()), words(texts)), fonts)
    (static / STYLE).write_text(f'@charset "utf-8";\n{css}', encoding="utf-8")
    codes = icons_in(css)
    for name, kind in FONTS.items():
        if kind in fonts:
            cut_font(static / f"vendor/fontawesome/webfonts/{name}.ttf", codes)
    digest = hashlib.sha256(css.encode()).hexdigest()[:8]
    for page, html in pages.items():
        page.write_text(with_one_style(html, digest), encoding="utf-8")
