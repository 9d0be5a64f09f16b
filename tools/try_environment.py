"""Run all lessons in another environment: Colab's versions, the oldest or the newest allowed.

The files in tests/environments list the packages that are installed before a lesson is opened. The
lessons are copied to an empty folder, so that only installed packages can be imported. The set-up
cell of the first one installs the package from its address, which git redirects to this checkout.
All lessons are run, and no package may have been replaced.

Run: python tools/try_environment.py colab [--python python3.12] [names of lessons]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import nbformat
import yaml
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).resolve().parent.parent
WANTED = ROOT / "tests" / "environments"
STANDIN = WANTED / "standin"
MADE = ROOT / ".venv-try"
LINES = 12  # of a traceback to print


def wanted_python(text: str) -> str:
    """Version of Python in the first line of an environment's file."""
    found = re.match(r"# python (\d+\.\d+)\n", text)
    if not found:
        raise ValueError("the first line must give a version: # python 3.12")
    return found[1]


def make(name: str, python: str | None) -> Path:
    """Interpreter of an environment, which is made if it does not exist yet.

    Args:
        name: The name of a file in tests/environments.
        python: The Python to make it with; None for the version in the file, found on the PATH.

    Raises:
        FileNotFoundError: If that Python is missing. The message names its version.
    """
    file, folder = WANTED / f"{name}.txt", MADE / name
    version = wanted_python(file.read_text(encoding="utf-8"))
    interpreter = folder / "bin" / "python"
    if not interpreter.exists():
        found = shutil.which(python or f"python{version}")
        if not found:
            raise FileNotFoundError(f"{name} needs Python {version}: give one with --python")
        subprocess.run([found, ROOT / "tools" / "make_venv.py", folder], check=True)
        (MADE / ".gitignore").write_text("*\n")
    subprocess.run([interpreter, "-m", "pip", "install", "--quiet", "-r", file], check=True)
    return interpreter


def installed(interpreter: Path) -> dict[str, str]:
    """Versions of the installed packages, by name in lower case."""
    text = subprocess.run(
        [interpreter, "-m", "pip", "list", "--format", "json"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return {each["name"].lower(): each["version"] for each in json.loads(text)}


def replaced(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Packages that were removed or have another version, except ssl_teach itself."""
    return [
        f"{name} {version} became {after.get(name, 'nothing')}"
        for name, version in before.items()
        if after.get(name) != version and name not in ("ssl_teach", "ssl-teach")
    ]


def kernel_environment(name: str) -> dict[str, str]:
    """Variables for a kernel: git finds our address in this checkout; Colab has its own package."""
    address = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]
    settings = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{ROOT}.insteadOf",
        "GIT_CONFIG_VALUE_0": address,
        "PYTHONPATH": str(STANDIN) if name == "colab" else "",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # or the debugger warns in every lesson
    }
    return os.environ | settings


def run(lesson: Path, kernels: str, timeout: int) -> tuple[float, str | None]:
    """Run a lesson, and return the seconds that it took and the end of its traceback, if any."""
    begin = time.perf_counter()
    notebook = nbformat.read(lesson, as_version=4)
    home = {"metadata": {"path": lesson.parent}}
    client = NotebookClient(notebook, timeout=timeout, kernel_name=kernels, resources=home)
    try:
        client.execute()
    except CellExecutionError as error:
        plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).splitlines()
        return time.perf_counter() - begin, "\n".join(["failed", *plain[-LINES:]])
    return time.perf_counter() - begin, None


def install_kernel(name: str, interpreter: Path, folder: Path) -> None:
    """Register the environment's kernel with Jupyter, in a folder of its own."""
    spec = {
        "argv": [str(interpreter), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": name,
        "language": "python",
    }
    home = folder / "kernels" / name
    home.mkdir(parents=True)
    (home / "kernel.json").write_text(json.dumps(spec))
    os.environ["JUPYTER_PATH"] = str(folder)


def main() -> int:
    """Run the lessons; return 1 if one failed or a package was replaced."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("name", choices=sorted(each.stem for each in WANTED.glob("*.txt")))
    known = sorted(each.stem for each in ROOT.glob("notebooks/*.ipynb"))
    parser.add_argument("lessons", nargs="*", help=f"some of {', '.join(known)} (default: all)")
    parser.add_argument("--python", help="Python to make the environment with")
    parser.add_argument("--timeout", type=int, default=1200, help="seconds that a cell may take")
    args = parser.parse_args()
    unknown = [name for name in args.lessons if name not in known]
    if unknown:
        parser.error(f"no lesson is called {', '.join(unknown)}; there are {', '.join(known)}")
    interpreter = make(args.name, args.python)
    uninstall = "-m", "pip", "uninstall", "--quiet", "--yes", "ssl_teach"
    subprocess.run([interpreter, *uninstall], check=True)
    before, failed = installed(interpreter), []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        install_kernel(args.name, interpreter, folder)
        os.environ.update(kernel_environment(args.name))
        lessons = [shutil.copy(each, folder) for each in sorted(ROOT.glob("notebooks/*.ipynb"))]
        for lesson in map(Path, lessons):
            if args.lessons and lesson.stem not in args.lessons:
                continue
            seconds, problem = run(lesson, args.name, args.timeout)
            print(f"{lesson.stem}: {seconds:.0f} s {problem or ''}", flush=True)
            failed += [lesson.stem] if problem else []
    changes = replaced(before, after := installed(interpreter))
    print(f"set up: {', '.join(f'{n} {v}' for n, v in after.items() if n not in before)}")
    for change in changes:
        print(f"replaced: {change}", file=sys.stderr)
    return 1 if failed or changes else 0


if __name__ == "__main__":
    raise SystemExit(main())
