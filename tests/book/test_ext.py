"""The book's Sphinx extensions: what they write into a page."""

import json
import re
from html import unescape
from types import SimpleNamespace

import accessible
import lean_pages
import lean_styles
import offline_math
import pytest
import static_widgets as sw
import typography
import widget_signatures
from docutils import nodes
from docutils.utils import new_document
from PIL import Image
from sphinx import addnodes
from traitlets import HasTraits

ESM = "export default { render() {} }"


def model(**state):
    return {
        "model_name": "AnyModel",
        "model_module": "anywidget",
        "state": {"_esm": ESM, "layout": "IPY_MODEL_layout", **state},
        "buffers": [{"path": ["data"], "encoding": "base64", "data": "AAA="}],
    }


def slider():
    return {
        "model_name": "IntSliderModel",
        "model_module": "@jupyter-widgets/controls",
        "state": {},
    }


def view(name):
    data = json.dumps({"version_major": 2, "model_id": name})
    return f'<div><script type="{sw.VIEW}">{data}</script></div>'


def asset(filename="", **attributes):
    return SimpleNamespace(filename=filename, attributes=attributes)


def state_script(models):
    body = json.dumps({"version_major": 2, "state": models}).replace("</", "<\\/")
    return asset(type=sw.STATE, body=body)


STATE_TAG = re.compile(rf'<script type="{re.escape(sw.STATE)}">(.*?)</script>')
VIEW_TAG = re.compile(rf'<script type="{re.escape(sw.VIEW)}">(.*?)</script>')


def rewritten(models, body):
    """The page's text after the extension."""
    context = {"script_files": [state_script(models)], "body": body}
    sw.tidy_page(None, "page", "page.html", context, None)
    assert context["script_files"] == []
    return context["body"]


def states(text):
    """What a page's text holds of widgets, in the order of the page."""
    return [json.loads(data) for data in STATE_TAG.findall(text)]


def test_views_come_in_the_order_of_the_page():
    assert sw.views(view("b") + "text" + view("a")) == ["b", "a"]


def test_only_what_the_page_shows_is_kept():
    models = {
        "shown": model(partner="IPY_MODEL_partner"),
        "partner": model(),
        "forgotten": model(),
        "layout": {
            "model_name": "LayoutModel",
            "model_module": "@jupyter-widgets/base",
            "state": {},
        },
    }
    (page,) = states(rewritten(models, view("shown")))
    assert set(page["models"]) == {"shown", "partner"}
    assert "layout" not in page["models"]["shown"]["state"]


def test_a_reference_in_circles_ends():
    models = {"a": model(other="IPY_MODEL_b"), "b": model(other="IPY_MODEL_a")}
    assert set(sw.reachable(models, ["a"])) == {"a", "b"}


def test_each_source_is_written_once():
    models = {"a": model(_css=".x {}"), "b": model(), "c": model(_esm=ESM + "\n")}
    first, second, third = states(rewritten(models, view("a") + view("b") + view("c")))
    assert sorted(first["sources"].values()) == sorted([ESM, ".x {}"])
    assert second["sources"] == {} and [*third["sources"].values()] == [ESM + "\n"]
    a, b, c = (
        page["models"][k]["state"] for page, k in zip((first, second, third), "abc", strict=True)
    )
    assert a["_esm"] == b["_esm"] != c["_esm"]
    assert first["sources"][a["_css"]] == ".x {}"
    assert first["models"]["a"]["buffers"] == [
        {"path": ["data"], "encoding": "base64", "data": "AAA="}
    ]


def test_each_model_is_written_once_and_before_its_first_place():
    models = {"a": model(partner="IPY_MODEL_b"), "b": model()}
    text = rewritten(models, view("a") + "<p>text</p>" + view("b") + view("a"))
    (page,) = states(text)
    assert set(page["models"]) == {"a", "b"}
    assert text.index(sw.STATE) < text.index(sw.VIEW) < text.index(sw.MOUNT) < text.index("<p>")
    assert text.count(sw.MOUNT) == 3


def test_bytes_for_drawing_alone_stand_behind_everything():
    buffers = [{"path": [name], "encoding": "base64", "data": "AAA="} for name in ("z", "weights")]
    models = {"a": model() | {"buffers": buffers}}
    text = rewritten(models, view("a") + "<p>text</p>" + view("a"))
    (page,) = states(text)
    first, late = page["models"]["a"]["buffers"]
    assert first["data"] == "AAA=" and "data" not in late
    tag = f'<script type="{sw.BYTES}" id="{late["late"]}">AAA=</script>'
    assert text.count(tag) == 1 and text.endswith(tag)


