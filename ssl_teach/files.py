"""Writing files so that they are replaced as a whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file atomically: at any time it is either the old file or the complete new one.

    Args:
        path: Path of the file; its folder is created if necessary.
        write: Function that writes the content to the binary file it is given.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # mkstemp's files are readable only by their owner
        os.replace(temporary, path)  # atomic on one file system
    except BaseException:
        os.unlink(temporary)
        raise
