"""Sphinx extension: remove from the built pages everything that they do not use.

The theme contains all of Font Awesome twice: as a script of 1.5 MB, and as fonts with styles. It
also loads the search index on every page, for a search box that this book does not have. Once the
pages are written, this extension removes those scripts, joins the stylesheets into a small one (see
lean_styles.py), and deletes files to which no page, style or script refers. Figures become lossless
WebP, which takes a little over half the bytes of PNG; the browser loads them when they come near
the visible part of the page, and reserves their space before.

Without this extension the sketch pad's page costs 1.7 MB over the wire instead of 0.9 MB, a page of
text 1.1 MB instead of 0.3 MB, and `_static` has 8.9 MB instead of 2.4 MB. The theme has no option
for any of this, and Jupyter Book 1 relies on it for launch buttons and folded cells.
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
# MathJax composes the names of these files, so they appear in no text
WHOLE_FOLDERS = ("_static/mathjax/",)

_FONT_AWESOME = re.compile(r'\s*<script[^>]+src="[^"]*/fontawesome\.js[^"]*"></script>')
_SEARCH = re.compile(
    r'\s*<script src="[^"]*(?:searchtools|language_data|searchindex)\.js[^"]*"></script>'
)
# script files that are not deferred yet, except those that inline scripts call
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
    """Remove the icon script, and the search scripts unless this is the search page.

    Scripts are deferred, except on the search page, whose inline scripts call them.
    """
    html = _FONT_AWESOME.sub("", html)
    return html if is_search else _HURRIED.sub("<script defer", _SEARCH.sub("", html))


def in_ascii(html: str) -> str:
    """Replace every character that is not ASCII by a reference such as `&#8722;`.

    A browser stores ASCII text in half the memory and parses a page with a megabyte of data faster.
    Scripts and styles stay as they are, since references have no meaning in them.
    """
    parts = _VERBATIM.split(html)
    parts[::2] = [part.encode("ascii", "xmlcharrefreplace").decode() for part in parts[::2]]
    return "".join(parts)


def to_webp(png: Path) -> bool:
    """Convert an image to lossless WebP in the same folder, unless that exists already.

    Returns:
        Whether the new file is smaller. If it is not, it is deleted.
    """
    webp = png.with_suffix(".webp")
    if not webp.exists():
        with Image.open(png) as picture:
            picture.save(webp, lossless=True, quality=60, method=4)
    if webp.stat().st_size < png.stat().st_size:
        return True
    webp.unlink()
    return False


def lazy_images(html: str, folder: Path) -> str:
    """Let images load when they come near the visible part of the page, and reserve their space.

    Each image gets a box that states its drawn width. On a phone the image would shrink until its
    labels were illegible, so book.css lets the box scroll.

    Args:
        html: The page.
        folder: The folder with its images.
    """

    def lazy(match: re.Match[str]) -> str:
        with Image.open(folder / match[2]) as picture:
            width, height = picture.size
        how = f'loading="lazy" decoding="async" width="{width}" height="{height}"'
        image = f"<img {how}{match[1]}>"
        return f'<span class="book-figure" style="--drawn: {width}px">{image}</span>'

    return _IMAGE.sub(lazy, html)


def lighter_figures(root: Path) -> None:
    """Convert the figures that pages show to lazy WebP images, and delete the others."""
    pages = {page: page.read_text(encoding="utf-8") for page in sorted(root.rglob("*.html"))}
    folder = root / "_images"
    shown = {name for html in pages.values() for name in _FIGURE.findall(html)}
    pictures = [folder / f"{name}.png" for name in sorted(shown)]
    with ThreadPoolExecutor(2) as pool:
        converted = pool.map(to_webp, pictures)
        smaller = {p.stem for p, good in zip(pictures, converted, strict=True) if good}
    for page, html in pages.items():
        new = _FIGURE.sub(lambda m: f"_images/{m[1]}.webp" if m[1] in smaller else m[0], html)
        page.write_text(lazy_images(new, folder), encoding="utf-8")
    kept = {f"{name}.webp" if name in smaller else f"{name}.png" for name in shown}
    for path in folder.glob("*"):
        if path.suffix in (".png", ".webp") and path.name not in kept:
            path.unlink()


def unnamed(root: Path) -> list[Path]:
    """Files of _static whose names appear in no page, style or script."""
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
    """Delete the files of `unnamed` until none is left: a deleted file no longer names others."""
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
    """Apply all steps to the pages that were just written."""
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

    delete_unnamed(root)  # first, since words in unused scripts would keep style rules
    make_one_style(root)
    delete_unnamed(root)


def setup(app: Sphinx) -> dict[str, object]:
    """Called by Sphinx."""
    app.connect("build-finished", make_lean, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
