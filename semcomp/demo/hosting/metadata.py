"""Removes what a photograph tells beside the picture: place, time, camera, names, previews.

JPEG, PNG and WebP are cut at their own seams: segments and chunks that hold metadata are left out
and the coded pixels are not touched. Colour profiles stay, and so does the one tag a picture cannot
do without, its orientation. Other formats are decoded and written anew as PNG.

Sources: JPEG, ITU-T T.81 annex B; PNG, W3C third edition, chapter 11; WebP, RFC 9649, section 2.7.
"""

import struct
import zlib
from io import BytesIO

from PIL import ExifTags, Image

from semcomp.errors import ImageError
from semcomp.image import load_image, to_file
from semcomp.picture_file import DECODER_ERRORS, open_picture

_PNG = b"\x89PNG\r\n\x1a\n"
# What a decoder needs; every other ancillary chunk is left out.
_PNG_KEPT = {
    *(b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT"),
    *(b"bKGD", b"pHYs", b"cICP", b"acTL", b"fcTL", b"fdAT"),
}
_WEBP_KEPT = {b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ICCP", b"ANIM", b"ANMF"}
# Markers with no length after them: TEM, RST0..7, SOI, EOI
_BARE = {0x01, *range(0xD0, 0xDA)}
_JPEG_METADATA = {0xE1, *range(0xE3, 0xEE), 0xEF, 0xFE}  # APP0, 2 and 14 say how to show the pixels


def stripped(data: bytes) -> bytes | None:
    """A picture's file without its metadata; None if it is no picture this program reads."""
    try:
        if data.startswith(b"\xff\xd8"):
            return _jpeg(data)
        if data.startswith(_PNG):
            return _png(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp(data)
    except (struct.error, IndexError):
        pass  # not as the standards have it; if a decoder can make something of it, so can we
    try:
        pixels = load_image(data)
    except ImageError:
        return None
    return to_file(pixels)


def _jpeg(data: bytes) -> bytes:
    """Segments up to the end of the first image; what stands behind it is metadata as well.

    Raises IndexError or struct.error for a file cut short.
    """
    kept = [b"\xff\xd8", _exif_segment(_orientation(data))]
    position = 2
    while data[position + 1] != 0xD9:  # EOI; a file without it is an IndexError
        if data[position] != 0xFF:
            raise IndexError(f"no marker at byte {position}")
        marker = data[position + 1]
        end = position + 2
        if marker == 0xFF:  # a fill byte
            end = position + 1
        elif marker not in _BARE:
            end += struct.unpack_from(">H", data, position + 2)[0]
        if marker == 0xDA:  # a scan: coded data follow, up to the next marker
            end = _scan_end(data, end)
        if marker not in _JPEG_METADATA:
            kept.append(data[position:end])
        position = end
    return b"".join([*kept, b"\xff\xd9"])


def _scan_end(data: bytes, position: int) -> int:
    """Where the next marker stands that is neither a stuffed byte nor a restart."""
    while (position := data.find(b"\xff", position)) >= 0 and position + 1 < len(data):
        follows = data[position + 1]
        if follows != 0 and not 0xD0 <= follows <= 0xD7 and follows != 0xFF:
            return position
        position += 1 if follows == 0xFF else 2
    return len(data)


def _png(data: bytes) -> bytes:
    kept, position = [_PNG], len(_PNG)
    while position < len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if kind in _PNG_KEPT:
            kept.append(data[position:end])
        if kind == b"IHDR" and (exif := _exif(_orientation(data))):
            body = b"eXIf" + exif
            kept.append(struct.pack(">I", len(exif)) + body + struct.pack(">I", zlib.crc32(body)))
        position = end
        if kind == b"IEND":
            break
    return b"".join(kept)


def _webp(data: bytes) -> bytes:
    chunks, position = [], 12
    exif = _exif(_orientation(data))
    while position + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, position)
        end = position + 8 + length + length % 2
        chunk = data[position:end]
        if kind == b"VP8X":  # its flags say whether EXIF (8) and XMP (4) follow
            flags = chunk[8] & ~0x0C | (0x08 if exif else 0)
            chunk = chunk[:8] + bytes([flags]) + chunk[9:]
        if kind in _WEBP_KEPT:
            chunks.append(chunk)
        position = end
    if exif:
        chunks.append(struct.pack("<4sI", b"EXIF", len(exif)) + exif + b"\0" * (len(exif) % 2))
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _orientation(data: bytes) -> int:
    """The EXIF orientation, 1 (upright) to 8; 1 where it is missing or unreadable."""
    try:
        with open_picture(BytesIO(data)) as picture:
            value = picture.getexif().get(ExifTags.Base.Orientation, 1)
    except (ImageError, *DECODER_ERRORS):
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _exif(orientation: int) -> bytes:
    """EXIF with the orientation alone; empty for an upright picture."""
    if orientation == 1:
        return b""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return exif.tobytes().removeprefix(b"Exif\0\0")


def _exif_segment(orientation: int) -> bytes:
    body = _exif(orientation)
    return b"\xff\xe1" + struct.pack(">H", len(body) + 8) + b"Exif\0\0" + body if body else b""
