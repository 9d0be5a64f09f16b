"""Remake the lock from requirements.txt: versions, and the hash of each file to install.

    make lock              keeps what is pinned, as far as requirements.txt allows
    make lock UPGRADE=1    the newest of everything

It writes two files that name the same versions. requirements.lock is a constraints file: it leaves
the CUDA libraries of torch to torch, so that it also serves where there are none.
requirements.hashes.txt names every package, those libraries included, with the SHA-256 of each of
its files as PyPI states it; with it pip installs nothing that is not listed, and no file that was
changed. Hashes are read from PyPI's own index and from nowhere else, whatever pip is set up to use:
a file of the same name on a disk or on a mirror may be another one.

Run by the Makefile with the system's Python: needs nothing but the standard library and a network.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import make_venv

ROOT = Path(__file__).resolve().parent.parent
WANTED, LOCK, HASHES = "requirements.txt", "requirements.lock", "requirements.hashes.txt"
UV = "uv==0.13.9"
INDEX = "https://pypi.org/simple"
OLDEST = "3.11.5"  # soupsieve wants this one of 3.11
SYSTEMS = ("linux", "darwin")
TOO_NEW = "3.14"
# CPU builds of torch have no such libraries; the last two come with an environment
UNPINNED = re.compile(r"(nvidia-.*|cuda-.*|triton|setuptools|wheel)$")
HEADER = f"""\
# requirements.lock with all that torch brings, and the hash of each file, as PyPI states it.
# For Python {OLDEST} to 3.13 on Linux and macOS; made by `make lock`, not by hand.
# pip install --require-hashes -r {HASHES}
"""
_PIN = re.compile(r"^([\w.-]+)==([^\s;\\]+)(?: ; ([^\\\n]+?))?(?= \\?$|$)", re.MULTILINE)
# where we resolve at all; said of each package, it would let pip skip them all in silence elsewhere
_EVERYWHERE = re.compile(
    rf" ; python_full_version < '{re.escape(TOO_NEW)}'"
    r" and \(sys_platform == 'darwin' or sys_platform == 'linux'\)(?= \\?$|$)",
    re.MULTILINE,
)


def normal(name: str) -> str:
    """A package's name as indexes write it: Jinja2 is jinja2, typing_extensions has a hyphen."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(text: str) -> dict[str, str]:
    """Versions by normal name, of either file.

    Raises:
        ValueError: if a package has two versions; both files must serve every Python.
    """
    found: dict[str, str] = {}
    for name, version, _ in _PIN.findall(text):
        if found.setdefault(normal(name), version) != version:
            raise ValueError(f"{name} has two versions: {found[normal(name)]} and {version}")
    return found


def hashes_of(text: str) -> dict[str, set[str]]:
    """SHA-256 sums by normal name, of the file with hashes."""
    found: dict[str, set[str]] = {}
    name = ""
    for line in text.splitlines():
        if pin := _PIN.match(line):
            name = normal(pin[1])
        if sum_ := re.match(r"\s+--hash=sha256:([0-9a-f]{64})\b", line):
            found.setdefault(name, set()).add(sum_[1])
    return found


def constraints(hashed: str, before: str) -> str:
    """The constraints file that belongs to a file with hashes.

    Args:
        hashed: its text.
        before: the constraints file so far, whose opening comments and ways to write a name stay.
    """
    spelled = {normal(name): name for name, _, _ in _PIN.findall(before)}
    elsewhere = {  # what Linux does not need
        normal(name)
        for name, _, where in _PIN.findall(hashed)
        if "'darwin'" in where and "'linux'" not in where
    }
    lines = [
        f"{spelled.get(name, name)}=={version}"
        for name, version in pins(hashed).items()
        if not UNPINNED.match(name) and name not in elsewhere
    ]
    comments = [line for line in before.splitlines() if line.startswith("#")]
    return "\n".join([*comments, *sorted(lines, key=str.lower)]) + "\n"


def resolve(root: Path, upgrade: bool) -> str:
    """What uv makes of requirements.txt: every package with the hashes of its files.

    Args:
        root: the folder with the files; nothing is written there.
        upgrade: whether to forget what is pinned.
    """
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        make_venv.make(work / "venv", {"venv", "ensurepip"})
        python = work / "venv" / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", UV], check=True)
        where = ", ".join(
            f"\"sys_platform == '{system}' and python_version < '{TOO_NEW}'\"" for system in SYSTEMS
        )
        (work / "pyproject.toml").write_text(f"[tool.uv]\nenvironments = [{where}]\n")
        for name in (WANTED, LOCK, HASHES):
            if (root / name).exists():
                (work / name).write_bytes((root / name).read_bytes())
        if upgrade:
            (work / HASHES).unlink(missing_ok=True)
        elif not (work / HASHES).exists():  # then the constraints say what is pinned
            (work / HASHES).write_text((work / LOCK).read_text())
        # other indexes and folders, which uv may have been told of, hold other files
        settings = {k: v for k, v in os.environ.items() if not k.startswith(("UV_", "PIP_"))}
        command = [
            *(str(python.with_name("uv")), "pip", "compile", WANTED, "--output-file", HASHES),
            *("--universal", "--python-version", OLDEST, "--fork-strategy", "fewest"),
            *("--generate-hashes", "--no-annotate", "--no-header", "--quiet"),
            *("--default-index", INDEX),
        ]
        subprocess.run(command, cwd=work, env=settings, check=True)
        return HEADER + _EVERYWHERE.sub("", (work / HASHES).read_text())


def main() -> int:
    """Write both files, and say what changed."""
    parser = argparse.ArgumentParser(description="Remake the lock from requirements.txt.")
    parser.add_argument("--upgrade", action="store_true", help="the newest of everything")
    args = parser.parse_args()
    before = (ROOT / LOCK).read_text()
    try:
        hashed = resolve(ROOT, args.upgrade)
    except subprocess.CalledProcessError:
        print("Not remade: requirements.txt could not be resolved (above).", file=sys.stderr)
        return 1
    after = constraints(hashed, before)
    (ROOT / HASHES).write_text(hashed)
    if after != before:  # its date tells make to install again
        (ROOT / LOCK).write_text(after)
    old, new = pins(before), pins(after)
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            print(f"{name}: {old.get(name, 'new')} -> {new.get(name, 'gone')}")
    print(f"{len(new)} versions in {LOCK}, {len(pins(hashed))} packages in {HASHES}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
