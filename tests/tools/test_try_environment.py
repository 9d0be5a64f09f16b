"""What tools/try_environment.py says of other environments."""

import pytest
import try_environment as te


@pytest.mark.parametrize("name", sorted(each.stem for each in te.WANTED.glob("*.txt")))
def test_each_environment_names_a_python_that_the_package_allows(name):
    version = te.wanted_python((te.WANTED / f"{name}.txt").read_text(encoding="utf-8"))
    assert version in ("3.11", "3.12", "3.13")


def test_an_environment_without_a_python_is_refused():
    with pytest.raises(ValueError, match="first line"):
        te.wanted_python("torch\n# python 3.12\n")


def test_what_was_replaced_is_told():
    before = {"torch": "2.11.0", "numpy": "2.0.2", "einops": "0.8.2"}
    after = {"torch": "2.11.0", "numpy": "2.3.1", "ssl_teach": "0.1.0"}
    assert te.replaced(before, after) == ["numpy 2.0.2 became 2.3.1", "einops 0.8.2 became nothing"]
    assert te.replaced(before, before | {"ssl_teach": "0.1.0"}) == []


def test_an_unknown_python_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(te, "MADE", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"colab needs Python 3\.12"):
        te.make("colab", "python-that-is-not-there")
