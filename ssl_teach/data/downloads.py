"""Data sets that torchvision can download: found on the disk, or downloaded and verified."""

from __future__ import annotations

import shutil
import tarfile
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import Any

CACHE = Path("~/.cache/ssl_teach")
"""The folder for downloads when no root is given."""


def find_or_download(source: Any, root: str | Path | None, other: str = "") -> Path:
    """Return a folder that contains `source.base_folder` with every file verified by checksum.

    Args:
        source: torchvision's class of the data set.
        root: That folder, or `source.base_folder` itself; None for `CACHE`. If the data are
            missing, an archive found there is unpacked, or the data are downloaded to it.
        other: A further form in which a copy may be given, for the error message.

    Raises:
        OSError: If the data are not on the disk and cannot be downloaded.
        ValueError: If the copy on the disk is damaged.
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
    """Return names and checksums of all files that torchvision opens, some of which are pickles."""
    meta = getattr(source, "meta", None)
    named = [(meta["filename"], meta["md5"])] if meta else []
    return [*source.train_list, *source.test_list, *named]


def _download(source: Any, home: Path, other: str) -> None:
    """Download and unpack into a temporary folder, and rename it once it is complete.

    The archive of an interrupted call is used again if it is complete, else overwritten. An archive
    is opened only if its checksum is that of the original.
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
            f"{_copies(source, other)}; or use data that need none: scenes, sketches"
        ) from error
    shutil.rmtree(partial)


def _unpack(archive: Path, folder: Path) -> None:
    """Copy the files that an archive holds directly in a folder of that name, and nothing else.

    Links, devices, other folders and names that lead out of the folder are skipped.
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
    """Say in which forms a copy may be given."""
    return f"a folder with {source.base_folder} or {source.filename} in it{other}"
