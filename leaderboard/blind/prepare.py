"""Pairs for the blind comparison, made ahead: real files of codecs at equal bytes, decoded.

Every codec's files near a rate are searched for; of two codecs those files are paired whose bytes
differ by at most `CLOSE`. A picture is done whole or not at all, so that a run that was stopped
goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leaderboard.codecs import CODECS, Codec, CodecError
from leaderboard.codecs.base import open_session
from leaderboard.data.datasets import CID22, KODAK, load_dataset, pixel_hash
from semcomp.errors import DatasetError
from semcomp.image import to_file
from semcomp.search import FileSearch
from semcomp.semantics.subjects import find_subjects

from .pairs import FORMAT, ORIGINAL, SUFFIX, Pair, PairedPicture, Side
from .ranks import CLEAR, POOR

Pixels = NDArray[np.uint8]
CLOSE = 0.02
"""By how much the larger file of a pair may exceed the smaller."""
BAND = 0.08
"""How far files may be from the rate they stand for: codecs with coarse steps need some room."""
CHECK_CODEC, CHECK_QUALITIES = "jpeg", {CLEAR: 92.0, POOR: 4.0}
SAMPLES = "samples"
ALL = (SAMPLES, KODAK, CID22)
_CREDITS = {
    "astronaut": "Eileen Collins, NASA: public domain",
    "coffee": "Rachel Michetti, Pikolo Espresso Bar: CC0",
    "cat": "Stefan van der Walt: CC0",
    "motorcycle": "Middlebury Stereo Benchmark 2014, as shipped with scikit-image",
}
_OFFICIAL = {
    KODAK: "Kodak Lossless True Color Image Suite: released by Kodak for unrestricted use",
    CID22: "Cloudinary Image Dataset '22, Sneyers et al. 2023: CC BY-SA 4.0",
}


@dataclass(frozen=True)
class Source:
    """A picture to make pairs of. name: with its data set's."""

    name: str
    credit: str
    load: Callable[[], Pixels]


def sources(
    names: Sequence[str],
    credit: str | None = None,
    left_out: Callable[[str], None] | None = None,
) -> Iterator[Source]:
    """The pictures of `samples`, `kodak`, `cid22`, and of folders whose `credit` is given.

    left_out: told of what is not at hand; None makes it an error. Raises DatasetError.
    """
    for name in names:
        try:
            yield from _samples() if name == SAMPLES else _dataset(name, credit)
        except DatasetError as error:
            if left_out is None:
                raise
            left_out(f"{name} is left out: {error}")


def _dataset(name: str, credit: str | None) -> Iterator[Source]:
    own = _OFFICIAL.get(name, credit)
    if not own:
        raise DatasetError(
            f"whose pictures are those of {name}, and under what licence? Say it with "
            "--credit: it is shown beside them"
        )
    dataset = load_dataset(name)
    for picture in dataset.pictures:
        yield Source(f"{dataset.name}/{picture.name}", own, picture.load)


def _samples() -> Iterator[Source]:
    try:
        import skimage.data
    except ImportError as error:
        raise DatasetError("the samples ship with scikit-image: pip install it") from error
    data: Any = skimage.data  # untyped
    loads: dict[str, Callable[[], Pixels]] = {
        "astronaut": data.astronaut,
        "coffee": data.coffee,
        "cat": data.chelsea,
        "motorcycle": lambda: data.stereo_motorcycle()[0],
    }
    for name, load in loads.items():
        yield Source(f"{SAMPLES}/{name}", _CREDITS[name], load)


def prepare(
    pictures: Iterable[Source],
    codecs: Sequence[str],
    folder: Path,
    *,
    rates: Sequence[float],
    most_bytes: int,
    report: Callable[[str], None],
) -> int:
    """Make what is missing of the pictures' pairs; returns how many pictures are there now.

    rates: bits per pixel. most_bytes: on disk, all pictures together; those that no longer fit are
    left out. Raises CodecError, DatasetError, OSError.
    """
    unknown = [name for name in codecs if name not in CODECS]
    if unknown or len(codecs) < 2:
        raise CodecError(f"pairs need two codecs or more of {', '.join(CODECS)}")
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob("*.partial"):  # by a run that was killed
        shutil.rmtree(left)
    versions = {name: CODECS[name].version for name in codecs}
    done = 0
    for source in pictures:
        pixels = source.load()
        said = [FORMAT, CLOSE, BAND, list(rates), versions, pixel_hash(pixels), source.credit]
        key = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
        place = folder / hashlib.sha256(source.name.encode()).hexdigest()[:16]
        try:
            if PairedPicture.read(place).key == key:
                done += 1
                continue
        except (OSError, ValueError, KeyError, TypeError):
            pass  # not there, or not whole
        partial = place.with_suffix(".partial")
        partial.mkdir()
        made = _make(source, pixels, codecs, rates, partial, key)
        others = sum(file.stat().st_size for file in folder.glob("*/*") if file.parent != place)
        if others > most_bytes:  # with the new one, without the one that it replaces
            shutil.rmtree(partial)
            report(f"{source.name} and what follows do not fit into {most_bytes / 1e6:,.0f} MB")
            break
        shutil.rmtree(place, ignore_errors=True)
        partial.rename(place)
        done += 1
        report(f"{source.name}: {len(made.pairs)} pairs, {made.size / 1e6:.1f} MB")
    return done


