"""Written exercises, which a person marks: one Markdown file each, in the folder `written`.

The file's name is the exercise's key. Its front matter (YAML) holds the lesson, type, title,
minutes, objective, rubric and common mistakes; the text is the statement, followed by sections:

- ``## Hint``, as often as needed;
- ``## Answer``, a model answer that the lesson shows, or ``## Report``, the contents of a good
  report, which only instructors see;
- ``## Discussion``, a question for class.

Where the front matter lists `forms`, the whole file is a Jinja template, filled in with the values
of one of them. The first form is the published one.
"""

from __future__ import annotations

import functools
import math
import re
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined

from ssl_teach.exercises.core import Exercise, Variant

FOLDER = Path(__file__).with_name("written")
SECTIONS = {"Hint", "Answer", "Report", "Discussion"}
ENVIRONMENT = Environment(undefined=StrictUndefined)
ENVIRONMENT.globals.update(log=math.log, e=math.e)


@functools.cache
def _read(path: Path) -> tuple[str, list[dict[str, Any]]]:
    """The text of a file, and its forms."""
    text = path.read_text(encoding="utf-8")
    return text, yaml.safe_load(text.split("---\n", 2)[1]).get("forms", [])


def parse(key: str, text: str, form: str = "") -> Exercise:
    """An exercise from the text of its file, with the values of its form filled in.

    Args:
        key: the exercise's key.
        text: front matter and Markdown.
        form: name of the form.

    Raises:
        ValueError: if a section has an unknown name, or the file does not have exactly one of
            the sections Answer and Report.
        KeyError: if the front matter lacks an entry.
    """
    _, front, body = text.split("---\n", 2)
    entries = yaml.safe_load(front)
    statement, *rest = (part.strip() for part in re.split(r"^## (.+)\n", body, flags=re.MULTILINE))
    sections = list(zip(rest[::2], rest[1::2], strict=True))
    unknown = {name for name, _ in sections} - SECTIONS
    if unknown:
        raise ValueError(f"{key}.md has a section {unknown.pop()!r}; known are {SECTIONS}")
    found = {name: [text for other, text in sections if other == name] for name in SECTIONS}
    solutions = found["Answer"] + found["Report"]
    if len(solutions) != 1:
        raise ValueError(f"{key}.md must have one section Answer or one section Report")
    return Exercise(
        key=key,
        lesson=entries["lesson"],
        type=entries["type"],
        title=entries["title"],
        points=sum(entries["rubric"].values()),
        minutes=entries["minutes"],
        objective=entries["objective"],
        statement=statement,
        solution=solutions[0],
        solution_in_lesson=bool(found["Answer"]),
        hints=tuple(found["Hint"]),
        mistakes=tuple(entries["mistakes"]),
        rubric=entries["rubric"],
        discuss="\n".join(found["Discussion"]),
        form=form,
    )


@functools.cache
def _in_form(path: Path, number: int | None) -> Exercise:
    """The exercise of a file in the form with this number, or in its only form."""
    text, forms = _read(path)
    if number is None:
        return parse(path.stem, text)
    form = forms[number]
    return parse(path.stem, ENVIRONMENT.from_string(text).render(form), form["name"])


def build(path: Path, variant: Variant) -> Exercise:
    """The exercise of a file, in the form that the variant chooses."""
    count = len(_read(path)[1])
    return _in_form(path, variant.choose(path.stem, range(count)) if count else None)


BUILDERS = tuple(functools.partial(build, path) for path in sorted(FOLDER.glob("*.md")))
