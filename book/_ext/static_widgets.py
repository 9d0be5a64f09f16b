"""Sphinx extension: anywidgets that work in a page without a kernel.

myst-nb writes the state of a notebook's widgets and a tag for each view into the page, and leaves
the rest to require.js and a widget manager from a CDN. This extension uses a small script of our
own instead (static_widgets.js, in this folder). Only the widgets that a page shows are written to
it, each source text once, and each widget where it is shown, so that it can start as soon as the
browser has read up to there. Bytes that a widget needs only for drawing go to the end of the page.
The scripts and styles of thebe are removed from every page.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from itertools import chain, count
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util import logging

SCRIPT = "static_widgets.js"
STATE = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"
SOURCES = ("_esm", "_css")
LATE = ("weights", "thumbnails")  # no widget reads these before the whole page has been read
BYTES = "application/x-widget-bytes"
MOUNT = "<script>staticWidgets.mount()</script>"
_VIEW_TAG = re.compile(rf'<script type="{re.escape(VIEW)}">(.*?)</script>', re.DOTALL)
_REFERENCE = re.compile(r"IPY_MODEL_(\w+)")
_IDENTIFIER = re.compile(r'\bid="([^"]+)"')
_LOGGER = logging.getLogger(__name__)

Models = dict[str, dict[str, Any]]


def views(body: str) -> list[str]:
    """Identifiers of the models that a page shows, in order."""
    return [json.loads(tag)["model_id"] for tag in _VIEW_TAG.findall(body)]


def is_anywidget(model: dict[str, Any]) -> bool:
    """Whether a model has JavaScript of its own."""
    return bool(model.get("model_module") == "anywidget")


def reachable(models: Models, wanted: Iterable[str]) -> Models:
    """The anywidgets among `wanted`, and those that their states refer to."""
    found: Models = {}
    waiting = list(wanted)
    while waiting:
        name = waiting.pop()
        if name in found or name not in models or not is_anywidget(models[name]):
            continue
        found[name] = models[name]
        references = {k: v for k, v in models[name]["state"].items() if k not in SOURCES}
        waiting += _REFERENCE.findall(json.dumps(references))
    return found


def share_sources(models: Models) -> dict[str, Any]:
    """Data for the page's script: models, with each code and style stored once under its hash.

    Returns:
        {"sources": {hash: text}, "models": {id: {"state": …, "buffers": […]}}}; in a state,
        `_esm` and `_css` hold a hash.
    """
    sources: dict[str, str] = {}
    slim: Models = {}
    for name, model in models.items():
        state = {k: v for k, v in model["state"].items() if k != "layout"}
        for key in SOURCES:
            text = state.get(key)
            if text:
                digest = hashlib.sha256(text.encode()).hexdigest()[:12]
                sources[digest] = text
                state[key] = digest
        slim[name] = {"state": state, "buffers": model.get("buffers", [])}
    return {"sources": sources, "models": slim}


def take_late(models: Models) -> list[str]:
    """Move the buffers in `LATE` from the models of `share_sources` into script elements.

    Each element has an id, to which the buffer in the model then refers.
    """
    taken = []
    for name, model in models.items():
        for place, buffer in enumerate(model["buffers"]):
            if len(buffer["path"]) == 1 and buffer["path"][0] in LATE and buffer["data"]:
                key = f"late-{name}-{buffer['path'][0]}"
                model["buffers"][place] = {"path": buffer["path"], "late": key}
                taken.append(f'<script type="{BYTES}" id="{key}">{buffer["data"]}</script>')
    return taken


def _for_script(data: object) -> str:
    """JSON that cannot close the script element around it."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def _warn_of_dead(models: Models, shown: Iterable[str], page: str) -> None:
    """Warn about views that would not work on the page."""
    for name in shown:
        if name not in models or not is_anywidget(models[name]):
            what = models[name]["model_name"] if name in models else "a closed widget"
            _LOGGER.warning(
                "%s: %s needs a running kernel and would not work on the page: "
                "leave it out of the output, or make it an anywidget",
                page,
                what,
                type="static_widgets",
            )


