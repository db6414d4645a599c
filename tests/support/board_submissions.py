"""Submissions of all three kinds of a tiny data set, made by real codecs, and a board for them."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from leaderboard.codecs import CODECS
from leaderboard.data.datasets import Dataset
from leaderboard.data.results import Results, Row, write_results
from leaderboard.pages.access import Access
from leaderboard.pages.context import BoardContext
from leaderboard.store.database import Rates, Store, open_store
from leaderboard.submissions.shape import DatasetShape
from semcomp.metrics import psnr, ssim_map
from semcomp.pipeline import compress
from tests.support.sent_files import dataset_in, originals, png

TOKEN = "a token of some length"
CONTACT = "hidden.contact@example.org"
NOTES = "<img src=x onerror=\"document.title='owned'\"> & more"
JPEG, LEVELS = (20, 40, 60, 80), (1, 2, 4, 6)
"""Qualities of the pictures, levels of the `.semc` files."""


def method(name: str, **changes: Any) -> dict[str, Any]:
    """A method's description, as `Method.from_json` takes it."""
    return {
        "name": name,
        "authors": "A. Author & others",
        "link": "https://example.org/paper?a=1&b=2",
        "code": "",
        "licence": "MIT",
        "notes": NOTES,
        "contact": CONTACT,
        "side_information_bytes": 0,
        "model_bytes": None,
        "dataset": "tiny",
        **changes,
    }


@cache
def coded() -> dict[tuple[str, int], tuple[bytes, np.ndarray]]:
    """JPEG files of the pictures, and what they decode to, by picture and quality."""
    from PIL import Image

    jpeg, found = CODECS["jpeg"], {}
    for image, pixels in originals().items():
        for quality in JPEG:
            data = jpeg.encode(Image.fromarray(pixels), quality)
            found[image, quality] = data, np.asarray(jpeg.decode(data))
    return found


@cache
def rows() -> tuple[Row, ...]:
    """What `coded` is worth; MS-SSIM is not defined for pictures so small."""
    made = []
    for (image, quality), (data, decoded) in coded().items():
        pixels = originals()[image]
        bpp = round(8 * len(data) / (pixels.shape[0] * pixels.shape[1]), 6)
        scores = psnr(pixels, decoded), None, float(ssim_map(pixels, decoded).mean())
        made.append(Row(image, quality, len(data), bpp, *(None,) * 4, *scores, *(None,) * 4))
    return tuple(made)


def self_reported(extra: int = 0) -> bytes:
    """A CSV file. extra: bytes added to every size, for a file of its own."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", "quality", "bytes", "psnr", "ssim"])
    for row in rows():
        writer.writerow([row.image, row.quality, (row.bytes or 0) + extra, row.psnr, row.ssim])
    return text.getvalue().encode()


def recomputed() -> bytes:
    """A ZIP of reconstructions and bitstreams."""
    members = {}
    for (image, quality), (data, decoded) in coded().items():
        members[f"reconstructions/{quality}/{image}.png"] = png(decoded)
        members[f"bitstreams/{quality}/{image}.jpg"] = data
    return _zip(members)


@cache
def re_decoded() -> bytes:
    """A ZIP of `.semc` files."""
    return _zip(
        {
            f"{level}/{image}.semc": compress(pixels, level, "uniform", device="cpu").data
            for level in LEVELS
            for image, pixels in originals().items()
        }
    )


KINDS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "self-reported": ("results.csv", self_reported),
    "recomputed": ("pictures.zip", recomputed),
    "re-decoded": ("files.zip", re_decoded),
}
"""Names and contents of an upload of each kind."""


def upload(folder: Path, kind: str) -> Path:
    """An upload as a file."""
    name, made = KINDS[kind]
    path = folder / name
    path.write_bytes(made())
    return path


def results_folder(folder: Path) -> Path:
    """The repository's own results of the data set: JPEG as measured."""
    place = folder / "tiny"
    place.mkdir(parents=True, exist_ok=True)
    provenance = {"kind": "recomputed", "version": "jpeg 1.0", "settings": "of a test"}
    write_results(Results("jpeg", "JPEG", "tiny", rows(), provenance), place / "jpeg.json")
    return folder


@dataclass(frozen=True)
class Board:
    """A board of the data set for one app, and how to reach it from elsewhere."""

    url: str
    store: Store
    context: BoardContext


def open_board(folder: Path, url: str, **access: Any) -> Iterator[Board]:
    """A board whose maintainers have `TOKEN`."""
    data: Dataset = dataset_in(folder)
    store = open_store(url, rates=Rates(1000, 1000, 1000, 1000))
    context = BoardContext(
        lambda: store,
        Access(TOKEN, **access),
        {"tiny": DatasetShape.of(data)},
        lambda name: data,
    )
    yield Board(url, store, context)
    context.close()
    store.close()


def _zip(members: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return data.getvalue()
