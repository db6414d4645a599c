"""A submission as it is accepted for review: what it is, of which method, and what it lacks."""

from __future__ import annotations

from dataclasses import dataclass

from ..results import Results
from ..rows import Quality
from .limits import Limits
from .method import Method
from .shape import DatasetShape

__all__ = ["KINDS", "DatasetShape", "Inspected", "Limits", "Method", "Point"]

SELF_REPORTED, RECOMPUTED, RE_DECODED = "self-reported", "recomputed", "re-decoded"
KINDS = (SELF_REPORTED, RECOMPUTED, RE_DECODED)
"""A results file; a ZIP of pictures with their bitstreams; a ZIP of `.semc` files."""


@dataclass(frozen=True)
class Point:
    """One picture at one quality in an archive.

    bitstream: its member's name; reconstruction: likewise, None where the bitstream is a `.semc`
    that is decoded here. Read them with `archives.read_member`.
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
    picture and quality. incomplete: what is missing for a place in the ranking, in words.
    """

    kind: str
    method: Method
    digest: str
    results: Results | None = None
    points: tuple[Point, ...] = ()
    incomplete: tuple[str, ...] = ()
