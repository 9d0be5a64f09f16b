"""Build the book into _build/html: test the lessons that changed, then write the pages.

A lesson runs once. nbval runs its cells as tests, and `keep_outputs.py` puts what they show into
the cache that Jupyter Book reads. The cache holds outputs for as long as a lesson's cells stay the
same, but does not notice a change of the package. It is therefore kept in a folder named by a hash
of everything else that the outputs depend on.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import nbformat
import yaml
from jupyter_cache import get_cache
from jupyter_cache.cache.db import NbCacheRecord

ROOT = Path(__file__).resolve().parent.parent
PACKAGE, LOCK = "ssl_teach", "requirements.lock"
TEACHER = "SSL_TEACH_SEED"  # read by ssl_teach.exercises.assign.display


def sources(root: Path) -> list[Path]:
    """Files that outputs depend on: the package with its data and records, and the lock."""
    inside = sorted(p for p in (root / PACKAGE).rglob("*") if p.is_file())
    return [root / LOCK, *(p for p in inside if "__pycache__" not in p.parts)]


def state_key(root: Path) -> str:
    """A short hash of the names and contents of `sources`."""
    digest = hashlib.sha256(os.environ.get(TEACHER, "").encode())
    for path in sources(root):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(root)} {content}\n".encode())
    return digest.hexdigest()[:16]


def fresh_cache(build: Path, key: str) -> Path:
    """Make the execution cache for this state of the package; delete those of other states."""
    caches = build / "executed"
    for old in caches.glob("*"):
        if old.name != key:
            shutil.rmtree(old)
    cache = caches / key
    cache.mkdir(parents=True, exist_ok=True)
    return cache


def entries(toc: object) -> Iterable[str]:
    """Files that a table of contents names, in order."""
    if isinstance(toc, dict):
        yield from (str(toc[k]) for k in ("root", "file") if k in toc)
        toc = list(toc.values())
    if isinstance(toc, list):
        for part in toc:
            yield from entries(part)


def last_run(lesson: Path, cache: Path) -> NbCacheRecord | None:
    """The record of the run in which a lesson's cells, as they are now, passed, if there is one."""
    try:
        return get_cache(str(cache)).match_cache_notebook(nbformat.read(lesson, as_version=4))
    except KeyError:
        return None


def run_lessons(lessons: list[Path], cache: Path, timeout: int, workers: int) -> bool:
    """Test lessons with nbval, which keeps their outputs in the cache; those there are not rerun.

    Args:
        lessons: notebooks.
        cache: folder of the cache for this state of the package.
        timeout: seconds that a cell may take.
        workers: lessons that run at the same time.

    Returns:
        Whether every cell passed. The report of those that did not is printed.
    """
    get_cache(str(cache)).list_project_records()  # makes its database before two workers try to
    waiting = []
    for lesson in lessons:
        if record := last_run(lesson, cache):
            print(f"{lesson.stem}: unchanged since nbval ran it, {record.created:%d %b %H:%M} UTC")
        else:
            waiting.append(lesson)
    if not waiting:
        return True
    command = [
        *(sys.executable, "-m", "pytest", "-p", "keep_outputs", "--outputs-cache", cache),
        *("--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout", timeout),
        *("-q", "-n", workers, "--dist", "loadscope", *waiting),
    ]
    plugin, more = str(ROOT / "tools"), os.environ.get("PYTHONPATH")
    environment = os.environ | {"PYTHONPATH": f"{plugin}{os.pathsep}{more}" if more else plugin}
    ended = subprocess.run(list(map(str, command)), env=environment, check=False)
    for lesson in waiting:
        if record := last_run(lesson, cache):
            print(f"{lesson.stem}: ran in {record.data['execution_seconds']:.0f} s")
    return ended.returncode == 0


def write_pages(root: Path, build: Path, cache: Path) -> bool:
    """Let Sphinx write the pages, and return whether it did so without errors or warnings.

    The few Markdown pages with code are run meanwhile, unless their outputs are in the cache.
    """
    from jupyter_book.sphinx import build_sphinx

    settings = build / ".ipython" / "profile_default" / "ipython_kernel_config.py"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text("c.IPKernelApp.log_level = 'ERROR'\n")  # or kernels print warnings
    os.environ["IPYTHONDIR"] = str(build / ".ipython")
    result = build_sphinx(
        root,
        build / "html",
        path_config=root / "_config.yml",
        noconfig=True,
        confoverrides={
            "nb_execution_cache_path": str(cache),
            "nb_execution_show_tb": True,
            "external_toc_path": str(root / "_toc.yml"),
            "latex_individualpages": False,
        },
        doctreedir=build / ".doctrees",
        # write all pages: Sphinx does not notice changed styles and extensions
        force_all=True,
        warningiserror=True,
        keep_going=True,
        quiet=True,
    )
    return bool(result == 0)


def main() -> int:
    """Build the book; return 1 if a lesson failed or Sphinx warned."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, help="lessons to run at the same time (default: 2)")
    parser.add_argument(
        "--teacher",
        type=int,
        metavar="SEED",
        help="build the instructor's book into _build/teacher",
    )
    args = parser.parse_args()
    logging.getLogger("traitlets").setLevel(logging.ERROR)
    begin, build, cores = time.perf_counter(), ROOT / "_build", os.cpu_count() or 1
    if args.teacher is not None:  # with a cache of its own, since the outputs differ
        build /= "teacher"
        os.environ[TEACHER] = str(args.teacher)
    workers = args.workers or min(2, cores)
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores // workers)))
    cache = fresh_cache(build, state_key(ROOT))
    timeout = yaml.safe_load((ROOT / "_config.yml").read_text())["execute"]["timeout"]
    if not run_lessons(sorted(ROOT.glob("notebooks/*.ipynb")), cache, timeout, workers):
        print("Not built: a lesson failed (above).", file=sys.stderr)
        return 1
    if not write_pages(ROOT, build, cache):
        print("Sphinx warned (above); warnings count as errors.", file=sys.stderr)
        return 1
    page = build / "html" / "index.html"
    print(f"The book: {page}   ({time.perf_counter() - begin:.0f} s; make serve shows it)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
