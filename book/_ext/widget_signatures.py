"""Sphinx extension: the reference shows how an explorable, or a dataclass, is called.

autodoc takes a class's signature from `__new__` if there is one; every traitlets class inherits one
that accepts anything, which hides what the class's own `__init__` asks for. And it writes
`<factory>` for a default that is made anew for each object, which is no Python, so that what reads
the types after it gives up.
"""

from __future__ import annotations

import inspect
from typing import Any

from sphinx.application import Sphinx
from sphinx.util.inspect import stringify_signature
from traitlets import HasTraits


def from_init(
    app: Sphinx, what: str, name: str, obj: Any, options: object, args: str, returns: str
) -> tuple[str, str] | None:
    """The signature of `__init__` without `self`, for classes of traitlets."""
    if what != "class" or not issubclass(obj, HasTraits):
        return None
    signature = inspect.signature(obj.__init__)
    parameters = [p for key, p in signature.parameters.items() if key != "self"]
    shown = signature.replace(parameters=parameters, return_annotation=signature.empty)
    return stringify_signature(shown, unqualified_typehints=True), ""


def without_factories(
    app: Sphinx, what: str, name: str, obj: Any, options: object, args: str, returns: str
) -> tuple[str, str] | None:
    """A signature in which `...` stands for each default that is made anew."""
    return (args.replace("<factory>", "..."), returns) if "<factory>" in (args or "") else None


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("autodoc-process-signature", from_init)
    app.connect("autodoc-process-signature", without_factories)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
