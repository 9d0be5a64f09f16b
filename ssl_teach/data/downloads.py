"""Data sets that torchvision knows where to get: found on the disk, or downloaded and verified."""

from __future__ import annotations

import shutil
import tarfile
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import Any

CACHE = Path("~/.cache/ssl_teach")
"""Where downloads go unless a root is given."""


def find_or_download(source: Any, root: str | Path | None, other: str = "") -> Path:
    """The folder that holds `source.base_folder` with all files in it, each verified by checksum.

    Args:
        source: torchvision's class of the data set.
        root: that folder, or `source.base_folder` itself; None for `CACHE`. Without the data it
            is where they are downloaded to; an archive that lies there is unpacked.
        other: a further form in which a copy may be given, for the error.

    Raises:
        OSError: if there is no copy and downloading fails.
        ValueError: if there is a copy that is damaged.
    """
    from torchvision.datasets.utils import check_integrity

    home = (CACHE if root is None else Path(root)).expanduser()
    if home.name in {source.base_folder, source.filename}:
        home = home.parent
    if home.is_file():
        raise ValueError(f"{home} is a file; root takes {_copies(source, other)}")
    folder = home / source.base_folder
    if not folder.exists():
        _download(source, home, other)
    damaged = [name for name, md5 in _files(source) if not check_integrity(folder / name, md5)]
    if damaged:
        raise ValueError(
            f"{folder} is incomplete or damaged ({', '.join(damaged)}); "
            "remove it, and it will be downloaded again"
        )
    return home


def _files(source: Any) -> list[tuple[str, str]]:
    """Names and checksums of all that torchvision will open, pickles among them."""
    meta = getattr(source, "meta", None)
    named = [(meta["filename"], meta["md5"])] if meta else []
    return [*source.train_list, *source.test_list, *named]


def _download(source: Any, home: Path, other: str) -> None:
    """Download and unpack beside the final place, and move there only what is whole.

    What an interrupted download leaves is used again if it is whole, else overwritten. The archive
    is opened only if it has the original's checksum.
    """
    from torchvision.datasets import utils

    partial = home / f"{source.base_folder}.partial"
    here = utils.check_integrity(home / source.filename, source.tgz_md5)
    try:
        partial.mkdir(parents=True, exist_ok=True)
        if not here:
            print(f"downloading {source.url} to {home}")
            utils.download_url(source.url, str(partial), source.filename, source.tgz_md5)
        _unpack((home if here else partial) / source.filename, partial / source.base_folder)
        (partial / source.base_folder).rename(home / source.base_folder)
    except (OSError, RuntimeError, EOFError, HTTPException, tarfile.TarError) as error:
        raise OSError(
            f"{source.__name__} is not in {home}, and getting it from {source.url} failed "
            f"({error}). Without a network, give a copy as root (--root): "
            f"{_copies(source, other)}; or take data that need none: scenes, sketches"
        ) from error
    shutil.rmtree(partial)


def _unpack(archive: Path, folder: Path) -> None:
    """Copy the files directly in an archive's folder of that name; nothing lands elsewhere.

    Links, devices, other folders and names that lead out of the folder are passed over.
    """
    folder.mkdir(exist_ok=True)
    with tarfile.open(archive) as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            inside = path.parent == PurePosixPath(folder.name) and path.name == Path(path.name).name
            content = tar.extractfile(member) if inside and member.isreg() else None
            if content is not None and path.name != "..":
                with content, (folder / path.name).open("wb") as file:
                    shutil.copyfileobj(content, file)


def _copies(source: Any, other: str) -> str:
    return f"a folder with {source.base_folder} or {source.filename} in it{other}"