def _make(
    source: Source,
    pixels: Pixels,
    codecs: Sequence[str],
    rates: Sequence[float],
    folder: Path,
    key: str,
) -> PairedPicture:
    """Write a picture's files into its folder."""
    height, width = pixels.shape[:2]
    image = Image.fromarray(pixels)
    sizes = [round(rate * height * width / 8) for rate in rates]
    files = {name: _files_near(CODECS[name], image, sizes) for name in sorted(codecs)}
    chosen = _matched(files, sizes)
    kept: dict[str, Side] = {}

    def side(codec: str, at: float, data: bytes, label: str) -> Side:
        stem = hashlib.sha256(f"{codec} {at}".encode() + data).hexdigest()[:24]
        if stem not in kept:
            decoded = np.asarray(CODECS[codec].decode(data))
            _write(folder / f"{stem}{SUFFIX}", decoded)
            kept[stem] = Side(label, at, len(data), stem)
        return kept[stem]

    pairs = [
        Pair(
            source.name,
            rate,
            (side(a, *files[a][i][first], a), side(b, *files[b][i][second], b)),
        )
        for i, rate in enumerate(rates)
        for (a, b), (first, second) in chosen[i].items()
    ]
    clear, poor = (
        side(CHECK_CODEC, at, CODECS[CHECK_CODEC].encode(image, at), label)
        for label, at in CHECK_QUALITIES.items()
    )
    _write(folder / f"{ORIGINAL}{SUFFIX}", pixels)
    kinds = {subject.kind for subject in find_subjects(pixels)}
    made = PairedPicture(
        source.name,
        width,
        height,
        source.credit,
        tuple(tag for tag, kind in (("faces", "face"), ("text", "text")) if kind in kinds),
        tuple(pairs),
        Pair(source.name, 0.0, (clear, poor)),
        key,
        sum(file.stat().st_size for file in folder.iterdir()),
    )
    made.write(folder)
    return made


def _files_near(
    codec: Codec, image: Image.Image, sizes: Sequence[int]
) -> list[list[tuple[float, bytes]]]:
    """For every size the codec's files (quality, data) within `BAND` of it, perhaps none."""
    span = min(codec.qualities), max(codec.qualities), 1.0
    search = FileSearch(open_session(codec, image).encode, *getattr(codec, "search_range", span))
    steps = round(BAND / CLOSE)
    found: list[list[tuple[float, bytes]]] = []
    for size in sizes:
        near: dict[float, bytes] = {}
        for step in range(-steps, steps + 1):
            quality, data = search.around(round(size * (1 + CLOSE) ** step)).nearest
            if abs(len(data) / size - 1) <= BAND:
                near[quality] = data
        found.append(list(near.items()))
    return found


Matched = dict[tuple[str, str], tuple[int, int]]
"""Two codecs -> which of the files of each."""


def _matched(
    files: dict[str, list[list[tuple[float, bytes]]]], sizes: Sequence[int]
) -> list[Matched]:
    """For every size the pairs within `CLOSE`, with as few different files as may be."""
    matched: list[Matched] = []
    for i, size in enumerate(sizes):
        used: set[tuple[str, int]] = set()
        own: Matched = {}
        for a, b in combinations(files, 2):
            best: tuple[int, int, tuple[int, int]] | None = None
            for (m, (_, x)), (n, (_, y)) in product(enumerate(files[a][i]), enumerate(files[b][i])):
                if max(len(x), len(y)) <= (1 + CLOSE) * min(len(x), len(y)):
                    new = ((a, m) not in used) + ((b, n) not in used)
                    found = new, abs(len(x) + len(y) - 2 * size), (m, n)
                    best = found if best is None else min(best, found)
            if best is not None:
                own[a, b] = best[-1]
                used |= {(a, best[-1][0]), (b, best[-1][1])}
        matched.append(own)
    return matched


def _write(path: Path, pixels: Pixels) -> None:
    path.write_bytes(to_file(pixels, "WEBP", lossless=True, quality=40, method=4, exact=True))
