"""Sphinx extension: show the true signatures of interactive figures and dataclasses.

autodoc takes a class's signature from `__new__` if there is one. Every traitlets class inherits a
`__new__` that accepts anything, which hides the parameters of the class's own `__init__`. autodoc
also writes `<factory>` for the default of a dataclass field that has a factory; this is not valid
Python, so Sphinx could not parse the type annotations after it.
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
    """Signature of `__init__` without `self`, for classes of traitlets."""
    if what != "class" or not issubclass(obj, HasTraits):
        return None
    signature = inspect.signature(obj.__init__)
    parameters = [p for key, p in signature.parameters.items() if key != "self"]
    shown = signature.replace(parameters=parameters, return_annotation=signature.empty)
    return stringify_signature(shown, unqualified_typehints=True), ""


def without_factories(
    app: Sphinx, what: str, name: str, obj: Any, options: object, args: str, returns: str
) -> tuple[str, str] | None:
    """A signature with `...` as the default of each field that has a factory."""
    return (args.replace("<factory>", "..."), returns) if "<factory>" in (args or "") else None


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("autodoc-process-signature", from_init)
    app.connect("autodoc-process-signature", without_factories)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
