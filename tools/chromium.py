"""Find a Chromium, or install one, and start it: for tests of pages, benchmarks, and the PDF.

The Makefile runs this file and passes the path on as CHROMIUM.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
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


def find(playwright: Playwright | None = None) -> str:
    """Path of a Chromium: $CHROMIUM, the one that Playwright downloaded, or one on the PATH.

    Raises:
        RuntimeError: if there is none, or if $CHROMIUM cannot be run.
    """
    if named := os.environ.get("CHROMIUM"):
        if not os.access(named, os.X_OK):
            raise RuntimeError(f"CHROMIUM={named} cannot be run")
        return named
    if playwright is None:
        from playwright.sync_api import sync_playwright

        with sync_playwright() as started:
            return find(started)
    for path in (playwright.chromium.executable_path, *map(shutil.which, NAMES)):
        if path and _starts(path):
            return path
    raise RuntimeError("No Chromium: install one, or set CHROMIUM to its path.")


def _starts(path: str) -> bool:
    """Playwright's download may be there but not start, for lack of libraries of the system."""
    if not os.access(path, os.X_OK):
        return False
    return subprocess.run([path, "--version"], capture_output=True, check=False).returncode == 0


def launch(playwright: Playwright) -> Browser:
    """Start a headless browser that makes no requests of its own."""
    return playwright.chromium.launch(
        executable_path=find(playwright), args=ARGUMENTS, headless=True
    )


def installers(is_root: bool) -> list[list[str]]:
    """Commands that may install a Chromium.

    Debian's package, where we may install it, brings the libraries that it needs; Playwright's
    download does not.
    """
    download = [sys.executable, "-m", "playwright", "install", "chromium"]
    debian = [["apt-get", "update"], ["apt-get", "install", "-y", "chromium"]]
    return [*(debian if is_root and shutil.which("apt-get") else []), download]


def main() -> int:
    """Print the path of a Chromium; return 1 if there is none and none can be installed."""
    problem: RuntimeError | None = None
    for command in [None, *installers(os.geteuid() == 0)]:
        if command:
            print("+", *command, file=sys.stderr)
            subprocess.run(command, check=False, stdout=sys.stderr, timeout=600)
        try:
            print(find())
            return 0
        except RuntimeError as error:
            problem = error
            if "CHROMIUM" in os.environ:
                break
    print(problem, file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
