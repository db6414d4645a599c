"""Files: the cache, pictures of a folder, and writing whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from semcomp.errors import SemcompError

ROOT = Path(__file__).resolve().parent.parent
"""The checkout that this package is run from."""
ASSETS = (Path(__file__).parent / "assets").resolve()
"""Weights, results, the lesson's papers: what is made here and kept in the repository.

In a checkout `semcomp/assets` is a link to the folder at the top; installed, a folder of its own.
"""

PICTURE_SUFFIXES = {
    *(".png", ".webp", ".bmp", ".ppm", ".jpg", ".jpeg", ".tif", ".tiff"),
    *(".avif", ".heic", ".heif", ".jxl"),
}
"""What a folder's pictures end in."""


def cache_folder() -> Path:
    """Where downloads are kept: `SEMCOMP_CACHE_DIR`, else `~/.cache/semcomp` (XDG_CACHE_HOME).

    Raises SemcompError where neither names a folder and the user has no home.
    """
    if named := os.environ.get("SEMCOMP_CACHE_DIR"):
        folder, below = named, ""
    else:
        folder, below = os.environ.get("XDG_CACHE_HOME") or "~/.cache", "semcomp"
    try:
        return Path(folder).expanduser() / below
    except RuntimeError as error:
        raise SemcompError(
            f"no folder for downloads: {folder} cannot be found without a home folder; name one "
            "with SEMCOMP_CACHE_DIR"
        ) from error


def picture_files(folder: Path) -> list[Path]:
    """Sorted pictures of a folder. Raises FileNotFoundError with the remedy."""
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}: name a folder of pictures")
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES)
    if not paths:
        raise FileNotFoundError(
            f"no pictures in {folder}: give a folder of PNG, WebP or JPEG files"
        )
    return paths


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: a failure leaves what was there before.

    Who reads the path meanwhile reads the old file or the new one, whoever else writes it. A file
    that was there keeps its mode, and a link stays a link. Raises OSError.

    Written into as they are: things that are no plain files, like /dev/null or a pipe, and files
    that cannot be replaced without harm: those with several hard links, which would part, and
    those in a folder that allows no new file.
    """
    # before links are followed: what /dev/stdout leads to may be a pipe, which has no path
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    path = Path(os.path.realpath(path))
    try:
        before = path.stat()
    except OSError:
        before = None
    if before is not None and (
        before.st_nlink > 1 or not os.access(path.parent, os.W_OK | os.X_OK)
    ):
        path.write_bytes(data)
        return
    partial = path.with_name(f".semcomp-{secrets.token_hex(8)}.partial")
    mode = None if before is None else stat.S_IMODE(before.st_mode)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        # never readable by more than may read the file that it replaces
        descriptor = os.open(partial, flags, 0o666 if mode is None else 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        if mode is not None:
            partial.chmod(mode)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """Raise OSError, before any work, where `write_file` could not write the path."""
    if path.exists() and os.access(path, os.W_OK):
        return
    folder = Path(os.path.realpath(path)).parent
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OSError(f"cannot write into {folder}: choose another folder")
