"""Options of tasks, with types and ranges, and the context in which a task is built."""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
from torch import Tensor, nn

from ssl_teach.data.fingerprint import content_hash
from ssl_teach.encoders.base import Encoder


@dataclass(frozen=True)
class Option:
    """One option of a task: its name, its valid values and its purpose.

    Attributes:
        name: The keyword argument that it becomes.
        type: int, float, bool, str, or tuple for several names.
        default: The value if none is given. A default of None makes None a valid value.
        help: A phrase for the command line.
        low: The least valid number, or None.
        high: The greatest valid number, or None.
        choices: The valid words (of a tuple: the valid parts), or None for any.
    """

    name: str
    type: type
    default: Any
    help: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] | None = None

    def check(self, value: Any) -> Any:
        """Return a valid value, with lists converted to tuples and integers to floats if needed.

        Raises:
            ValueError: If the value has the wrong type or is out of range.
        """
        if value is None and self.default is None:
            return None
        if self.type is tuple and isinstance(value, list | tuple):
            value = tuple(value)
            fits = self.choices is None or (bool(value) and set(value) <= set(self.choices))
        elif self.type is bool or isinstance(value, bool):
            fits = self.type is bool and isinstance(value, bool)
        elif self.type is float and isinstance(value, int | float):
            value, fits = float(value), math.isfinite(value) and self._in_range(value)
        elif self.type is int and isinstance(value, int):
            fits = self._in_range(value)
        else:
            fits = isinstance(value, self.type) and (self.choices is None or value in self.choices)
        if not fits:
            raise ValueError(f"{self.name} must be {self.domain()}, got {value!r}")
        return value

    def parse(self, text: str) -> Any:
        """Read the value from the command line.

        Raises:
            ValueError: If the text is not a valid value.
        """
        word = text.strip().lower()
        if word == "none" and self.default is None:
            return None
        value: Any = text
        try:
            if self.type is bool:
                value = {"true": True, "false": False}[word]
            elif self.type is tuple:
                value = tuple(part.strip() for part in text.split(","))
            elif self.type is not str:
                value = self.type(text)
        except (ValueError, KeyError):
            pass  # check says what would be valid
        return self.check(value)

    def domain(self) -> str:
        """Return the valid values in words: "an integer from 2 up to 1000"."""
        if self.choices is not None:
            words = ", ".join(self.choices)
            found = f"some of {words}" if self.type is tuple else f"one of {words}"
        else:
            found = {
                int: "an integer", float: "a number", bool: "true or false", str: "a word",
                tuple: "names",
            }[self.type]  # fmt: skip
        if self.low is not None:
            found += (
                f" from {self.low:g}" if self.high is not None else f" of at least {self.low:g}"
            )
        if self.high is not None:
            found += f" to {self.high:g}" if self.low is not None else f" of at most {self.high:g}"
        return found + (" or none" if self.default is None else "")

    def _in_range(self, value: float) -> bool:
        low = -math.inf if self.low is None else self.low
        return low <= value <= (math.inf if self.high is None else self.high)


@dataclass(frozen=True)
class BuildContext:
    """The properties of a run that a task may need when it is built.

    Attributes:
        encoder: The encoder that it will train.
        channels: The number of channels of the images.
        num_classes: The number of classes; 0 without labels.
        norm: The normalisation, "batch", "group" or "sync".
        pretrain: Trains another encoder on the same data for a task that needs one: it takes the
            name of a task, its options, and a number of steps.
    """

    encoder: Encoder
    channels: int
    num_classes: int
    norm: str
    pretrain: Callable[[str, Mapping[str, Any], int], Encoder]


def describe(value: Any) -> Any:
    """Describe a choice in plain numbers, words, lists and dictionaries, for `Task.config`.

    Two values with the same description are interchangeable: objects are described by their class
    and attributes, tensors by a hash, and functions by their name, their code, and the values that
    it reads from outside. Weights are left out, since training changes them.
    """
    return _describe(value, ())


