"""Honest submissions of Kodak's first pictures, for tests to check as they are or to spoil."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from leaderboard.submissions.shape import DatasetShape
from semcomp.coding.bitstream import AllocationKind, Header, write
from semcomp.weights import load_model

KODAK = DatasetShape.kodak()
IMAGES = ("kodim01", "kodim02")
"""Both are 768x512."""
QUALITIES = (1, 2, 3, 4)
SIZE = KODAK.sizes["kodim01"]

METHOD: dict[str, Any] = {
    "name": "Wavelets & trees",
    "authors": "A. Author, Ö. Öther",
    "link": "https://example.org/paper",
    "code": "https://example.org/code",
    "licence": "MIT",
    "notes": "Trained on photographs.\nRates below 1 bpp.",
    "contact": "author@example.org",
    "side_information_bytes": 0,
    "model_bytes": 1000000,
    "dataset": "kodak",
}


def rows(images: Iterable[str] = IMAGES) -> list[dict[str, Any]]:
    """Rows as a codec of JPEG's kind has them: four qualities each, 0.2 to 1.6 bpp."""
    return [
        {
            "image": image,
            "quality": quality,
            "bytes": 5000 * 2**quality + 100 * index,
            "psnr": 26.0 + 2.5 * quality + 0.01 * index,
            "ms_ssim": 0.85 + 0.03 * quality - 0.001 * index,
        }
        for index, image in enumerate(images)
        for quality in QUALITIES
    ]


def with_value(column: str, value: Any, index: int = 0) -> list[dict[str, Any]]:
    """`rows` with one value changed; index: of the row."""
    changed = rows()
    changed[index][column] = value
    return changed


def csv_of(table: list[dict[str, Any]], **options: Any) -> str:
    """Rows as CSV; columns are those of all rows."""
    text = io.StringIO(newline="")
    columns = list(dict.fromkeys(column for row in table for column in row))
    writer = csv.DictWriter(text, columns, lineterminator="\n", **options)
    writer.writeheader()
    writer.writerows(table)
    return text.getvalue()


def json_of(table: list[dict[str, Any]], **others: Any) -> str:
    """Rows as this project's JSON."""
    columns = list(dict.fromkeys(column for row in table for column in row))
    lines = [[row.get(column) for column in columns] for row in table]
    return json.dumps({"name": "x", "images": {"columns": columns, "rows": lines}, **others})


def png(
    seed: str,
    size: tuple[int, int] = SIZE,
    depth: int = 8,
    colour: int = 2,
    extra: Mapping[bytes, bytes] | None = None,
    rows: int | None = None,
    colours: int = 256,
) -> bytes:
    """A striped PNG of a size, unlike those of other seeds.

    extra: further chunks by name. rows: that it has, if not as many as it says. colours: of its
    palette.
    """
    width, height = size
    row = width * depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour] // 8
    stripes = hashlib.sha256(seed.encode()).digest() * (row // 32 + 1)
    lines = (b"\0" + stripes[:row]) * (height if rows is None else rows)

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">L", len(data)) + name + data + struct.pack(">L", zlib.crc32(name + data))
        )

    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">2L5B", width, height, depth, colour, 0, 0, 0)),
            *([chunk(b"PLTE", bytes(range(colours)) * 3)] if colour == 3 else []),
            *(chunk(name, data) for name, data in (extra or {}).items()),
            chunk(b"IDAT", zlib.compress(lines, 9)),
            chunk(b"IEND", b""),
        ]
    )


def repacked(data: bytes) -> bytes:
    """The same pixels in a PNG of other bytes."""
    stream = io.BytesIO()
    with Image.open(io.BytesIO(data)) as picture:
        picture.save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def semc(seed: str, size: tuple[int, int] = SIZE, model_id: bytes | None = None) -> bytes:
    """A `.semc` file that parses; nobody can see what it shows."""
    width, height = size
    identity = load_model().model_id if model_id is None else model_id
    fields = (AllocationKind.UNIFORM, 200, 0, 2, 0, 0, 0, b"")
    return write(Header(identity, width, height, *fields), [seed.encode(), b"second"])


def pairs(images: Iterable[str] = IMAGES) -> dict[str, bytes]:
    """Members of an honest archive of reconstructions."""
    members = {}
    for image in images:
        for quality in QUALITIES:
            seed = f"{image} at {quality}"
            members[f"reconstructions/{quality}/{image}.png"] = png(seed, KODAK.sizes[image])
            members[f"bitstreams/{quality}/{image}.bin"] = seed.encode() * quality
    return members


def semcs(images: Iterable[str] = IMAGES) -> dict[str, bytes]:
    """Members of an honest archive of `.semc` files."""
    return {
        f"{quality}/{image}.semc": semc(f"{image} at {quality}", KODAK.sizes[image])
        for image in images
        for quality in QUALITIES
    }


def zip_of(
    members: Mapping[str, bytes] | Iterable[tuple[str | zipfile.ZipInfo, bytes]],
    method: int = zipfile.ZIP_DEFLATED,
) -> bytes:
    """An archive's bytes."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as archive:
        for name, content in members.items() if isinstance(members, Mapping) else members:
            archive.writestr(name, content)
    return data.getvalue()


def write_method(folder: Path, **changes: Any) -> Path:
    """A file that describes the method, with some fields changed."""
    path = folder / "method.json"
    path.write_text(json.dumps(METHOD | changes), encoding="utf-8")
    return path
