"""The book's Sphinx extensions: what they write into a page."""

import json
import re
from types import SimpleNamespace

import accessible
import lean_pages
import offline_math
import pytest
import static_widgets as sw
import widget_signatures
from PIL import Image
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


def test_styles_keep_the_rules_and_fonts_of_icons_in_use():
    css = (
        '.fa-bars:before,.fa-navicon:before{content:"\\f0c9"}.fa-cat:before{content:"\\f6be"}'
        "@font-face{font-weight:900;src:url(../webfonts/fa-solid-900.woff2) "
        'format("woff2"),url(../webfonts/fa-solid-900.ttf) format("truetype")}'
        "@font-face{font-weight:400;src:url(../webfonts/fa-brands-400.woff2)}p{color:red}"
    )
    icons, styles = lean_pages.icons_in([PAGE])
    assert "fa-bars" in icons and styles == {"fas"}
    light, codes = lean_pages.lighter_style(css, icons, styles)
    assert codes == {0xF0C9}
    assert "fa-cat" not in light and "brands" not in light and "woff2" not in light
    assert "fa-solid-900.ttf" in light and light.endswith("p{color:red}")


def test_figures_become_smaller_and_stay_the_same_to_the_last_pixel(tmp_path):
    folder = tmp_path / "_images"
    folder.mkdir()
    drawn = Image.linear_gradient("L").convert("RGB")
    for name in ("a", "b", "unused"):
        drawn.save(folder / f"{name}.png")
    (tmp_path / "page.html").write_text(PAGE, encoding="utf-8")
    lean_pages.lighter_figures(tmp_path)
    assert sorted(p.name for p in folder.iterdir()) == ["a.webp", "b.webp"]
    assert "_images/a.webp" in (tmp_path / "page.html").read_text(encoding="utf-8")
    with Image.open(folder / "a.webp") as kept:
        assert kept.convert("RGB").tobytes() == drawn.tobytes()


def test_files_that_nothing_names_are_found(tmp_path):
    static = tmp_path / "_static"
    (static / "mathjax").mkdir(parents=True)
    for name in ("used.js", "lost.js", "self.css", "mathjax/font.woff"):
        (static / name).write_text(f"/* {name} */", encoding="utf-8")
    (tmp_path / "page.html").write_text('<script src="_static/used.js">', encoding="utf-8")
    assert [p.name for p in lean_pages.unnamed(tmp_path)] == ["lost.js", "self.css"]


def test_signatures_heads_and_branches_become_accessible():
    page = (
        '<dt class="sig"><dl>\n<dd><em class="sig-param">a</em>,</dd>\n</dl></dt>'
        '<table><tr><th class="head"><p></p></th><th class="head"><p>b</p></th></tr></table>'
        '<summary><span class="toctree-toggle"></span></summary><dl><dt>x</dt><dd>y</dd></dl>'
    )
    html = accessible.mended(page)
    assert '<span class="sig-line"><em class="sig-param">a</em>,</span>' in html
    assert '<td class="head"></td><th class="head"><p>b</p></th>' in html
    assert '<summary aria-label="Pages of this chapter">' in html
    assert "<dl><dt>x</dt><dd>y</dd></dl>" in html
