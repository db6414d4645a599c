"""Uploads for the tests of scoring: two small pictures, their PNGs and `.semc` files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from leaderboard.codecs import CODECS
from leaderboard.data.datasets import Dataset, load_dataset
from leaderboard.scoring.formats import FORMATS, SEMC
from leaderboard.scoring.isolated import PICTURE
from leaderboard.scoring.submitted import Read
from leaderboard.submissions.inspection import RE_DECODED, RECOMPUTED, Inspected, Point
from leaderboard.submissions.method import Method
from semcomp.pipeline import compress

Pixels = NDArray[np.uint8]


class Upload(NamedTuple):
    """What `rescore` is given of an upload."""

    inspected: Inspected
    read: Read


def originals() -> dict[str, Pixels]:
    """uint8 (96, 112, 3) each."""
    return {
        "cat": data.chelsea()[60:156, 120:232].copy(),
        "cup": data.coffee()[100:196, 200:312].copy(),
    }


def dataset_in(folder: Path) -> Dataset:
    """The pictures as a data set named `tiny`."""
    place = folder / "tiny"
    place.mkdir(parents=True, exist_ok=True)
    for name, pixels in originals().items():
        (place / f"{name}.png").write_bytes(png(pixels))
    return load_dataset(place)


def png(pixels: Pixels) -> bytes:
    """A PNG's bytes."""
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def coarse(pixels: Pixels, step: int) -> Pixels:
    """Pixels with fewer grey levels: a reconstruction that gets worse with the step."""
    rounded = (pixels.astype(np.int64) // step) * step + step // 2
    return np.clip(rounded, 0, 255).astype(np.uint8)


def pictures_sent(steps: tuple[int, ...] = (48, 16, 4), side_bytes: int = 0) -> Upload:
    """Reconstructions of both pictures; the rate of step s is 40000 // s bytes."""
    points, files = [], {}
    for name, pixels in originals().items():
        for step in steps:
            picture, file = f"reconstructions/{step}/{name}.png", f"bitstreams/{step}/{name}.bin"
            files[picture] = png(coarse(pixels, step))
            files[file] = name.encode() * (40000 // step // len(name))
            points.append(Point(name, float(step), picture, file))
    return upload_of_files(PICTURE, points, files, side_bytes)


def semc_sent(levels: tuple[int, ...] = (1, 3)) -> Upload:
    """`.semc` files of both pictures, every block at the same level."""
    files, points = {}, []
    for name, pixels in originals().items():
        for level in levels:
            file = f"{level}/{name}.semc"
            files[file] = compress(pixels, level, "uniform").data
            points.append(Point(name, level, None, file))
    return upload_of_files(SEMC, points, files)


def format_sent(format: str, qualities: tuple[float, ...] = (30, 60)) -> Upload:
    """Files of both pictures in a format of other codecs, by its codec of the benchmark."""
    suffix = FORMATS[format].suffixes[0]
    files, points = {}, []
    for name, pixels in originals().items():
        for quality in qualities:
            file = f"{quality}/{name}.{suffix}"
            files[file] = encoded(format, pixels, quality)
            points.append(Point(name, quality, None, file))
    return upload_of_files(format, points, files)


def encoded(format: str, pixels: Pixels, quality: float = 30) -> bytes:
    """A picture's file by a codec of the benchmark."""
    return CODECS[format].encode(Image.fromarray(pixels), quality)


def files_of(upload: Upload) -> dict[str, bytes]:
    """The files of an upload by their names."""
    names = [
        name for p in upload.inspected.points for name in (p.reconstruction, p.bitstream) if name
    ]
    return {name: upload.read(name) for name in names}


def upload_of_files(
    kind: str, points: Sequence[Point], files: Mapping[str, bytes], side_bytes: int = 0
) -> Upload:
    """An upload of files that are in memory, by their names."""
    digest = hashlib.sha256(b"".join(files.values())).hexdigest()
    inspected = Inspected(
        RECOMPUTED if kind == PICTURE else RE_DECODED,
        Method("A method", side_information_bytes=side_bytes),
        digest,
        points=tuple(points),
        format="" if kind == PICTURE else kind,
    )
    return Upload(inspected, dict(files).__getitem__)
