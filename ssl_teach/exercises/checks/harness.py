"""The harness of all checks: call a student's function and report exactly how the call went.

A student's function can raise, never return, modify its inputs, return another shape, or leave the
work to the package. Each case becomes a `CheckFailed` that says what happened, for which input.
"""

from __future__ import annotations

import copy
import math
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import numpy as np
import torch
from torch import Tensor

Answer = Callable[..., Any]
"""A student's function."""

SECONDS = 2.0  # computing time of one call; the inputs of the checks are tiny
PATIENCE = 4  # wall-clock limit as a multiple of that, since other programs run as well
OWN = "ssl_teach.exercises"


class CheckFailed(Exception):
    """A check refuses an answer.

    Attributes:
        diagnosis: the category: "exception", "time", "changed input", "shape", "type", "value" or
            "borrowed".
        where: where to look, or "".
    """

    def __init__(self, diagnosis: str, message: str, where: str = "") -> None:
        """Record the failure.

        Args:
            diagnosis: see the class.
            message: the observation and its input; never the answer.
            where: what to read or look at.
        """
        super().__init__(message)
        self.diagnosis, self.where = diagnosis, where


class CallTimeout(BaseException):
    """Raised inside a call that takes too long; a student's `except Exception` cannot catch it."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `CallTimeout` in the body after so much computing time, or a multiple by the clock.

    Signals do it where they are available (Linux, macOS, the main thread). Elsewhere a second
    thread asks the interpreter to raise the exception, which works between two lines of Python.
    """
    if threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer"):

        def ring(number: int, frame: FrameType | None) -> None:
            raise CallTimeout

        clocks = (
            (signal.SIGPROF, signal.ITIMER_PROF, seconds),
            (signal.SIGALRM, signal.ITIMER_REAL, PATIENCE * seconds),
        )
        before = [signal.signal(number, ring) for number, _, _ in clocks]
        for _, clock, most in clocks:
            signal.setitimer(clock, most)
        try:
            yield
        finally:
            for (number, clock, _), handler in zip(clocks, before, strict=True):
                signal.setitimer(clock, 0)
                signal.signal(number, handler)
    else:
        import ctypes

        here = ctypes.c_ulong(threading.get_ident())
        raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
        timer = threading.Timer(
            PATIENCE * seconds, lambda: raise_in(here, ctypes.py_object(CallTimeout))
        )
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


@contextmanager
def one_thread() -> Iterator[None]:
    """Restrict torch to one thread.

    Tiny inputs gain nothing from a second thread. On a busy machine they lose much: the threads
    wait for each other, and correct answers would run out of time.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def package_calls() -> Iterator[set[str]]:
    """Collect the full names of the package's functions that are called in the body."""
    found: set[str] = set()

    def note(frame: FrameType, event: str, arg: object) -> None:
        module = str(frame.f_globals.get("__name__", ""))
        if event == "call" and module.startswith("ssl_teach.") and not module.startswith(OWN):
            name = frame.f_code.co_name
            if not name.startswith("<"):
                found.add(f"{module}.{name}")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield found
    finally:
        sys.setprofile(before)


def describe(value: object) -> str:
    """A short description: shape and type of arrays, the value itself if it is short."""
    if isinstance(value, Tensor):
        small = f" {value.tolist()}" if value.numel() <= 6 and not value.is_sparse else ""
        return f"tensor {tuple(value.shape)} of {str(value.dtype).removeprefix('torch.')}{small}"
    if isinstance(value, np.ndarray):
        return f"array {value.shape} of {value.dtype}"
    if isinstance(value, torch.nn.Module):
        return f"a {type(value).__name__}"
    text = repr(value)
    return text if len(text) <= 60 else f"{type(value).__name__} {text[:50]}…"


def _state(value: object) -> object:
    """A copy for comparison after a call."""
    if isinstance(value, torch.nn.Module):
        return {name: each.clone() for name, each in value.state_dict().items()}
    return copy.deepcopy(value)


def _same(before: object, after: object) -> bool:
    if isinstance(after, torch.nn.Module):
        now = after.state_dict()
        assert isinstance(before, dict)
        return all(torch.equal(before[name], now[name]) for name in before)
    if isinstance(before, Tensor) and isinstance(after, Tensor):
        same_type = before.shape == after.shape and before.dtype == after.dtype
        return same_type and torch.equal(before.nan_to_num(), after.nan_to_num())
    if isinstance(before, (list, tuple)) and isinstance(after, (list, tuple)):
        pairs = zip(before, after, strict=False)
        return len(before) == len(after) and all(_same(a, b) for a, b in pairs)
    if isinstance(before, (torch.Generator, np.random.Generator)) or callable(before):
        return True  # a random generator is meant to advance
    return bool(np.all(before == after))


