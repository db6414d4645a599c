"""Several pictures with the same settings: one row each, and all files in one ZIP."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from semcomp.demo.sessions.runs import Choice, Decode, decode_steps
from semcomp.demo.sessions.session import Session
from semcomp.demo.shared import work
from semcomp.demo.shared.downloads import plain
from semcomp.errors import BitstreamError, FormatError, ImageError, SemanticError, SizeError
from semcomp.formats.registry import WRITERS, largest_within, read
from semcomp.image import to_file

MOST = 24
"""Pictures in one batch."""
COLUMNS = [
    "picture",
    "width",
    "height",
    "bytes",
    "bits_per_pixel",
    "upload_bytes",
    "psnr_db",
    "ms_ssim",
    "si_ssim",
    "class",
    "probability",
    "format",
    "level",
    "allocation",
    "model",
    "problem",
]
"""Of `summary.csv`."""

_OF_ONE_PICTURE = (ImageError, SemanticError, BitstreamError, FormatError, SizeError, MemoryError)
"""Errors that say something about a picture, not about the settings."""
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class BatchSettings:
    """What is done with every picture of a batch.

    area: pixels larger pictures are reduced to; 0 for none. scores: decode every
    file and compare. pictures: put the decoded pictures into the ZIP. format: of the files; an
    ordinary one follows the same map in at most the bytes that a `.semc` of the level takes.
    """

    choice: Choice
    area: int
    scores: bool
    pictures: bool
    format: str = "semc"


@dataclass(frozen=True)
class Item:
    """One picture's outcome. files: name in the ZIP -> bytes; none if there was a problem."""

    row: dict[str, Any]
    files: dict[str, bytes]

    @property
    def problem(self) -> str:
        """Why this picture was left out; empty if it was not."""
        return str(self.row["problem"])


@dataclass
class Batch:
    """Uploads on their way: uploads as the page sends them, items as they are done."""

    uploads: Sequence[Any]
    settings: BatchSettings
    items: list[Item] = field(default_factory=list)
    stopped: bool = False

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return self.stopped or len(self.items) >= len(self.uploads)

    def step(
        self, progress: Progress = lambda done, total: None, decode: Decode = decode_steps
    ) -> None:
        """Compress the next picture. What is wrong with one picture stands in its row."""
        taken = {item.row["picture"] for item in self.items}
        upload = self.uploads[len(self.items)]
        self.items.append(compress_one(upload, self.settings, taken, progress, decode))


def compress_one(
    upload: Any,
    settings: BatchSettings,
    taken: Iterable[str] = (),
    progress: Progress = lambda d, t: None,
    decode: Decode = decode_steps,
) -> Item:
    """Compress one upload. taken: names that other pictures of the batch have."""
    name = _unused(plain(work.name_of(upload)), set(taken))
    row: dict[str, Any] = dict.fromkeys(COLUMNS, "")
    row |= {
        "picture": name,
        "level": settings.choice.level,
        "allocation": settings.choice.allocation,
        "format": settings.format,
    }
    try:
        picture, _ = work.read_picture(upload, max_area=settings.area)
        session = Session(picture, name)
        data, suffix = session.data(settings.choice), ".semc"
        seen = session.semantic_map(settings.choice)
        if settings.format != "semc":
            writer = WRITERS[settings.format]
            suffix, choice = writer.suffixes[0], settings.choice
            grey = None if choice.allocation == "uniform" else seen.grey
            _, data = largest_within(writer, picture, len(data), grey, choice.strength)
    except _OF_ONE_PICTURE as error:
        said = str(error) or "the picture is too large for this server"
        return Item({**row, "problem": said}, {})
    height, width = picture.shape[:2]
    row |= {
        "width": width,
        "height": height,
        "bytes": len(data),
        "bits_per_pixel": round(8 * len(data) / (width * height), 4),
        "upload_bytes": Path(work.path_of(upload)).stat().st_size,
        "class": seen.chosen[0].name,
        "probability": round(seen.chosen[0].probability, 4),
    }
    files = {f"{name}{suffix}": data}
    if suffix == ".semc":
        row["model"] = session.encoder.model.digest[:12]
    if settings.scores or settings.pictures:
        if suffix == ".semc":
            for done, total, _ in session.decode(settings.choice, decode):
                progress(done, total)
            decoded = session.finished(settings.choice).picture
        else:
            decoded = read(data)
        if settings.scores:
            row |= _scores(work.score(picture, decoded, seen))
        if settings.pictures:
            files[f"{name}.png"] = to_file(decoded)
    return Item(row, files)


def summary(items: Sequence[Item]) -> str:
    """The table as CSV. Cells that a spreadsheet would take for a formula get an apostrophe."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for item in items:
        writer.writerow([_cell(item.row[column]) for column in COLUMNS])
    return stream.getvalue()


def archive(items: Sequence[Item]) -> bytes:
    """The ZIP: every file, and the table as `summary.csv`."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:  # all of it is dense already
        for item in items:
            for name, data in item.files.items():
                archive.writestr(name, data)
        archive.writestr("summary.csv", summary(items), zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def _unused(name: str, taken: set[str]) -> str:
    """The name, or the name with the first number that is free; letter case does not count."""
    lower = {each.casefold() for each in taken} | {"summary"}
    free, number = name, 2
    while free.casefold() in lower:
        free, number = f"{name}-{number}", number + 1
    return free


def _scores(scores: dict[str, Any]) -> dict[str, Any]:
    """Scores for the table; empty where one is not defined."""

    def rounded(name: str, digits: int) -> Any:
        value = scores[name]
        return "" if value is None else round(value, digits)

    return {
        "psnr_db": rounded("psnr", 3),
        "ms_ssim": rounded("ms_ssim", 5),
        "si_ssim": rounded("si_ssim", 5),
    }


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in tuple("=+-@\t\r"):
        return f"'{value}"
    return value
