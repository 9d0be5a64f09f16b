"""How heavy each built page is, and how soon it lives, in a real browser.

The book is served on this machine. Shown for each page: what it costs over the wire (all that the
browser asks for by the time the reader reaches its end, text gzipped as a server would), the first
contentful paint, and when the last of its explorables was alive (it is there, and listens) and when
it had drawn, all on a processor slowed to a quarter. The median of some loads counts, since a first
one also warms the disk; they are not those that are weighed, since whoever listens to a browser's
every request slows it.

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
    """One load of a page: seconds to its first paint, and until its last explorable was there."""

    paint: float
    alive: float | None
    drawn: float | None


def wire_size(response: Response) -> int:
    """Bytes of one answer, gzipped unless it is packed by itself."""
    if response.url.startswith(("blob:", "data:")):
        return 0
    body = response.body()
    return len(body) if response.url.split("?")[0].endswith(PACKED) else len(gzip.compress(body))


def weigh(browser: Browser, address: str) -> int:
    """Bytes over the wire of a page that is read to its end, with nothing cached before.

    Raises:
        RuntimeError: Something that the page asks for is not there.
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
        raise RuntimeError(f"not there: {', '.join(missing)}")
    size = sum(wire_size(response) for response in answers)
    context.close()
    return size


def load(browser: Browser, address: str, slower: float) -> Load:
    """Open a page in a fresh context, with nothing cached, on a slower processor."""
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
    """None stays None."""
    return None if milliseconds is None else milliseconds / 1000


def median(times: Iterable[float | None]) -> float | None:
    """Of what was measured; None where nothing was, as on a page without explorables."""
    measured = [time for time in times if time is not None]
    return statistics.median(measured) if measured else None


def pages() -> list[str]:
    """The built pages of prose and lessons, as paths without their ending."""
    found = [*(BUILT / "book").glob("*.html"), *(BUILT / "notebooks").glob("*.html")]
    return sorted(str(path.relative_to(BUILT).with_suffix("")) for path in found)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", help="pages, such as notebooks/11_simclr")
    parser.add_argument("--loads", type=int, default=3, help="of each page")
    parser.add_argument("--slower", type=float, default=4, help="times that the CPU is slowed")
    args = parser.parse_args()
    if not BUILT.exists():
        raise SystemExit("the book is not built: run `make book`")
    with served(BUILT) as book, sync_playwright() as playwright:
        browser = launch(playwright)
        print(f"{'page':44s}{'MB':>7s}{'paint, s':>10s}{'alive, s':>10s}{'drawn, s':>10s}")
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
                    ("weight", size, MOST_MEGABYTES),
                    ("paint", paint, MOST_SECONDS),
                    ("alive", alive or 0, MOST_SECONDS),
                )
                if value > most
            ]
            said = "".join(f"{'' if t is None else f'{t:.2f}':>10s}" for t in (alive, drawn))
            verdict = "missed: " + ", ".join(missed) if missed else "kept"
            print(f"{name:44s}{size:7.2f}{paint:10.2f}{said}   {verdict}", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
