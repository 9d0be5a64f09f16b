"""The built book, a server for it, and a browser that records every error."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from chromium import launch
from playwright.sync_api import Browser, Page, Route, sync_playwright

from .browser.served import served

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / "_build" / "html"


@dataclass
class Visit:
    """An open page, its errors, and the requests to other places, which were blocked."""

    page: Page
    errors: list[str] = field(default_factory=list)
    blocked: list[str] = field(default_factory=list)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need a browser or the built book, so that `-m` can leave them out."""
    for item in items:
        if {"browser", "book"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("browser")


@pytest.fixture(scope="session")
def book() -> Path:
    """The folder of the built book."""
    if not (BUILT / "index.html").exists():
        pytest.fail("the book is not built: run `make book`")
    return BUILT


@pytest.fixture(scope="session")
def server(book: Path) -> Iterator[str]:
    """Address of a local server that shows the book."""
    with served(book) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One headless Chromium for a module's tests: Playwright's loop does not bear a second one."""
    with sync_playwright() as playwright:
        chromium = launch(playwright)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Open an address in a context of its own; nothing but the book itself is let through."""

    def open_page(address: str, *, width: int = 1280, scheme: str = "light") -> Visit:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
        )
        context.set_default_timeout(15_000)
        page = context.new_page()
        seen = Visit(page)
        own = ("file:", "blob:", "data:", "http://127.0.0.1:")

        def judge(route: Route) -> None:
            if route.request.url.startswith(own):
                route.continue_()
            else:
                seen.blocked.append(route.request.url)
                route.abort()

        context.route("**/*", judge)
        page.on("websocket", lambda socket: seen.blocked.append(socket.url))
        page.on("console", lambda m: m.type == "error" and seen.errors.append(m.text))
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        page.on("requestfailed", lambda r: seen.errors.append(f"{r.url}: {r.failure}"))
        page.goto(address)
        page.wait_for_function(
            "() => [...document.querySelectorAll('.ssl-widget')].every("
            "(w) => 'mounted' in w.dataset || w.classList.contains('ssl-widget-failed'))"
        )
        page.evaluate("() => window.MathJax?.startup?.promise")
        return seen

    yield open_page
    for context in browser.contexts:
        context.close()
