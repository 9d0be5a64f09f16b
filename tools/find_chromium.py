"""Find a Chromium for the tests in the browser, or install one; print where it is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def on_this_machine() -> str | None:
    """Path of a Chromium: $CHROMIUM, on the PATH, or Playwright's own; None if there is none."""
    named = os.environ.get("CHROMIUM")
    if named:
        if not os.access(named, os.X_OK):
            raise SystemExit(f"CHROMIUM={named} cannot be run")
        return named
    candidates = [*filter(None, map(shutil.which, NAMES)), _playwrights_own()]
    return next(filter(_starts, candidates), None)


def _starts(path: str) -> bool:
    """Playwright's download is there but does not start where the system's libraries lack."""
    if not os.access(path, os.X_OK):
        return False
    return subprocess.run([path, "--version"], capture_output=True, check=False).returncode == 0


def _playwrights_own() -> str:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return playwright.chromium.executable_path


def installers(is_root: bool) -> list[list[str]]:
    """Commands that may bring a Chromium.

    Debian's package, where we may install it, brings the libraries that it needs with it;
    Playwright's download does not.
    """
    download = [sys.executable, "-m", "playwright", "install", "chromium"]
    debian = [["apt-get", "update"], ["apt-get", "install", "-y", "chromium"]]
    return [*(debian if is_root and shutil.which("apt-get") else []), download]


def main() -> int:
    """Print the path of a Chromium; 1 if none can be had."""
    for command in [None, *installers(os.geteuid() == 0)]:
        if command:
            print("+", *command, file=sys.stderr)
            subprocess.run(command, check=False, stdout=sys.stderr, timeout=600)
        found = on_this_machine()
        if found:
            print(found)
            return 0
    print("No Chromium: install one, or set CHROMIUM to its path.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
