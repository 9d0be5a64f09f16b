"""The repository is named once: everything else agrees, and one command renames it."""

import json
import re
import subprocess
import tomllib

import name_repository as nr
import pytest

LESSONS = sorted((nr.ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_installs_from_the_named_repository(lesson):
    cells = json.loads(lesson.read_text(encoding="utf-8"))["cells"]
    source = "".join(next(cell for cell in cells if cell["cell_type"] == "code")["source"])
    (address,) = re.findall(r"git\+(https://[^\s\"']+)", source)
    assert address == nr.named(nr.ROOT)


def test_the_package_names_it_too():
    project = tomllib.loads((nr.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["urls"]["Repository"] == nr.named(nr.ROOT)


def test_one_command_renames_it_everywhere(tmp_path):
    old, new = nr.named(nr.ROOT), "https://github.com/somebody/their-book"
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    for name in ("_config.yml", "pyproject.toml", f"notebooks/{LESSONS[0].name}"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((nr.ROOT / name).read_bytes())
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\xff" + old.encode())
    subprocess.run(["git", "add", "."], cwd=tmp_path, check=True)
    assert len(nr.rename(nr.tracked(tmp_path), old, new)) == 3
    assert nr.named(tmp_path) == new
    assert old.encode() in (tmp_path / "picture.png").read_bytes()


def test_a_wrong_address_is_refused(monkeypatch):
    monkeypatch.setattr("sys.argv", ["name_repository.py", "git@github.com:a/b"])
    with pytest.raises(SystemExit, match="OWNER/NAME"):
        nr.main()
