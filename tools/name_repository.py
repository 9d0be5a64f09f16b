"""Change the address of the repository in all files that contain it.

The address is set in _config.yml, from which the launch buttons take it. The set-up cells of the
lessons, pyproject.toml and other files cannot read it there, so the new address is written to them.

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
    """Read the address in _config.yml."""
    return str(yaml.safe_load((root / "_config.yml").read_text())["repository"]["url"])


def tracked(root: Path) -> list[Path]:
    """Files that git tracks."""
    found = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True, text=True
    )
    return [root / name for name in found.stdout.split("\0") if name]


def rename(files: list[Path], old: str, new: str) -> list[Path]:
    """Replace the old address by the new one, and return the changed files."""
    changed = []
    for path in files:
        try:
            text = path.read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            continue  # binary, or deleted
        if old in text:
            path.write_text(text.replace(old, new), encoding="utf-8")
            changed.append(path)
    return changed


def main() -> None:
    """Replace the address, and print the changed files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("address", help="https://github.com/OWNER/NAME")
    new = parser.parse_args().address.removesuffix(".git").rstrip("/")
    if not FORM.fullmatch(new):
        raise SystemExit(f"an address has the form https://github.com/OWNER/NAME, not {new!r}")
    for path in rename(tracked(ROOT), named(ROOT), new):
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
