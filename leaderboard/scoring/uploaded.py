"""An uploaded archive as what `rescore` scores: its points, whose files are read when wanted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from leaderboard.submissions.archives import open_archive, read_member
from leaderboard.submissions.inspection import Inspected
from leaderboard.submissions.shape import Limits

from .isolated import PICTURE, SEMC
from .rescore import Upload, UploadPoint
from .submitted import SentFile, SentPoint

MEMBER_BYTES = 64 << 20
"""Most that one file of an archive may have; a PNG of Kodak's size has 1 MB."""


@dataclass(frozen=True)
class ArchiveMember:
    """A file in an archive, read anew each time."""

    path: Path
    name: str

    def __call__(self) -> bytes:
        """Its bytes. Raises Rejected for a damaged archive, OSError where it is gone."""
        with open_archive(self.path, Limits()) as archive:
            return read_member(archive, self.name, MEMBER_BYTES)


def upload_of(path: Path, inspected: Inspected) -> Upload:
    """The upload of an archive that has been inspected.

    The side information that the submitter states belongs to every picture's rate; what is not
    stated counts as none, and the board shows that.
    """
    points = []
    for point in inspected.points:
        picture = None
        if point.reconstruction is not None:
            picture = SentFile(point.reconstruction, ArchiveMember(path, point.reconstruction))
        stream = SentFile(point.bitstream, ArchiveMember(path, point.bitstream))
        points.append(UploadPoint(point.image, point.quality, SentPoint(stream, picture)))
    kind = SEMC if all(p.reconstruction is None for p in inspected.points) else PICTURE
    side_bytes = inspected.method.side_information_bytes or 0
    return Upload(inspected.method.name, inspected.digest, kind, tuple(points), side_bytes)