def _describe(value: Any, inside: tuple[int, ...]) -> Any:
    """See `describe`; `inside` holds the objects that are being described, to stop at a circle."""
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray):
        content = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return {"shape": list(value.shape), "type": str(value.dtype), "sha256": content[:12]}
    if id(value) in inside:
        return {"type": type(value).__qualname__}
    inside = (*inside, id(value))
    if isinstance(value, Tensor):
        return {"shape": list(value.shape), "sha256": content_hash(value)[:12]}
    if isinstance(value, Mapping):
        return {str(key): _describe(each, inside) for key, each in value.items()}
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, bytes):
        return [_describe(each, inside) for each in value]
    if isinstance(value, partial):
        return {
            "function": _describe(value.func, inside),
            "arguments": _describe([value.args, value.keywords], inside),
        }
    if isinstance(value, MethodType):
        return {
            "function": _describe(value.__func__, inside), "of": _describe(value.__self__, inside)
        }  # fmt: skip
    if isinstance(value, FunctionType):
        return _describe_function(value, inside)
    if isinstance(value, nn.Module):
        return _describe_module(value, inside)
    if isinstance(value, type):
        return _describe_class(value, inside)
    attributes = getattr(value, "__dict__", {}) | {
        name: getattr(value, name)
        for cls in type(value).__mro__ for name in _slots(cls) if hasattr(value, name)
    }  # fmt: skip
    if not attributes and _is_foreign(type(value).__module__):  # such as a built-in function
        return getattr(value, "__qualname__", type(value).__qualname__)
    code = _describe_class(type(value), inside)
    return {"type": code} | {name: _describe(each, inside) for name, each in attributes.items()}


def _slots(cls: type) -> list[str]:
    slots = vars(cls).get("__slots__", ())
    return [slots] if isinstance(slots, str) else list(slots)


def _is_foreign(module: str) -> bool:
    """Return whether code is of an installed library, whose name says what it does."""
    if module == "__main__":  # a reader's own notebook or script
        return False
    root = module.partition(".")[0]
    path = getattr(sys.modules.get(root), "__file__", None) or ""
    return root in {"ssl_teach", *sys.stdlib_module_names} or "site-packages" in path


def _describe_class(cls: type, inside: tuple[int, ...]) -> Any:
    """Describe a class: one of a library by its name, a reader's own with what is defined in it."""
    name = cls.__qualname__
    own = [each for each in cls.__mro__ if not _is_foreign(each.__module__)]
    if not own:
        return name
    inside = (*inside, id(cls))
    defined: dict[str, Any] = {}
    for each in reversed(own):
        for key, value in vars(each).items():
            part = getattr(value, "__func__", getattr(value, "fget", value))
            if isinstance(part, FunctionType | bool | int | float | str | tuple | list) and (
                key not in {"__module__", "__qualname__", "__doc__", "__firstlineno__"}
            ):
                defined[key] = _describe(part, inside)
    return {"class": name, "defines": defined}


def _describe_function(function: FunctionType, inside: tuple[int, ...]) -> Any:
    """Describe a function: one of a library by its name, a reader's own by what it computes."""
    named = f"{function.__module__}.{function.__qualname__}"
    if "<" not in named and _is_foreign(function.__module__):
        return named
    code = function.__code__
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    found = {name: function.__globals__.get(name) for name in sorted(_names(code))}
    read = {name: value for name, value in found.items() if not isinstance(value, ModuleType)}
    outside = [cells, read, function.__defaults__, function.__kwdefaults__]
    return {
        "function": named,
        "code": hashlib.sha256(repr(_code(code)).encode()).hexdigest()[:12],
        "reads": _describe([each for each in outside if each], inside),
    }


def _names(code: CodeType) -> set[str]:
    """Return the names that code looks up, that of inner functions included."""
    inner = [_names(each) for each in code.co_consts if isinstance(each, CodeType)]
    return set(code.co_names).union(*inner)


def _code(code: CodeType) -> list[Any]:
    """Return what distinguishes code: instructions, names and constants, but no line numbers."""
    constants = [_code(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return [code.co_code.hex(), code.co_names, code.co_freevars, constants]


def _describe_module(module: nn.Module, inside: tuple[int, ...]) -> Any:
    """Describe a module's architecture, and the attributes of parts that PyTorch does not print."""
    hidden = {
        name: {
            "type": _describe_class(type(part), inside),
            "attributes": _describe(
                {k: v for k, v in vars(part).items() if k not in MODULE_ATTRIBUTES}, inside
            ),
            "buffers": _describe(
                {k: part._buffers[k] for k in sorted(part._non_persistent_buffers_set)}, inside
            ),
        }
        for name, part in module.named_modules()
        if not _is_foreign(type(part).__module__)
    }
    return {"modules": repr(module)} | hidden if hidden else repr(module)


MODULE_ATTRIBUTES = frozenset(vars(nn.Module()))
"""The attributes that every module has: its parts, which are described themselves, and its mode."""
