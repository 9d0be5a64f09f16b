"""Sphinx extension: MathJax from the book's own folder.

PyPI's sphinx-mathjax-offline contains MathJax 3, but its own Sphinx extension copies all 20 MB of
it into the book. This extension copies the components that a page can load. It does not use the
ready-made bundles: two fifths of them are the context menu, most of whose entries would load parts
that are left out. Formulas keep their MathML for screen readers.
"""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

START = "startup.js"
# MathJax's loader loads the dependencies of each of these first
LOADED = ("input/tex", "output/chtml", "a11y/assistive-mml")
PARTS = (
    START,
    *(f"{part}.js" for part in ("core", *LOADED, "output/chtml/fonts/tex")),
    "input/tex/extensions",
    "output/chtml/fonts/woff-v2",
)


def mathjax_folder() -> Path:
    """Folder of MathJax in the installed package.

    Raises:
        ModuleNotFoundError: if sphinx-mathjax-offline is not installed.
    """
    spec = find_spec("sphinx-mathjax-offline")  # the module's name does have hyphens
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("pip install sphinx-mathjax-offline")
    return Path(spec.origin).parent / "static" / "mathjax"


def use_local_mathjax(app: Sphinx, config: Config) -> None:
    """Make Sphinx load MathJax from its copy in _static."""
    config.mathjax_path = f"mathjax/{START}"
    settings = config.mathjax3_config or {}
    config.mathjax3_config = {**settings, "loader": {"load": list(LOADED)}}


def copy_parts(target: Path) -> None:
    """Copy those parts of MathJax that a folder does not contain yet."""
    source = mathjax_folder()
    for part in PARTS:
        if (target / part).exists():
            continue
        (target / part).parent.mkdir(parents=True, exist_ok=True)
        if (source / part).is_dir():
            shutil.copytree(source / part, target / part)
        else:
            shutil.copy(source / part, target / part)


def copy_mathjax(app: Sphinx, error: Exception | None) -> None:
    """Copy MathJax's parts into the built book."""
    if not error and app.builder.format == "html":
        copy_parts(Path(app.outdir) / "_static" / "mathjax")


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("config-inited", use_local_mathjax)
    app.connect("build-finished", copy_mathjax)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
