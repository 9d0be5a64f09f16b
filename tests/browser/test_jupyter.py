"""Explorables in JupyterLab, with a kernel: what a reader does reaches Python, and the other way.

Here this is JupyterLab 4 with ipywidgets 8. `make test-widgets7` runs the same tests in JupyterLab
3 with the ipywidgets, kernel and IPython that Colab has. It shows that the explorables' models,
their bytes and what they send go well with ipywidgets 7, in Python and in the page. It does not
show Colab's own page, which puts each output into a frame of its own and has a widget manager of
its own, which loads anywidget's JavaScript from a public server.
"""

import math
import time

import pytest

from .jupyter_lab import open_lab
from .test_second_engine import pages_with_explorables

OWN_DATA = """
import numpy as np
from ssl_teach.explorables import AffinityMatrix, ScoresToLoss
images = np.random.default_rng(0).integers(0, 256, (8, 12, 12, 3), dtype=np.uint8)
try:
    import torch
    encoder = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(432, 16))
    embeddings = encoder(torch.from_numpy(images).float() / 255).detach().numpy()
except ModuleNotFoundError:  # an environment for the front end alone
    embeddings = (images.reshape(8, -1) / 255) @ np.random.default_rng(1).normal(size=(432, 16))
"""
BOOK = """
from tests.explorables.from_book import explorables
from IPython.display import display
every = explorables(PAGES)
display(*every.values())
print(*every)
"""
CELLS = {
    "data": OWN_DATA,
    "scores": "scores = ScoresToLoss([0.6, 0.55, 0.2, 0.1])\nscores",
    "matrix": "matrix = AffinityMatrix(embeddings, images)\nmatrix",
    "read": "print(scores.tau, scores.selected, scores.scores, matrix.n, matrix.selected)",
    "set": "scores.tau = 1.5\nmatrix.selected = (2, 5)",
    "book": BOOK,
}
PLACE = {name: k for k, name in enumerate(CELLS)}


@pytest.fixture(scope="module")
def lab(browser, book):
    pages = [str(book / f"{name}.html") for name in pages_with_explorables()]
    with open_lab(browser, [*CELLS.values(), f"PAGES = {pages}"]) as opened:
        for name in ("data", "scores", "matrix"):
            opened.run(PLACE[name])
        opened.run(len(CELLS))
        yield opened


@pytest.fixture
def scores(lab):
    return lab.explorables(PLACE["scores"]).first


@pytest.fixture
def matrix(lab):
    return lab.explorables(PLACE["matrix"]).first


@pytest.fixture(autouse=True)
def nothing_wrong(lab):
    yield
    assert lab.errors == []
    assert lab.blocked == []


def printed(lab, expected):
    """Run the cell that prints until it says so: what a page sends waits for a busy kernel."""
    for _ in range(50):
        said = lab.run(PLACE["read"]).strip()
        if said == expected:
            break
        time.sleep(0.1)
    assert said == expected


def test_python_gets_what_the_reader_does(lab, scores, matrix):
    printed(lab, "0.2 0 [0.6, 0.55, 0.2, 0.1] 4 (0, 1)")
    scores.get_by_role("button", name="Bare cosine at its best").click()
    scores.get_by_label("temperature τ").focus()
    for _ in range(3):
        lab.page.keyboard.press("ArrowRight")
    scores.get_by_role("slider", name="score of negative 2").press("ArrowUp")
    matrix.get_by_label("images").press("ArrowLeft")
    steps = round(200 * math.log(1 / 0.05, 2 / 0.05)) + 3  # the slider has 200 from 0.05 to 2
    tau = float(f"{0.05 * 40 ** (steps / 200):.3g}")
    printed(lab, f"{tau} 2 [1.0, -1.0, -0.95, -1.0] 3 (0, 1)")


def test_the_page_shows_what_python_sets(lab, scores, matrix):
    lab.run(PLACE["set"])
    lab.until(lambda: "τ = 1.5" in scores.inner_text())
    lab.until(lambda: "Row 3, column 6" in matrix.locator("[aria-live]").text_content())


def test_keys_are_the_explorable_s_and_not_the_notebook_s(lab, scores, matrix):
    before = lab.cells()
    for key in ("b", "a", "m", "r", "y", "x", "Enter", "ArrowDown", "ArrowUp"):
        scores.get_by_label("temperature τ").press(key)
    assert matrix.get_by_label("pairs").is_checked()
    matrix.get_by_label("pairs").press("ArrowDown")
    lab.until(lambda: matrix.get_by_label("halves").is_checked())
    assert lab.cells() == before


def test_every_explorable_of_the_book_answers(lab):
    names = lab.run(PLACE["book"]).split()
    assert names
    shown = lab.explorables(PLACE["book"], len(names))
    for k, name in enumerate(names):
        live = shown.nth(k).locator("[aria-live]").first
        own = shown.nth(k).locator('[tabindex="0"]').first
        own.focus()
        before = live.text_content()
        own.press("ArrowRight")
        lab.until(lambda live=live, was=before: live.text_content() != was, name)
    floating = "(all) => all.filter((each) => getComputedStyle(each).float !== 'none').length"
    assert shown.locator("dt, dd").evaluate_all(floating) == 0, "JupyterLab lets lists float"
