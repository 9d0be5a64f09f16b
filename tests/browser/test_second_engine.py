"""The interactive figures in Firefox and WebKit: pages of the built book, opened from the disk."""

import time

import pytest

from ..conftest import BUILT
from .engines import INSTALL, open_engine
from .test_pages import PAGES

MARK = 'type="application/vnd.jupyter.widget-view+json"'
STATES = """() => [...document.querySelectorAll(".ssl-widget")].map((widget) =>
  widget.classList.contains("ssl-widget-failed") ? widget.innerText
    : "mounted" in widget.dataset && widget.querySelector("*") ? "there" : "waiting")"""
DRAWN = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
FOCUS = """(k) => {
  const own = document.querySelectorAll(".ssl-widget")[k].querySelector('[tabindex="0"]');
  own.scrollIntoView({ block: "center", behavior: "instant" });
  own.focus();
  return document.activeElement === own;
}"""
LIVE = """(k) =>
  document.querySelectorAll(".ssl-widget")[k].querySelector("[aria-live]").textContent"""
PLACE = """(k, kind) => {
  const widget = document.querySelectorAll(".ssl-widget")[k];
  const first = [...widget.querySelectorAll(kind)].find((element) => element.checkVisibility()
    && !element.matches(':disabled, [aria-disabled="true"], [aria-pressed="true"]'));
  first?.scrollIntoView({ block: "center", behavior: "instant" });
  const box = first?.getBoundingClientRect();
  return box ? [box.x + box.width / 2, box.y + box.height / 2] : null;
}"""
LOOK = """(k) => document.querySelectorAll(".ssl-widget")[k].innerHTML"""


def pages_with_explorables():
    """Names of pages that have one; all pages where the book is not built, so that it is said."""
    built = [BUILT / f"{name}.html" for name in PAGES]
    with_one = [
        name
        for name, page in zip(PAGES, built, strict=True)
        if page.exists() and MARK in page.read_text(encoding="utf-8")
    ]
    return with_one or PAGES


@pytest.fixture(scope="module", params=sorted(INSTALL))
def engine(request):
    with open_engine(request.param) as started:
        if started is None:
            pytest.skip(f"no {request.param} is installed: {INSTALL[request.param]}")
        yield started


@pytest.fixture(scope="class", params=pages_with_explorables())
def page(request, engine, book):
    """The engine, with a page in it whose explorables have started or failed."""
    engine.resize(1280, 900)
    engine.open((book / f"{request.param}.html").as_uri())
    opened(engine)
    return engine


def opened(engine):
    """Wait until every explorable has started or failed; how many there are."""
    wait_until(lambda: "waiting" not in engine.call(STATES), "an explorable did not start")
    return len(engine.call(STATES))


def wait_until(happened, message, seconds=15):
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, message
        time.sleep(0.03)


class TestExplorables:
    def test_explorables_start(self, page):
        assert page.call(STATES) == ["there"] * opened(page)
        assert opened(page) > 0
        assert page.errors() == []

    def test_explorables_answer_the_keyboard(self, page):
        for k in range(opened(page)):
            assert page.call(FOCUS, k)
            before = page.call(LIVE, k)
            page.press("ArrowRight")
            wait_until(lambda k=k, was=before: page.call(LIVE, k) != was, f"{before!r} stays")
        assert page.errors() == []

    def test_explorables_answer_the_mouse(self, page):
        for k in range(opened(page)):
            before = page.call(LOOK, k)
            page.click(*page.call(PLACE, k, "button"))
            wait_until(lambda k=k, was=before: page.call(LOOK, k) != was, "a button does nothing")
            canvas = page.call(PLACE, k, "canvas")
            if canvas:
                page.click(*canvas)
                page.call(DRAWN)
        assert page.errors() == []

    def test_page_fits_a_phone(self, page):
        page.resize(360, 800)
        opened(page)
        page.call(DRAWN)
        assert page.call("() => innerWidth") == 360
        assert page.call("() => document.documentElement.scrollWidth") <= 360
        assert page.errors() == []


def test_an_error_would_be_seen(engine, tmp_path):
    page = tmp_path / "page.html"
    page.write_text(
        '<!doctype html><html lang="en"><head><title>t</title></head>'
        '<body><script>console.error("said");</script><script>nowhere();</script></body></html>'
    )
    engine.open(page.as_uri())
    assert len(engine.errors()) == 2  # WebKit reports no more than that for a local script
