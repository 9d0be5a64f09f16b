"""One script and one style sheet for each figure, joined from modules when Python imports it.

The page of a book opened from the disk, and the output of a notebook, load a figure's script as a
text, which cannot import its neighbours. So the modules are ordinary ES modules, which Node,
editors and type checkers read as they are, and `script` joins a figure's own with all that it
imports. Each shared module becomes a function that is called once and returns its exports, so
names in it are its own. There is no other build step and nothing to install.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

_HERE = Path(__file__).parent
_IMPORT = re.compile(r'^import \{([^}]*)\} from "([^"]*)";\n', re.M)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function\*?|const|class) (\w+))", re.M)
_STYLES = re.compile(r'^@import "([^"]*)";\n', re.M)
_COMMENT = re.compile(r"^[ \t]*(?://.*|/\*(?:[^*]|\*(?!/))*\*/[ \t]*)\n", re.M)


class _Module(NamedTuple):
    imports: dict[Path, dict[str, str]]  # by module: the names that it exports -> those in use here
    exports: list[str]
    text: str  # without imports, comments and indentation; "export" still stands


def script(name: str) -> str:
    """The ES module of a figure, with all that it imports in front of it.

    Comments and indentation are left out: the page is the lighter by a third.

    Args:
        name: of the figure's own module in this folder: "scores/scores.js".

    Returns:
        The text of one module, which imports nothing and exports what the named module exports.

    Raises:
        ValueError: if a module is not there, does not export what is imported, imports itself over
            others, or is written in a way that this function does not read; with file and line.
    """
    path = (_HERE / name).resolve()
    parts = []
    for each in _in_order(path, ()):
        module = _read(each)
        given = "".join(
            f"const {{ {', '.join(_renamed(names))} }} = {_variable(source)};\n"
            for source, names in module.imports.items()
        )
        text = given + module.text
        if each != path:
            returned = f"return {{ {', '.join(module.exports)} }};\n"
            text = f"const {_variable(each)} = (() => {{\n{_EXPORT.sub('', text)}{returned}}})();\n"
        parts.append(f"// ---- {_name(each)} ----\n{text}")
    return "".join(parts)


def styles(name: str) -> str:
    """The style sheet of a figure, with all that it imports in front of it.

    In JupyterLab all notebooks that are open share one document, and so do their styles. So the
    root of a figure has a class with its name, and its own rules hold for that alone.

    Args:
        name: of the figure's own style sheet in this folder: "scores/scores.css".

    Returns:
        The text of one style sheet.

    Raises:
        ValueError: if a style sheet is not there.
    """
    own = f".ssl-explorable.ssl-of-{Path(name).stem}"
    paths: dict[Path, None] = {}

    def visit(path: Path) -> None:
        text = _text(path, _name(path))
        for line in _STYLES.finditer(text):
            visit((path.parent / line[1]).resolve())
        paths[path] = None

    visit((_HERE / name).resolve())
    parts = []
    for path in paths:
        text = _lean(_STYLES.sub("", _text(path, _name(path))))
        if path != _HERE / "shared" / "frame.css":
            text = text.replace(".ssl-explorable", own)
        parts.append(f"/* ---- {_name(path)} ---- */\n{text}")
    return "".join(parts)


def _in_order(path: Path, above: tuple[Path, ...]) -> list[Path]:
    """The module and all that it imports, each after those that it imports itself."""
    if path in above:
        circle = " -> ".join(_name(each) for each in (*above[above.index(path) :], path))
        raise ValueError(f"modules import one another in a circle: {circle}")
    found: dict[Path, None] = {}
    for source in _read(path).imports:
        found |= dict.fromkeys(_in_order(source, (*above, path)))
    return [*found, path]


@cache
def _read(path: Path) -> _Module:
    """A module with its imports checked against what the others export."""
    text = _text(path, _name(path))
    imports: dict[Path, dict[str, str]] = {}
    for found in _IMPORT.finditer(text):
        place = f"{_name(path)}:{text.count(chr(10), 0, found.start()) + 1}"
        source = (path.parent / found[2]).resolve()
        exports = _EXPORT.findall(_text(source, place))
        names = imports.setdefault(source, {})
        for each in filter(None, re.split(r"\s*,\s*", found[1].strip())):
            there, _, here = each.partition(" as ")
            if there not in exports:
                raise ValueError(
                    f"{place}: {found[2]} does not export {there!r}, only {', '.join(exports)}"
                )
            names[there] = here or there
    for number, line in enumerate(_IMPORT.sub(_blank, text).split("\n"), 1):
        readable = _EXPORT.match(line) or line.startswith("export default ")
        if re.match(r"(import|export)\b", line) and not readable:
            raise ValueError(
                f"{_name(path)}:{number}: write import {{ a, b as c }} from, export function, "
                f"export const, export class or export default, not {line!r}"
            )
    lean = _lean(_IMPORT.sub("", text))
    for line in lean.split("\n"):
        if line.count("`") % 2:
            raise ValueError(
                f"{_name(path)}: a template literal must end on the line it begins on, since "
                f"indentation is left out: {line!r}"
            )
    return _Module(imports, _EXPORT.findall(text), lean)


def _text(path: Path, place: str) -> str:
    """A file's text; `place` names the line that asks for it."""
    if not path.is_file():
        raise ValueError(f"{place}: there is no {_name(path)}")
    return path.read_text(encoding="utf-8")


def _lean(text: str) -> str:
    """Lines without indentation; comments that have lines of their own, and empty lines, go."""
    return re.sub(r"^\s+", "", _COMMENT.sub("", text), flags=re.M)


def _blank(found: re.Match[str]) -> str:
    """So many empty lines, so that those below keep their numbers."""
    return "\n" * found[0].count("\n")


def _renamed(names: dict[str, str]) -> list[str]:
    return [there if there == here else f"{there}: {here}" for there, here in names.items()]


def _name(path: Path) -> str:
    """As errors call a file: shared/frame.js."""
    return path.relative_to(_HERE).as_posix() if path.is_relative_to(_HERE) else path.name


def _variable(path: Path) -> str:
    """The name of a module's exports in the joined text."""
    return "$" + re.sub(r"\W", "_", _name(path).removesuffix(".js"))
