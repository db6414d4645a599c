"""What every codec of the benchmark offers, and the safe way in and out of Pillow."""

from __future__ import annotations

import struct
import time
import warnings
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any, NamedTuple, Protocol, runtime_checkable

from PIL import Image, UnidentifiedImageError

from semcomp.errors import ImageError, SemcompError
from semcomp.image import load_image
from semcomp.picture_file import MAX_PIXELS

# What Pillow's decoders raise on damaged files.
_DAMAGE = (
    *(OSError, SyntaxError, ValueError, TypeError, IndexError, EOFError, OverflowError),
    *(MemoryError, RuntimeError, struct.error),
)
_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)


class CodecError(SemcompError, ValueError):
    """A picture that cannot be encoded so, or a file that cannot be decoded."""


@runtime_checkable
class Codec(Protocol):
    """A codec as the benchmark sees it.

    A higher quality gives more bytes and a better picture, whatever the format calls it. The same
    picture and quality give the same bytes.
    """

    @property
    def name(self) -> str:
        """Key in `CODECS` and name of the results file."""

    @property
    def version(self) -> str:
        """The libraries that do the work, with their versions."""

    @property
    def settings(self) -> str:
        """What is fixed beside the quality, and what the quality means."""

    @property
    def qualities(self) -> Sequence[float]:
        """Qualities of the benchmark's points, ascending."""

    def encode(self, image: Image.Image, quality: float) -> bytes:
        """A picture of any mode as a file's bytes; transparency is laid on white.

        Raises CodecError for a quality outside the codec's range and for unusable pictures.
        """

    def decode(self, data: bytes) -> Image.Image:
        """The RGB picture of a file. Raises CodecError for a damaged, cut or foreign file."""


class Seconds(NamedTuple):
    """Time taken: of the processor, all threads together, and by the clock."""

    cpu: float
    wall: float

    @classmethod
    def now(cls) -> Seconds:
        """The present, to subtract an earlier one from."""
        return cls(time.process_time(), time.perf_counter())

    def __sub__(self, other: Seconds) -> Seconds:
        return Seconds(self.cpu - other.cpu, self.wall - other.wall)

    def __add__(self, other: Seconds) -> Seconds:  # type: ignore[override]
        return Seconds(self.cpu + other.cpu, self.wall + other.wall)

    def __mul__(self, factor: float) -> Seconds:  # type: ignore[override]
        return Seconds(self.cpu * factor, self.wall * factor)


class Session(Protocol):
    """One picture, encoded at many qualities to the bytes that `Codec.encode` gives.

    A codec may offer `session(image) -> Session` and do there once what does not depend on the
    quality.
    """

    @property
    def correction(self) -> Seconds:
        """What to add to the time of the last `encode` for that of an encoder on its own.

        Positive where it used what an earlier call had made, negative where it made more than it
        needed.
        """

    def encode(self, quality: float) -> bytes:
        """See `Codec.encode`."""


class _Plain:
    """A session of a codec that shares nothing."""

    correction = Seconds(0.0, 0.0)

    def __init__(self, codec: Codec, image: Image.Image) -> None:
        self.codec, self.image = codec, image

    def encode(self, quality: float) -> bytes:
        """See `Codec.encode`."""
        return self.codec.encode(self.image, quality)


def open_session(codec: Codec, image: Image.Image) -> Session:
    """The codec's own session with a picture if it offers one."""
    own: Callable[[Image.Image], Session] | None = getattr(codec, "session", None)
    return _Plain(codec, image) if own is None else own(image)


def rgb(image: Image.Image) -> Image.Image:
    """A picture of any mode as RGB of 8 bits, upright, transparency on white."""
    try:
        return Image.fromarray(load_image(image))
    except ImageError as error:
        raise CodecError(str(error)) from error


def whole_quality(name: str, quality: float, low: int, high: int) -> int:
    """The quality as an integer in low..high. Raises CodecError for anything else."""
    if not (low <= quality <= high and quality == int(quality)):  # NaN fails the first
        raise CodecError(f"{name} takes whole qualities from {low} to {high}, not {quality}")
    return int(quality)


def check_data(name: str, data: bytes) -> None:
    """Raise CodecError where there is nothing to decode."""
    if not data:
        raise CodecError(f"the {name} file is empty: encode the picture again")


def check_size(width: int, height: int) -> None:
    """Raise CodecError for sizes that no picture of the benchmark has."""
    if width < 1 or height < 1:
        raise CodecError(f"the file declares a picture of {width}x{height} pixels")
    if width * height > MAX_PIXELS:
        raise CodecError(
            f"the file declares {width}x{height} pixels, more than {MAX_PIXELS // 10**6} million: "
            "refused"
        )


def write_pillow(image: Image.Image, format: str, **options: Any) -> bytes:
    """A picture as the bytes of a file of one of Pillow's formats, without metadata."""
    stream = BytesIO()
    try:
        rgb(image).save(stream, format, **options)
    except _DAMAGE as error:
        raise CodecError(f"{format} cannot encode this picture: {error}") from error
    return stream.getvalue()


def read_pillow(data: bytes, format: str) -> Image.Image:
    """The RGB picture of a file of one of Pillow's formats, and of no other."""
    check_data(format, data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(BytesIO(data), formats=[format]) as picture:
                check_size(*picture.size)
                picture.load()
                return picture.convert("RGB")
    except CodecError:
        raise
    except UnidentifiedImageError as error:
        raise CodecError(
            f"this is no {format} file, or its beginning is damaged: encode the picture again"
        ) from error
    except _BOMBS as error:
        raise CodecError(f"the {format} file declares too large a picture: {error}") from error
    except _DAMAGE as error:
        reason = str(error).split("\n")[0].split(". ")[0]  # libjxl's goes on about its own build
        raise CodecError(f"the {format} file is damaged or cut short: {reason}") from error
