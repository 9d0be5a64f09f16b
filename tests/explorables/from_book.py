"""The figures of the built book, created again from the state in its pages.

For tests that want every explorable with the book's own data. A kernel imports it as well, so it
needs nothing but the package's figures and anywidget.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from pydoc import locate
from typing import Any

import anywidget

STATE = re.compile(
    r'<script type="application/vnd.jupyter.widget-state\+json">(.*?)</script>', re.S
)
LATE = re.compile(r'<script type="application/x-widget-bytes" id="(.*?)">(.*?)</script>')


def explorables(pages: Iterable[str | Path]) -> dict[str, anywidget.AnyWidget]:
    """One explorable of each class that the pages show, by the name of its class."""
    found = {}
    for page in pages:
        text = Path(page).read_text(encoding="utf-8")
        late = dict(LATE.findall(text))
        for data in STATE.findall(text):
            for model in json.loads(data)["models"].values():
                widget = _made_again(model, late)
                found[type(widget).__name__] = widget
    return found


def _made_again(model: dict[str, Any], late: Mapping[str, str]) -> anywidget.AnyWidget:
    """The widget with a model's state; its own `__init__` would ask for what made the state."""
    kind: Any = locate(model["state"]["_anywidget_id"])
    state = {name: value for name, value in model["state"].items() if not name.startswith("_")}
    for buffer in model["buffers"]:
        data = late[buffer["late"]] if "late" in buffer else buffer["data"]
        state[buffer["path"][0]] = base64.b64decode(data)
    widget = kind.__new__(kind)
    known = {name: value for name, value in state.items() if widget.has_trait(name)}
    anywidget.AnyWidget.__init__(widget, **known)
    return widget
