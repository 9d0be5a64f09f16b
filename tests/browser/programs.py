"""Programs that tests start, such as browsers and servers, their ports and their folders."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Program:
    """A running program, and the file that its output goes to."""

    process: subprocess.Popen[bytes]
    log: Path

    def wait_for_output(self, pattern: str, seconds: float = 30) -> str:
        """Wait until the program has written something that matches; return the first group.

        Raises:
            RuntimeError: if the program ends, or the time is up, before that.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            output = self.log.read_text(encoding="utf-8", errors="replace")
            found = re.search(pattern, output, re.MULTILINE)
            if found:
                return found[1]
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError(f"{self.process.args} did not start: {output[-2000:]}")


@contextmanager
def run_program(*command: object, folder: Path, **variables: str) -> Iterator[Program]:
    """Run a program; at the end, stop it and every process that it started.

    Args:
        command: The program and its arguments.
        folder: Where to write the file with its output.
        variables: Environment variables to add to those of this process.
    """
    log = folder / f"{Path(str(command[0])).name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=os.environ | variables,
            start_new_session=True,
        )
    try:
        yield Program(process, log)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def free_port() -> int:
    """A port of this machine that no program uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port: int, seconds: float = 30) -> None:
    """Wait until a program on this machine accepts connections at a port, or raise OSError."""
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that is deleted at the end, even while a browser still writes to it."""
    folder = Path(tempfile.mkdtemp(prefix="ssl-test-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
