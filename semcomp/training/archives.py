"""Published archives of labelled pictures: fetched, unpacked and read without trusting them.

Their hashes are checked; beyond that even a file that someone put there by hand is kept from
writing outside its folder, filling the disk, or running code.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import pickle
import shutil
import struct
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

import numpy as np
import pooch
from numpy.typing import NDArray

from semcomp.errors import DatasetError
from semcomp.files import PICTURE_SUFFIXES, cache_folder

CHUNK = 1 << 20
"""Bytes read at a time."""
RETRIES = 2
"""Further tries where a connection breaks; each starts from the beginning."""


@dataclass(frozen=True)
class Archive:
    """A published archive and the page that describes it.

    unpacked: most bytes to unpack it to. files: most members.
    """

    url: str
    page: str
    sha256: str
    unpacked: int
    files: int
    note: str

    def folder(self, name: str, report: Callable[[str], None]) -> Path:
        """Its contents under the cache, fetched and unpacked on the first call.

        Raises DatasetError; see `fetch` and `extract_tar`.
        """
        home = cache_folder() / name
        contents = home / "contents"
        if contents.is_dir():
            return contents
        archive = home / PurePosixPath(self.url).name
        fetch(self.url, archive, self.sha256, self.page)
        report(f"unpacking {archive}")
        extract_tar(
            archive,
            contents,
            wanted=lambda path: path.suffix.lower() in PICTURE_SUFFIXES or not path.suffix,
            limit_bytes=self.unpacked,
            limit_files=self.files,
        )
        return contents


# The SHA-256 sums belong to the files with the published MD5 sums eb9058c3a382ffc7106e4002c42a8d85
# (CIFAR-100's page) and 67b4f42ca05d46448c6bb8ecd2220f6d (Caltech's record).
ARCHIVES = {
    "cifar-100": Archive(
        url="https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
        page="https://www.cs.toronto.edu/~kriz/cifar.html",
        sha256="85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
        unpacked=250_000_000,
        files=20,
        note="CIFAR-100 (Krizhevsky 2009), for research use; official division",
    ),
    "caltech-256": Archive(
        url="https://data.caltech.edu/records/nyy15-4j048/files/256_ObjectCategories.tar",
        page="https://data.caltech.edu/records/nyy15-4j048",
        sha256="08ff01b03c65566014ae88eb0490dbe4419fc7ac4de726ee1163e39fd809543e",
        unpacked=1_500_000_000,
        files=40_000,
        note="Caltech-256 (Griffin, Holub, Perona 2007), CC BY 4.0, without the clutter class",
    ),
}


def fetch(url: str, target: Path, sha256: str, page: str) -> None:
    """Download `target` if it is not there; it appears whole, with this SHA-256, or not at all.

    page: where the file is described. Raises DatasetError without a network, for a wrong hash and
    where nothing can be written; the message says where to put the file by hand.
    """
    by_hand = (
        f"Or fetch it by other means and put it at {target} (SHA-256 {sha256}). It is described "
        f"at {page}."
    )
    if target.exists() and pooch.file_hash(str(target)) != sha256:
        raise DatasetError(  # not replaced: what someone put there is theirs
            f"{target} is damaged or another file: its SHA-256 is not {sha256}. Remove it, then "
            f"run this again with a network. {by_hand}"
        )
    source = pooch.Pooch(
        target.parent,
        base_url="",
        registry={target.name: f"sha256:{sha256}"},
        urls={target.name: url},
        retry_if_failed=RETRIES,
    )
    bar = sys.stderr.isatty()
    try:
        source.fetch(target.name, downloader=pooch.HTTPDownloader(bar, chunk_size=CHUNK))
    except (OSError, ValueError) as error:  # connection or disk (requests' are OSErrors); hash
        raise DatasetError(
            f"cannot fetch {url} to {target}: {error}. Downloads go to the folder "
            f"SEMCOMP_CACHE_DIR. {by_hand}"
        ) from error


def extract_tar(
    archive: Path,
    folder: Path,
    *,
    wanted: Callable[[PurePosixPath], bool],
    limit_bytes: int,
    limit_files: int,
) -> None:
    """Unpack the regular files of a .tar or .tar.gz that are `wanted` into a new `folder`.

    folder appears whole or not at all. limit_bytes holds for the unpacked archive, members that
    nobody wants included. Raises DatasetError for an absolute path, "..", a link, a device, a
    name that comes twice, more than the limits, or a damaged archive.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    unfinished.chmod(0o755)
    try:
        files = 0
        for path, member in _members(archive, limit_bytes):
            files += 1
            if files > limit_files:
                raise DatasetError(f"{archive} holds more than {limit_files:,} files")
            if not wanted(path):
                continue
            target = unfinished / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                shutil.copyfileobj(member, file, CHUNK)
        try:
            unfinished.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was quicker
                raise
    except DatasetError:
        raise
    except FileExistsError as error:
        raise DatasetError(f"{archive} holds two files of one name: fetch it again") from error
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DatasetError(f"{archive} is damaged ({error}): remove it, fetch it again") from error
    except OSError as error:
        raise DatasetError(
            f"cannot unpack {archive} to {folder}: {error.strerror or error}. Free space there, or "
            "name another folder with SEMCOMP_CACHE_DIR"
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _members(archive: Path, limit: int) -> Iterator[tuple[PurePosixPath, IO[bytes]]]:
    """Regular files of an archive, in its order, each to be read before the next."""
    with contextlib.ExitStack() as stack:
        raw = cast("IO[bytes]", stack.enter_context(archive.open("rb")))
        if archive.suffix in (".gz", ".tgz"):
            raw = cast("IO[bytes]", stack.enter_context(gzip.GzipFile(fileobj=raw)))
        stream = _Limited(raw, limit, archive)
        # A stream is never sought, so no offset in the archive can make it read a part twice.
        tar = stack.enter_context(tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r|"))
        declared = 0
        for member in tar:
            name = member.name
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
                raise DatasetError(f"{archive} would write outside its folder: {name!r}")
            if member.isdir():
                continue
            if not member.isreg():
                raise DatasetError(f"{archive} holds a link or device, {name!r}: not unpacked")
            declared += member.size  # of a sparse file: its size on disk
            if declared > limit:
                raise DatasetError(f"{archive} unpacks to more than {limit:,} bytes")
            content = tar.extractfile(member)
            if content is not None:
                yield path, content


class _Limited(io.RawIOBase):
    """A stream that refuses to give more than `limit` bytes."""

    def __init__(self, source: IO[bytes], limit: int, archive: Path) -> None:
        self._source = source
        self._left = limit + CHUNK  # headers and padding
        self._archive = archive

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise DatasetError(f"{self._archive} unpacks to more than its limit")
        return data


class _Dtype:
    """Stand-in for numpy.dtype: takes part in unpickling, does nothing."""

    def __init__(self, code: object = None, *_: object) -> None:
        self.code = code

    def __setstate__(self, state: object) -> None:
        """Byte order and the like, which bytes do not have."""


class _Array:
    """Stand-in for numpy.ndarray: keeps the state that `array` checks."""

    state: object = None

    def __setstate__(self, state: object) -> None:
        self.state = state

    def array(self) -> NDArray[np.uint8]:
        """The pixels, if that is what the state describes. Raises ValueError."""
        match self.state:
            case (int(), tuple() as shape, _Dtype(code=b"u1" | "u1"), fortran, bytes() as data):
                sides = [int(side) for side in shape]
                if fortran or min(sides, default=0) < 1 or len(data) != np.prod(sides, dtype=float):
                    raise ValueError(f"{len(data)} bytes are no array of shape {sides}")
                return np.frombuffer(data, np.uint8).reshape(sides).copy()
        raise ValueError("an array that is not of bytes")


def _reconstruct(*_: object) -> _Array:
    return _Array()


_HARMLESS: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
}


# What the opcodes of a damaged pickle trip over.
_UNPICKLING_ERRORS = (
    *(pickle.UnpicklingError, ValueError, TypeError, LookupError, AttributeError, EOFError),
    *(ImportError, OverflowError, RecursionError, struct.error),
)


class _Unpickler(pickle.Unpickler):
    """Knows arrays of bytes by harmless stand-ins, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _HARMLESS[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None


def read_pickle(path: Path) -> dict[str, Any]:
    """A pickled dictionary of lists, numbers, strings and arrays of bytes, as CIFAR's files are.

    Keys are text, strings of Python 2 stay bytes, arrays are uint8. No code of the file's choice
    is run. Raises DatasetError if the file asks for any other type, or is damaged.
    """
    try:
        with path.open("rb") as file:
            content = _Unpickler(file, encoding="bytes").load()
        if not isinstance(content, dict):
            raise ValueError("no dictionary")
        return {
            key.decode("ascii") if isinstance(key, bytes) else str(key): (
                value.array() if isinstance(value, _Array) else value
            )
            for key, value in content.items()
        }
    except (OSError, MemoryError) as error:
        raise DatasetError(f"cannot read {path}: {error}") from error
    except _UNPICKLING_ERRORS as error:
        raise DatasetError(
            f"{path} is not what it should be ({error}): remove its folder, fetch it again"
        ) from error
