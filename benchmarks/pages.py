"""Size of each built page, and time until it is interactive, in a real browser.

The book is served on this machine. For each page the table shows the bytes over the wire until the
reader reaches its end, with text gzipped as by a server; the first contentful paint; and the times
when the last of its interactive figures responds to input and when it has drawn. The processor is
slowed to a quarter. Times are medians of several loads, since the first one also fills the cache of
the disk. Sizes are measured in a separate load, since recording every request slows the browser.

Run: python benchmarks/pages.py [--loads 3] [--slower 4] [names of pages]
"""

from __future__ import annotations

import argparse
import gzip
import statistics
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Response, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
from chromium import launch

from tests.browser.served import served

BUILT = Path(__file__).resolve().parents[1] / "_build" / "html"
MOST_MEGABYTES, MOST_SECONDS = 1.5, 1.0
PACKED = (".png", ".webp", ".woff", ".woff2", ".jpg")  # gzip gains nothing on them
WATCH = """
  const last = {};
  window.last = last;
  new MutationObserver((changes) => {
    for (const { target, attributeName, oldValue } of changes)
      if (oldValue === null) last[attributeName] = performance.now();
  }).observe(document, { subtree: true, attributeOldValue: true,
    attributeFilter: ["data-mounted", "data-drawn"] });
"""
DONE = """() => document.readyState === "complete"
  && performance.getEntriesByName("first-contentful-paint").length > 0
  && [...document.querySelectorAll(".ssl-widget")].every((w) => w.querySelector("[data-drawn]"))"""
TO_THE_END = """async () => {
  for (const image of document.images) image.loading = "eager";
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
}"""
TIMES = """() => [performance.getEntriesByName("first-contentful-paint")[0].startTime,
  window.last["data-mounted"] ?? null, window.last["data-drawn"] ?? null]"""


@dataclass(frozen=True)
class Load:
    """One load: seconds to the first paint, and until the last figure responds and has drawn."""

    paint: float
    alive: float | None
    drawn: float | None


def wire_size(response: Response) -> int:
    """Bytes of one response, gzipped unless its format is compressed already."""
    if response.url.startswith(("blob:", "data:")):
        return 0
    body = response.body()
    return len(body) if response.url.split("?")[0].endswith(PACKED) else len(gzip.compress(body))


def weigh(browser: Browser, address: str) -> int:
    """Bytes over the wire of a page that is read to its end, with an empty cache.

    Raises:
        RuntimeError: If the page requests a file that does not exist.
    """
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    page.goto(address)
    page.wait_for_function(DONE, timeout=60_000)
    page.evaluate("() => window.MathJax?.startup?.promise")
    page.evaluate(TO_THE_END)
    page.wait_for_load_state("networkidle")
    if missing := [answer.url for answer in answers if not answer.ok]:
        raise RuntimeError(f"not found: {', '.join(missing)}")
    size = sum(wire_size(response) for response in answers)
    context.close()
    return size


def load(browser: Browser, address: str, slower: float) -> Load:
    """Load a page with an empty cache, on a slowed processor."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.add_init_script(WATCH)
    context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slower})
    page.goto(address)
    page.wait_for_function(DONE, timeout=60_000)
    paint, alive, drawn = page.evaluate(TIMES)
    context.close()
    return Load(paint / 1000, seconds(alive), seconds(drawn))


def seconds(milliseconds: float | None) -> float | None:
    """Convert milliseconds to seconds; None stays None."""
    return None if milliseconds is None else milliseconds / 1000


def median(times: Iterable[float | None]) -> float | None:
    """Median of the measured times; None if there are none, as on a page without figures."""
    measured = [time for time in times if time is not None]
    return statistics.median(measured) if measured else None


def pages() -> list[str]:
    """Paths of the built text pages and lessons, without their extension."""
    found = [*(BUILT / "book").glob("*.html"), *(BUILT / "notebooks").glob("*.html")]
    return sorted(str(path.relative_to(BUILT).with_suffix("")) for path in found)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", help="pages, such as notebooks/11_simclr")
    parser.add_argument("--loads", type=int, default=3, help="loads of each page")
    parser.add_argument("--slower", type=float, default=4, help="slow-down of the processor")
    args = parser.parse_args()
    if not BUILT.exists():
        raise SystemExit("the book is not built: run `make book`")
    with served(BUILT) as book, sync_playwright() as playwright:
        browser = launch(playwright)
        print(f"{'page':44s}{'MB':>7s}{'paint, s':>10s}{'ready, s':>10s}{'drawn, s':>10s}")
        for name in args.names or pages():
            address = f"{book}/{name}.html"
            loads = [load(browser, address, args.slower) for _ in range(args.loads)]
            size = weigh(browser, address) / 1e6
            paint = statistics.median(one.paint for one in loads)
            alive = median(one.alive for one in loads)
            drawn = median(one.drawn for one in loads)
            missed = [
                word
                for word, value, most in (
                    ("size", size, MOST_MEGABYTES),
                    ("paint", paint, MOST_SECONDS),
                    ("ready", alive or 0, MOST_SECONDS),
                )
                if value > most
            ]
            said = "".join(f"{'' if t is None else f'{t:.2f}':>10s}" for t in (alive, drawn))
            verdict = "missed: " + ", ".join(missed) if missed else "met"
            print(f"{name:44s}{size:7.2f}{paint:10.2f}{said}   {verdict}", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
