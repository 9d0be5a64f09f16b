"""The commands behind the Makefile."""

import re
from types import SimpleNamespace

import build_book
import chromium
import keep_outputs
import make_venv
import nbformat
import pytest
from jupyter_cache import get_cache


@pytest.fixture
def project(tmp_path):
    for name in ("ssl_teach/a.py", "ssl_teach/explorables/w.js", "ssl_teach/results/r.json"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x", encoding="utf-8")
    (tmp_path / "requirements.lock").write_text("torch==1", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [
        "ssl_teach/a.py",
        "ssl_teach/explorables/w.js",
        "ssl_teach/results/r.json",
        "requirements.lock",
    ],
)
def test_outputs_are_made_anew_when_what_they_come_from_changed(project, name):
    before = build_book.state_key(project)
    (project / name).write_text("y", encoding="utf-8")
    assert build_book.state_key(project) != before


def test_new_and_renamed_files_count_and_byte_code_does_not(project):
    before = build_book.state_key(project)
    cached = project / "ssl_teach" / "__pycache__" / "a.pyc"
    cached.parent.mkdir()
    cached.write_bytes(b"1")
    (project / "README.md").write_text("words", encoding="utf-8")
    assert build_book.state_key(project) == before
    (project / "ssl_teach/a.py").rename(project / "ssl_teach/b.py")
    assert build_book.state_key(project) != before


def test_the_cache_of_this_state_stays_and_others_go(tmp_path):
    old, now = (build_book.fresh_cache(tmp_path, key) for key in ("old", "now"))
    (now / "kept").touch()
    assert build_book.fresh_cache(tmp_path, "now") == now
    assert (now / "kept").exists() and not old.exists()


def notebook(*sources):
    cells = [nbformat.v4.new_code_cell(source, id=f"c{k}") for k, source in enumerate(sources)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})


COUNT = "earlier = get_ipython().execution_count; 1 + 1"
SHOW = """import ipywidgets
from IPython.display import display
slider = ipywidgets.IntSlider(3)
display(slider)
slider.value = 4
print("seen")
assert get_ipython().execution_count > earlier, "the package tells cells apart by their numbers"
"shown" """


@pytest.fixture
def run_lessons(tmp_path):
    """Run notebooks of these cells by their names; returns whether all passed, and the cache."""

    def run(**cells):
        paths = []
        for name, sources in cells.items():
            paths.append(tmp_path / f"{name}.ipynb")
            nbformat.write(notebook(*sources), paths[-1])
        cache = build_book.fresh_cache(tmp_path, "key")
        return build_book.run_lessons(paths, cache, 60, workers=1), get_cache(str(cache))

    return run


def test_a_lesson_is_tested_once_and_its_outputs_are_kept(run_lessons, capfd):
    passed, cache = run_lessons(lesson=[COUNT, SHOW])
    assert passed
    assert re.search(r"2 passed.*lesson: ran in \d+ s", capfd.readouterr().out, re.DOTALL)
    _, kept = cache.merge_match_into_notebook(notebook(COUNT, SHOW))
    first, second = kept.cells
    assert first.outputs[0].data["text/plain"] == "2"
    view, printed, result = second.outputs
    assert printed.text == "seen\n" and result.data["text/plain"] == "'shown'"
    widgets = kept.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    shown = view.data["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert widgets[shown]["state"]["value"] == 4
    assert kept.metadata.language_info.name == "python"
    assert run_lessons(lesson=[COUNT, SHOW])[0]
    said = capfd.readouterr().out
    assert "lesson: unchanged since nbval ran it" in said and "passed" not in said


def test_a_lesson_that_fails_is_named_with_its_cell_and_not_kept(run_lessons, capfd):
    passed, cache = run_lessons(good=["1"], bad=["a = 0", "1 / a", "print('later')"])
    said = capfd.readouterr().out
    assert not passed
    assert "bad.ipynb::Cell 1" in said and "ZeroDivisionError" in said
    assert "1 failed, 2 passed, 1 skipped" in said
    assert [record.uri.endswith("good.ipynb") for record in cache.list_cache_records()] == [True]


@pytest.mark.parametrize("failures, ends", [(2, StopIteration), (3, RuntimeError)])
def test_a_kernel_whose_port_was_taken_is_started_again(failures, ends, monkeypatch):
    started = []

    def start(self):
        started.append(1)
        if len(started) <= failures:
            raise RuntimeError("Kernel died before replying to kernel_info")
        raise StopIteration

    monkeypatch.setattr(keep_outputs.IPyNbFile, "setup", start)
    lesson = object.__new__(keep_outputs.RecordedNotebook)
    lesson.nb = notebook("1")
    with pytest.raises(ends):
        lesson.setup()
    assert len(started) == 3


@pytest.mark.parametrize(
    "version, modules, word",
    [
        ((3, 10), {"venv", "pip", "ensurepip"}, "3.10"),
        ((3, 14), {"venv", "pip", "ensurepip"}, "3.14"),
        ((3, 12), {"pip"}, "python3.12-venv"),
        ((3, 11), {"venv"}, "python3.11-venv"),
    ],
)
def test_what_is_missing_for_an_environment_is_named(version, modules, word):
    assert word in make_venv.missing(version, modules)


@pytest.mark.parametrize("modules", [{"venv", "ensurepip"}, {"venv", "pip"}])
def test_an_environment_can_be_made_in_either_way(modules):
    assert make_venv.missing((3, 13), modules) is None


def test_chromium_named_by_the_reader_wins_or_is_refused(monkeypatch, tmp_path):
    browser = tmp_path / "my-browser"
    monkeypatch.setenv("CHROMIUM", str(browser))
    with pytest.raises(RuntimeError, match="my-browser"):
        chromium.find()
    browser.touch(mode=0o755)
    assert chromium.find() == str(browser)


def test_chromium_that_does_not_start_is_passed_over(monkeypatch, tmp_path):
    broken, works = tmp_path / "broken", tmp_path / "chromium"
    for path, status in ((broken, 1), (works, 0)):
        path.write_text(f"#!/bin/sh\nexit {status}\n")
        path.chmod(0o755)
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    playwright = SimpleNamespace(chromium=SimpleNamespace(executable_path=str(broken)))
    assert chromium.find(playwright) == str(works)
    works.unlink()
    with pytest.raises(RuntimeError, match="set CHROMIUM"):
        chromium.find(playwright)


def test_only_root_is_offered_debians_package(monkeypatch):
    monkeypatch.setattr(chromium.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert chromium.installers(is_root=True)[-2][:2] == ["apt-get", "install"]
    assert all("apt-get" not in command for command in chromium.installers(is_root=False))
