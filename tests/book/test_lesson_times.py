"""The line under the title of a lesson: what is counted, and how it is said."""

from types import SimpleNamespace

import lesson_times as lt
import pytest
from docutils import nodes
from docutils.core import publish_doctree


def counted(text):
    return lt.content(publish_doctree(text, settings_overrides={"report_level": 5}))


def cell(code, *outputs, hide=""):
    """A cell as myst-nb leaves it."""
    node = nodes.container(classes=["cell"], hide_mode=hide)
    node += nodes.container("", nodes.literal_block("", code), classes=["cell_input"])
    node += nodes.container("", *outputs, classes=["cell_output"])
    return node


def test_words_formulas_and_figures_are_counted():
    text = "Title\n=====\n\nThree words, :math:`a + b`.\n\n- one more\n\n.. math:: a = b\n"
    # the full stop after the formula counts as a word
    assert counted(text) == lt.Content(words=7, figures=1)
    assert counted(".. figure:: x.png\n\n   Four words say it.") == lt.Content(4, 0, 1)


def test_answers_behind_a_button_are_not():
    assert counted(".. admonition:: Answer\n   :class: dropdown\n\n   Text.") == lt.Content()
    assert counted(".. admonition:: Note\n\n   Text.") == lt.Content(words=2)


def test_code_in_sight_counts_and_print_outs_do_not():
    printed = nodes.literal_block("", "1\n2\n3", classes=["output", "stream"])
    source = nodes.literal_block("", "def f():\n    pass")
    picture = nodes.image(uri="x.png")
    words = nodes.paragraph("", "words of an output")
    assert lt.content(cell("a = 1\n\nb = 2", printed)) == lt.Content(code_lines=2)
    assert lt.content(cell("a = 1", source, picture, words)) == lt.Content(0, 3, 1)
    assert lt.content(cell("a = 1\nb = 2", picture, hide="input")) == lt.Content(figures=1)
    assert lt.content(cell("a = 1\nb = 2", picture, hide="output")) == lt.Content(code_lines=2)
    assert lt.content(cell("a = 1\nb = 2", picture, hide="all")) == lt.Content()


def test_html_that_folds_hides_what_lies_between():
    shown = nodes.container()
    shown += nodes.raw("", "<details><summary>Solution</summary>", format="html")
    shown += [nodes.paragraph("", "some words"), nodes.literal_block("", "a = 1")]
    shown += nodes.raw("", "</details>", format="html")
    assert lt.content(shown) == lt.content(cell("a = 1", shown, hide="input")) == lt.Content()
    shown += nodes.paragraph("", "and more")
    assert lt.content(shown) == lt.Content(words=2)


def test_reading_takes_what_the_rule_says():
    assert lt.seconds_to_read(lt.Content(words=200, code_lines=20, figures=4)) == 60 + 60 + 60
    for number in (lt.WORDS_A_MINUTE, lt.SECONDS_A_CODE_LINE, lt.SECONDS_A_FIGURE):
        assert f" {number} " in lt.RULE


@pytest.mark.parametrize(
    ("text", "with_code", "said"),
    [
        (20, 20, "About 1 min to read"),
        (200, 420, "About 3 min to read, 7 with the code"),
        (800, 1980, "About 15 min to read, 35 with the code"),
        (880, 890, "About 15 min to read"),
    ],
)
def test_minutes_are_no_finer_than_the_rule(text, with_code, said):
    assert lt.reading_time(text, with_code) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(1.2, "5 s"), (51.4, "50 s"), (88, "90 s"), (95, "1½ min"), (167, "3 min"), (126, "2 min")],
)
def test_running_time_is_rounded(seconds, said):
    assert lt.running_time(seconds) == f"ran in about {said}"


def test_the_machine_is_told_as_far_as_it_is_known():
    assert lt.machine(2) == " on a machine with two cores"
    assert lt.machine(1) == " on a machine with one core"
    assert lt.machine(64) == " on a machine with 64 cores"
    assert lt.machine(None) == ""
    assert lt.machine(2, 1) == " on one of a machine’s two cores"
    assert lt.machine(2, 2) == lt.machine(2) == lt.machine(2, None)


@pytest.mark.parametrize("said, threads", [("1", 1), ("", None), ("4,2", None)])
def test_the_threads_are_those_that_the_build_sets(monkeypatch, said, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    assert lt.threads_given() == threads


TOC = {
    "root": "book/index",
    "parts": [
        {"caption": "Part I: why", "chapters": [{"file": "notebooks/00_before"}]},
        {
            "caption": "Part II: tasks",
            "chapters": [
                {"file": "notebooks/11_simclr"},
                {"file": "notebooks/11b_apart"},
                {"file": "notebooks/12_after"},
            ],
        },
        {"caption": "Reference", "chapters": [{"file": "book/glossary"}]},
    ],
}


def test_places_come_from_the_table_of_contents():
    assert lt.places(TOC) == {
        "notebooks/00_before": "Part I",
        "notebooks/11_simclr": "Part II, lesson 11 of 12",
        "notebooks/11b_apart": "Part II, lesson 11 of 12, second page",
        "notebooks/12_after": "Part II, lesson 12 of 12",
    }


def test_what_is_not_known_is_left_out():
    found = lt.Content(words=1000)
    assert lt.line(found, None, lt.machine(2), "Part I").astext() == "About 5 min to read · Part I"
    assert lt.line(found, 50, "", "").astext() == (
        "About 5 min to read · ran in about 50 s when this page was built"
    )
    (rule,) = lt.line(found, None, "", "").findall(nodes.abbreviation)
    assert rule["explanation"] == lt.RULE


@pytest.mark.parametrize("record", [{"exec_data": {"runtime": 51.0}}, {}, {"exec_data": None}])
def test_the_line_stands_under_the_title_of_a_lesson(record, tmp_path):
    (tmp_path / "_toc.yml").write_text("root: book/index\nparts: []\n", encoding="utf-8")
    app = SimpleNamespace(
        config=SimpleNamespace(external_toc_path="_toc.yml"),
        srcdir=tmp_path,
        env=SimpleNamespace(nb_metadata={"notebooks/06_jigsaw": record}),
    )
    doctree = publish_doctree("Title\n=====\n\nText.\n\nMore\n----\n\nText.")
    lt.add_line(app, doctree, "book/index")
    assert not [p for p in doctree.findall(nodes.paragraph) if p["classes"]]
    lt.add_line(app, doctree, "notebooks/06_jigsaw")
    (line,) = (p for p in doctree.findall(nodes.paragraph) if "lesson-times" in p["classes"])
    title = next(doctree.findall(nodes.title))
    assert line.parent.index(line) == title.parent.index(title) + 1
    assert ("ran in about 50 s" in line.astext()) == bool(record.get("exec_data"))