def place_name(model: dict[str, Any], taken: Iterable[str]) -> str:
    """A name that links can point to: "rotation-game", "rotation-game-2"."""
    name = str(model["state"].get("_anywidget_id", "figure")).split(".")[-1]
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()
    names = chain([words], (f"{words}-{k}" for k in count(2)))
    return next(each for each in names if each not in taken)


def place_widgets(models: Models, body: str) -> str:
    """Return the page's HTML with the data of every widget directly before its view.

    Data that two widgets share are written at the first of them; buffers in `LATE` come last.
    """
    taken = set(_IDENTIFIER.findall(body))
    written: set[str] = set()
    known: set[str] = set()
    late: list[str] = []

    def put(match: re.Match[str]) -> str:
        name = json.loads(match[1])["model_id"]
        view = {"model_id": name}
        new = {k: v for k, v in reachable(models, [name]).items() if k not in written}
        written.update(new)
        data = share_sources(new)
        data["sources"] = {k: v for k, v in data["sources"].items() if k not in known}
        known.update(data["sources"])
        late.extend(take_late(data["models"]))
        if name in models:
            view["place"] = place_name(models[name], taken)
            taken.add(view["place"])
        state = f'<script type="{STATE}">{_for_script(data)}</script>' if new else ""
        return f'{state}<script type="{VIEW}">{_for_script(view)}</script>{MOUNT}'

    return "".join([_VIEW_TAG.sub(put, body), *late])


def _identity(asset: Any) -> tuple[str, str | None]:
    attributes = getattr(asset, "attributes", {})
    return str(getattr(asset, "filename", asset)), attributes.get("body")


def _is_thebe(asset: Any) -> bool:
    name, body = _identity(asset)
    return "thebe" in name or (body or "").startswith("const THEBE_JS_URL")


def tidy_page(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Rewrite a page's scripts and styles: no thebe, no duplicates, widgets in their places."""
    for kind in ("script_files", "css_files"):
        once = {_identity(asset): asset for asset in context.get(kind, []) if not _is_thebe(asset)}
        context[kind] = list(once.values())
    body, scripts = context.get("body", ""), []
    for asset in context["script_files"]:
        attributes = getattr(asset, "attributes", {})
        if attributes.get("type") == STATE:
            models: Models = json.loads(attributes["body"].replace("<\\/", "</"))["state"]
            _warn_of_dead(models, views(body), page)
            context["body"] = place_widgets(models, body)
            continue
        scripts.append(asset)
    # a stable sort: the script of the widgets comes first
    context["script_files"] = sorted(scripts, key=lambda asset: SCRIPT not in _identity(asset)[0])


def drop_lost_launchers(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Remove the launch button from Markdown pages with code: Colab opens only notebooks."""
    if ".ipynb" not in context.get("sourcename", ""):
        buttons = context.get("header_buttons", [])
        context["header_buttons"] = [b for b in buttons if b.get("label") != "launch-buttons"]


def drop_thebe_nodes(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Remove the settings that the extension of thebe writes into every page."""
    for node in list(doctree.findall(nodes.raw)):
        text = node.astext()
        if "x-thebe-config" in text or text.strip().startswith("<script>kernelName ="):
            node.parent.remove(node)


def use_own_script(app: Sphinx, config: Config) -> None:
    """Make myst-nb load our script, from this folder, on pages with widgets."""
    config.nb_ipywidgets_js = {SCRIPT: {}}
    config.html_static_path.append(str(Path(__file__).with_name(SCRIPT)))


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("config-inited", use_own_script)
    app.connect("doctree-resolved", drop_thebe_nodes, priority=990)
    app.connect("html-page-context", tidy_page, priority=990)
    app.connect("html-page-context", drop_lost_launchers, priority=990)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
