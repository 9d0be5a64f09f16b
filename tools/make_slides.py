"""Make slides of each lesson from its notebook: `make slides`, after `make book`.

A heading begins a slide, which shows the heading, the first paragraph, formulas and lists. A figure
or a table gets a slide of its own, with its caption. The rest of the text goes into the speaker's
notes (press S), and code is left out. Copies of reveal.js and MathJax come with the slides.
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
IMAGES = ("image/png", "image/svg+xml", "image/jpeg")
LEFT_OUT = ("Exercises", "Further reading")


def plain(text: str) -> str:
    """Remove the roles and directives that only the book understands from Markdown."""
    text = re.sub(r"^(:{3,}|`{3,})\{.*?^\1\s*$", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^\([\w-]+\)=\s*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"\{cite:[tp]\}`[^`]*`", "", text)
    return ROLE.sub(lambda m: "the figure" if m[1].startswith("fig-") else m[1], text).strip()


def parts(markdown: str) -> list[tuple[str, str]]:
    """Split a cell at its headings: (heading with its # signs or "", the text below)."""
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
    """Split text into the part for the slide and the part for the notes.

    The first paragraph, every list and every formula stay on the slide; the other paragraphs become
    notes.
    """
    blocks = [block for block in re.split(r"\n\s*\n", plain(text)) if block.strip()]
    shown, notes, paragraphs = [], [], 0
    for block in blocks:
        is_list = re.match(r"\s*(?:[-*|]|\d+\.) ?", block) is not None
        if block.startswith("$$") or (is_list and len(block) < 700):
            shown.append(block)
        elif paragraphs == 0 and len(block) < 500:
            shown.append(block)
            paragraphs = 1
        else:
            notes.append(block)
    return "\n\n".join(shown), "\n\n".join(notes)


def slide(slide_type: str, text: str) -> NotebookNode:
    """Make a Markdown cell that begins a slide, continues one, or holds its notes."""
    cell = new_markdown_cell(text)
    cell.metadata["slideshow"] = {"slide_type": slide_type}
    return cell


def figures_of(cell: NotebookNode) -> list[NotebookNode]:
    """Outputs of a cell that get a slide: figures, and tables in Markdown."""
    return [
        output
        for output in cell.get("outputs", [])
        if any(mime in output.get("data", {}) for mime in (*IMAGES, "text/markdown"))
    ]


def slides_of(lesson: NotebookNode) -> NotebookNode:
    """Convert an executed lesson to a notebook whose cells have slide types."""
    made: list[NotebookNode] = []
    skipping = False
    for cell in lesson.cells:
        if cell.cell_type == "markdown":
            for heading, text in parts(cell.source):
                if heading:
                    skipping = heading.lstrip("# ") in LEFT_OUT
                if skipping:
                    continue
                shown, notes = on_slide(text)
                if heading:
                    made.append(slide("slide", f"{heading}\n\n{shown}"))
                    if notes:
                        made.append(slide("notes", notes))
                elif shown or notes:
                    made.append(slide("notes", f"{shown}\n\n{notes}".strip()))
        elif not skipping:
            mystnb = cell.metadata.get("mystnb", {})
            caption = plain(mystnb.get("figure", {}).get("caption", ""))
            outputs = figures_of(cell)
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
    """Lessons with the outputs of the last build, by the stem of their files.

    Raises:
        FileNotFoundError: If a lesson has not been run since it, or the package, last changed.
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
            _, found[path.stem] = get_cache(str(cache)).merge_match_into_notebook(notebook)
        except KeyError:
            raise FileNotFoundError(f"{path.name} has not been run: `make book` first") from None
    return found


def copy_parts(folder: Path) -> None:
    """Copy reveal.js and MathJax into the folder of the slides."""
    spec = find_spec("sphinx_revealjs")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("pip install sphinx-revealjs")
    reveal = Path(spec.origin).parent / "_static" / "revealjs"
    for part in ("dist/reveal.css", "dist/reveal.js", "dist/theme/white.css"):
        (folder / "reveal" / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(reveal / part, folder / "reveal" / part)
    shutil.copytree(reveal / "plugin/notes", folder / "reveal/plugin/notes", dirs_exist_ok=True)
    theme = folder / "reveal/dist/theme/white.css"  # use the reader's own fonts
    theme.write_text(re.sub(r"@import[^;]+;", "", theme.read_text(encoding="utf-8")), "utf-8")
    offline_math.copy_parts(folder / "mathjax")


def export(lesson: NotebookNode, title: str) -> str:
    """Slides as one HTML page, which loads its scripts from the same folder."""
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
    """Write the slides of every lesson; return 1 if a lesson has not been run."""
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
