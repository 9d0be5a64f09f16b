"""Make slides of each lesson out of the same notebook: `make slides`, after `make book`.

A heading begins a slide. On it stand the heading, the first paragraph, formulas and lists; a figure
or a table has a slide of its own, with its caption. The rest of the text goes into the speaker's
notes (press S). Code stays in the notebook. The slides bring reveal.js and MathJax along.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import nbformat
import yaml
from nbconvert import SlidesExporter
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "book" / "_ext"))
import offline_math
from build_book import entries, fresh_cache, state_key

ROOT = Path(__file__).resolve().parent.parent
HEADING = re.compile(r"^(#{1,3}) (.+)$", re.MULTILINE)
ROLE = re.compile(r"\{(?:numref|cite:[tp]|ref|doc|term|eq)\}`([^`<]*?)(?: <[^`]*>)?`")
PICTURES = ("image/png", "image/svg+xml", "image/jpeg")
LEFT_OUT = ("Exercises", "Further reading")


def plain(text: str) -> str:
    """Markdown without what only the book understands: roles and directives."""
    text = re.sub(r"^(:{3,}|`{3,})\{.*?^\1\s*$", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^\([\w-]+\)=\s*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"\{cite:[tp]\}`[^`]*`", "", text)
    return ROLE.sub(lambda m: "the figure" if m[1].startswith("fig-") else m[1], text).strip()


def parts(markdown: str) -> list[tuple[str, str]]:
    """A cell cut at its headings: (heading with its signs or "", the text below)."""
    found = list(HEADING.finditer(markdown))
    cut: list[tuple[str, str]] = []
    first = found[0].start() if found else len(markdown)
    if markdown[:first].strip():
        cut.append(("", markdown[:first]))
    ends = [heading.start() for heading in found[1:]] + [len(markdown)]
    for heading, end in zip(found, ends, strict=False):
        cut.append((heading[0], markdown[heading.end() : end]))
    return cut


def on_slide(text: str) -> tuple[str, str]:
    """Text that goes on a slide, and text that goes into the notes.

    The first paragraph stays, with every list and every formula; the other paragraphs are said.
    """
    blocks = [block for block in re.split(r"\n\s*\n", plain(text)) if block.strip()]
    shown, said, paragraphs = [], [], 0
    for block in blocks:
        is_list = re.match(r"\s*(?:[-*|]|\d+\.) ?", block) is not None
        if block.startswith("$$") or (is_list and len(block) < 700):
            shown.append(block)
        elif paragraphs == 0 and len(block) < 500:
            shown.append(block)
            paragraphs = 1
        else:
            said.append(block)
    return "\n\n".join(shown), "\n\n".join(said)


def slide(kind: str, text: str) -> NotebookNode:
    """A Markdown cell that begins a slide, goes on with one, or is its notes."""
    cell = new_markdown_cell(text)
    cell.metadata["slideshow"] = {"slide_type": kind}
    return cell


def pictures_of(cell: NotebookNode) -> list[NotebookNode]:
    """The outputs of a cell that are worth a slide: figures, and tables in Markdown."""
    return [
        output
        for output in cell.get("outputs", [])
        if any(kind in output.get("data", {}) for kind in (*PICTURES, "text/markdown"))
    ]


def slides_of(lesson: NotebookNode) -> NotebookNode:
    """A lesson that was run, as cells with their kinds of slide."""
    made: list[NotebookNode] = []
    skipping = False
    for cell in lesson.cells:
        if cell.cell_type == "markdown":
            for heading, text in parts(cell.source):
                if heading:
                    skipping = heading.lstrip("# ") in LEFT_OUT
                if skipping:
                    continue
                shown, said = on_slide(text)
                if heading:
                    made.append(slide("slide", f"{heading}\n\n{shown}"))
                    if said:
                        made.append(slide("notes", said))
                elif shown or said:
                    made.append(slide("notes", f"{shown}\n\n{said}".strip()))
        elif not skipping:
            mystnb = cell.metadata.get("mystnb", {})
            caption = plain(mystnb.get("figure", {}).get("caption", ""))
            outputs = pictures_of(cell)
            source = any("```python" in o["data"].get("text/markdown", "") for o in outputs)
            if outputs and not source:
                shown_cell = nbformat.from_dict(dict(cell))
                shown_cell.outputs = outputs
                shown_cell.metadata["slideshow"] = {"slide_type": "slide"}
                made.append(shown_cell)
                if caption:
                    made.append(slide("-", caption))
    result = nbformat.v4.new_notebook(cells=made)
    result.metadata = lesson.metadata
    return result


def lessons(root: Path, cache: Path) -> dict[str, NotebookNode]:
    """The lessons as the last build ran them, by the stem of their files.

    Raises:
        FileNotFoundError: if one has not been run since it, or the package, last changed.
    """
    from jupyter_cache import get_cache

    found = {}
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    for name in entries(toc):
        path = root / f"{name}.ipynb"
        if not path.exists():
            continue
        notebook = nbformat.read(path, as_version=4)
        try:
            record = get_cache(str(cache)).match_cache_notebook(notebook)
        except KeyError:
            raise FileNotFoundError(f"{path.name} has not been run: `make book` first") from None
        run = get_cache(str(cache)).get_cache_bundle(record.pk).nb
        texts = iter(cell for cell in run.cells if cell.cell_type == "code")
        for place, cell in enumerate(notebook.cells):  # the cache keeps code cells alone
            if cell.cell_type == "code":
                notebook.cells[place] = next(texts)
        found[path.stem] = notebook
    return found


def copy_parts(folder: Path) -> None:
    """reveal.js and MathJax beside the slides."""
    spec = find_spec("sphinx_revealjs")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("pip install sphinx-revealjs")
    reveal = Path(spec.origin).parent / "_static" / "revealjs"
    for part in ("dist/reveal.css", "dist/reveal.js", "dist/theme/white.css"):
        (folder / "reveal" / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(reveal / part, folder / "reveal" / part)
    shutil.copytree(reveal / "plugin/notes", folder / "reveal/plugin/notes", dirs_exist_ok=True)
    theme = folder / "reveal/dist/theme/white.css"  # the reader's own fonts will do
    theme.write_text(re.sub(r"@import[^;]+;", "", theme.read_text(encoding="utf-8")), "utf-8")
    offline_math.copy_parts(folder / "mathjax")


def export(lesson: NotebookNode, title: str) -> str:
    """Slides as one HTML page, which finds its scripts beside it."""
    exporter = SlidesExporter(
        template_name="lesson",
        extra_template_basedirs=[str(ROOT / "tools" / "slides")],
        reveal_url_prefix="reveal",
        reveal_theme="white",
        exclude_input=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )
    resources = {
        "metadata": {"name": title},
        "mathjax_start": f"mathjax/{offline_math.START}",
        "mathjax_parts": list(offline_math.LOADED),
    }
    html, _ = exporter.from_notebook_node(slides_of(lesson), resources)
    return str(html)


def main() -> int:
    """Write the slides of every lesson; 1 if the lessons have not been run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=ROOT / "_build" / "slides")
    args = parser.parse_args()
    try:
        found = lessons(ROOT, fresh_cache(ROOT / "_build", state_key(ROOT)))
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    copy_parts(args.out)
    for stem, lesson in found.items():
        (args.out / f"{stem}.html").write_text(export(lesson, stem), encoding="utf-8")
    print(f"The slides: {args.out} ({len(found)} lessons)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
