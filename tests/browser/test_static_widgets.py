"""The script that mounts anywidgets without a kernel, on small pages of its own."""

import base64
import json
from pathlib import Path

import numpy as np
import pytest
import static_widgets as sw

EXTENSION = Path(__file__).resolve().parents[2] / "book" / "_ext"
COUNTER = """export default {
  initialize({ model }) { model.set("starts", model.get("starts") + 1); },
  render({ model, el }) {
    const button = document.createElement("button");
    const draw = () => { button.textContent = model.get("count"); };
    button.onclick = () => { model.set("count", model.get("count") + 1); model.save_changes(); };
    model.on("change:count change:unused", draw);
    draw();
    el.append(button);
  },
}"""
BYTES = """export default () => ({ render({ model, el }) {
  const view = model.get("data"), deep = model.get("deep").inner;
  const numbers = new Float32Array(view.buffer);
  el.textContent = [view instanceof DataView, numbers.join(), deep.byteLength];
} })"""
PARTNER = """export default { async render({ model, el }) {
  const other = await model.widget_manager.get_model(model.get("other"));
  const say = () => { el.textContent = `partner has ${other.get("count")}`; };
  other.on("change", say);
  say();
  el.onclick = () => { other.off("change", say); };
} }"""
BROKEN = 'export default { render() { throw new Error("no luck"); } }'
UNREADABLE = "export default {{"
WAITING = (
    "const word = await Promise.resolve('at last');"
    + """
export const unused = 1;
export default { render({ el }) { el.textContent = word; } };"""
)
HELPED = """export const twice = (x) => 2 * x;
export function more(x) { return twice(x) + 1; }
export default { render({ el }) { el.textContent = more(3); } };"""


def anywidget(esm, buffers=(), **state):
    return {
        "model_module": "anywidget",
        "model_name": "AnyModel",
        "state": {"_esm": esm, "_css": ".ssl-widget { color: rgb(1, 2, 3); }", **state},
        "buffers": list(buffers),
    }


@pytest.fixture
def show(tmp_path, visit):
    """Write models and views to a page as the extension does, and open it from the disk."""

    def write(models, views):
        tags = "".join(
            f'<script type="{sw.VIEW}">{json.dumps({"model_id": name})}</script>' for name in views
        )
        script = (EXTENSION / sw.SCRIPT).read_text(encoding="utf-8")
        page = tmp_path / "page.html"
        page.write_text(
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            f"<script>{script}</script></head><body>{sw.place_widgets(models, tags)}</body></html>",
            encoding="utf-8",
        )
        return visit(page.as_uri())

    return write


def test_two_views_share_a_model_and_two_models_share_a_source(show):
    models = {
        "a": anywidget(COUNTER, count=3, starts=0),
        "b": anywidget(COUNTER, count=8, starts=0),
    }
    seen = show(models, ["a", "a", "b"])
    buttons = seen.page.locator(".ssl-widget button")
    assert buttons.all_inner_texts() == ["3", "3", "8"]
    buttons.first.click()
    assert buttons.all_inner_texts() == ["4", "4", "8"]
    assert seen.page.locator("style[data-widget-style]").count() == 1
    assert seen.errors == []


def test_bytes_arrive_as_in_jupyter(show):
    values = np.array([0.5, -2.0, 3.25], dtype=np.float32)

    def buffer(*path, data):
        return {"path": list(path), "encoding": "base64", "data": base64.b64encode(data).decode()}

    buffers = [buffer("data", data=values.tobytes()), buffer("deep", "inner", data=b"1234567")]
    seen = show({"a": anywidget(BYTES, buffers, deep={})}, ["a"])
    assert seen.page.locator(".ssl-widget").inner_text() == "true,0.5,-2,3.25,7"


def test_bytes_for_drawing_stand_at_the_end_and_are_read_when_asked_for(show):
    data = base64.b64encode(b"\x07\x09").decode()
    buffers = [{"path": ["weights"], "encoding": "base64", "data": data}]
    drawn = """export default { render({ model, el }) {
      document.addEventListener("readystatechange", () => {
        el.textContent = `${model.get("weights").getUint8(1)}`;
        model.set("weights", 4);
        el.append(`, then ${model.get("weights")}`);
      }, { once: true });
    } }"""
    seen = show({"a": anywidget(drawn, buffers)}, ["a", "a"])
    assert seen.page.locator(".ssl-widget").first.inner_text() == "9, then 4"
    assert seen.page.locator(f'script[type="{sw.BYTES}"]').count() == 0
    too_soon = "export default { render({ model }) { model.get('weights'); } }"
    seen = show({"a": anywidget(too_soon, buffers)}, ["a"])
    assert "weights was asked for before the page was read" in seen.errors[0]


def test_a_widget_can_listen_to_another_and_stop(show):
    models = {
        "a": anywidget(COUNTER, count=1, starts=0),
        "b": anywidget(PARTNER, other="IPY_MODEL_a"),
    }
    page = show(models, ["a", "b"]).page
    said, button = page.locator(".ssl-widget").nth(1), page.locator("button")
    assert said.inner_text() == "partner has 1"
    button.click()
    assert said.inner_text() == "partner has 2"
    said.click()
    button.click()
    assert said.inner_text() == "partner has 2"


@pytest.mark.parametrize("esm, said", [(WAITING, "at last"), (HELPED, "7")])
def test_a_module_works_as_a_script_or_as_what_it_is(show, esm, said):
    seen = show({"a": anywidget(esm)}, ["a"])
    assert seen.page.locator(".ssl-widget").inner_text() == said
    assert seen.errors == []


def test_a_widget_lives_before_the_rest_of_the_page_is_read(show, visit, tmp_path):
    show({"a": anywidget(COUNTER, count=3, starts=0)}, ["a"])
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    look = "<script>window.early = document.querySelector('button')?.textContent</script>"
    (tmp_path / "early.html").write_text(page.replace("</body>", f"{look}</body>"))
    seen = visit((tmp_path / "early.html").as_uri())
    assert seen.page.evaluate("() => window.early") == "3"


@pytest.mark.parametrize("esm, why", [(BROKEN, "no luck"), (UNREADABLE, "")])
def test_failures_are_seen_by_the_reader_and_in_the_console(show, esm, why):
    seen = show(
        {"bad": anywidget(esm), "good": anywidget(COUNTER, count=5, starts=0)}, ["bad", "good"]
    )
    failed = seen.page.locator(".ssl-widget-failed")
    assert failed.count() == 1
    assert "did not start" in failed.inner_text() and why in failed.inner_text()
    assert failed.get_attribute("role") == "alert"
    assert any("static widget" in text for text in seen.errors)
    assert seen.page.locator("button").inner_text() == "5"


def test_a_view_without_its_state_says_so(show):
    seen = show({"a": anywidget(COUNTER, count=1, starts=0)}, ["gone"])
    assert "not on this page" in seen.page.locator(".ssl-widget-failed").inner_text()
