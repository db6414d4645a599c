"""A submission as it is accepted for review: what it is, of which method, and what it lacks.

::

    file ── CSV, JSON ── records ── reading ──────────────────── checks ── Results   self-reported
        └── ZIP ── archives ── layout ── payloads ── Points      (scored elsewhere)  recomputed,
                                                                                     re-decoded
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leaderboard.data.problems import describe, refusal
from leaderboard.data.results import Results
from leaderboard.data.rows import COLUMNS, Quality, parse_json

from . import archives
from .checks import missing_points, missing_scores
from .layout import Layout, find_layout
from .method import Method
from .payloads import Payloads, check_payloads
from .reading import read_records, read_text, to_results
from .shape import DatasetShape, UploadLimits

SELF_REPORTED, RECOMPUTED, RE_DECODED = "self-reported", "recomputed", "re-decoded"
KINDS = (SELF_REPORTED, RECOMPUTED, RE_DECODED)
"""A results file; a ZIP of pictures with their bitstreams; a ZIP of files that are decoded here."""


@dataclass(frozen=True)
class Point:
    """One picture at one quality in an archive.

    bitstream: its member's name; reconstruction: likewise, None where the bitstream is decoded
    here. Read them with `archives.read_member`.
    """

    image: str
    quality: Quality
    reconstruction: str | None
    bitstream: str


@dataclass(frozen=True)
class Inspected:
    """A submission without problems.

    kind: one of `KINDS`. digest: SHA-256 of the upload's bytes, in hex. results: of a
    self-reported submission, else None until it is scored. points: of an archive, sorted by
    picture and quality. format: of its files where they are decoded here (`scoring.formats`), else
    empty. incomplete: what is missing for a place in the ranking, in words.
    content: what the upload says however it is packed or formatted, in hex; empty where nobody
    worked it out, and then the digest counts. A ZIP packed anew with other times and another
    compression, a CSV saved as JSON, rows in another order, a PNG with other metadata have the
    same content. What the method is called is left out, so that results are on the board once,
    under one name.
    """

    kind: str
    method: Method
    digest: str
    results: Results | None = None
    points: tuple[Point, ...] = ()
    format: str = ""
    incomplete: tuple[str, ...] = ()
    content: str = ""

    def to_json(self) -> dict[str, Any]:
        """What programs are told of it, in JSON's types, under the names of `Entry.to_json`."""
        return {
            "kind": self.kind,
            "method": self.method.to_json(),
            "sha256": self.digest,
            "incomplete": list(self.incomplete),
        }


_TELLING = [name for name in COLUMNS if name not in ("encode_s", "decode_s")]
"""Columns that count for the content: the same results, timed again, are the same results."""
_CHUNK = 1 << 20
_METHOD_BYTES = 1 << 16
_FOREIGN = {
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
    b"\x1f\x8b": "a gzip file",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"%PDF": "a PDF document",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"SEMC": "a single .semc file",
    b"SQLite format 3": "a database",
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"#!": "a program",
    b"\x80\x04": "a Python pickle",
    b"<": "a web page or other markup",
}
_WANTED = "results as CSV or JSON, or a ZIP of pictures and bitstreams or of files to decode"


def inspect(
    path: Path,
    method: Method,
    dataset: DatasetShape,
    limits: UploadLimits = UploadLimits(),  # noqa: B008
) -> Inspected:
    """Read and check a submission; what kind it is follows from its contents, not from its name.

    No pixel is decoded: this takes a second for a full archive of Kodak's. Raises Rejected with
    every problem that was found.
    """
    if method.dataset != dataset.name:
        raise refusal("method dataset", describe(method.dataset), dataset.name)
    if _is_archive(path):
        with archives.open_archive(path, limits) as archive:
            layout = find_layout(archive.members, dataset, limits.qualities)
            files = check_payloads(archive, layout, dataset)
        kind = RE_DECODED if layout.format else RECOMPUTED
        return Inspected(
            kind=kind,
            method=method,
            digest=_digest(path),
            points=_points(layout, dataset),
            format=layout.format,
            incomplete=missing_points(layout.bitstreams, dataset),
            content=_content_of_files(kind, dataset.name, files),
        )
    results = to_results(read_records(read_text(path, limits), dataset, limits), method, dataset)
    missing = missing_points(((row.image, row.quality) for row in results.rows), dataset)
    return Inspected(
        kind=SELF_REPORTED,
        method=method,
        digest=_digest(path),
        results=results,
        incomplete=(*missing, *missing_scores(results.rows)),
        content=_content_of_results(results),
    )


