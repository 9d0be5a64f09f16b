"""Options of tasks, with types and ranges, and the context in which a task is built."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from types import FunctionType
from typing import Any

from torch import Tensor, nn

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
    and public attributes, tensors by a hash, and functions by their name and enclosed values.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Tensor):
        content = value.detach().cpu().contiguous().numpy().tobytes()
        return {"shape": list(value.shape), "sha256": hashlib.sha256(content).hexdigest()[:12]}
    if isinstance(value, Mapping):
        return {str(key): describe(each) for key, each in value.items()}
    if isinstance(value, Sequence | set | frozenset):
        return [describe(each) for each in value]
    if isinstance(value, partial):
        return {
            "function": describe(value.func),
            "arguments": describe([value.args, value.keywords]),
        }
    if isinstance(value, FunctionType):
        named = f"{value.__module__}.{value.__qualname__}"
        if "<" not in named:  # it can be imported: its name says what it does
            return named
        enclosed = [describe(cell.cell_contents) for cell in value.__closure__ or ()]
        code = hashlib.sha256(value.__code__.co_code + repr(value.__code__.co_consts).encode())
        return {"function": named, "code": code.hexdigest()[:12], "encloses": enclosed}
    if isinstance(value, nn.Module):
        return {"type": type(value).__qualname__, "modules": repr(value)}
    if hasattr(value, "item"):  # a NumPy scalar
        return value.item()
    named_fields = (
        [field.name for field in fields(value)]
        if is_dataclass(value) and not isinstance(value, type)
        else [name for name in getattr(value, "__dict__", {}) if not name.startswith("_")]
    )
    type_name = value.__qualname__ if isinstance(value, type) else type(value).__qualname__
    return {"type": type_name} | {name: describe(getattr(value, name)) for name in named_fields}
