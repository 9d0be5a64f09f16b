"""Give the repository another address, wherever the project names it.

_config.yml is where it is named; launch buttons follow from there by themselves. The set-up cells
of the lessons, pyproject.toml and others cannot read it, so this writes the new address into them.

Run: python tools/name_repository.py https://github.com/you/your-book
"""

from __future__ import annotations

import argparse
import re
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
FORM = re.compile(r"https://github\.com/[\w.-]+/[\w.-]+")


def named(root: Path) -> str:
    """The address in _config.yml."""
    return str(yaml.safe_load((root / "_config.yml").read_text())["repository"]["url"])


def tracked(root: Path) -> list[Path]:
    """Files that git knows."""
    found = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True, text=True
    )
    return [root / name for name in found.stdout.split("\0") if name]


def rename(files: list[Path], old: str, new: str) -> list[Path]:
    """Write the new address for the old one; returns the files that named it."""
    changed = []
    for path in files:
        try:
            text = path.read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            continue  # a picture, or deleted
        if old in text:
            path.write_text(text.replace(old, new), encoding="utf-8")
            changed.append(path)
    return changed


def main() -> None:
    """Rename, and say where."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("address", help="https://github.com/OWNER/NAME")
    new = parser.parse_args().address.removesuffix(".git").rstrip("/")
    if not FORM.fullmatch(new):
        raise SystemExit(f"an address reads https://github.com/OWNER/NAME, not {new!r}")
    for path in rename(tracked(ROOT), named(ROOT), new):
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
