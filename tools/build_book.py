"""Build the book into _build/html: run the lessons that changed, then write the pages.

Jupyter Book keeps the outputs of a lesson as long as its cells stay the same, and does not see that
the package behind them changed. So the cache lives in a folder named by a hash of everything that
a lesson's outputs come from besides its own cells.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import multiprocessing
import os
import shutil
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
PACKAGE, LOCK = "ssl_teach", "requirements.lock"
TEACHER = "SSL_TEACH_SEED"  # read by ssl_teach.exercises.display


def sources(root: Path) -> list[Path]:
    """Files that outputs depend on: the package with its data and records, the pinned versions."""
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
    """The execution cache of this state of the package; those of other states are removed."""
    caches = build / "executed"
    for old in caches.glob("*"):
        if old.name != key:
            shutil.rmtree(old)
    cache = caches / key
    cache.mkdir(parents=True, exist_ok=True)
    return cache


def entries(toc: object) -> Iterable[str]:
    """Files named anywhere in a table of contents, in order."""
    if isinstance(toc, dict):
        yield from (str(toc[k]) for k in ("root", "file") if k in toc)
        toc = list(toc.values())
    if isinstance(toc, list):
        for part in toc:
            yield from entries(part)


def runnable(root: Path) -> list[Path]:
    """Pages of the table of contents that hold code to run: notebooks, and text with a kernel."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    found = []
    for name in entries(toc):
        notebook, text = root / f"{name}.ipynb", root / f"{name}.md"
        if notebook.exists():
            found.append(notebook)
        elif text.exists() and "format_name: myst" in text.read_text(encoding="utf-8")[:500]:
            found.append(text)
    return found


def run_page(page: Path, cache_folder: Path, timeout: int) -> tuple[float, str | None]:
    """Run one page's code into the cache, unless it is there.

    Returns:
        Seconds it took (0 if it was there), and the traceback if it failed.
    """
    from jupyter_cache import get_cache
    from jupyter_cache.base import CacheBundleIn
    from jupyter_cache.executors.utils import single_nb_execution
    from jupyter_cache.readers import DEFAULT_READ_DATA

    plugin = {"name": "myst_nb_md", "type": "plugin"}
    cache = get_cache(str(cache_folder))
    record = cache.add_nb_to_project(
        str(page), read_data=plugin if page.suffix == ".md" else DEFAULT_READ_DATA
    )
    notebook = cache.get_project_notebook(record.pk).nb
    try:
        cache.match_cache_notebook(notebook)
        return 0.0, None
    except KeyError:
        pass  # not there: run it
    for tries_left in (2, 1, 0):
        try:
            result = single_nb_execution(
                notebook,
                cwd=str(page.parent),
                timeout=timeout,
                allow_errors=False,
                # its warnings would stand in the middle of the build's few lines
                extra_arguments=["--IPKernelApp.log_level=ERROR"],
            )
            break
        except RuntimeError as error:
            # its ports are chosen before it starts; meanwhile another process may have taken one
            if not tries_left or "before replying" not in str(error):
                raise
    if result.err is None:
        data = {"execution_seconds": result.time}
        bundle = CacheBundleIn(result.nb, record.uri, data=data)
        cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    return result.time, result.exc_string


def run_pages(pages: list[Path], cache: Path, timeout: int, workers: int) -> list[Path]:
    """Run pages beside each other, each with its share of the cores; returns those that failed."""
    from jupyter_cache import get_cache

    get_cache(str(cache)).list_project_records()  # makes its database before two workers try to
    failed = []
    start = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=start) as pool:
        jobs = {pool.submit(run_page, page, cache, timeout): page for page in pages}
        for job in as_completed(jobs):
            (seconds, trace), page = job.result(), jobs[job].relative_to(ROOT)
            if trace:
                failed.append(jobs[job])
                print(f"{page} failed after {seconds:.0f} s\n{trace}", file=sys.stderr, flush=True)
            else:
                how = f"ran in {seconds:.0f} s" if seconds else "unchanged"
                print(f"{page}: {how}", flush=True)
    return failed


def write_pages(root: Path, build: Path, cache: Path) -> bool:
    """Let Sphinx write the pages; any warning fails. Returns whether all went well."""
    from jupyter_book.sphinx import build_sphinx

    result = build_sphinx(
        root,
        build / "html",
        path_config=root / "_config.yml",
        noconfig=True,
        confoverrides={
            "nb_execution_cache_path": str(cache),
            "external_toc_path": str(root / "_toc.yml"),
            "latex_individualpages": False,
        },
        doctreedir=build / ".doctrees",
        # write all pages: Sphinx does not see that a style or an extension changed
        force_all=True,
        warningiserror=True,
        keep_going=True,
        quiet=True,
    )
    return bool(result == 0)


def main() -> int:
    """Build; 1 if a lesson failed or Sphinx warned."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, help="lessons run at a time (default: 2)")
    parser.add_argument(
        "--teacher", type=int, metavar="SEED", help="the instructor's book, into _build/teacher"
    )
    args = parser.parse_args()
    logging.getLogger("traitlets").setLevel(logging.ERROR)
    begin, build, cores = time.perf_counter(), ROOT / "_build", os.cpu_count() or 1
    if args.teacher is not None:  # a cache of its own too: the pages show other things
        build /= "teacher"
        os.environ[TEACHER] = str(args.teacher)
    workers = args.workers or min(2, cores)
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores // workers)))
    cache = fresh_cache(build, state_key(ROOT))
    timeout = yaml.safe_load((ROOT / "_config.yml").read_text())["execute"]["timeout"]
    failed = run_pages(runnable(ROOT), cache, timeout, workers)
    if failed:
        print("Not built:", *(p.relative_to(ROOT) for p in failed), "failed.", file=sys.stderr)
        return 1
    if not write_pages(ROOT, build, cache):
        print("The book has warnings (above), which count as errors.", file=sys.stderr)
        return 1
    page = build / "html" / "index.html"
    print(f"The book: {page}   ({time.perf_counter() - begin:.0f} s; make serve shows it)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