def test_places_have_names_of_their_own():
    models = {"a": model(_anywidget_id="x.RotationGame"), "b": model()}
    body = '<h2 id="figure">F</h2>' + view("a") + view("a") + view("b")
    places = [json.loads(tag)["place"] for tag in VIEW_TAG.findall(rewritten(models, body))]
    assert places == ["rotation-game", "rotation-game-2", "figure-2"]


def test_a_source_cannot_end_the_script_it_stands_in():
    esm = 'el.innerHTML = "<script></script><!-- "'
    text = rewritten({"a": model(_esm=esm)}, view("a"))
    (data,) = STATE_TAG.findall(text)
    assert "<" not in data
    assert esm in json.loads(data)["sources"].values()


@pytest.mark.parametrize("models", [{"x": slider()}, {}])
def test_a_control_that_would_be_dead_is_a_warning(models, monkeypatch):
    warnings = []
    monkeypatch.setattr(sw._LOGGER, "warning", lambda text, *a, **k: warnings.append(text % a))
    assert states(rewritten(models, view("x"))) == []
    assert len(warnings) == 1
    assert "kernel" in warnings[0] and "page" in warnings[0]


def test_thebe_and_doubles_are_dropped():
    scripts = [
        asset("a.js"),
        asset("a.js"),
        asset("_static/sphinx-thebe.js"),
        asset(body="const THEBE_JS_URL = 'https://x'"),
        asset(body="let x = 1"),
        asset(body="let x = 1"),
    ]
    context = {"script_files": scripts, "css_files": [asset("thebe.css"), asset("b.css")]}
    sw.tidy_page(None, "page", "page.html", context, None)
    assert [sw._identity(s) for s in context["script_files"]] == [
        ("a.js", None),
        ("", "let x = 1"),
    ]
    assert [s.filename for s in context["css_files"]] == ["b.css"]


def test_the_script_of_explorables_comes_first():
    files = ["doctools.js?v=1", "_static/documentation_options.js?v=2", sw.SCRIPT]
    context = {"script_files": [*map(asset, files), asset(body="let x = 1")]}
    sw.tidy_page(None, "page", "page.html", context, None)
    assert context["script_files"][0].filename == sw.SCRIPT


@pytest.mark.parametrize("source, labels", [("a.md", ["b"]), ("a.ipynb", ["launch-buttons", "b"])])
def test_only_notebooks_can_be_launched(source, labels):
    buttons = [{"label": "launch-buttons"}, {"label": "b"}]
    context = {"sourcename": source, "header_buttons": buttons}
    sw.drop_lost_launchers(None, "page", "page.html", context, None)
    assert [button["label"] for button in context["header_buttons"]] == labels


def test_mathjax_is_complete_and_stays_small(tmp_path):
    app = SimpleNamespace(builder=SimpleNamespace(format="html"), outdir=tmp_path)
    offline_math.copy_mathjax(app, None)
    copied = tmp_path / "_static" / "mathjax"
    for part in (offline_math.START, *(f"{name}.js" for name in offline_math.LOADED)):
        assert (copied / part).stat().st_size > 1000
    assert (copied / "input/tex/extensions/boldsymbol.js").exists()
    assert any((copied / "output/chtml/fonts/woff-v2").glob("*.woff"))
    assert sum(f.stat().st_size for f in copied.rglob("*") if f.is_file()) < 3e6
    offline_math.copy_mathjax(app, None)  # a second build finds it there


def test_mathjax_settings_of_others_are_kept():
    config = SimpleNamespace(mathjax_path="https://cdn", mathjax3_config={"options": {"a": 1}})
    offline_math.use_local_mathjax(None, config)
    assert config.mathjax_path == f"mathjax/{offline_math.START}"
    assert config.mathjax3_config["options"] == {"a": 1}
    assert config.mathjax3_config["loader"] == {"load": list(offline_math.LOADED)}


def test_a_failed_build_copies_nothing(tmp_path):
    app = SimpleNamespace(builder=SimpleNamespace(format="html"), outdir=tmp_path)
    offline_math.copy_mathjax(app, RuntimeError())
    assert list(tmp_path.iterdir()) == []


