"""Run the answers of a submission in a process with limits.

Each submission is judged in its own process, forked from one that has imported the modules that
checks need. Its time and memory are limited; it can write only into an empty folder of its own and
cannot start other processes. Before any code runs, it is inspected: answers to these exercises need
mathematics, so code that accesses the interpreter's internals, files or the checks themselves is
not run, and a person decides about it.
"""

from __future__ import annotations

import ast
import io
import json
import multiprocessing
import os
import re
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

ALLOWED_IMPORTS = frozenset(
    {"collections", "copy", "einops", "functools", "itertools", "math", "numpy", "random", "torch"}
)
FORBIDDEN_NAMES = frozenset(
    {
        *("breakpoint", "compile", "delattr", "dir", "eval", "exec", "getattr", "globals"),
        *("input", "locals", "memoryview", "open", "setattr", "vars"),
    }
)
FORBIDDEN_ATTRIBUTES = frozenset(
    {
        *("attrgetter", "builtins", "cr_frame", "ctypes", "dump", "f_back", "f_globals"),
        *("f_locals", "fromfile", "fromregex", "gc", "genfromtxt", "gi_frame", "hub"),
        *("importlib", "inspect", "library", "load", "load_library", "loadtxt", "memmap"),
        *("methodcaller", "modules", "multiprocessing", "os", "package", "pathlib", "pickle"),
        *("save", "savetxt", "savez", "serialization", "shutil", "socket", "subprocess", "sys"),
        *("tb_frame", "tofile", "tracemalloc", "update_wrapper", "wraps"),
    }
)
FORBIDDEN_EVENTS = (
    *("ctypes.", "os.exec", "os.fork", "os.posix_spawn", "os.system", "socket.", "subprocess."),
    *("os.chmod", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink"),
    *("os.truncate", "shutil."),
)
"""Beginnings of the names of audit events: other processes, connections, changes of files."""
SETTABLE = frozenset(  # of any object; on self, every attribute
    {"data", "grad", "requires_grad", "training"}
)


@dataclass(frozen=True)
class Limits:
    """Limits for one submission.

    Attributes:
        seconds: wall-clock time for all its exercises; each call has its own limit as well.
        megabytes: memory in addition to that of the checks.
        file_megabytes: size of a file in its own folder.
    """

    seconds: float = 60.0
    megabytes: int = 2048
    file_megabytes: int = 16


LIMITS = Limits()
START_TIMEOUT = 120.0  # seconds for a process to import its modules, on a busy machine
UNGUARDED = 77  # exit status of a process that reached `run` while importing the main script
REMEDY = (
    "A process that judges answers first imports the script that called it. In a script, put the "
    'call under `if __name__ == "__main__":`, so that importing the script does not grade again. '
    "If the script is read from standard input, put it into a file."
)


@dataclass(frozen=True)
class Outcome:
    """The result for one exercise of one submission.

    Attributes:
        key: of the exercise.
        points: earned.
        of: maximum points.
        status: "right", "wrong", "unchanged" (the unmodified starter), "missing", "refused" (not
            run; a person decides), "crashed", "time", "memory".
        report: feedback for the student.
    """

    key: str
    points: float
    of: int
    status: str
    report: str


def rejection_reason(code: str) -> str:
    """Why a piece of code is not run, or "" if it is.

    Args:
        code: of an answer.

    Returns:
        One reason, with its line, for the person who then looks at the answer.
    """
    try:
        for node in ast.walk(ast.parse(code)):
            reason = _reason(node)
            if reason:
                return f"line {getattr(node, 'lineno', '?')} {reason}"
    except SyntaxError:
        return ""  # it will fail with an error that names the line
    except (
        ValueError,
        RecursionError,
        MemoryError,
    ) as error:  # a lone surrogate; nested too deeply
        return f"its code cannot be read: {type(error).__name__}"
    return ""


def without_magics(code: str) -> str:
    """Code whose notebook commands, such as %%time or !ls, are disabled.

    A statement after %time is kept, and so is a whole cell in another language.
    """
    if re.match(r"\s*%%(?!time\b|timeit\b|capture\b|prun\b)", code):
        return code
    lines = re.split(r"\r\n|\r|\n", code)
    for _ in lines:
        try:
            ast.parse("\n".join(lines))
        except SyntaxError as error:
            at = (error.lineno or 0) - 1
            if not 0 <= at < len(lines) or not (found := _NOTEBOOK_COMMAND.fullmatch(lines[at])):
                break
            indent, timed = found["indent"], found["timed"]
            idle = f"{indent}pass  # " if indent else "# "
            lines[at] = f"{indent}{timed}" if timed else idle + lines[at].strip()
        except (ValueError, RecursionError, MemoryError):  # `rejection_reason` reports it
            break
    return "\n".join(lines)


_NOTEBOOK_COMMAND = re.compile(r"(?P<indent>\s*)(?:%time\s+(?P<timed>\S.*)|[%!?].*|\S.*\?)")


def _reason(node: ast.AST) -> str:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        names = [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module or ''}.{name}" for name in names]
        for name in names:
            parts = name.split(".")
            if parts[0] not in ALLOWED_IMPORTS or {"*", *FORBIDDEN_ATTRIBUTES} & set(parts):
                return f"imports {name.strip('.')}"
    if isinstance(node, ast.Name) and (node.id in FORBIDDEN_NAMES or node.id.startswith("__")):
        return f"uses {node.id}"
    if isinstance(node, ast.MatchClass):  # `case object(name=x)` reads an attribute too
        for name in node.kwd_attrs:
            if name in FORBIDDEN_ATTRIBUTES or name.startswith("_"):
                return f"reaches for .{name}"
    if isinstance(node, ast.Attribute):
        inside = node.attr.startswith("_") and node.attr != "__init__"
        if node.attr in FORBIDDEN_ATTRIBUTES or inside:
            return f"reaches for .{node.attr}"
        own = isinstance(node.value, ast.Name) and node.value.id == "self"
        if not isinstance(node.ctx, ast.Load) and node.attr not in SETTABLE and not own:
            return f"changes {ast.unparse(node)}"
    return ""


def _limit(limits: Limits) -> None:
    """Limit this process; where the system lacks such limits, the parent's timeout remains."""
    try:
        import resource
    except ImportError:
        return
    bounds = {
        resource.RLIMIT_FSIZE: limits.file_megabytes * 2**20,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: int(limits.seconds) + 5,
    }
    statm = Path("/proc/self/statm")  # only Linux reports the memory in use
    if statm.exists():
        pages = int(statm.read_text(encoding="ascii").split()[0])
        bounds[resource.RLIMIT_AS] = pages * resource.getpagesize() + limits.megabytes * 2**20
    for kind, value in bounds.items():
        resource.setrlimit(kind, (value, value))


def _watch(folder: str) -> None:
    """From now on, refuse operations that answers do not need; the hook cannot be removed."""
    home = os.path.realpath(folder) + os.sep

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event.startswith(FORBIDDEN_EVENTS):
            raise PermissionError(f"this operation is not allowed in an answer: {event}")
        if event == "open" and isinstance(args[0], (str, bytes)):
            path, mode = os.fsdecode(args[0]), args[1] or ""
            flags = args[2] if isinstance(args[2], int) else 0
            writes = set(str(mode)) & set("wax+") or flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if writes and not os.path.realpath(path).startswith(home):
                raise PermissionError(f"an answer can only write into its own folder, not {path}")

    sys.addaudithook(hook)


def _judge(
    pipe: Connection, folder: str, cells: dict[str, str], seed: int | None, limits: Limits
) -> None:
    """In the child process: judge every answer, and send one line of JSON for each."""
    import torch

    from ssl_teach.exercises import exercise, judge
    from ssl_teach.exercises.core import ANSWER_IMPORTS

    torch.set_num_threads(1)
    os.chdir(folder)
    asked = {key: exercise(key, seed) for key in cells}
    names: dict[str, Any] = {}
    exec(ANSWER_IMPORTS, names)
    pipe.send_bytes(json.dumps({"ready": True}).encode())
    _limit(limits)
    _watch(folder)
    for key, code in cells.items():
        each = asked[key]
        pipe.send_bytes(json.dumps({"begun": key}).encode())
        space = names | {"__name__": "answer", "check": lambda *_, **__: None}
        try:
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                exec(compile(code, f"<{key}>", "exec"), space)
                answer = space.get(each.function)
                verdict = None if answer is None else judge(each, answer, code)
        except MemoryError:
            outcome = Outcome(
                key, 0, each.points, "memory", "it asked for more memory than allowed"
            )
        except BaseException as error:  # report whatever the answer raises
            words = f"the cell raised {type(error).__name__}: {error}"
            outcome = Outcome(key, 0, each.points, "crashed", words)
        else:
            if verdict is None:
                words = f"there is no function {each.function} in the cell"
                outcome = Outcome(key, 0, each.points, "missing", words)
            else:
                status = "right" if verdict.correct else "wrong"
                status = "unchanged" if verdict.unchanged else status
                outcome = Outcome(key, verdict.points, each.points, status, repr(verdict))
        pipe.send_bytes(json.dumps(asdict(outcome)).encode())


def run(
    cells: Mapping[str, str],
    points: Mapping[str, int],
    seed: int | None = None,
    limits: Limits = LIMITS,
) -> dict[str, Outcome]:
    """Judge the answers of one submission.

    Args:
        cells: code of each answer, by the exercise's key.
        points: maximum points of each.
        seed: of the graded form.
        limits: on the process.

    Returns:
        The outcome of each. A crash, an endless loop or full memory affects only the answer in
        which it happens; the remaining answers are judged in a new process.

    Raises:
        RuntimeError: if no process can be started, as from a script that calls this outside
            ``if __name__ == "__main__":``. This is not the fault of a submission.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        os._exit(UNGUARDED)  # this is such a process, importing an unguarded script
    done: dict[str, Outcome] = {}
    cells = {key: without_magics(code) for key, code in cells.items()}
    for key, code in cells.items():
        reason = rejection_reason(code)
        if reason:
            words = f"not run: {reason}, which no answer needs. A person will look at it."
            done[key] = Outcome(key, 0, points[key], "refused", words)
    left = {key: code for key, code in cells.items() if key not in done}
    while left:
        outcomes, broken = _one_process(left, seed, limits)
        done |= outcomes
        left = {key: code for key, code in left.items() if key not in outcomes}
        if broken is not None:
            key, status, words = broken
            key = key or next(iter(left))
            done[key] = Outcome(key, 0, points[key], status, words)
            left.pop(key, None)
    return {key: done[key] for key in cells}


def _not_started(what: str, code: int | None = None) -> str:
    """Why nothing could be judged, and how to fix it."""
    if code == UNGUARDED:
        return f"the script starts grading whenever it is imported. {REMEDY}"
    return f"the process in which answers are judged {what}; nothing was graded. {REMEDY}"


def _one_process(
    cells: dict[str, str], seed: int | None, limits: Limits
) -> tuple[dict[str, Outcome], tuple[str, str, str] | None]:
    """Outcomes of one child process and, if it broke, the key, status and reason."""
    context = multiprocessing.get_context("forkserver")
    # torch imports its compiler at the first optimiser, which it could not do under the limits
    context.set_forkserver_preload(["ssl_teach.exercises", "torch._dynamo", __name__])
    ours, theirs = context.Pipe(duplex=False)
    with tempfile.TemporaryDirectory() as folder:
        child = context.Process(target=_judge, args=(theirs, folder, cells, seed, limits))
        child.start()
        theirs.close()
        outcomes: dict[str, Outcome] = {}
        ready, current, end = False, "", time.monotonic() + START_TIMEOUT
        broken: tuple[str, str, str] | None = None
        while len(outcomes) < len(cells):
            try:
                if not ours.poll(max(0.0, end - time.monotonic())):
                    if not ready:
                        child.kill()
                        raise RuntimeError(_not_started(f"had not begun after {START_TIMEOUT:g} s"))
                    words = f"it had not returned after {limits.seconds:g} s"
                    broken = (current, "time", words)
                    break
                said = json.loads(ours.recv_bytes(1_000_000))
            except (EOFError, OSError, ValueError):
                child.join(1)
                if not ready:
                    words = f"ended before it began (code {child.exitcode})"
                    raise RuntimeError(_not_started(words, child.exitcode)) from None
                words = f"its process ended by itself (code {child.exitcode})"
                broken = (current, "crashed", words)
                break
            if "ready" in said:
                ready, end = True, time.monotonic() + limits.seconds
            elif "begun" in said:
                current = str(said["begun"])
            elif said.get("key") in cells:
                outcomes[said["key"]] = Outcome(**said)
        child.kill()
        child.join()
    return outcomes, broken
