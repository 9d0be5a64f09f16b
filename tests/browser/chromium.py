"""Find a Chromium and start it: the tests of pages fail, rather than skip, where there is none."""

import os
import shutil
from pathlib import Path

from playwright.sync_api import Browser, Playwright, sync_playwright

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ON_PATH = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def executable(playwright: Playwright | None = None) -> str:
    """Path of a browser: CHROMIUM, Playwright's own download, or one on the PATH.

    Raises:
        RuntimeError: if there is none; the message says how to get one.
    """
    named = os.environ.get("CHROMIUM")
    if named:
        if not Path(named).exists():
            raise RuntimeError(f"CHROMIUM is {named!r}, where there is no file")
        return named
    if playwright is None:
        with sync_playwright() as started:
            downloaded = started.chromium.executable_path
    else:
        downloaded = playwright.chromium.executable_path
    if Path(downloaded).exists():
        return downloaded
    for name in ON_PATH:
        path = shutil.which(name)
        if path:
            return path
    raise RuntimeError(
        "No Chromium found. Install one with `playwright install chromium`, or "
        "`apt-get install chromium` on Debian, or set CHROMIUM to the path of one."
    )


def launch(playwright: Playwright) -> Browser:
    """A headless browser that asks nobody for anything by itself."""
    return playwright.chromium.launch(
        executable_path=executable(playwright), args=ARGUMENTS, headless=True
    )
