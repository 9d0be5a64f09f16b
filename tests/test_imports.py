"""Imports run one way: from what a lesson calls down to images, and never back up."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "ssl_teach"

# Each layer may import from its own and from those below it.
LAYERS = [
    {"checks", "files", "statistics", "distributed", "data", "augment", "encoders", "losses"},
    {"evaluation"},
    {"tasks"},
    {"training", "export"},
    {"experiments", "exercises"},
    {"lessons"},
    {"command_line"},
    {"__main__"},
]
LEVEL = {name: level for level, layer in enumerate(LAYERS) for name in layer}


def part_of(module: str) -> str:
    """`ssl_teach.data.scenes` belongs to the part `data`."""
    return module.split(".")[1] if "." in module else "__init__"


def imported(source: str, module: str, is_package: bool) -> set[str]:
    """Full names of the modules that a module's source imports, wherever it does so."""
    names: set[str] = set()
    home = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = home[: len(home) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names.add(base)
            if base == "ssl_teach":  # from ssl_teach import experiments
                names |= {f"{base}.{alias.name}" for alias in node.names}
    return names


def modules() -> dict[str, Path]:
    """All modules of the package by name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports_of(module: str) -> set[str]:
    path = MODULES[module]
    return imported(path.read_text(encoding="utf-8"), module, path.name == "__init__.py")


def test_the_package_was_found():
    assert "ssl_teach.training.loop" in MODULES and len(MODULES) > 10


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_one_way(module):
    part = part_of(module)
    if part in {"__init__", "explorables"}:
        pytest.skip("has no layer: its own test below")
    assert part in LEVEL, f"{part} has no layer yet: put it into LAYERS"
    for other in imports_of(module):
        if not other.startswith("ssl_teach."):
            continue
        below = part_of(other)
        assert LEVEL.get(below, 99) <= LEVEL[part], f"{module} must not import {other}"


@pytest.mark.parametrize("module", [m for m in MODULES if part_of(m) == "explorables"])
def test_widgets_know_only_numpy_and_anywidget(module):
    for other in imports_of(module):
        assert other.split(".")[0] not in {"torch", "torchvision", "sklearn", "skimage"}
        assert not other.startswith("ssl_teach") or part_of(other) == "explorables", other


def test_importing_the_package_alone_is_light():
    assert not any(name.startswith("torch") for name in imports_of("ssl_teach"))


def test_relative_and_local_imports_are_seen():
    source = "def f():\n    from ..training.pretrain import pretrain\n    import torch.nn\n"
    assert imported(source, "ssl_teach.tasks.rotation", False) == {
        "ssl_teach.training.pretrain",
        "torch.nn",
    }
    assert imported("from .scenes import draw", "ssl_teach.data", True) == {"ssl_teach.data.scenes"}
    assert "ssl_teach.tasks" in imported("from ssl_teach import tasks", "ssl_teach.data", True)


def test_every_library_that_the_package_imports_is_declared():
    # one that comes along with another here may be missing elsewhere
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))
    declared = project["project"]["dependencies"]
    extras = project["project"]["optional-dependencies"].values()
    wanted = [*declared, *(one for extra in extras for one in extra)]
    names = {re.split(r"[<>=~! ]", one)[0].lower().replace("_", "-") for one in wanted}
    owners = packages_distributions()
    tops = {name.split(".")[0] for module in MODULES for name in imports_of(module)}
    tops -= {*sys.stdlib_module_names, PACKAGE.name}
    missing = {
        top: owners.get(top, [])
        for top in sorted(tops)
        if not {one.lower().replace("_", "-") for one in owners.get(top, [top])} & names
    }
    assert missing == {}