def test_an_explorable_is_shown_as_it_is_called():
    class Figure(HasTraits):
        def __init__(self, images: list, *, tau: float = 0.5) -> None:
            super().__init__()

    shown, returns = widget_signatures.from_init(None, "class", "Figure", Figure, {}, "()", "")
    assert (shown, returns) == ("(images: list, *, tau: float = 0.5)", "")
    assert widget_signatures.from_init(None, "class", "int", int, {}, "()", "") is None
    assert widget_signatures.from_init(None, "function", "f", len, {}, "()", "") is None


PAGE = """<head>
<script defer src="_static/scripts/fontawesome.js?digest=1"></script>
<script src="_static/searchtools.js"></script><script src="searchindex.js"></script>
<script src="_static/doctools.js"></script></head>
<i class="fas fa-bars fa-lg"></i><img src="_images/a.png"><img src="_images/b.png">"""


def test_pages_lose_the_icon_script_and_keep_search_where_it_is_used():
    light = lean_pages.lighter_page(PAGE, is_search=False)
    assert "fontawesome.js" not in light and "searchindex" not in light
    assert "searchtools" not in light and "doctools.js" in light
    assert "searchindex" in lean_pages.lighter_page(PAGE, is_search=True)


def test_scripts_wait_unless_the_page_itself_calls_them():
    files = ["doctools.js?v=1", "documentation_options.js?v=2", "static_widgets.js"]
    tags = [f'<script src="../_static/{name}"></script>' for name in files]
    tags += ['<script data-x="y" src="a.js"></script>', "<script>let x = 1</script>"]
    waiting = '<script defer="defer" src="b.js"></script>'
    page = "".join([*tags, waiting])
    found = lean_pages.lighter_page(page, is_search=False)
    assert found == "".join(
        [
            tags[0].replace("<script", "<script defer"),
            *tags[1:3],
            tags[3].replace("<script", "<script defer"),
            tags[4],
            waiting,
        ]
    )
    assert lean_pages.lighter_page(page, is_search=True) == page


RULES = {
    ".bd-article h1{color:red}": True,
    ".toast,.bd-article p{color:red}": ".bd-article p{color:red}",
    ".toast .bd-article{color:red}": False,
    "#lost{color:red}": False,
    ":is(.toast,.bd-article) p{color:red}": True,
    ":is(.toast,.modal) p{color:red}": False,
    ".bd-article:not(.toast){color:red}": True,
    ".bs-tooltip-auto{color:red}": True,
    "[data-theme=dark]{color:red}": True,
    "@media print{.toast{color:red}}": False,
    "@media print{.toast{color:red}.bd-article{color:red}}": "@media print{.bd-article{color:red}}",
    "@font-face{font-family:x;src:url(x.ttf)}": True,
}


@pytest.mark.parametrize("rule", RULES)
def test_only_rules_stay_that_can_match(rule):
    known = lean_styles.words(['<p class="bd-article">'])
    kept = RULES[rule]
    found = lean_styles.used_rules(rule, known)
    assert found == (rule if kept is True else kept or "")


def test_a_broken_style_is_named():
    with pytest.raises(ValueError, match="line 1 of a stylesheet"):
        lean_styles.used_rules("p{color:red}}", set())


