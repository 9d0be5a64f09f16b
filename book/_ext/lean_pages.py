"""Sphinx extension: light pages; what a page does not use is not shipped.

The theme brings all of Font Awesome twice: as a script of 1.5 MB, and as fonts with styles. It also
loads the search index on every page, for a search box that this book does not have. After the pages
are written, this extension takes those scripts out of them, makes one small stylesheet of many (see
lean_styles.py), and deletes the files that no page, style or script names. Figures become lossless
WebP, pixel for pixel what matplotlib drew in a little over half the bytes; those that are out of
sight wait until the reader comes near, in the room that they will need.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lean_styles import make_one_style
from PIL import Image
from sphinx.application import Sphinx
from static_widgets import STATE

SEARCH_PAGE = "search.html"
# asked for by names that MathJax puts together, so nobody names them
WHOLE_FOLDERS = ("_static/mathjax/",)

_FONT_AWESOME = re.compile(r'\s*<script[^>]+src="[^"]*/fontawesome\.js[^"]*"></script>')
_SEARCH = re.compile(
    r'\s*<script src="[^"]*(?:searchtools|language_data|searchindex)\.js[^"]*"></script>'
)
# scripts of their own files that do not wait yet, but for those that small scripts in the page call
_HURRIED = re.compile(
    r"<script(?=[^>]*\ssrc=)(?![^>]*\sdefer)"
    r'(?![^>]*/(?:documentation_options|static_widgets)\.js[?"])'
)
_VERBATIM = re.compile(r"(<(?:script|style)\b.*?</(?:script|style)>)", re.DOTALL)
_MAP = re.compile(r"\n?(?://# |/\*# )sourceMappingURL=[^\n*]*(?:\*/)?")
_FIGURE = re.compile(r"_images/([\w.-]+)\.png")
_IMAGE = re.compile(
    r'<img(?![^>]*\sloading=)([^>]*\ssrc="[^"]*_images/([\w.-]+\.(?:png|webp))"[^>]*)>'
)


def lighter_page(html: str, *, is_search: bool) -> str:
    """A page without the icon script, and without the search scripts unless it is the search's.

    Scripts wait until the page has been read, but on the search page, which calls them all.
    """
    html = _FONT_AWESOME.sub("", html)
    return html if is_search else _HURRIED.sub("<script defer", _SEARCH.sub("", html))


def in_ascii(html: str) -> str:
    """A page in which references such as `&#8722;` stand for all letters that are not ASCII.

    A browser keeps a text of ASCII in half the room, and reads a megabyte of data in it the faster.
    Scripts and styles know no references and stay as they are.
    """
    parts = _VERBATIM.split(html)
    parts[::2] = [part.encode("ascii", "xmlcharrefreplace").decode() for part in parts[::2]]
    return "".join(parts)


def to_webp(png: Path) -> bool:
    """Write a picture again beside itself as lossless WebP, unless that is there already.

    Returns:
        Whether the new file is the smaller one; if it is not, there is none.
    """
    webp = png.with_suffix(".webp")
    if not webp.exists():
        with Image.open(png) as picture:
            picture.save(webp, lossless=True, quality=60, method=4)
    if webp.stat().st_size < png.stat().st_size:
        return True
    webp.unlink()
    return False


def waiting_images(html: str, folder: Path) -> str:
    """A page whose pictures load when the reader comes near them, and whose room is kept for them.

    Each lies in a box that knows how wide it was drawn: on a phone, where it would shrink until
    nobody could read its labels, book.css lets the box scroll.

    Args:
        html: The page.
        folder: Where its pictures lie.
    """

    def waiting(match: re.Match[str]) -> str:
        with Image.open(folder / match[2]) as picture:
            width, height = picture.size
        how = f'loading="lazy" decoding="async" width="{width}" height="{height}"'
        image = f"<img {how}{match[1]}>"
        return f'<span class="book-figure" style="--drawn: {width}px">{image}</span>'

    return _IMAGE.sub(waiting, html)


def lighter_figures(root: Path) -> None:
    """Turn the figures that pages show into WebP that waits, and delete those that none shows."""
    pages = {page: page.read_text(encoding="utf-8") for page in sorted(root.rglob("*.html"))}
    folder = root / "_images"
    shown = {name for html in pages.values() for name in _FIGURE.findall(html)}
    pictures = [folder / f"{name}.png" for name in sorted(shown)]
    with ThreadPoolExecutor(2) as pool:
        converted = pool.map(to_webp, pictures)
        smaller = {p.stem for p, good in zip(pictures, converted, strict=True) if good}
    for page, html in pages.items():
        new = _FIGURE.sub(lambda m: f"_images/{m[1]}.webp" if m[1] in smaller else m[0], html)
        page.write_text(waiting_images(new, folder), encoding="utf-8")
    kept = {f"{name}.webp" if name in smaller else f"{name}.png" for name in shown}
    for path in folder.glob("*"):
        if path.suffix in (".png", ".webp") and path.name not in kept:
            path.unlink()


def unnamed(root: Path) -> list[Path]:
    """Files of _static whose name stands in no page, style or script."""
    texts = {p: p.read_text(encoding="utf-8", errors="ignore") for p in _texts(root)}
    found = []
    for path in sorted((root / "_static").rglob("*")):
        kept = path.relative_to(root).as_posix().startswith(WHOLE_FOLDERS)
        if path.is_dir() or kept:
            continue
        if not any(path.name in text for owner, text in texts.items() if owner != path):
            found.append(path)
    return found


def delete_unnamed(root: Path) -> None:
    """Delete the files of `unnamed`, again and again, since what is gone names nothing any more."""
    while lost := unnamed(root):
        for path in lost:
            path.unlink()


def _texts(root: Path) -> list[Path]:
    ends = (".html", ".css", ".js")
    return [
        path
        for path in sorted(root.rglob("*"))
        if path.suffix in ends and not path.relative_to(root).as_posix().startswith(WHOLE_FOLDERS)
    ]


def make_lean(app: Sphinx, error: Exception | None) -> None:
    """Do all of it to the pages just written."""
    if error or app.builder.format != "html":
        return
    root = Path(app.outdir)
    for page in sorted(root.rglob("*.html")):
        html = page.read_text(encoding="utf-8")
        is_search = page.relative_to(root).as_posix() == SEARCH_PAGE
        html = lighter_page(html, is_search=is_search)
        page.write_text(in_ascii(html) if STATE in html else html, encoding="utf-8")
    lighter_figures(root)
    for path in [*(root / "_static").rglob("*.js"), *(root / "_static").rglob("*.css")]:
        text = path.read_text(encoding="utf-8")
        if "sourceMappingURL" in text and "mathjax" not in path.parts:
            path.write_text(_MAP.sub("", text), encoding="utf-8")

    delete_unnamed(root)  # first, since words of scripts that are gone would keep rules
    make_one_style(root)
    delete_unnamed(root)


def setup(app: Sphinx) -> dict[str, object]:
    """Called by Sphinx."""
    app.connect("build-finished", make_lean, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
