"""One figure on a bare page with a minimal model and no server, as Python would send it."""

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anywidget
import torch
from playwright.sync_api import Browser, Page, TimeoutError
from torch import nn

SHELL = """<!doctype html>
<html lang="en" data-theme="%THEME%"><head><meta charset="utf-8"><title>One figure</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<style>body { margin: 0; padding: 8px; background: %BACKGROUND%; } %STYLE%</style></head>
<body><main id="place" class="ssl-widget"></main>
<script type="application/json" id="state">%STATE%</script>
<script type="text/plain" id="esm">%ESM%</script>
<script type="module">
  const state = JSON.parse(document.getElementById("state").textContent);
  for (const [name, value] of Object.entries(state))
    if (value?.base64 !== undefined)
      state[name] = new DataView(
        Uint8Array.from(atob(value.base64), (c) => c.charCodeAt(0)).buffer);
  const listeners = {};
  const emit = (name) => [...(listeners[name] ?? [])].forEach((call) => call());
  window.model = {
    get: (name) => state[name],
    set: (name, value) => { state[name] = value; emit("change:" + name); emit("change"); },
    save_changes: () => { window.saved = (window.saved ?? 0) + 1; },
    on: (name, call) => (listeners[name] ??= new Set()).add(call),
    off: (name, call) => listeners[name]?.delete(call),
  };
  window.listening = () => Object.values(listeners).reduce((sum, calls) => sum + calls.size, 0);
  const source = document.getElementById("esm").textContent;
  const blob = new Blob([source], { type: "text/javascript" });
  const loaded = await import(URL.createObjectURL(blob));
  window.module = { ...loaded.imported, ...loaded };
  const el = document.getElementById("place");
  window.cleanUp = await window.module.default.render({ model: window.model, el });
  const ready = () => { document.body.dataset.ready = "yes"; };
  requestAnimationFrame(() => requestAnimationFrame(ready));
</script></body></html>
"""


@dataclass
class Mounted:
    """A figure in a page, and what went wrong there so far."""

    page: Page
    problems: list[str] = field(default_factory=list)

    def get(self, name: str) -> Any:
        """A value of the model, as Python would receive it."""
        return self.page.evaluate("(name) => window.model.get(name)", name)

    def set(self, name: str, value: object) -> None:
        """Set a value of the model, as Python would; back when the page was redrawn."""
        self.page.evaluate("([name, value]) => window.model.set(name, value)", [name, value])
        self.settle()

    def settle(self) -> None:
        """Wait until the page has redrawn."""
        self.page.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )

    def text(self, selector: str) -> str:
        """The words in the first element that fits."""
        return self.page.locator(selector).first.inner_text()

    def take_back(self) -> None:
        """Call the clean-up that `render` returned; nothing may be left, and no listener."""
        assert self.page.evaluate("() => window.listening()") > 0
        self.page.evaluate("() => window.cleanUp()")
        assert self.page.locator(".ssl-explorable").count() == 0
        assert self.page.evaluate("() => window.listening()") == 0

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        return self.page.evaluate(
            "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )


def write_page(widget: anywidget.AnyWidget, path: Path, theme: str) -> None:
    """Write a page that shows the widget as Python made it.

    There `window.module` holds what the figure's script exports, and what the modules export that
    it imports.
    """
    modules = re.findall(r"^const (\$\w+) = \(\(\) => \{$", widget._esm, re.M)
    imported = ", ".join(f"...{name}" for name in modules)
    state = {}
    for name, value in widget.get_state().items():
        if name.startswith("_") or name in ("layout", "tabbable", "tooltip"):
            continue
        packed = isinstance(value, (bytes, memoryview))
        state[name] = {"base64": base64.b64encode(value).decode()} if packed else value
    parts = {
        "THEME": theme,
        "BACKGROUND": "#121212" if theme == "dark" else "#ffffff",
        "STYLE": widget._css,
        "STATE": json.dumps(state).replace("</", "<\\/"),
        "ESM": f"{widget._esm}export const imported = {{ {imported} }};",
    }
    html = re.sub(r"%([A-Z]+)%", lambda found: parts[found[1]], SHELL)
    path.write_text(html, encoding="utf-8")


@contextmanager
def mount(
    browser: Browser,
    folder: Path,
    widget: anywidget.AnyWidget,
    *,
    width: int = 1280,
    height: int = 900,
    theme: str = "light",
    touch: bool = False,
) -> Iterator[Mounted]:
    """Show a widget from file://; fails at the end if it complained or asked for anything."""
    path = folder / f"{type(widget).__name__}.html"
    write_page(widget, path, theme)
    context = browser.new_context(
        viewport={"width": width, "height": height}, has_touch=touch, reduced_motion="reduce"
    )
    try:
        mounted = Mounted(context.new_page())
        note = mounted.problems.append
        mounted.page.on(
            "console", lambda m: note(m.text) if m.type in ("error", "warning") else None
        )
        mounted.page.on("pageerror", lambda error: note(str(error)))
        mounted.page.on(
            "request",
            lambda r: None if r.url.startswith(("file:", "blob:", "data:")) else note(r.url),
        )
        mounted.page.goto(path.as_uri())
        try:
            mounted.page.wait_for_selector("body[data-ready]", timeout=10_000)
        except TimeoutError as error:
            raise AssertionError(f"it did not mount: {mounted.problems}") from error
        yield mounted
        assert mounted.problems == []
    finally:
        context.close()


def on_grid(net: nn.Module) -> nn.Module:
    """Move weights to where a page's bytes can say them exactly, so that answers are comparable.

    Each row becomes whole multiples, up to 127, of a power of two; see `pack_weights`.
    """
    for layer in net.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            rows = layer.weight.data.flatten(1)  # a view: (out, in)
            step = 2 ** torch.ceil(torch.log2(rows.abs().amax(dim=1, keepdim=True) / 127))
            steps = (rows / step).round()
            largest = rows.abs().argmax(dim=1, keepdim=True)
            steps.scatter_(1, largest, 127 * rows.gather(1, largest).sign())
            rows.copy_(steps * step)
            if layer.bias is not None:
                layer.bias.data = layer.bias.data.half().float()
    return net