def call(
    function: Callable[..., Any],
    *args: Any,
    seconds: float = SECONDS,
    on: str = "",
    may_change: Sequence[int] = (),
    allow_package: bool = False,
) -> Any:
    """Call a function and return its result.

    Args:
        function: the student's function.
        args: its arguments, passed without a copy.
        seconds: limit on its computing time.
        on: the input in words, for messages: "z of 6 random views"; by default it is described.
        may_change: indices of arguments that it may modify.
        allow_package: whether it may call the package's own functions.

    Raises:
        CheckFailed: "exception", "time", "changed input" or "borrowed".
    """
    shown = on or ", ".join(describe(arg) for arg in args)
    before = [_state(arg) for arg in args]
    try:
        with package_calls() as borrowed, one_thread(), time_limit(seconds):
            result = function(*args)
    except CallTimeout:
        raise CheckFailed(
            "time",
            f"on {shown}, it had not returned after {seconds:g} s",
            "a loop whose condition never becomes false, or far more work than necessary",
        ) from None
    except CheckFailed:
        raise
    except Exception as error:
        lines = traceback.extract_tb(error.__traceback__)
        own = [line for line in lines if line.filename != __file__]
        at = f"line {own[0].lineno}: {own[0].line}" if own and own[0].line else ""
        raise CheckFailed(
            "exception", f"on {shown}, it raised {type(error).__name__}: {error}", at
        ) from error
    if borrowed and not allow_package:
        raise CheckFailed(
            "borrowed",
            f"it calls {', '.join(sorted(borrowed)[:2])} of the package; write your own here",
            "write the formula itself with torch",
        )
    for place, (was, now) in enumerate(zip(before, args, strict=True)):
        if place not in may_change and not _same(was, now):
            raise CheckFailed(
                "changed input",
                f"on {shown}, it changed its argument number {place + 1}",
                "an in-place operation (x += …, x[…] = …, fill_diagonal_) on an argument; "
                "work on a new tensor",
            )
    return result


def _as_tensor(result: object) -> object:
    """Numbers, arrays, and lists of numbers or tensors as a tensor; anything else unchanged."""
    if isinstance(result, bool) or not isinstance(
        result, (list, tuple, float, int, np.ndarray, np.generic)
    ):
        return result
    try:
        if isinstance(result, (list, tuple)) and any(isinstance(each, Tensor) for each in result):
            return torch.stack([torch.as_tensor(each) for each in result])
        return torch.as_tensor(np.asarray(result) if isinstance(result, (list, tuple)) else result)
    except (TypeError, ValueError, RuntimeError):
        return result  # strings, for instance, or unequal lengths


def unpack_result(result: object, names: Sequence[str], *, on: str) -> tuple[Any, ...]:
    """Unpack the values that a function returns together.

    Args:
        result: of the student's function.
        names: of the expected values: ("images", "labels").
        on: the input in words.

    Raises:
        CheckFailed: "type".
    """
    if not isinstance(result, (tuple, list)) or len(result) != len(names):
        given = f"{len(result)} values" if isinstance(result, (tuple, list)) else describe(result)
        raise CheckFailed(
            "type",
            f"on {on}, it gave {given}, expected {len(names)}: {', '.join(names)}",
            "is there a return?" if result is None else "",
        )
    return tuple(result)


def expect_tensor(
    result: object, shape: Sequence[int], *, on: str, whole: bool = False, names: str = ""
) -> Tensor:
    """The result as a tensor, if it has this shape and type.

    Args:
        result: of the student's function.
        shape: expected shape.
        on: the input in words.
        whole: whether it must hold integers, as labels and indices do; otherwise real numbers.
        names: of the axes, for the message: "(2N, 2N)".

    Raises:
        CheckFailed: "type" or "shape".
    """
    result = _as_tensor(result)
    if not isinstance(result, Tensor):
        hint = "is there a return?" if result is None else ""
        raise CheckFailed("type", f"on {on}, it gave {describe(result)}, not a tensor", hint)
    if tuple(result.shape) != tuple(shape):
        wanted = f"{tuple(shape)}{f', {names}' if names else ''}"
        raise CheckFailed(
            "shape", f"on {on}, the result is {tuple(result.shape)}, expected {wanted}"
        )
    if whole and result.is_floating_point():
        raise CheckFailed(
            "type", f"on {on}, the result holds {result.dtype}, expected whole numbers"
        )
    if not whole and not result.is_floating_point():
        raise CheckFailed(
            "type", f"on {on}, the result holds {result.dtype}, expected real numbers"
        )
    return result.detach()


def require(true: object, message: str, where: str = "") -> None:
    """Require that a property holds.

    Raises:
        CheckFailed: "value", with this message, if it does not.
    """
    if not bool(true):
        raise CheckFailed("value", message, where)


def is_close(ours: Tensor, theirs: Tensor, tolerance: float = 1e-4) -> bool:
    """Whether two tensors agree within a tolerance, both relative and absolute."""
    return torch.allclose(ours.double(), theirs.double(), rtol=tolerance, atol=tolerance)


def is_same_number(ours: float, theirs: float) -> bool:
    """Whether two numbers agree up to rounding."""
    return math.isclose(ours, theirs, rel_tol=1e-4, abs_tol=1e-5)


def make_generator(seed: int = 0) -> torch.Generator:
    """A random generator with its own seed."""
    return torch.Generator().manual_seed(seed)
