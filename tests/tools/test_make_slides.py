"""Slides are made of a lesson's headings, first paragraphs, formulas and figures."""

import nbformat
import pytest
from make_slides import export, on_slide, parts, plain, slides_of
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

TEXT = """## The idea

First paragraph, with {cite:t}`chen2020simclr` and {numref}`fig-x`.

Second paragraph, which is said.

$$a = b$$

- one
- two

### Deeper

More."""
PNG = {"image/png": "iVBORw0KGgo="}


@pytest.fixture
def lesson():
    figure = new_code_cell("plot()", outputs=[new_output("display_data", PNG)])
    figure.metadata["mystnb"] = {"figure": {"caption": "What is seen."}}
    source = new_code_cell(
        "show_source(f)",
        outputs=[new_output("display_data", {"text/markdown": "```python\nx\n```"})],
    )
    last = new_markdown_cell("## Exercises\n\nNot here.")
    again = new_code_cell("plot()", outputs=figure.outputs)
    return new_notebook(cells=[new_markdown_cell(TEXT), figure, source, last, again])


def test_cells_are_cut_at_headings():
    assert [heading for heading, _ in parts(TEXT)] == ["## The idea", "### Deeper"]
    assert parts("no heading") == [("", "no heading")]


def test_first_paragraph_formulas_and_lists_are_shown_and_the_rest_is_said():
    shown, said = on_slide(parts(TEXT)[0][1])
    assert shown.startswith("First paragraph") and "$$a = b$$" in shown and "- two" in shown
    assert said == "Second paragraph, which is said."
    assert "{" not in plain(TEXT).replace("{numref}", "")


def test_slides_hold_figures_and_no_code(lesson):
    made = slides_of(lesson)
    kinds = [cell.metadata["slideshow"]["slide_type"] for cell in made.cells]
    assert kinds == ["slide", "notes", "slide", "slide", "-"]
    html = export(lesson, "a lesson")
    assert "The idea" in html and "data:image/png" in html and "What is seen." in html
    assert "plot()" not in html and "Not here" not in html
    assert 'class="notes"' in html


def test_slides_ask_nobody_for_anything(lesson):
    html = export(lesson, "a lesson")
    fetched = [line for line in html.splitlines() if 'src="http' in line or 'href="http' in line]
    assert fetched == []
    assert "mathjax/startup.js" in html and "reveal/dist/reveal.js" in html


def test_a_lesson_is_left_whole(lesson):
    before = nbformat.writes(lesson)
    slides_of(lesson)
    assert nbformat.writes(lesson) == before
