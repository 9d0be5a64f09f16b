"""Sphinx extension: light pages; what a page does not use is not shipped.

The theme brings all of Font Awesome three times: a script of 1.5 MB, fonts, and a style rule for
each icon. A page needs about twenty icons, which the fonts alone can show. It also loads the search
index on every page, for a search box that this book does not have. After the pages are written,
this extension takes those scripts out of them, cuts fonts and rules down to the icons in use, and
deletes the files that no page, style or script names. Figures become lossless WebP, pixel for pixel
what matplotlib drew in a little over half the bytes.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from PIL import Image
from sphinx.application import Sphinx

STYLE = "_static/styles/pydata-sphinx-theme.css"
FONTS = {"fa-solid-900": "fas", "fa-regular-400": "far", "fa-brands-400": "fab"}
ALIASES = {"fa-solid": "fas", "fa-regular": "far", "fa-brands": "fab"}
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
_ICON_RULE = re.compile(r'((?:\.fa-[a-z0-9-]+:{1,2}before,?)+)\{content:"\\([0-9a-f]+)"\}')
_CONTENT = re.compile(r'content:"\\([0-9a-f]{4,})"')
_FACE = re.compile(r"@font-face\{[^}]*?webfonts/(fa-[a-z]+-\d+)[^}]*\}")
_WOFF2 = re.compile(r'url\([^)]*\.woff2\) format\("woff2"\),')
_MAP = re.compile(r"\n?(?://# |/\*# )sourceMappingURL=[^\n*]*(?:\*/)?")
_FIGURE = re.compile(r"_images/([\w.-]+)\.png")
_CLASSES = re.compile(r'class="([^"]*)"')
_ICON_NAME = re.compile(r"fa-[a-z0-9-]+")


def lighter_page(html: str, *, is_search: bool) -> str:
    """A page without the icon script, and without the search scripts unless it is the search's.

    Scripts wait until the page has been read, but on the search page, which calls them all.
    """
    html = _FONT_AWESOME.sub("", html)
    return html if is_search else _HURRIED.sub("<script defer", _SEARCH.sub("", html))


def icons_in(texts: Iterable[str]) -> tuple[set[str], set[str]]:
    """Icons and font styles that pages or scripts name.

    Returns:
        Names of classes that may be icons ("fa-bars"), and styles among "fas", "far", "fab".
    """
    names: set[str] = set()
    styles: set[str] = set()
    for text in texts:
        names.update(_ICON_NAME.findall(text))
        for classes in _CLASSES.findall(text):
            styles.update(ALIASES.get(word, word) for word in classes.split())
    return names, styles & set(FONTS.values())


def lighter_style(css: str, icons: set[str], styles: set[str]) -> tuple[str, set[int]]:
    """The theme's style with the rules of these icons and the fonts of these styles alone.

    Returns:
        The style, and the code points that it still shows.
    """

    def rule(match: re.Match[str]) -> str:
        used = any(name in icons for name in _ICON_NAME.findall(match[1]))
        return match[0] if used else ""

    def face(match: re.Match[str]) -> str:
        return _WOFF2.sub("", match[0]) if FONTS.get(match[1], "") in styles else ""

    css = _FACE.sub(face, _ICON_RULE.sub(rule, css))
    return css, {int(code, 16) for code in _CONTENT.findall(css)}


def cut_font(path: Path, codes: set[int]) -> None:
    """Leave in a font only the glyphs of these code points."""
    logging.getLogger("fontTools").setLevel(logging.WARNING)  # it would tell of every table
    font = TTFont(path)
    cutter = Subsetter(Options(drop_tables=["FFTM"], hinting=False))
    cutter.populate(unicodes=codes)
    cutter.subset(font)
    font.save(path)


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


def lighter_figures(root: Path) -> None:
    """Turn the figures that pages show into WebP, and delete those that none shows."""
    pages = {page: page.read_text(encoding="utf-8") for page in sorted(root.rglob("*.html"))}
    folder = root / "_images"
    shown = {name for html in pages.values() for name in _FIGURE.findall(html)}
    pictures = [folder / f"{name}.png" for name in sorted(shown)]
    with ThreadPoolExecutor(2) as pool:
        converted = pool.map(to_webp, pictures)
        smaller = {p.stem for p, good in zip(pictures, converted, strict=True) if good}
    for page, html in pages.items():
        new = _FIGURE.sub(lambda m: f"_images/{m[1]}.webp" if m[1] in smaller else m[0], html)
        if new != html:
            page.write_text(new, encoding="utf-8")
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
        page.write_text(lighter_page(html, is_search=is_search), encoding="utf-8")
    lighter_figures(root)
    for path in [*(root / "_static").rglob("*.js"), *(root / "_static").rglob("*.css")]:
        text = path.read_text(encoding="utf-8")
        if "sourceMappingURL" in text and "mathjax" not in path.parts:
            path.write_text(_MAP.sub("", text), encoding="utf-8")

    style = root / STYLE
    readers = [p for p in _texts(root) if p.suffix != ".css" and p.stem != "fontawesome"]
    icons, styles = icons_in(p.read_text(encoding="utf-8") for p in readers)
    css, codes = lighter_style(style.read_text(encoding="utf-8"), icons, styles)
    style.write_text(css, encoding="utf-8")
    for other in (root / "_static").rglob("*.css"):  # what other styles show by a code point
        codes |= {int(code, 16) for code in _CONTENT.findall(other.read_text(encoding="utf-8"))}
    for name, kind in FONTS.items():
        if kind in styles:
            cut_font(root / f"_static/vendor/fontawesome/webfonts/{name}.ttf", codes)
    while lost := unnamed(root):  # again, since what is gone names nothing any more
        for path in lost:
            path.unlink()


def setup(app: Sphinx) -> dict[str, object]:
    """Called by Sphinx."""
    app.connect("build-finished", make_lean, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
