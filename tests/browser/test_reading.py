"""Reading comfort of the built book: the line under a title, terms, ways on, and paper."""

import re

import glossary_links as gl
import pytest
from bs4 import BeautifulSoup

from .test_pages import PAGES, ROOT

LESSONS = [page for page in PAGES if page.startswith("notebooks/")]
LINE = re.compile(
    r"About \d+ min to read(, \d+ with the code)?"
    r"( · ran in about [\d½]+ (s|min)"
    r" on (a machine with \w+ cores?|\w+ of a machine’s \w+ cores) when this page was built)?"
    r" · (Part \w+|Going on)(, lesson\s\d+ of \d+(, second page)?)?"
)
CONTRAST = """(element) => {
  const light = (css) => {
    const [r, g, b] = css.match(/[\\d.]+/g).slice(0, 3).map((v) => {
      const c = css.startsWith('color(') ? +v : v / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let back = element;
  while (back.parentElement && /, 0\\)|transparent/.test(getComputedStyle(back).backgroundColor))
    back = back.parentElement;
  const paper = light(getComputedStyle(back).backgroundColor);
  const style = getComputedStyle(element);
  return [style.color, style.textDecorationColor].map((css) => {
    const ink = light(css);
    return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
  });
}"""


@pytest.fixture(scope="module")
def soup(book):
    """A built page, parsed; each is read once."""
    pages = {}

    def parsed(name):
        if name not in pages:
            html = (book / f"{name}.html").read_text(encoding="utf-8")
            pages[name] = BeautifulSoup(html, "html.parser")
        return pages[name]

    return parsed


# ---- the head of a lesson ----


@pytest.mark.parametrize("name", LESSONS)
def test_a_line_under_the_title_says_what_a_lesson_takes(name, soup):
    line = soup(name).select_one(".bd-article h1").find_next_sibling()
    assert line.name == "p" and line["class"] == ["lesson-times"]
    assert LINE.fullmatch(line.get_text()), line.get_text()
    assert "words a minute" in line.abbr["title"]


@pytest.mark.parametrize("name", [page for page in PAGES if page not in LESSONS])
def test_no_other_page_has_such_a_line(name, soup):
    assert soup(name).select(".lesson-times") == []


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_says_first_what_one_will_be_able_to_do(name, soup):
    head = soup(name).select_one(".bd-article h1").find_next_siblings()[:4]
    (promise,) = (p for p in head if p.name == "p" and p.get_text().endswith("you can"))
    goals = promise.find_next_sibling()
    assert goals.name == "ul" and len(goals.find_all("li")) >= 3


# ---- terms ----


@pytest.mark.parametrize("name", LESSONS)
def test_first_uses_of_terms_lead_to_the_glossary(name, soup):
    links = soup(name).select(f"a.{gl.CLASS}")
    assert len(links) >= 5
    places = [link["href"] for link in links]
    assert len(places) == len(set(places)), "a term is linked once"
    for link in links:
        assert link["href"].startswith("../book/glossary.html#term-")
        assert link["title"].endswith(".")
        assert link.find_parent(["p"]) is not None
        wrong = ["a", "code", "pre", "h1", "h2", "h3", "h4", "table", "figure", "figcaption"]
        assert link.find_parent(wrong) is None
        assert link.find_parent(class_=["admonition-title", "cell", "lesson-times"]) is None


@pytest.mark.parametrize("name", [page for page in PAGES if page.startswith(gl.LEFT_ALONE)])
def test_reference_and_glossary_stay_without_them(name, soup):
    assert soup(name).select(f"a.{gl.CLASS}") == []


def test_every_term_is_reached_from_a_lesson(soup):
    source = (ROOT / f"{gl.GLOSSARY}.md").read_text(encoding="utf-8")
    never = set(re.findall(r"^(\S.*)\n  % only:\n", source, re.MULTILINE))
    reached = {a["href"].split("#")[1] for page in LESSONS for a in soup(page).select("a[title]")
               if gl.CLASS in a.get("class", ())}  # fmt: skip
    terms = {dt["id"]: dt.contents[0].strip() for dt in soup(gl.GLOSSARY).select("dl.glossary dt")}
    assert len(terms) > 50
    assert {name for place, name in terms.items() if place not in reached} == never


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_line_and_the_terms_are_readable(scheme, book, visit):
    seen = visit((book / f"{LESSONS[3]}.html").as_uri(), scheme=scheme)
    (ink, _), (word, dots) = (
        seen.page.locator(f".bd-article {which}").first.evaluate(CONTRAST)
        for which in (".lesson-times", f"a.{gl.CLASS}")
    )
    assert ink >= 4.5 and word >= 4.5 and dots >= 3
    seen.page.context.close()


