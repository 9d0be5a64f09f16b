"""The built book to take along: one archive, one PDF."""

import os
import zipfile
from io import BytesIO
from pathlib import Path

import pack_book
import pytest
from pypdf import PdfReader, PdfWriter

TOC = {
    "root": "book/index",
    "parts": [
        {"caption": "Part I: first", "chapters": [{"file": "lessons/one"}]},
        {
            "caption": "Reference",
            "chapters": [{"file": "book/api", "sections": [{"file": "book/more"}]}],
        },
    ],
}
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>t</title>
<style>
.headerlink {{ display: none }}
@page {{ size: A4; margin: 18mm 17mm 20mm; @bottom-right {{ content: counter(page) }} }}
</style>
<article class="bd-article"><section id="top">
<h1>{title}<a class="headerlink" href="#top">#</a></h1>
{body}</section></article></html>"""
FAR = (
    '<section id="far" style="break-before: page"><h2>Far <em>away</em></h2><p>there</p></section>'
)
BODIES = {
    "book/index": f'<p><a href="../lessons/one.html#far">on</a></p>{FAR}',
    "lessons/one": f"""<p><a href="#far">down</a> <a href="../book/index.html">back</a>
      <a href="../_sources/one.md">source</a> <a href="https://example.org/x">web</a></p>{FAR}""",
    "book/api": '<p><a href="more.html#lost">more</a></p>',
    "book/more": f"<table><tr>{'<td>wide_as_a_house</td>' * 12}</tr></table>",
}


@pytest.fixture
def folder(tmp_path):
    """A little book, built."""
    built = tmp_path / "html"
    for name, body in BODIES.items():
        path = built / f"{name}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PAGE.format(title=name, body=body), encoding="utf-8")
    (built / "index.html").write_text("<p>the way in</p>", encoding="utf-8")
    (built / ".buildinfo").write_text("of this build alone", encoding="utf-8")
    return built


def test_the_archive_is_one_folder_with_all_of_the_book(folder, tmp_path):
    target = tmp_path / "out" / "the-book.zip"
    assert pack_book.pack(folder, target) == 5
    with zipfile.ZipFile(target) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert names == sorted(names)
        assert {name.split("/")[0] for name in names} == {"the-book"}
        assert "the-book/index.html" in names and "the-book/.buildinfo" not in names
        kept = archive.read("the-book/lessons/one.html").decode()
    assert kept == (folder / "lessons" / "one.html").read_text(encoding="utf-8")


def test_the_same_pages_give_the_same_archive(folder, tmp_path):
    first, second = tmp_path / "a" / "book.zip", tmp_path / "b" / "book.zip"
    pack_book.pack(folder, first)
    for path in folder.rglob("*.html"):  # built again, at another time, by somebody else
        os.utime(path, (1, 1))
        path.chmod(0o600)
    pack_book.pack(folder, second)
    assert first.read_bytes() == second.read_bytes()


def test_nothing_is_packed_where_no_book_is(tmp_path):
    with pytest.raises(FileNotFoundError, match="make book"):
        pack_book.pack(tmp_path, tmp_path / "book.zip")


def test_parts_hold_their_pages_in_order():
    assert pack_book.parts_of(TOC) == [
        ("", ["book/index"]),
        ("Part I: first", ["lessons/one"]),
        ("Reference", ["book/api", "book/more"]),
    ]


BOOK = Path("/x/html")


@pytest.mark.parametrize(
    ("uri", "becomes"),
    [
        ("file:///x/html/lessons/one.html", ("lessons/one", "")),
        ("file:///x/html/lessons/one.html#a%20b", ("lessons/one", "a b")),
        ("file:///x/html/_modules/lost.html", None),
        ("file:///home/somebody/else.html", None),
        ("https://example.org/#x", "https://example.org/#x"),
        ("mailto:a@example.org", "mailto:a@example.org"),
        ("javascript:void(0)", None),
    ],
)
def test_links_lead_into_the_file_or_the_web_and_never_to_this_disk(uri, becomes):
    assert pack_book.target_of(uri, BOOK, {"lessons/one"}) == becomes


def test_pages_that_are_not_there_are_left_out_of_the_bookmarks():
    sheet = PdfWriter()
    sheet.add_blank_page(200, 300)
    blank = BytesIO()
    sheet.write(blank)
    printed = [pack_book.Printed("lessons/one", "One", [("Lost", "lost")], blank.getvalue())]
    writer = pack_book.merge(printed, pack_book.parts_of(TOC), BOOK)
    assert bookmarks(reread(writer)) == [("Part I: first", 0), ("One", 0)]


def reread(writer):
    file = BytesIO()
    writer.write(file)
    return PdfReader(file)


def bookmarks(reader):
    """Titles and sheets of all bookmarks, however deep."""

    def flat(items):
        for item in items:
            if isinstance(item, list):
                yield from flat(item)
            else:
                yield item

    return [(item.title, reader.get_destination_page_number(item)) for item in flat(reader.outline)]


def links(reader):
    """Where every link of every sheet leads: a sheet and a height, or an address."""
    sheets = {page.indirect_reference.idnum: k for k, page in enumerate(reader.pages)}
    found = []
    for page in reader.pages:
        for note in page.get("/Annots", ()):
            note = note.get_object()
            if "/A" in note and "/URI" in note["/A"]:
                found.append(note["/A"]["/URI"])
            else:
                there = note.get("/Dest") or note["/A"]["/D"]
                goal = list.__getitem__(there, 0)  # a number, or a reference to the sheet
                k = goal if isinstance(goal, int) else sheets[goal.idnum]
                found.append((int(k), there[3]))
    return found


def test_a_book_on_paper(folder, tmp_path):
    target = tmp_path / "book.pdf"
    assert pack_book.make_pdf(folder, target, TOC, "A Title", "An Author") == 6
    reader = PdfReader(target)
    assert reader.metadata.title == "A Title" and reader.metadata.author == "An Author"
    text = [page.extract_text() for page in reader.pages]
    # numbered on from page to page; what stands in the margin is written first
    assert [words[0] for words in text] == ["1", "2", "3", "4", "5", "6"]
    assert "book/index" in text[0] and "there" in text[1] and "lessons/one" in text[2]
    assert text[5].count("wide_as_a_house") == 12

    assert bookmarks(reader) == [
        ("book/index", 0),
        ("Far away", 1),
        ("Part I: first", 2),
        ("lessons/one", 2),
        ("Far away", 3),
        ("Reference", 4),
        ("book/api", 4),
        ("book/more", 5),
    ]
    found = links(reader)
    assert [goal if isinstance(goal, str) else goal[0] for goal in found] == [
        3,  # the id of another page
        3,  # the same id, which the front page has too
        0,
        "https://example.org/x",
        5,  # an id that is not there: the page's top
    ]
    heights = [goal[1] for goal in found if isinstance(goal, tuple)]
    assert heights[0] == heights[1] and heights[0] > 500
    assert b"file://" not in target.read_bytes()
