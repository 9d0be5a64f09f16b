"""Modules of figures are joined into one script and one style sheet."""

import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ssl_teach import explorables
from ssl_teach.explorables import bundle

MODULES = {
    "one/one.js": """\
// The figure.

import { sum as plus, twice } from "../shared/numbers.js";

const hidden = 1;

/** A comment that the page does not need. */
export function answer() {
  return plus(twice(20), hidden) + 1; // kept
}
export default { answer };
""",
    "shared/numbers.js": """\
import { add } from "./sums.js";

const hidden = 2;
export const sum = add;
export const twice = (x) => x * hidden;
""",
    "shared/sums.js": """\
export const add = (a, b) => a + b;
export async function unused() {}
""",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Write modules into a folder of their own; a test may change some."""
    monkeypatch.setattr(bundle, "_HERE", tmp_path)
    bundle._read.cache_clear()

    def write(**changed):
        for name, text in (MODULES | changed).items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return bundle.script("one/one.js")

    yield write
    bundle._read.cache_clear()


def test_a_module_comes_once_and_after_those_it_imports(folder):
    joined = folder()
    heads = [line for line in joined.split("\n") if line.startswith("// ----")]
    assert heads == [
        f"// ---- {name} ----" for name in ("shared/sums.js", "shared/numbers.js", "one/one.js")
    ]
    assert joined.count("export ") == 2  # those of the figure's own module


def test_comments_and_indentation_are_left_out(folder):
    joined = folder()
    assert "does not need" not in joined and "// kept" in joined
    assert not any(line != line.strip() for line in joined.split("\n"))


def test_names_of_modules_do_not_meet(browser, folder):
    page = browser.new_page()
    source = json.dumps(folder())
    code = f"import(URL.createObjectURL(new Blob([{source}], {{ type: 'text/javascript' }})))"
    assert page.evaluate(f"() => {code}.then((module) => module.default.answer())") == 42
    page.close()


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("one/one.js", "twice }", "thrice }", r"one/one\.js:3: .*does not export 'thrice', only"),
        ("one/one.js", "numbers.js", "letters.js", r"one/one\.js:3: .*letters\.js does not exist"),
        ("one/one.js", "import {", "import * as numbers, {", r"one/one\.js:3: write import"),
        ("shared/sums.js", "export async", "export let x = 1;\nexport async", r"sums\.js:2: write"),
        ("one/one.js", "const hidden = 1", "const hidden = `\n1`", "must end on the line"),
        (
            "shared/sums.js",
            "export const",
            'import { twice } from "./numbers.js";\nexport const',
            r"shared/numbers\.js -> shared/sums\.js -> shared/numbers\.js",
        ),
    ],
)
def test_what_cannot_be_joined_is_refused(folder, name, old, new, words):
    assert old in MODULES[name]
    with pytest.raises(ValueError, match=words):
        folder(**{name: MODULES[name].replace(old, new)})


def test_a_figures_own_styles_hold_for_it_alone(folder, tmp_path):
    folder()
    (tmp_path / "shared" / "frame.css").write_text(
        "/* all */\n.ssl-explorable {\n  color: red;\n}\n"
    )
    (tmp_path / "one" / "one.css").write_text(
        '@import "../shared/frame.css";\n\n.ssl-explorable p {\n  color: blue;\n}\n'
    )
    assert bundle.styles("one/one.css").split("\n") == [
        "/* ---- shared/frame.css ---- */",
        ".ssl-explorable {",
        "color: red;",
        "}",
        "/* ---- one/one.css ---- */",
        ".ssl-explorable.ssl-of-one p {",
        "color: blue;",
        "}",
        "",
    ]


@pytest.mark.skipif(not shutil.which("node"), reason="there is no Node")
def test_node_reads_the_modules_as_they_are():
    code = (
        'import { softmax } from "./nn/convnet.js";'
        'import { allowed } from "./shared/link.js";'
        'console.log(softmax([0, 0]).join(), allowed([1, 4], "3"));'
    )
    command = ["node", "--input-type=module", "--eval", code]
    ran = subprocess.run(command, cwd=bundle._HERE, capture_output=True, text=True, check=True)
    assert ran.stdout == "0.5,0.5 3\n"


# ---- what is joined for the figures ----


FOLDER = Path(explorables.__file__).parent


@pytest.mark.parametrize("kind", [getattr(explorables, name) for name in explorables.__all__])
def test_what_is_sent_is_self_contained(kind):
    assert not re.search(r"^\s*import\b|\bimport\(|https?://|\bfetch\(", kind._esm, re.M)
    assert not re.search(r"@import|url\(", kind._css)
    assert kind._esm.count("export default") == 1


def test_every_source_file_is_used():
    kinds = [getattr(explorables, name) for name in explorables.__all__]
    used = "".join(kind._esm + kind._css for kind in kinds)
    for path in [*FOLDER.rglob("*.js"), *FOLDER.rglob("*.css")]:
        name = path.relative_to(FOLDER).as_posix()
        assert re.search(rf"^(?://|/\*) ---- {re.escape(name)} ----", used, re.M), name


def test_lines_of_the_sources_are_short():
    for path in [*FOLDER.rglob("*.js"), *FOLDER.rglob("*.ts"), *FOLDER.rglob("*.css")]:
        lines = path.read_text(encoding="utf-8").split("\n")
        assert max(map(len, lines)) <= 100, path


def test_widgets_do_not_need_torch():
    for path in FOLDER.rglob("*.py"):
        source = io.StringIO(path.read_text(encoding="utf-8"))
        assert not any(re.match(r"\s*(import|from) torch", line) for line in source)
