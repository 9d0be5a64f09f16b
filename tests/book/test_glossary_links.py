"""The glossary, and the links that lead to it from the first use of a term."""

import json
import re
from pathlib import Path

import glossary_links as gl
import pytest
from docutils import nodes
from docutils.core import publish_doctree
from sphinx import addnodes

ROOT = Path(__file__).resolve().parents[2]
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def entry(name, *comments):
    return gl.Entry(name, f"term-{name}", gl.forms_of(name, comments), f"What {name} is.")


def page(text):
    return publish_doctree(text, settings_overrides={"report_level": 5})


def linked(text, *entries):
    """Words that became links on a page, and the page."""
    doctree = page(text)
    gl.link_first_uses(doctree, gl.Finder(entries), "../book/glossary.html")
    links = [r for r in doctree.findall(nodes.reference) if gl.CLASS in r["classes"]]
    return [link.astext() for link in links], doctree


def test_the_first_use_alone_is_a_link_and_tells_what_it_means():
    words, doctree = linked("An encoder.\n\nAnother encoder, one more encoder.", entry("encoder"))
    assert words == ["encoder"]
    (link,) = doctree.findall(nodes.reference)
    assert link["refuri"] == "../book/glossary.html#term-encoder"
    assert link["reftitle"] == "What encoder is."
    assert link["classes"] == [gl.CLASS] and link["internal"]
    first, second = doctree.findall(nodes.paragraph)
    assert first.astext() == "An encoder." and link.parent is first
    assert second.astext() == "Another encoder, one more encoder."


def test_text_around_several_terms_stays_as_it_was():
    text = "Freeze the encoder, then fit a probe. Freeze it."
    words, doctree = linked(text, entry("encoder"), entry("probe"), entry("frozen", "also: freeze"))
    assert words == ["Freeze", "encoder", "probe"]
    assert doctree.astext() == text


def test_the_longest_term_wins():
    terms = entry("batch"), entry("batch norm"), entry("negatives"), entry("hard negatives")
    assert linked("Batch norm, hard negatives.", *terms)[0] == ["Batch norm", "hard negatives"]
    assert linked("Hard negatives, batch norm, a batch, negatives.", *terms)[0] == [
        "Hard negatives",
        "batch norm",
        "batch",
        "negatives",
    ]


@pytest.mark.parametrize("text", ["stages of a heading", "backstage", "two-stage", "stage_1"])
def test_parts_of_words_are_no_use(text):
    assert linked(text, entry("stage"), entry("head"))[0] == []


def test_a_term_may_run_over_the_end_of_a_line():
    assert linked("the batch\nnorm of it", entry("batch norm"))[0] == ["batch\nnorm"]


@pytest.mark.parametrize(
    "text",
    [
        "``encoder``",
        "`encoder <https://x.org>`__",
        ":math:`encoder`",
        "Encoder\n=======\n\nText.\n\nEncoder again\n-------------\n\nText.",
        "::\n\n  encoder",
        "===== =====\nencoder     x\n===== =====\na     b\n===== =====",
        ".. figure:: x.png\n\n   An encoder.\n\n   An encoder.",
        ".. admonition:: Encoder\n\n   Text.",
        ".. raw:: html\n\n   encoder",
        ".. encoder",
    ],
    ids=lambda text: text.split()[0],
)
def test_code_headings_tables_and_the_like_hold_no_links(text):
    assert linked(text, entry("encoder"))[0] == []


@pytest.mark.parametrize("name", ["cell", "sd-card", "lesson-times"])
def test_outputs_cards_and_the_line_under_the_title_hold_no_links(name):
    assert linked(f".. container:: {name}\n\n   An encoder.", entry("encoder"))[0] == []


@pytest.mark.parametrize(
    "text", ["- an encoder", "**encoder**", ".. admonition:: Answer\n\n   An encoder."]
)
def test_lists_strong_words_and_answers_do(text):
    assert linked(text, entry("encoder"))[0] == ["encoder"]


