"""Published archives of labelled pictures: where they are, and their contents in the cache."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from semcomp.files import PICTURE_SUFFIXES, cache_folder
from semcomp.training.download import fetch
from semcomp.training.unpack import extract_tar


@dataclass(frozen=True)
class Archive:
    """A published archive and the page that describes it.

    limit, unpacked: most bytes to fetch, and to unpack it to. files: most members.
    """

    url: str
    page: str
    sha256: str
    limit: int
    unpacked: int
    files: int
    note: str

    def folder(self, name: str, report: Callable[[str], None]) -> Path:
        """Its contents under the cache, fetched and unpacked on the first call."""
        home = cache_folder() / name
        contents = home / "contents"
        if contents.is_dir():
            return contents
        archive = fetch(
            self.url,
            home / PurePosixPath(self.url).name,
            sha256=self.sha256,
            limit=self.limit,
            page=self.page,
            report=report,
        )
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
        limit=200_000_000,
        unpacked=250_000_000,
        files=20,
        note="CIFAR-100 (Krizhevsky 2009), for research use; official division",
    ),
    "caltech-256": Archive(
        url="https://data.caltech.edu/records/nyy15-4j048/files/256_ObjectCategories.tar",
        page="https://data.caltech.edu/records/nyy15-4j048",
        sha256="08ff01b03c65566014ae88eb0490dbe4419fc7ac4de726ee1163e39fd809543e",
        limit=1_500_000_000,
        unpacked=1_500_000_000,
        files=40_000,
        note="Caltech-256 (Griffin, Holub, Perona 2007), CC BY 4.0, without the clutter class",
    ),
}
