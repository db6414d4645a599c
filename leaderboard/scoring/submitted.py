"""An uploaded archive as a codec of the benchmark: encoding looks the file up that was sent in.

So the benchmark's own workers and metrics score it, and nothing is measured twice in two ways.
Files are read from the archive when they are wanted. What is decoded is decoded in a bounded
process, see `leaderboard.scoring.isolated`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image

import semcomp
from leaderboard.codecs.base import CodecError, Seconds, read_pillow, write_pillow
from leaderboard.submissions.archives import open_archive, read_member
from leaderboard.submissions.inspection import Point
from semcomp.isolated import Limits

from .formats import FORMATS, SEMC, decoder_version
from .isolated import PICTURE, IsolatedDecoder, IsolatedError

LIMITS = {
    **dict.fromkeys((PICTURE, *FORMATS), Limits(memory=512 << 20, cpu_s=20.0, wall_s=90.0)),
    SEMC: Limits(memory=1 << 30, cpu_s=180.0, wall_s=600.0),
}
"""What decoding one file may take; a hundred times what an honest one of Kodak's size needs."""

MEMBER_BYTES = 64 << 20
"""Most that one file of an archive may have; a PNG of Kodak's size has 1 MB."""

_decoders: dict[str, IsolatedDecoder] = {}
"""The decoder of the upload at hand: no two submissions share a process."""


Read = Callable[[str], bytes]
"""Gives a file of an upload by its name, or raises OSError or ValueError; it is picklable."""


def read_sent(path: Path, name: str) -> bytes:
    """A file in an archive. Raises Rejected for a damaged archive, OSError where it is gone."""
    with open_archive(path) as archive:
        return read_member(archive, name, MEMBER_BYTES)


class Submitted:
    """The points of one picture; quality i is the i-th of them.

    digest: of the upload. kind: `PICTURE`, or the format that is decoded here.
    """

    name = "submitted"

    def __init__(self, digest: str, kind: str, points: Sequence[Point], read: Read) -> None:
        self.digest, self.kind, self.points, self.read = digest, kind, tuple(points), read
        self._sizes: dict[str, int] = {}
        self._wanted: tuple[bytes, tuple[int, int]] | None = None

    @property
    def version(self) -> str:
        """What decodes the files here."""
        if self.kind == PICTURE:
            return "files as submitted"
        own = self.kind == SEMC
        return f"semcomp {semcomp.__version__}" if own else decoder_version(self.kind)

    @property
    def settings(self) -> str:
        """See `Codec.settings`."""
        if self.kind == PICTURE:
            return "reconstructions as submitted"
        return f"{FORMATS[self.kind].name} files, decoded here"

    @property
    def qualities(self) -> Sequence[float]:
        """Places in `points`."""
        return range(len(self.points))

    def encode(self, image: Image.Image, quality: float) -> bytes:
        """A PNG of any picture: a worker's warm-up has no submitted file."""
        self._wanted = None
        return write_pillow(image, "PNG")

    def session(self, image: Image.Image) -> _Lookup:
        """See `leaderboard.codecs.base.Session`."""
        return _Lookup(self, image.size)

    def decode(self, data: bytes) -> Image.Image:
        """What was sent in as the decoding of the file that was looked up last.

        Raises IsolatedError where that is no picture of the right size.
        """
        if self._wanted is None:
            return read_pillow(data, "PNG")
        payload, (width, height) = self._wanted
        decoded = decoder_of(self).open(payload, width, height)
        self._sizes = decoded.sizes
        return Image.fromarray(decoded.pixels)

    def sizes(self, data: bytes) -> dict[str, int]:
        """Bytes of the parts of the `.semc` file decoded last; nothing for other files."""
        return self._sizes


class _Lookup:
    """A session that finds what was sent in for a picture."""

    correction = Seconds(0.0, 0.0)

    def __init__(self, codec: Submitted, size: tuple[int, int]) -> None:
        self._codec, self._size = codec, size

    def encode(self, quality: float) -> bytes:
        """The bitstream of a point. Raises CodecError, IsolatedError if it cannot be read."""
        point = self._codec.points[int(quality)]
        try:
            bitstream = self._codec.read(point.bitstream)
            picture = point.reconstruction
            payload = bitstream if picture is None else self._codec.read(picture)
        except OSError as error:
            raise CodecError(f"cannot read the upload: {error}") from error
        except ValueError as error:  # the archive is damaged there
            raise IsolatedError(str(error)) from error
        self._codec._wanted = payload, self._size
        return bitstream


def decoder_of(codec: Submitted) -> IsolatedDecoder:
    """The decoder of a codec's upload in this process; those of other uploads are closed."""
    key = f"{codec.digest} {codec.kind}"
    if key not in _decoders:
        close_decoders()
        _decoders[key] = IsolatedDecoder(codec.kind, LIMITS[codec.kind])
    return _decoders[key]


def close_decoders() -> None:
    """End the decoders of this process."""
    while _decoders:
        _decoders.popitem()[1].close()
