"""One script and one style sheet for each figure, joined from modules when Python imports it.

A page that is opened from the disk, and the output of a notebook, load a figure's script from its
text, and such a script cannot import its neighbours. The sources are ordinary ES modules, which
Node, editors and type checkers can read, and `script` joins a figure's own module with all that it
imports. Each imported module becomes a function that is called once and returns its exports, so two
modules may use the same name. This is the only build step, and it needs no tool to be installed.
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
    text: str  # without imports, comments and indentation, but with "export"


def script(name: str) -> str:
    """The ES module of a figure, with all that it imports in front of it.

    Comments and indentation are left out, which makes the pages lighter.

    Args:
        name: of the figure's own module in this folder: "scores/scores.js".

    Returns:
        The text of one module, which imports nothing and exports what the named module exports.

    Raises:
        ValueError: if a module does not exist, does not export what is imported, takes part in a
            cycle, or has an import or export of another form; the message names file and line.
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

    In JupyterLab all open notebooks share one document and its styles. The root element of a figure
    therefore has a class with its name, and the figure's own rules are limited to that class.

    Args:
        name: of the figure's own style sheet in this folder: "scores/scores.css".

    Returns:
        The text of one style sheet.

    Raises:
        ValueError: if a style sheet does not exist.
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
    """The module and everything that it imports, each after its own imports."""
    if path in above:
        cycle = " -> ".join(_name(each) for each in (*above[above.index(path) :], path))
        raise ValueError(f"modules import one another in a cycle: {cycle}")
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
    """The text of a file; `place` names the line that imports it."""
    if not path.is_file():
        raise ValueError(f"{place}: {_name(path)} does not exist")
    return path.read_text(encoding="utf-8")


def _lean(text: str) -> str:
    """Remove indentation, empty lines, and comments that have lines of their own."""
    return re.sub(r"^\s+", "", _COMMENT.sub("", text), flags=re.M)


def _blank(found: re.Match[str]) -> str:
    """As many empty lines, so that the lines below keep their numbers."""
    return "\n" * found[0].count("\n")


def _renamed(names: dict[str, str]) -> list[str]:
    return [there if there == here else f"{there}: {here}" for there, here in names.items()]


def _name(path: Path) -> str:
    """The name of a file in error messages: shared/frame.js."""
    return path.relative_to(_HERE).as_posix() if path.is_relative_to(_HERE) else path.name


def _variable(path: Path) -> str:
    """The variable that holds a module's exports in the joined text."""
    return "$" + re.sub(r"\W", "_", _name(path).removesuffix(".js"))
