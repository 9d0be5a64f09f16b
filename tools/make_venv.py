"""Make the virtual environment, or say in one sentence what this machine lacks for it.

The Makefile runs it with the system's Python, so it needs only the standard library. uv would make
an environment too, but Debian does not package it, and Debian's pip refuses to install anything
outside an environment. By itself, `python3 -m venv` fails without Debian's python3-venv, even where
pip could fill the environment.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

OLDEST, NEWEST = (3, 11), (3, 13)


def missing(version: tuple[int, int], modules: set[str]) -> str | None:
    """Say what keeps us from making an environment; None if nothing does.

    Args:
        version: The version of this Python, (major, minor).
        modules: Those of `venv`, `ensurepip` and `pip` that can be imported.
    """
    here = ".".join(map(str, version))
    if not OLDEST <= version <= NEWEST:
        return (
            f"this is Python {here}; the book needs 3.11, 3.12 or 3.13. "
            "Choose another one with: make PYTHON=python3.12 ..."
        )
    if "venv" not in modules:
        return f"Python's venv module is missing: apt-get install python{here}-venv"
    if "ensurepip" not in modules and "pip" not in modules:
        return f"neither ensurepip nor pip is installed: apt-get install python{here}-venv"
    return None


def _importable() -> set[str]:
    from importlib.util import find_spec

    return {name for name in ("venv", "ensurepip", "pip") if find_spec(name)}


def make(folder: Path, modules: set[str]) -> None:
    """Create the environment with pip in it, by ensurepip or by the system's own pip."""
    if (folder / "bin" / "pip").exists():
        return
    if "ensurepip" in modules:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        return
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python")]
    subprocess.run([*pip, "install", "--quiet", "pip"], check=True)


def main() -> int:
    """Make the environment named on the command line."""
    modules = _importable()
    problem = missing(sys.version_info[:2], modules)
    if problem:
        print(f"make: {problem}", file=sys.stderr)
        return 1
    make(Path(sys.argv[1]), modules)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
