"""Archives and pickles from elsewhere, opened without trusting them.

Their hashes are checked before; this keeps even a file that someone put there by hand from
writing outside its folder, filling the disk, or running code.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import pickle
import shutil
import struct
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from semcomp.errors import DatasetError

from .download import CHUNK


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
