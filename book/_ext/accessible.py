"""Sphinx extension: fix the HTML of the theme and of docutils that breaks rules of accessibility.

Each fix answers a violation found by axe-core, which the tests run on every page. The finished
pages are changed, since several violations come from templates.
"""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

SCRIPT = "page.js"

_PARAMETERS = re.compile(r'<dl>\n(?=<dd><em class="sig-param)(.*?)</dl>', re.DOTALL)
_EMPTY_HEAD = re.compile(r"<th(\s[^>]*)?>\s*(?:<p></p>)?\s*</th>")
_SUMMARY = re.compile(r'<summary>(?=<span class="toctree-toggle")')
_SIDEBAR = 'id="pst-primary-sidebar" class='


def fix_html(html: str) -> str:
    """Return a page that screen readers announce correctly.

    The lines of a signature are not marked up as definitions, nor an empty cell as a heading. A
    button that opens a branch of the table of contents gets a name, and one that opens a folded
    cell keeps its visible text as its name. The sidebar becomes a landmark, and entries of the
    bibliography lose a role that the standard has withdrawn.
    """
    html = _PARAMETERS.sub(
        lambda m: (
            '<span class="sig-lines">'
            + m[1].replace("<dd>", '<span class="sig-line">').replace("</dd>", "</span>")
            + "</span>"
        ),
        html,
    )
    html = _EMPTY_HEAD.sub(lambda m: f"<td{m[1] or ''}></td>", html)
    html = _SUMMARY.sub('<summary aria-label="Pages of this chapter">', html)
    html = html.replace('<summary aria-label="Toggle hidden content">', "<summary>")
    html = html.replace(_SIDEBAR, f'role="complementary" aria-label="Contents" {_SIDEBAR}')
    return html.replace(' role="doc-biblioentry"', "").replace(
        '<div role="list" class="citation-list">', '<div class="citation-list">'
    )


def fix_pages(app: Sphinx, error: Exception | None) -> None:
    """Fix every page that was just written."""
    if error or app.builder.format != "html":
        return
    for page in sorted(Path(app.outdir).rglob("*.html")):
        html = page.read_text(encoding="utf-8")
        page.write_text(fix_html(html), encoding="utf-8")


def use_script(app: Sphinx, config: Config) -> None:
    """Add the small script that every page loads."""
    config.html_js_files.append((SCRIPT, {"defer": "defer"}))


def setup(app: Sphinx) -> dict[str, object]:
    """Called by Sphinx."""
    app.connect("config-inited", use_script)
    app.connect("build-finished", fix_pages, priority=850)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
