"""A JupyterLab for tests: a server in a temporary folder, and a notebook open in a browser."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page, Route

from .programs import free_port, run_program, temporary_folder, wait_for_port

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60_000  # milliseconds, for what starts a program; a busy machine is slow
NOTEBOOK = "explorables.ipynb"
QUIET = {  # settings that prevent dialogs and requests to other servers
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
LAB_APP = {"expose_app_in_browser": True}
# anywidget logs this after two seconds but goes on; if it does fail, it logs more
SLOW = "[anywidget] Failed to initialize model."
READY = """() => {
  const panel = (window.jupyterapp ?? window.jupyterlab)?.shell.currentWidget;
  if (panel?.sessionContext) window.panel = panel;
  return window.panel?.sessionContext.session?.kernel?.status === "idle";
}"""
RUN = """async (k) => {
  const app = window.jupyterapp ?? window.jupyterlab, { panel } = window;
  app.shell.activateById(panel.id);
  panel.content.activeCellIndex = k;
  await app.commands.execute("notebook:run-cell");
  return panel.content.widgets[k].model.outputs.toJSON();
}"""


def interpreter() -> str:
    """The Python whose JupyterLab is tested: JUPYTER_UNDER_TEST, or this one."""
    return os.environ.get("JUPYTER_UNDER_TEST", sys.executable)


@dataclass
class Lab:
    """A notebook that is open in JupyterLab, with its kernel ready."""

    page: Page
    errors: list[str] = field(default_factory=list)
    blocked: list[str] = field(default_factory=list)

    def run(self, k: int) -> str:
        """Run cell k as the keyboard shortcut does, and return what it printed.

        Raises:
            AssertionError: if the cell ends in an error.
        """
        outputs = self.page.evaluate(RUN, k)
        failed = [each for each in outputs if each["output_type"] == "error"]
        assert not failed, f"cell {k}: {failed[0]['ename']}: {failed[0]['evalue']}"
        said = [each["text"] for each in outputs if each["output_type"] == "stream"]
        return "".join(text if isinstance(text, str) else "".join(text) for text in said)

    def cells(self) -> list[str]:
        """Type and source of every cell."""
        return self.page.evaluate(
            "() => panel.content.widgets.map(({ model }) =>"
            " `${model.type}: ${model.sharedModel?.getSource() ?? model.value.text}`)"
        )

    def until(self, happened: Callable[[], bool], what: str = "") -> None:
        """Wait until a condition holds that a selector cannot express."""
        end = time.monotonic() + PATIENCE / 1000
        while not happened():
            assert time.monotonic() < end, f"timed out: {what}"
            time.sleep(0.05)

    def explorables(self, k: int, count: int = 1) -> Locator:
        """The interactive figures that cell k shows, once there are `count` of them."""
        found = self.page.locator(".jp-Notebook .jp-Cell").nth(k).locator(".ssl-explorable")
        found.nth(count - 1).wait_for(state="attached", timeout=PATIENCE)
        return found


def notebook_of(cells: list[str]) -> dict[str, Any]:
    """A notebook of code cells that have not run."""
    code = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": [code | {"id": f"cell-{k}", "source": source} for k, source in enumerate(cells)],
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


@contextmanager
def serve(cells: list[str]) -> Iterator[str]:
    """Start a JupyterLab server with one notebook, and yield the address of the notebook."""
    token, port = os.urandom(12).hex(), free_port()
    with temporary_folder() as folder:
        (folder / "notebooks").mkdir()
        (folder / "notebooks" / NOTEBOOK).write_text(json.dumps(notebook_of(cells)))
        for name, values in QUIET.items():
            path = folder / "settings" / f"{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values))
        config = folder / "jupyter_config_dir" / "jupyter_lab_config.json"
        config.parent.mkdir()
        config.write_text(json.dumps({"LabApp": LAB_APP}))
        homes = {
            name: str(folder / name.lower())
            for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
        }
        dead_proxy = {name: "http://127.0.0.1:9" for name in ("http_proxy", "https_proxy")}
        running = run_program(
            *(interpreter(), "-m", "jupyterlab", "--no-browser", "--allow-root"),
            f"--ServerApp.token={token}",
            *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
            f"--ServerApp.root_dir={folder / 'notebooks'}",
            folder=folder,
            **homes,
            **dead_proxy,
            IPYTHONDIR=str(folder / "ipython"),
            JUPYTERLAB_SETTINGS_DIR=str(folder / "settings"),
            JUPYTERLAB_WORKSPACES_DIR=str(folder / "workspaces"),
            PYTHONPATH=str(ROOT),
            no_proxy="127.0.0.1,localhost",
        )
        with running as server:
            server.wait_for_output(r"(is running at)", PATIENCE / 1000)
            wait_for_port(port)
            yield f"http://127.0.0.1:{port}/lab/tree/{NOTEBOOK}?token={token}"


@contextmanager
def open_lab(browser: Browser, cells: list[str]) -> Iterator[Lab]:
    """A notebook with these cells, none of which has run."""
    with serve(cells) as address:
        context = browser.new_context(
            viewport={"width": 1280, "height": 1000}, reduced_motion="reduce"
        )
        lab = Lab(context.new_page())

        def judge(route: Route) -> None:
            if route.request.url.startswith(("http://127.0.0.1:", "blob:", "data:")):
                route.continue_()
            else:
                lab.blocked.append(route.request.url)
                route.abort()

        def note(error: str) -> None:
            if error != SLOW:
                lab.errors.append(error)

        context.route("**/*", judge)
        lab.page.on("console", lambda m: m.type == "error" and note(m.text))
        lab.page.on("pageerror", lambda error: note(str(error)))
        lab.page.goto(address, timeout=PATIENCE)
        lab.page.wait_for_function(READY, timeout=PATIENCE)
        yield lab
        context.close()
