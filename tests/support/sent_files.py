"""Uploads for the tests of scoring: two small pictures, their PNGs and `.semc` files."""

from __future__ import annotations

import hashlib
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from leaderboard.codecs import CODECS
from leaderboard.data.datasets import Dataset, load_dataset
from leaderboard.scoring.formats import FORMATS
from leaderboard.scoring.isolated import PICTURE, SEMC
from leaderboard.scoring.submitted import SentFile, SentPoint, Upload
from semcomp.pipeline import compress

Pixels = NDArray[np.uint8]


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


def sent(name: str, data: bytes) -> SentFile:
    """A file of an upload that is in memory."""
    return SentFile(name, partial(bytes, data))


def pictures_sent(steps: tuple[int, ...] = (48, 16, 4), side_bytes: int = 0) -> Upload:
    """Reconstructions of both pictures; the rate of step s is 40000 // s bytes."""
    points = []
    for name, pixels in originals().items():
        for step in steps:
            stream = name.encode() * (40000 // step // len(name))
            picture = sent(f"reconstructions/{step}/{name}.png", png(coarse(pixels, step)))
            file = sent(f"bitstreams/{step}/{name}.bin", stream)
            points.append(SentPoint(name, float(step), file, picture))
    return _upload(PICTURE, points, side_bytes)


def semc_sent(levels: tuple[int, ...] = (1, 3)) -> Upload:
    """`.semc` files of both pictures, every block at the same level."""
    points = []
    for name, pixels in originals().items():
        for level in levels:
            file = sent(f"{level}/{name}.semc", compress(pixels, level, "uniform").data)
            points.append(SentPoint(name, level, file, None))
    return _upload(SEMC, points)


def format_sent(format: str, qualities: tuple[float, ...] = (30, 60)) -> Upload:
    """Files of both pictures in a format of other codecs, by its codec of the benchmark."""
    suffix = FORMATS[format].suffixes[0]
    points = [
        SentPoint(name, q, sent(f"{q}/{name}.{suffix}", encoded(format, pixels, q)), None)
        for name, pixels in originals().items()
        for q in qualities
    ]
    return _upload(format, points)


def encoded(format: str, pixels: Pixels, quality: float = 30) -> bytes:
    """A picture's file by a codec of the benchmark."""
    return CODECS[format].encode(Image.fromarray(pixels), quality)


def _upload(kind: str, points: list[SentPoint], side_bytes: int = 0) -> Upload:
    digest = hashlib.sha256()
    for point in points:
        for file in (point.bitstream, point.reconstruction):
            digest.update(b"" if file is None else file.read())
    return Upload("A method", digest.hexdigest(), kind, tuple(points), side_bytes)
