"""Every page of the built book, as a reader meets it: served or opened from the disk."""

from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from build_book import entries

from .axe import violations

ROOT = Path(__file__).resolve().parents[2]

WIDGETS = ".ssl-widget"
WIDE = """() => {
  const width = document.documentElement.clientWidth;
  const clipped = (e) => {
    for (let p = e.parentElement; p; p = p.parentElement)
      if (/(auto|scroll|hidden|clip)/.test(getComputedStyle(p).overflowX)
          && p.getBoundingClientRect().right <= width + 1) return true;
    return false;
  };
  return [...document.querySelectorAll('.bd-article *')]
    .filter((e) => e.getBoundingClientRect().right > width + 1 && !clipped(e))
    .map((e) => `<${e.tagName.toLowerCase()} class="${e.getAttribute('class')}">`)
    .slice(0, 5);
}"""


# the front page first
PAGES = list(entries(yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))))


@pytest.fixture(scope="module", params=PAGES)
def served(request, server, visit):
    """A page from the local server, in a wide window and in light; its tests share one visit."""
    seen = visit(f"{server}/{request.param}.html")
    yield seen
    seen.page.context.close()


@pytest.fixture(scope="module", params=PAGES)
def on_disk(request, book, visit):
    """A page opened from the disk, in the dark."""
    seen = visit((book / f"{request.param}.html").as_uri(), scheme="dark")
    yield seen
    seen.page.context.close()


def assert_whole(seen):
    """Nothing was asked of others, nothing failed, every widget and formula is there."""
    page = seen.page
    assert seen.blocked == []
    assert seen.errors == []
    assert page.locator(".bd-article h1").count() == 1
    views = page.locator('script[type="application/vnd.jupyter.widget-view+json"]').count()
    assert page.locator(WIDGETS).count() == views
    assert page.locator(".ssl-widget-failed").all_inner_texts() == []
    for widget in page.locator(WIDGETS).all():
        assert widget.locator("*").count() > 0
    formulas = page.locator(".bd-article .math").count()
    assert page.locator(".bd-article mjx-container").count() >= formulas
    assert page.locator("mjx-merror, [data-mjx-error]").all_inner_texts() == []


def test_page_is_whole_and_asks_nobody(served):
    assert_whole(served)
    far = ':not([src^="http://127.0.0.1"])'  # MathJax's loader writes whole addresses
    scripts = served.page.locator(f'script[src^="http"]{far}')
    styles = served.page.locator('link[rel=stylesheet][href^="http"]')
    assert (scripts.count(), styles.count()) == (0, 0)


def test_page_is_whole_from_the_disk(on_disk):
    assert_whole(on_disk)


def test_pictures_have_words(served):
    for image in served.page.locator(".bd-article img").all():
        words = image.get_attribute("alt") or ""
        assert len(words) > 3, f"no alternative text: {image.get_attribute('src')}"
        assert "_images/" not in words and not words.endswith((".png", ".svg")), words


def test_no_rule_of_access_is_broken(served):
    assert violations(served.page) == []


def test_explorables_answer_the_keyboard(served):
    page = served.page
    for widget in page.locator(WIDGETS).all():
        own = widget.locator('[tabindex="0"]').first
        own.scroll_into_view_if_needed()
        own.focus()
        assert own.evaluate("(e) => document.activeElement === e")
        live = widget.locator("[aria-live]").first
        before = live.text_content()
        page.keyboard.press("ArrowRight")
        page.wait_for_function(
            "([e, before]) => e.textContent !== before", arg=[live.element_handle(), before]
        )


def test_page_fits_a_phone(served):
    page = served.page
    page.set_viewport_size({"width": 360, "height": 800})
    page.evaluate("() => new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360, page.evaluate(WIDE)
    assert page.evaluate(WIDE) == []
    page.set_viewport_size({"width": 1280, "height": 900})


def test_dark_pages_are_dark_and_readable(on_disk):
    page = on_disk.page
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    paper, ink = page.evaluate(
        """() => {
          const brightness = (css) => {
            const [r, g, b] = css.match(/[\\d.]+/g).map(Number);
            return (0.2126 * r + 0.7152 * g + 0.0722 * b) / (css.startsWith('color(') ? 1 : 255);
          };
          const text = document.querySelector('.bd-article p, .bd-article h1');
          return [brightness(getComputedStyle(document.body).backgroundColor),
                  brightness(getComputedStyle(text).color)];
        }"""
    )
    assert paper < 0.15 and ink > 0.7
    for image in page.locator(".bd-article img").all():
        card = image.evaluate("(e) => getComputedStyle(e).backgroundColor")
        assert card == "rgb(255, 255, 255)", "figures lie on a white card in the dark"


def test_no_rule_of_access_is_broken_on_a_dark_phone(on_disk):
    page = on_disk.page
    page.set_viewport_size({"width": 360, "height": 800})
    for _ in range(50):  # the theme lets the keyboard reach what scrolls only after a while
        if not violations(page, ["scrollable-region-focusable"]):
            break
        page.wait_for_timeout(100)
    found = violations(page)
    page.set_viewport_size({"width": 1280, "height": 900})
    assert found == []


class Anchors(HTMLParser):
    """Where a page links to, and the places in it that can be linked to."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if found.get("id"):
            self.ids.add(found["id"])
        for key in ("href", "src"):
            if found.get(key):
                self.links.append(found[key])


@cache
def read(path: Path) -> Anchors:
    """Links and ids of a built page."""
    anchors = Anchors()
    anchors.feed(path.read_text(encoding="utf-8"))
    return anchors


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name, book):
    here = book / f"{name}.html"
    broken = []
    for link in read(here).links:
        parts = urlsplit(link)
        if parts.scheme:
            continue
        target = (here.parent / unquote(parts.path)).resolve() if parts.path else here
        place = unquote(parts.fragment)
        lost = place and target.suffix == ".html" and target.exists()
        if not target.exists() or (lost and place not in read(target).ids):
            broken.append(link)
    assert broken == []


def test_search_works_offline(book, visit):
    seen = visit((book / "search.html").as_uri() + "?q=encoder")
    seen.page.wait_for_selector("#search-results li a")
    assert seen.blocked == []


def test_front_page_forwards_to_the_book(book, visit):
    seen = visit((book / "index.html").as_uri())
    seen.page.wait_for_url(f"**/{PAGES[0]}.html")
    assert seen.page.locator(".bd-article h1").count() == 1