def test_styles_are_joined_with_what_they_import_and_still_find_their_files(tmp_path):
    for name, text in {
        "basic.css": "a{b:url(file.png)}",
        "styles/theme.css": '@import "../basic.css";',
        "styles/more.css": 'c{d:url("../vendor/x.ttf");e:url(data:font)}',
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    css = lean_styles.joined(tmp_path, ["styles/theme.css", "styles/more.css"])
    assert "@import" not in css
    found = re.findall(r"url\([^)]*\)", css)
    assert found == ["url(file.png)", 'url("vendor/x.ttf")', "url(data:font)"]


def test_a_page_loads_the_one_style_in_place_of_its_first():
    page = (
        '<link href="../_static/a.css?digest=1" rel="stylesheet" />\n<meta>'
        '<link rel="stylesheet" type="text/css" href="../_static/styles/b.css" />'
        '<link rel="icon" href="../_static/favicon.svg"/>'
    )
    new = lean_styles.with_one_style(page, "beef")
    assert new.count(".css") == 1 and 'href="../_static/style.css?v=beef"' in new
    assert new.index("style.css") < new.index("<meta>") and "favicon.svg" in new
    assert lean_styles.with_one_style("<p>", "beef") == "<p>"


def test_icons_are_found_as_letters_and_as_numbers():
    css = 'a:before{content:"\\f0c9"}b:before{content: "\uf013"}c:after{content:"more"}'
    assert lean_styles.icons_in(css) == {0xF0C9, 0xF013}
    assert lean_styles.icons_in(lean_styles.used_rules(css, set())) == {0xF0C9, 0xF013}


def book_with(folder, pages):
    """A built book of these pages; its two styles know the classes a and b."""
    static = folder / "_static"
    static.mkdir(parents=True, exist_ok=True)
    (static / "one.css").write_text(".a{c:d}.lost{c:d}", encoding="utf-8")
    (static / "two.css").write_text(".b{c:d}", encoding="utf-8")
    for name, html in pages.items():
        (folder / name).write_text(html, encoding="utf-8")


def test_the_book_gets_one_style_again_and_again(tmp_path):
    links = "".join(f'<link rel="stylesheet" href="_static/{n}.css" />' for n in ("one", "two"))
    first = {"x.html": links + '<p class="a">', "y.html": links + '<p class="b">'}
    book_with(tmp_path, first)
    lean_styles.make_one_style(tmp_path)
    css = (tmp_path / "_static/style.css").read_text(encoding="utf-8")
    assert ".a{" in css and ".b{" in css and "lost" not in css
    book_with(tmp_path, {"x.html": first["x.html"]})  # and y.html stays as it was
    lean_styles.make_one_style(tmp_path)
    assert (tmp_path / "y.html").read_text(encoding="utf-8").count("style.css") == 1


def test_pages_with_styles_of_their_own_are_refused(tmp_path):
    link = '<link rel="stylesheet" href="_static/{}.css" />'
    book_with(tmp_path, {"x.html": link.format("one"), "y.html": link.format("two")})
    with pytest.raises(ValueError, match="different stylesheets"):
        lean_styles.make_one_style(tmp_path)


def test_only_icon_fonts_in_use_are_loaded():
    css = (
        "@font-face{font-weight:900;src:url(webfonts/fa-solid-900.woff2) "
        'format("woff2"),url(webfonts/fa-solid-900.ttf) format("truetype")}'
        "@font-face{font-weight:400;src:url(webfonts/fa-brands-400.woff2)}p{color:red}"
    )
    fonts = lean_styles.icon_fonts([PAGE])
    assert fonts == {"fas"}
    light = lean_styles.with_fonts(css, fonts)
    assert "brands" not in light and "woff2" not in light
    assert "fa-solid-900.ttf" in light and light.endswith("p{color:red}")


def test_a_page_in_ascii_reads_the_same():
    script = '<script>let minus = "−"</script>'
    page = f'<p title="τ">−1</p>{script}<style>p::after {{ content: "…" }}</style><b>é</b>'
    found = lean_pages.in_ascii(page)
    assert found.count("−") == 1 and script in found and 'content: "…"' in found
    assert unescape(found) == page


def test_figures_become_smaller_and_stay_the_same_to_the_last_pixel(tmp_path):
    folder = tmp_path / "_images"
    folder.mkdir()
    drawn = Image.linear_gradient("L").convert("RGB")
    for name in ("a", "b", "unused"):
        drawn.save(folder / f"{name}.png")
    (tmp_path / "page.html").write_text(PAGE, encoding="utf-8")
    lean_pages.lighter_figures(tmp_path)
    assert sorted(p.name for p in folder.iterdir()) == ["a.webp", "b.webp"]
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count('loading="lazy" decoding="async" width="256" height="256"') == 2
    assert 'style="--drawn: 256px"><img' in page and 'src="_images/a.webp"></span>' in page
    assert lean_pages.lazy_images(page, folder) == page  # once is enough
    with Image.open(folder / "a.webp") as kept:
        assert kept.convert("RGB").tobytes() == drawn.tobytes()


def test_files_that_nothing_names_are_found(tmp_path):
    static = tmp_path / "_static"
    (static / "mathjax").mkdir(parents=True)
    for name in ("used.js", "lost.js", "self.css", "mathjax/font.woff"):
        (static / name).write_text(f"/* {name} */", encoding="utf-8")
    (tmp_path / "page.html").write_text('<script src="_static/used.js">', encoding="utf-8")
    assert [p.name for p in lean_pages.unnamed(tmp_path)] == ["lost.js", "self.css"]


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("12 % of 19.5%", "12% of 19.5%"),
        ("from -1 to (-0.5)", "from \u22121 to (\u22120.5)"),
        ("10 ± 2", "10\u00a0±\u00a02"),
        ("P = 10, shape = 3", "P\u00a0=\u00a010, shape = 3"),
        ("Lesson 7, lesson-2, lessons 2", "Lesson\u00a07, lesson-2, lessons 2"),
        ("2-3, lesson-2, 2020-06, x -y", "2-3, lesson-2, 2020-06, x -y"),
    ],
)
def test_numbers_are_set_as_a_printer_sets_them(written, printed):
    assert typography.set_numbers(written) == printed


