"""Pairs that were made ahead (`prepare`): what is on disk, read and looked up.

::

    DATA/blind/KEY/about.json      one folder a picture; this file comes last
                   original.webp   lossless, as all of them
                   DIGEST.webp     a file of a codec, decoded

Whatever stands in a name here is the server's: browsers are sent pixels alone.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from leaderboard.store.engine import data_folder
from semcomp.files import write_file

ABOUT, ORIGINAL = "about.json", "original"
SUFFIX = ".webp"
FORMAT = 1
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Side:
    """A codec's file, decoded. stem: of the picture's name on disk. bytes: of the codec's file."""

    codec: str
    quality: float
    bytes: int
    stem: str


@dataclass(frozen=True)
class Pair:
    """Two files of a picture. rate: bits per pixel they stand for; 0 for a check.

    sides: in the order of their codecs' names.
    """

    picture: str
    rate: float
    sides: tuple[Side, Side]

    @property
    def codecs(self) -> tuple[str, str]:
        """Names of both codecs."""
        return self.sides[0].codec, self.sides[1].codec


@dataclass(frozen=True)
class PairedPicture:
    """A picture with its pairs.

    name: with its data set's. credit: whose it is and under what licence. tags: what people look
    for in it: "faces", "text". key: what decides the pairs. size: bytes on disk.
    """

    name: str
    width: int
    height: int
    credit: str
    tags: tuple[str, ...]
    pairs: tuple[Pair, ...]
    check: Pair
    key: str
    size: int

    def write(self, folder: Path) -> None:
        """Write `ABOUT`. Raises OSError."""
        write_file(folder / ABOUT, json.dumps({"format": FORMAT, **asdict(self)}).encode())

    @classmethod
    def read(cls, folder: Path) -> PairedPicture:
        """What `write` wrote. Raises OSError, ValueError, KeyError, TypeError."""
        data = json.loads((folder / ABOUT).read_bytes())
        if data.pop("format") != FORMAT:
            raise ValueError("made by another version")
        data["pairs"] = tuple(map(_pair, data["pairs"]))
        data["check"] = _pair(data["check"])
        data["tags"] = tuple(data["tags"])
        made = cls(**data)
        stems = {side.stem for pair in (*made.pairs, made.check) for side in pair.sides}
        for stem in (ORIGINAL, *stems):
            if not (folder / f"{stem}{SUFFIX}").is_file():
                raise ValueError(f"{stem}{SUFFIX} is missing")
        return made


def _pair(data: Mapping[str, Any]) -> Pair:
    first, second = (Side(**side) for side in data["sides"])
    return Pair(data["picture"], data["rate"], (first, second))


@dataclass(frozen=True, eq=False)
class Pairs:
    """All that was prepared. folders: where each picture is, by its name."""

    pictures: Mapping[str, PairedPicture]
    folders: Mapping[str, Path]
    by_codecs: Mapping[tuple[str, str], Sequence[Pair]]

    @property
    def codecs(self) -> list[str]:
        """Names of the codecs in pairs."""
        return sorted({name for pair in self.by_codecs for name in pair})

    def pixels(self, picture: str, stem: str = ORIGINAL) -> bytes:
        """A file of a picture. Raises OSError."""
        return (self.folders[picture] / f"{stem}{SUFFIX}").read_bytes()


def blind_folder() -> Path:
    """Where pairs are: beside the board's own database."""
    return data_folder() / "blind"


def load_pairs(folder: Path) -> Pairs:
    """The pairs of a folder, read again when it has changed; what is damaged is left out."""
    files = sorted(folder.glob(f"*/{ABOUT}"))
    return _load(tuple(files), tuple(_stamp(path) for path in files))


@lru_cache(maxsize=2)
def _load(files: tuple[Path, ...], _stamps: tuple[int, ...]) -> Pairs:
    pictures, folders = {}, {}
    by_codecs: defaultdict[tuple[str, str], list[Pair]] = defaultdict(list)
    for path in files:
        try:
            made = PairedPicture.read(path.parent)
        except (OSError, ValueError, KeyError, TypeError) as error:
            _LOG.warning("%s is left out (%s): make its pairs again", path.parent, error)
            continue
        pictures[made.name], folders[made.name] = made, path.parent
        for pair in made.pairs:
            by_codecs[pair.codecs].append(pair)
    return Pairs(pictures, folders, dict(by_codecs))


def _stamp(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:  # gone since it was listed
        return 0