def test_comments_add_forms_or_stand_in_place_of_the_term():
    assert gl.forms_of("probe", ["also: probes,\n linear  probe"]) == (
        "probe",
        "probes",
        "linear probe",
    )
    assert gl.forms_of("positive", ["only: the positive"]) == ("the positive",)
    assert gl.forms_of("gain", ["only:"]) == ()
    assert linked("A gain.", entry("gain", "only:"))[0] == []
    with pytest.raises(ValueError, match="also"):
        gl.forms_of("gain", ["plural: gains"])


def test_one_form_cannot_stand_for_two_terms():
    with pytest.raises(ValueError, match="'probe'"):
        gl.Finder([entry("probe"), entry("linear probe", "also: probe")])


def test_entries_are_read_from_a_glossary():
    item = nodes.definition_list_item()
    item += nodes.term("", "t-SNE", ids=["term-t-SNE"])
    item += nodes.definition(
        "",
        nodes.comment("", "also: maps"),
        nodes.paragraph("", "A method\nof 2.5 dimensions. It makes maps. Lesson 9"),
    )
    glossary = addnodes.glossary("", nodes.definition_list("", item))
    document = page("")
    document += glossary
    assert gl.entries_of(document) == [
        gl.Entry("t-SNE", "term-t-SNE", ("t-sne", "maps"), "A method of 2.5 dimensions.")
    ]


# ---- the glossary as it is written ----


def written():
    """Term, comments and text of every entry of book/glossary.md."""
    source = (ROOT / "book" / "glossary.md").read_text(encoding="utf-8")
    body = re.search(r"```\{glossary\}\n(.*?)```", source, re.DOTALL)[1]
    for block in body.strip().split("\n\n"):
        name, *lines = block.splitlines()
        said = [line.strip() for line in lines]
        comments = [line[1:].strip() for line in said if line.startswith("%")]
        yield name, comments, " ".join(line for line in said if not line.startswith("%"))


GLOSSARY = list(written())


def prose(path):
    """Running text of a lesson: no code, formulas, headings, tables or captions."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    text = "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    for pattern in (r"```.*?```", r"\$\$.*?\$\$", r"`[^`]*`", r"\$[^$]*\$", r"(?m)^[#|][^\n]*"):
        text = re.sub(pattern, " ", text, flags=re.DOTALL)
    return text


def test_terms_stand_in_order_and_no_form_twice():
    names = [name for name, _, _ in GLOSSARY]
    assert names == sorted(names, key=str.lower)
    gl.Finder(gl.Entry(name, name, gl.forms_of(name, marks), "") for name, marks, _ in GLOSSARY)


@pytest.mark.parametrize(("name", "text"), [(n, t) for n, _, t in GLOSSARY], ids=lambda x: x[:20])
def test_each_term_has_a_sentence_and_a_lesson(name, text):
    first = gl._SENTENCE.match(text)[0]
    assert first[0].isupper() or first[0].isdigit()
    assert not set("$`[") & set(first), "a tooltip shows plain words only"
    assert len(first) < 250
    (lesson,) = re.findall(r"\]\(\.\./notebooks/(\w+)\.ipynb#[\w-]+\)$", text)
    assert (ROOT / "notebooks" / f"{lesson}.ipynb").exists()


def test_every_term_is_used_in_the_book():
    text = "\n".join(prose(path) for path in LESSONS)
    for name, comments, _ in GLOSSARY:
        forms = gl.forms_of(name, comments) or (name.lower(),)
        found = gl.Finder([gl.Entry(name, name, forms, "")]).find(text)
        assert next(found, None), f"no lesson uses {name!r}"


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_every_lesson_uses_terms(path):
    entries = [gl.Entry(name, name, gl.forms_of(name, marks), "") for name, marks, _ in GLOSSARY]
    assert len({entry.name for _, _, entry in gl.Finder(entries).find(prose(path))}) >= 5
