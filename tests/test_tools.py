"""The commands behind the Makefile."""

import json

import build_book
import find_chromium
import make_venv
import nbformat
import pytest
import strip_notebooks
from jupyter_cache.executors import utils


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


def test_pages_with_code_are_found_in_the_table_of_contents(tmp_path):
    head = "---\njupytext:\n  text_representation:\n    format_name: myst\n---\n"
    (tmp_path / "front.md").write_text(head, encoding="utf-8")
    (tmp_path / "prose.md").write_text("# Words", encoding="utf-8")
    for name in ("one.ipynb", "two.ipynb", "unlisted.ipynb"):
        (tmp_path / name).touch()
    toc = (
        "root: front\nparts:\n- chapters:\n  - file: one\n    sections:\n    - file: two\n"
        "  - file: prose\n"
    )
    (tmp_path / "_toc.yml").write_text(toc, encoding="utf-8")
    found = [path.name for path in build_book.runnable(tmp_path)]
    assert found == ["front.md", "one.ipynb", "two.ipynb"]


def notebook(source):
    cell = {
        "cell_type": "code",
        "id": "c",
        "metadata": {},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {"cells": [cell], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def test_a_page_runs_once_and_a_failure_shows_its_traceback(tmp_path):
    good, bad = tmp_path / "good.ipynb", tmp_path / "bad.ipynb"
    good.write_text(json.dumps(notebook("1 + 1")), encoding="utf-8")
    bad.write_text(json.dumps(notebook("1 / 0")), encoding="utf-8")
    cache = build_book.fresh_cache(tmp_path, "key")
    seconds, trace = build_book.run_page(good, cache, 60)
    assert seconds > 0 and trace is None
    assert build_book.run_page(good, cache, 60) == (0.0, None)
    assert "ZeroDivisionError" in build_book.run_page(bad, cache, 60)[1]
    assert build_book.run_page(bad, cache, 60)[0] > 0, "a failure must not be remembered"


def test_a_kernel_whose_port_was_taken_is_started_again(tmp_path, monkeypatch):
    page, cache = tmp_path / "page.ipynb", tmp_path / "cache"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")]), page)
    execute, started = utils.single_nb_execution, []

    def unlucky(*arguments, **options):
        started.append(1)
        if len(started) < 3:
            raise RuntimeError("Kernel died before replying to kernel_info")
        return execute(*arguments, **options)

    monkeypatch.setattr(utils, "single_nb_execution", unlucky)
    assert build_book.run_page(page, cache, 60)[1] is None
    assert len(started) == 3
    started.clear()
    monkeypatch.setattr(utils, "single_nb_execution", lambda *a, **o: started.append(1) or 1 / 0)
    page.write_text(page.read_text().replace('"1"', '"2"'))
    with pytest.raises(ZeroDivisionError):
        build_book.run_page(page, cache, 60)
    assert len(started) == 1


def test_notebooks_lose_outputs_and_nothing_else():
    ran = notebook("1 + 1")
    ran["cells"][0] |= {"outputs": [{"output_type": "stream"}], "execution_count": 3}
    ran["cells"][0]["metadata"] = {"execution": {"t": 1}, "tags": ["hide-input"]}
    ran["metadata"]["widgets"] = {"state": {}}
    clean = strip_notebooks.stripped(ran)
    expected = notebook("1 + 1")
    expected["cells"][0]["metadata"] = {"tags": ["hide-input"]}
    assert clean == expected
    assert ran["cells"][0]["execution_count"] == 3, "the original is left alone"


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
    assert word in make_venv.complaint(version, modules)


@pytest.mark.parametrize("modules", [{"venv", "ensurepip"}, {"venv", "pip"}])
def test_an_environment_can_be_made_in_either_way(modules):
    assert make_venv.complaint((3, 13), modules) is None


def test_chromium_named_by_the_reader_wins_or_is_refused(monkeypatch, tmp_path):
    browser = tmp_path / "my-browser"
    monkeypatch.setenv("CHROMIUM", str(browser))
    with pytest.raises(SystemExit, match="my-browser"):
        find_chromium.on_this_machine()
    browser.touch(mode=0o755)
    assert find_chromium.on_this_machine() == str(browser)


def test_only_root_is_offered_debians_package(monkeypatch):
    monkeypatch.setattr(find_chromium.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert find_chromium.installers(is_root=True)[-2][:2] == ["apt-get", "install"]
    assert all("apt-get" not in command for command in find_chromium.installers(is_root=False))
