"""Published archives of labelled pictures: fetched, known by their hashes, unpacked and read."""

from __future__ import annotations

import pickle
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pooch

from semcomp.errors import DatasetError
from semcomp.files import cache_folder

CHUNK = 1 << 20
"""Bytes read at a time."""
RETRIES = 2
"""Further tries where a connection breaks; each starts from the beginning."""


@dataclass(frozen=True)
class PublishedArchive:
    """A published archive and the page that describes it."""

    url: str
    page: str
    sha256: str
    note: str

    def folder(self, name: str, report: Callable[[str], None]) -> Path:
        """Its contents under the cache, fetched and unpacked on the first call.

        Raises DatasetError; see `fetch` and `unpack`.
        """
        home = cache_folder() / name
        contents = home / "contents"
        if contents.is_dir():
            return contents
        archive = home / PurePosixPath(self.url).name
        fetch(self.url, archive, self.sha256, self.page)
        report(f"unpacking {archive}")
        unpack(archive, contents)
        return contents


# The SHA-256 sums belong to the files with the published MD5 sums eb9058c3a382ffc7106e4002c42a8d85
# (CIFAR-100's page) and 67b4f42ca05d46448c6bb8ecd2220f6d (Caltech's record).
ARCHIVES = {
    "cifar-100": PublishedArchive(
        url="https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
        page="https://www.cs.toronto.edu/~kriz/cifar.html",
        sha256="85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
        note="CIFAR-100 (Krizhevsky 2009), for research use; official division",
    ),
    "caltech-256": PublishedArchive(
        url="https://data.caltech.edu/records/nyy15-4j048/files/256_ObjectCategories.tar",
        page="https://data.caltech.edu/records/nyy15-4j048",
        sha256="08ff01b03c65566014ae88eb0490dbe4419fc7ac4de726ee1163e39fd809543e",
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


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a .tar or .tar.gz into a new `folder`, which appears whole or not at all.

    Raises DatasetError for a damaged archive, one with links out of it, absolute paths or devices,
    and where nothing can be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as place:
            unfinished = Path(place) / folder.name
            with tarfile.open(archive) as tar:
                tar.extractall(unfinished, filter="data")
            try:
                unfinished.rename(folder)
            except OSError:
                if not folder.is_dir():  # else another process was quicker
                    raise
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise DatasetError(f"{archive} is damaged ({error}): remove it, fetch it again") from error
    except OSError as error:
        raise DatasetError(
            f"cannot unpack {archive} to {folder}: {error.strerror or error}. Free space there, or "
            "name another folder with SEMCOMP_CACHE_DIR"
        ) from error


_ARRAYS = {
    "_reconstruct": np.empty(0, np.uint8).__reduce__()[0],
    "ndarray": np.ndarray,
    "dtype": np.dtype,
}
"""What arrays are pickled by, whatever this version of NumPy calls the modules."""


class _Unpickler(pickle.Unpickler):
    """Knows arrays, and runs nothing else of a file's choice."""

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] == "numpy" and name in _ARRAYS:
            return _ARRAYS[name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def read_pickle(path: Path) -> Any:
    """What a pickle holds: plain values and arrays; strings of Python 2 come as bytes.

    Raises UnpicklingError if the file asks for any other type, and whatever damage leads to.
    """
    with path.open("rb") as file:
        return _Unpickler(file, encoding="bytes").load()
