"""Pack the built book into one archive of its pages, or into one PDF.

    python tools/pack_book.py          _build/learning-without-labels.zip
    python tools/pack_book.py --pdf    _build/learning-without-labels.pdf

The archive contains one folder; unpack it and open index.html, without a server or a network. The
same pages always give the same archive, byte for byte. The PDF has all pages of the table of
contents in order, printed by Chromium with the layout that book.css defines for paper, and a
bookmark for each page and heading. Links between pages lead to places in the PDF.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import zipfile
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urldefrag

import chromium
import yaml
from build_book import entries

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from pypdf import PdfReader, PdfWriter

ROOT = Path(__file__).resolve().parent.parent
BUILT = ROOT / "_build" / "html"
NAME = "learning-without-labels"
MOMENT = (1980, 1, 1, 0, 0, 0)  # the earliest date that an archive can store
UNWANTED = (".buildinfo", ".doctrees")
PAPER_WIDTH = 665  # CSS pixels between the margins of A4 that book.css sets
TIMEOUT, PATIENCE = 120_000, 30_000  # ms; figures compute, and machines may be busy

_READY = """() => document.readyState === 'complete'
  && [...document.querySelectorAll('.ssl-widget')].every(
    (w) => 'mounted' in w.dataset || w.classList.contains('ssl-widget-failed'))"""
_SETTLED = """async () => {
  await window.MathJax?.startup?.promise;
  await document.fonts.ready;
  const images = [...document.images];
  for (const image of images) image.loading = 'eager'; // lazy images would not load
  await Promise.all(images.map((image) => image.decode().catch(() => {})));
  for (let k = 0; k < 3; k++) await new Promise((r) => requestAnimationFrame(r));
}"""
# some figures go on computing; until they are done they show "…"
_COMPUTED = """() => [...document.querySelectorAll('.ssl-widget *')].every(
  (e) => e.childElementCount || !/(^| )…$/.test(e.textContent.trim()) || !e.checkVisibility())"""
_HEADINGS = """() => {
  const words = (heading) => {
    const copy = heading.cloneNode(true);
    for (const link of copy.querySelectorAll('.headerlink')) link.remove();
    return copy.textContent.trim();
  };
  const article = document.querySelector('.bd-article');
  const below = [...article.querySelectorAll('section > h2')];
  return [words(article.querySelector('h1')),
          below.map((heading) => [words(heading), heading.parentElement.id])];
}"""
# shrink formulas and tables that are wider than the paper
_FIT = """() => {
  const maybe = document.querySelectorAll('mjx-container[display="true"], .bd-article table');
  for (const wide of maybe) {
    if (wide.closest('.ssl-widget')) continue;
    const room = wide.parentElement.getBoundingClientRect().width;
    const taken = wide.matches('table') ? wide.getBoundingClientRect().width : wide.scrollWidth;
    if (taken > room + 1) wide.style.zoom = Math.max(0.4, room / taken);
  }
}"""
_NUMBERED = """
html { counter-reset: page %d; }
@page { @bottom-left { content: %s; color: #44515e; font: 8pt system-ui, sans-serif; } }
"""
# the first page of the book names authors and licence; the others need not repeat them
_NOT_FIRST = "html .bd-main .bd-footer-content { display: none !important; }"
# Chromium records the place of an id only if the same page links to it
_ANCHORS = """() => {
  const hidden = document.body.appendChild(document.createElement('div'));
  hidden.style.display = 'none';
  for (const element of document.querySelectorAll('.bd-article [id]')) {
    const link = hidden.appendChild(document.createElement('a'));
    link.href = '#' + encodeURIComponent(element.id);
  }
}"""


def packed_files(folder: Path) -> list[Path]:
    """Files of the built book that belong in the archive, sorted by name."""
    files = (path for path in folder.rglob("*") if path.is_file())
    kept = (p for p in files if not set(UNWANTED) & set(p.relative_to(folder).parts))
    return sorted(kept, key=lambda path: path.relative_to(folder).as_posix())


def pack(folder: Path, target: Path) -> int:
    """Write a folder into an archive that depends only on names and contents.

    Args:
        folder: The built book.
        target: The archive. It contains one folder of the same name without ".zip".

    Returns:
        The number of files in the archive.

    Raises:
        FileNotFoundError: If the book has not been built.
    """
    if not (folder / "index.html").exists():
        raise FileNotFoundError(f"{folder} contains no book: run `make book`")
    files = packed_files(folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in files:
            name = f"{target.stem}/{path.relative_to(folder).as_posix()}"
            entry = zipfile.ZipInfo(name, MOMENT)
            entry.create_system = 3  # the same on every system
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes(), compresslevel=9)
    return len(files)


@dataclass
class Printed:
    """One printed page of the book.

    Attributes:
        name: Its name in the table of contents, such as "notebooks/06_jigsaw".
        title: Its first heading.
        headings: Texts and ids of the headings one level below.
        pdf: Its sheets, as a PDF file.
    """

    name: str
    title: str
    headings: list[tuple[str, str]]
    pdf: bytes = field(repr=False)


@dataclass(frozen=True)
class Place:
    """A place in the merged file: a sheet, counted from 0, and a point on it.

    Distances from the lower left corner are in points, 1/72 inch. Without them the place is the top
    of the sheet.
    """

    sheet: int
    left: float | None = None
    top: float | None = None


def parts_of(toc: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Pages of a table of contents by part; the front page is a part without a name."""
    parts = [("", [str(toc["root"])])]
    for part in toc.get("parts", ()):
        parts.append((str(part.get("caption", "")), list(entries(part["chapters"]))))
    return parts


def target_of(uri: str, folder: Path, names: set[str]) -> tuple[str, str] | str | None:
    """Target in the merged file of a link on a printed page.

    Args:
        uri: The target of the link in the page on disk.
        folder: The built book.
        names: The names of the printed pages.

    Returns:
        Page and id for a place in the book, the address for a place elsewhere, and None for a
        target that is in neither the PDF nor the web, such as the source of a page.
    """
    address, fragment = urldefrag(uri)
    base = folder.as_uri() + "/"
    if address.startswith(base):
        name = unquote(address.removeprefix(base)).removesuffix(".html")
        return (name, unquote(fragment)) if name in names else None
    return uri if address.startswith(("http://", "https://", "mailto:")) else None


def print_page(browser: Browser, folder: Path, name: str, before: int) -> Printed:
    """Print one page of the built book, including its interactive figures and formulas.

    Args:
        browser: A Chromium.
        folder: The built book.
        name: The name of the page in the table of contents.
        before: The number of sheets before it, from which its own are numbered.
    """
    from playwright.sync_api import TimeoutError as PlaywrightTimeout

    context = browser.new_context(
        viewport={"width": PAPER_WIDTH, "height": 940},
        color_scheme="light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.emulate_media(media="print", color_scheme="light", reduced_motion="reduce")
    page.goto((folder / f"{name}.html").as_uri(), timeout=TIMEOUT)
    page.wait_for_function(_READY, timeout=TIMEOUT)
    page.evaluate(_SETTLED)
    with contextlib.suppress(PlaywrightTimeout):  # if it takes longer, print it as it is
        page.wait_for_function(_COMPUTED, timeout=PATIENCE)
    title, headings = page.evaluate(_HEADINGS)
    page.evaluate(_FIT)
    page.evaluate(_ANCHORS)
    page.add_style_tag(content=_NUMBERED % (before, json.dumps(title, ensure_ascii=False)))
    if before:
        page.add_style_tag(content=_NOT_FIRST)
    pdf = page.pdf(prefer_css_page_size=True, print_background=True)
    context.close()
    return Printed(name, title, [(words, place) for words, place in headings], pdf)


def _places(reader: PdfReader, name: str, first: int) -> dict[tuple[str, str], Place]:
    """Places in the merged file of the ids of a printed page."""
    found = {(name, ""): Place(first)}
    for key, there in reader.named_destinations.items():
        sheet = reader.get_destination_page_number(there)
        if sheet is not None and sheet >= 0:
            left, top = (None if x is None else float(x) for x in (there.left, there.top))
            found[name, unquote(str(key).lstrip("/"))] = Place(first + sheet, left, top)
    return found


def _links(sheet: Any) -> list[tuple[list[float], str, str]]:
    """Remove the links from a sheet: rectangle, and a URI or the name of a place in the page."""
    found = []
    for reference in sheet.pop("/Annots", None) or ():
        note = reference.get_object()
        action = note.get("/A", {})
        inside = note.get("/Dest", action.get("/D"))
        if note.get("/Subtype") == "/Link" and ("/URI" in action or isinstance(inside, str)):
            rectangle = [float(x) for x in note["/Rect"]]
            found.append((rectangle, str(action.get("/URI", "")), str(inside or "").lstrip("/")))
    return found


def merge(printed: list[Printed], parts: list[tuple[str, list[str]]], folder: Path) -> PdfWriter:
    """Merge printed pages into one file with bookmarks and working links."""
    from pypdf import PdfReader, PdfWriter
    from pypdf.annotations import Link
    from pypdf.generic import Fit, RectangleObject

    writer = PdfWriter()
    names = {page.name for page in printed}
    places: dict[tuple[str, str], Place] = {}
    links: list[tuple[int, str, list[float], str, str]] = []
    for page in printed:
        reader = PdfReader(BytesIO(page.pdf))
        first = len(writer.pages)
        places |= _places(reader, page.name, first)
        for number, sheet in enumerate(reader.pages, first):
            links += [(number, page.name, *link) for link in _links(sheet)]
            writer.add_page(sheet)

    def fit(place: Place) -> Fit:
        return Fit.xyz(left=place.left, top=place.top)

    for number, name, rectangle, uri, inside in links:
        target = target_of(uri, folder, names) if uri else (name, unquote(inside))
        box = RectangleObject(rectangle)
        if isinstance(target, str):
            note = Link(rect=box, border=[0, 0, 0], url=target)
        elif target is not None:
            place = places.get(target, places[target[0], ""])
            note = Link(rect=box, border=[0, 0, 0], target_page_index=place.sheet, fit=fit(place))
        else:
            continue
        writer.add_annotation(number, note)

    by_name = {page.name: page for page in printed}
    for caption, chapters in parts:
        there = [by_name[name] for name in chapters if name in by_name]
        if not there:
            continue
        part = (
            writer.add_outline_item(title=caption, page_number=places[there[0].name, ""].sheet)
            if caption
            else None
        )
        for page in there:
            item = writer.add_outline_item(
                title=page.title,
                page_number=places[page.name, ""].sheet,
                parent=part,
                is_open=False,
            )
            for words, key in page.headings:
                if (page.name, key) in places:
                    place = places[page.name, key]
                    writer.add_outline_item(
                        title=words, page_number=place.sheet, parent=item, fit=fit(place)
                    )
    return writer


def make_pdf(folder: Path, target: Path, toc: dict[str, Any], title: str, author: str) -> int:
    """Print the whole book into one PDF.

    Args:
        folder: The built book.
        target: The file to write.
        toc: The content of _toc.yml.
        title: The title of the book, for the metadata of the file.
        author: The author, likewise.

    Returns:
        The number of sheets.

    Raises:
        RuntimeError: If there is no Chromium.
    """
    from playwright.sync_api import sync_playwright
    from pypdf import PdfReader

    parts = parts_of(toc)
    printed: list[Printed] = []
    sheets = 0
    with sync_playwright() as playwright:
        browser = chromium.launch(playwright)
        for name in (name for _, names in parts for name in names):
            printed.append(print_page(browser, folder, name, sheets))
            sheets += len(PdfReader(BytesIO(printed[-1].pdf)).pages)
        browser.close()
    writer = merge(printed, parts, folder)
    writer.add_metadata({"/Title": title, "/Author": author})
    writer.page_mode = "/UseOutlines"
    writer.compress_identical_objects()
    target.parent.mkdir(parents=True, exist_ok=True)
    writer.write(target)
    return len(writer.pages)


def main() -> int:
    """Pack the book in _build/html; return 1 if there is none, or no browser to print it."""
    parser = argparse.ArgumentParser(description="Pack the built book.")
    parser.add_argument("--pdf", action="store_true", help="make one PDF instead of an archive")
    args = parser.parse_args()
    if not (BUILT / "index.html").exists():
        print(f"{BUILT} contains no book: run `make book`", file=sys.stderr)
        return 1
    target = BUILT.parent / f"{NAME}.{'pdf' if args.pdf else 'zip'}"
    if args.pdf:
        toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
        config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
        try:
            count = make_pdf(BUILT, target, toc, config["title"], config["author"])
        except RuntimeError as error:
            print(error, file=sys.stderr)
            return 1
        what = "sheets"
    else:
        count, what = pack(BUILT, target), "files"
    print(f"{target}   ({count} {what}, {target.stat().st_size / 1e6:.1f} MB)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