def carried_description(path: Path) -> Any:
    """What a submission brings along for `Method.from_json`; None if it brings nothing.

    It is `method.json` in an archive, or the entry `method` of a JSON file. Raises Rejected for
    one that is no JSON, and for a file that cannot be read at all.
    """
    if _is_archive(path):
        with archives.open_archive(path) as archive:
            for member in archive.members:
                folder, _, name = member.name.rpartition("/")
                if name.casefold() == "method.json" and "/" not in folder:
                    data = archives.read_member(archive, member.name, _METHOD_BYTES)
                    return _parsed(data)
        return None
    text = read_text(path, UploadLimits())
    if text.lstrip()[:1] != "{":
        return None
    return parse_json(text).get("method")


def read_description(path: Path) -> Any:
    """What a JSON file says, for `Method.from_json`. Raises Rejected for one that is no JSON."""
    try:
        if path.exists() and not path.is_file():  # a pipe that nobody writes never ends
            raise OSError(f"{path} is no file")
        with path.open("rb") as stream:
            data = stream.read(_METHOD_BYTES + 1)
    except OSError as error:
        raise refusal(
            "method", f"no readable {path}", "a JSON file that describes the method"
        ) from error
    if len(data) > _METHOD_BYTES:
        raise refusal("method", "more than 64 KiB", "a short JSON file")
    return _parsed(data)


def _parsed(data: bytes) -> Any:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refusal("method", "no UTF-8 text", "JSON saved as UTF-8") from error
    return parse_json(text)


def _is_archive(path: Path) -> bool:
    """Whether a file is a ZIP. Raises Rejected if it is neither that nor text."""
    try:
        if path.exists() and not path.is_file():
            raise OSError("not a plain file")
        with path.open("rb") as stream:
            start = stream.read(16)
    except OSError as error:
        value = f"no readable file ({error.strerror or error})"
        raise refusal("file", value, _WANTED) from error
    if start.startswith(b"PK"):
        return True
    for magic, name in _FOREIGN.items():
        if start.startswith(magic):
            raise refusal("file", name, _WANTED)
    return False


def _points(layout: Layout, dataset: DatasetShape) -> tuple[Point, ...]:
    places = {image: index for index, image in enumerate(dataset.images)}
    points = []
    for image, quality in layout.bitstreams:
        picture = layout.reconstructions.get((image, quality))
        name = None if picture is None else picture.name
        points.append(Point(image, quality, name, layout.bitstreams[image, quality].name))
    return tuple(sorted(points, key=lambda p: (places[p.image], *_order(p.quality))))


def _order(quality: Quality) -> tuple[bool, float, str]:
    """Numbers ascending, then names."""
    text = isinstance(quality, str)
    return text, 0.0 if isinstance(quality, str) else quality, str(quality)


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        digest = hashlib.sha256()
        while piece := stream.read(_CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def _content_of_results(results: Results) -> str:
    rows = (tuple(_plain(getattr(row, name)) for name in _TELLING) for row in results.rows)
    return _content([("results", results.dataset), *rows])


def _content_of_files(kind: str, dataset: str, files: Payloads) -> str:
    members = [
        (part, image, _plain(quality), digest.hex())
        for part, digests in (("bitstream", files.bitstreams), ("picture", files.pictures))
        for (image, quality), digest in digests.items()
    ]
    return _content([(kind, dataset), *members])


def _content(items: Iterable[tuple[object, ...]]) -> str:
    lines = sorted(map(repr, items))
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()


def _plain(value: object) -> object:
    """30 and 30.0 are the same number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