def test_code_is_left_alone_and_a_formula_keeps_its_full_stop():
    code, text = nodes.literal("", "", nodes.Text("-1")), nodes.Text(". Then 5 %")
    paragraph = nodes.paragraph("", "", nodes.math("", "x"), text, code)
    page = new_document("page")
    page += paragraph
    page += addnodes.desc_signature("", "", nodes.inline("", "", nodes.Text("-1")))
    page += nodes.doctest_block("", ">>> f()\n-1")
    typography.set_page(None, page, "page")
    held, rest = paragraph[0], paragraph[1]
    assert held["classes"] == ["book-together"] and held.astext() == "x."
    assert rest.astext() == " Then 5%" and code.astext() == "-1"
    assert page[1].astext() == "-1" and page[2].astext() == ">>> f()\n-1"


@pytest.mark.parametrize(
    ("before", "behind", "parts"),
    [
        ("of (", "), or", ["of ", "(x),", " or"]),
        ("an ", "-way", ["an ", "x-way"]),
        ("of ", " and", ["of ", "x", " and"]),
        ("of ", "—and", ["of ", "x", "—and"]),
        ("", "", ["x"]),
    ],
)
def test_what_stands_at_a_formula_stays_with_it(before, behind, parts):
    around = [nodes.Text(text) if text else None for text in (before, behind)]
    inside = [node for node in (around[0], nodes.math("", "x"), around[1]) if node is not None]
    page = new_document("page")
    page += nodes.paragraph("", "", *inside)
    typography.set_page(None, page, "page")
    assert [part.astext() for part in page[0] if part.astext()] == parts


def test_columns_of_sentences_are_known_by_their_class():
    def row(*cells):
        return nodes.row("", *(nodes.entry("", nodes.paragraph("", cell)) for cell in cells))

    body = nodes.tbody(
        "",
        row("a", "1", "a word " * 8, "much to say " * 8, "a person, named"),
        row("linear, on stage 4", "2", "none", "", ""),
    )
    page = new_document("page")
    page += nodes.table("", nodes.tgroup("", body, cols=5))
    typography.set_page(None, page, "page")
    found = [[cell["classes"] for cell in row] for row in body]
    kinds = ["book-names", "book-word", "book-sentences", "book-paragraphs"]
    assert found == [[*([kind] for kind in kinds), []]] * 2


def test_a_default_made_anew_is_shown_as_python():
    args = "(labels: ~torch.Tensor | None = None, splits: dict = <factory>)"
    shown = widget_signatures.without_factories(None, "class", "D", int, {}, args, "")
    assert shown == (args.replace("<factory>", "..."), "")


def test_signatures_heads_and_branches_become_accessible():
    page = (
        '<dt class="sig"><dl>\n<dd><em class="sig-param">a</em>,</dd>\n</dl></dt>'
        '<table><tr><th class="head"><p></p></th><th class="head"><p>b</p></th></tr></table>'
        '<summary><span class="toctree-toggle"></span></summary><dl><dt>x</dt><dd>y</dd></dl>'
        '<summary aria-label="Toggle hidden content"><p>Show the imports</p></summary>'
    )
    html = accessible.fix_html(page)
    assert "<summary><p>Show the imports</p></summary>" in html
    assert '<span class="sig-line"><em class="sig-param">a</em>,</span>' in html
    assert '<td class="head"></td><th class="head"><p>b</p></th>' in html
    assert '<summary aria-label="Pages of this chapter">' in html
    assert "<dl><dt>x</dt><dd>y</dd></dl>" in html
