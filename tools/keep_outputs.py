"""Pytest plugin: keep the outputs of notebooks that nbval runs, so that the book can show them.

A lesson runs once. nbval runs its cells as tests but discards their outputs. This plugin also
passes the kernel's messages to nbclient, which turns them into outputs and widget states, as
Jupyter does. If all cells of a notebook pass, the outputs go into the cache that Jupyter Book
reads. If a cell fails, nothing is kept, and the cells after it are skipped.

Run by `build_book.py`: pytest -p keep_outputs --outputs-cache FOLDER --nbval-lax notebooks/*.ipynb
"""

from __future__ import annotations

import copy
import time
from collections.abc import Generator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from nbclient import NotebookClient
from nbclient.client import CellExecutionComplete
from nbval.plugin import IPyNbCell, IPyNbFile


class RecordedNotebook(IPyNbFile):
    """A notebook whose cells nbval tests, and whose outputs are kept if all of them pass."""

    def setup(self) -> None:
        """Start the kernel; start it again if another process has taken one of its ports."""
        self.begin, self.request, self.passed, self.failed = time.perf_counter(), "", 0, False
        self.places = [k for k, cell in enumerate(self.nb.cells) if cell.cell_type == "code"]
        self.recorder = NotebookClient(copy.deepcopy(self.nb), record_timing=False)
        self.recorder.reset_execution_trackers()
        for tries_left in (2, 1, 0):
            try:
                super().setup()
                break
            except RuntimeError as error:
                if not tries_left or "before replying" not in str(error):
                    raise
        # count the cells, as Jupyter does and nbval does not: the package identifies them by it
        self.kernel.execute_cell_input = partial(self.kernel.kc.execute, stop_on_error=False)
        info = self.kernel.kc.kernel_info(reply=True, timeout=60)["content"]
        self.recorder.nb.metadata["language_info"] = info["language_info"]

    def run(self, item: IPyNbCell) -> Generator[None, object, object]:
        """Run one cell, unless an earlier one failed."""
        if self.failed:
            pytest.skip("an earlier cell of this notebook failed")
        self.place, self.failed = self.places[item.cell_num], True
        result = yield
        self.failed, self.passed = False, self.passed + 1
        return result

    def get_kernel_message(self, timeout: float | None = None, stream: str = "iopub") -> Any:
        """Return the kernel's next message, and record it if it belongs to the running cell."""
        message = super().get_kernel_message(timeout, stream)
        parent = message["parent_header"].get("msg_id")
        if message["msg_type"] == "execute_input":
            self.request, self.recorder.clear_before_next_output = parent, False
        if parent == self.request:
            cell = self.recorder.nb.cells[self.place]
            with suppress(CellExecutionComplete):
                self.recorder.process_message(message, cell, self.place)
        return message

    def teardown(self) -> None:
        """Stop the kernel, and keep the outputs if every cell ran and passed."""
        seconds = time.perf_counter() - self.begin
        super().teardown()
        if self.passed == len(self.places):
            self.recorder.set_widgets_metadata()
            bundle = CacheBundleIn(
                self.recorder.nb, str(self.path), data={"execution_seconds": seconds}
            )
            cache = get_cache(self.config.getoption("outputs_cache"))
            cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option for the folder of the cache."""
    parser.addoption("--outputs-cache", required=True, help="folder of a jupyter-cache")


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(
    file_path: Path, parent: pytest.Collector
) -> Generator[None, list[Any], list[Any]]:
    """Record the notebooks that nbval collects."""
    return [
        RecordedNotebook.from_parent(parent, path=file_path) if type(each) is IPyNbFile else each
        for each in (yield)
    ]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Run a cell of a recorded notebook by `RecordedNotebook.run`, any other test as usual."""
    if isinstance(item.parent, RecordedNotebook):
        return (yield from item.parent.run(item))
    return (yield)