# ---- ways on ----


def test_a_figure_wider_than_a_phone_says_that_it_goes_on(book, visit):
    seen = visit((book / "notebooks/04_rotation.html").as_uri(), width=360)
    page = seen.page
    figure = page.locator(".book-figure[tabindex]").first
    hint = figure.locator("xpath=following-sibling::*[1]")
    assert hint.text_content() == "wider than the screen: swipe ↔" and hint.is_visible()
    told = "(f) => ['before', 'after'].map((end) => `data-${end}` in f.attributes)"
    assert figure.evaluate(told) == [False, True]
    figure.evaluate("(f) => { f.scrollLeft = f.scrollWidth; }")
    page.wait_for_function("() => document.querySelector('.book-figure[data-before]')")
    assert figure.evaluate(told) == [True, False]
    page.set_viewport_size({"width": 1280, "height": 900})
    page.wait_for_function("() => !document.querySelector('.book-figure[tabindex], .book-goes-on')")
    page.context.close()


def test_every_page_ends_with_ways_back_and_on(soup):
    for k, name in enumerate(PAGES):
        ends = soup(name).select_one(".prev-next-footer")
        for kind, step in (("left-prev", -1), ("right-next", 1)):
            link = ends.select_one(f"a.{kind}")
            wanted = PAGES[k + step] if 0 <= k + step < len(PAGES) else None
            if wanted is None:
                assert link is None
            else:
                assert link["href"].endswith(f"{wanted.split('/')[-1]}.html"), name
                assert link.select_one(".prev-next-title").get_text(strip=True)


# ---- paper ----

HIDDEN = """() => [...document.querySelectorAll(
    '.bd-sidebar-primary, .bd-sidebar-secondary, .bd-header-article, .prev-next-footer,'
    + '.headerlink, button.copybtn, .toggle-button, .ssl-explorable .ssl-button,'
    + '.ssl-explorable input[type=range], .ssl-explorable .ssl-foot, details.hide:not([open])')]
  .filter((e) => e.checkVisibility()).map((e) => e.outerHTML.slice(0, 80))"""
ANSWERS = """() => [...document.querySelectorAll('.admonition.dropdown > *')]
  .filter((e) => !e.matches('.admonition-title, button'))
  .filter((e) => !e.checkVisibility({ opacityProperty: true, visibilityProperty: true })
    || e.getBoundingClientRect().height === 0).map((e) => e.outerHTML.slice(0, 80))"""
PICTURES = """() => [...document.querySelectorAll('.ssl-explorable')]
  .filter((e) => ![...e.querySelectorAll('canvas, svg, img, table, [role=slider]')]
    .some((part) => part.checkVisibility()))
  .map((e) => e.getAttribute('aria-label'))"""


@pytest.fixture(scope="module", params=LESSONS)
def on_paper(request, book, visit):
    """A lesson as wide as paper, printed by somebody who reads in the dark."""
    seen = visit((book / f"{request.param}.html").as_uri(), width=665, scheme="dark")
    seen.page.emulate_media(media="print")
    yield seen.page
    seen.page.context.close()


def test_paper_has_no_buttons_and_shows_answers_and_pictures(on_paper):
    assert on_paper.evaluate(HIDDEN) == []
    assert on_paper.evaluate(ANSWERS) == []
    assert on_paper.evaluate(PICTURES) == []
    assert on_paper.locator(".bd-article h1").is_visible()


def test_paper_is_white_and_cuts_nothing(on_paper):
    ink, _ = on_paper.locator(".bd-article p").first.evaluate(CONTRAST)
    assert ink >= 7
    back = on_paper.evaluate("getComputedStyle(document.body).backgroundColor")
    assert back == "rgb(255, 255, 255)"
    code = on_paper.evaluate(
        "[...document.querySelectorAll('.bd-article pre')]"
        ".filter((e) => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1).length"
    )
    assert code == 0
