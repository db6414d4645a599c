"""The files of an archive by their parts and their hashes.

Of PNG files the chunks are read (W3C, PNG specification, third edition); their pixels, and those of
files in formats that the board decodes, are decoded in a bounded process, to be compared. What only
the originals can tell (noise, one of them in disguise) the scoring finds: its rows go through
`checks` again.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from leaderboard.data.problems import Problem, Rejected, describe, refusal
from leaderboard.data.rows import Quality
from leaderboard.scoring.formats import FORMATS, SEMC
from leaderboard.scoring.isolated import PICTURE, IsolatedDecoder, IsolatedError

from .archives import Archive, Member, read_member
from .layout import Layout
from .shape import DatasetShape, megabytes

_PNG = b"\x89PNG\r\n\x1a\n"
_COLOURS = {0: "grey", 2: "RGB", 3: "a palette", 4: "grey with transparency", 6: "transparency"}
_PLAIN = (0, 2, 3)
_IHDR = struct.Struct(">L4s2L5B")
_CHUNK = struct.Struct(">L4s")
_CRC = struct.Struct(">L")
_FULL_COLOUR = (2, 6)
"""PNG's colour types that keep every pixel as it is: RGB, and RGB with transparency."""
_ARCHIVES = (b"PK\x03\x04", b"7z\xbc\xaf\x27\x1c", b"Rar!", b"\xfd7zXZ\x00", b"\x1f\x8b\x08")
_LOSSLESS = {b"BM": "BMP", b"P6": "PPM", b"P3": "PPM", b"II*\0": "TIFF", b"MM\0*": "TIFF"}
_PNG_SLACK = 1 << 16
"""Bytes a PNG may need beyond its pixels: chunk headers, text, a colour profile."""


@dataclass(frozen=True)
class PngHeader:
    """What a PNG says of itself. depth: bits per channel. colour: the format's colour type."""

    width: int
    height: int
    depth: int
    colour: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width, self.height


@dataclass(frozen=True)
class Payloads:
    """Hashes of an archive's files, by picture and quality: of the bitstreams' bytes, and of the
    reconstructions' pixels."""

    bitstreams: Mapping[tuple[str, Quality], bytes]
    pictures: Mapping[tuple[str, Quality], bytes]


def check_payloads(archive: Archive, layout: Layout, shape: DatasetShape) -> Payloads:
    """Read and judge the files of an archive.

    Raises Rejected with what is wrong with them, in the order of pictures and qualities.
    """
    with IsolatedDecoder(layout.format or PICTURE) as decoder:
        return _checked(decoder, archive, layout, shape)


def _checked(
    decoder: IsolatedDecoder, archive: Archive, layout: Layout, shape: DatasetShape
) -> Payloads:
    problems: list[Problem] = []
    files: dict[tuple[str, Quality], bytes] = {}
    pictures: dict[tuple[str, Quality], bytes] = {}
    pixels: dict[tuple[str, Quality], bytes] = {}  # of what was decoded here
    for key in sorted(layout.bitstreams, key=lambda key: (key[0], str(key[1]))):
        image, quality = key
        size = shape.sizes[image]
        try:
            data = _read_bitstream(archive, layout.bitstreams[key], image, quality, size)
        except Rejected as error:
            problems += [replace(problem, image=image) for problem in error.problems]
        else:
            files[key] = hashlib.sha256(data).digest()
            if layout.format == SEMC:
                problems += _semc_problems(data, image, quality, size)
            elif layout.format:
                try:
                    pixels[key] = _pixel_digest(decoder, data, size)
                except IsolatedError as error:
                    expected = f"a whole {FORMATS[layout.format].name} file of this picture"
                    problems.append(
                        Problem(f"file at quality {quality}", image, str(error), expected)
                    )
            else:
                problems += _bitstream_problems(data, image, quality, size)
        if key not in layout.reconstructions:
            continue
        try:
            picture = _read_picture(archive, layout.reconstructions[key], image, size)
        except Rejected as error:
            problems += [replace(problem, image=image) for problem in error.problems]
            continue
        field = f"reconstruction at quality {quality}"
        wrong = [Problem(field, image, *both) for both in _png_problems(picture, size)]
        if not wrong:
            try:
                pictures[key] = _pixel_digest(decoder, picture, size)
            except IsolatedError as error:
                wrong = [Problem(field, image, str(error), "a whole PNG file")]
        problems += wrong
        if not wrong and hashlib.sha256(picture).digest() == files.get(key):
            own = "the reconstruction's own file"
            field = f"bitstream at quality {quality}"
            problems.append(Problem(field, image, own, "the compressed file"))
    problems += _same("bitstream", files, "bytes")
    problems += _same("reconstruction", pictures or pixels, "pixels")
    problems += _one_picture_per_file(files, pictures)
    if problems:
        raise Rejected(problems)
    return Payloads(files, pictures)


def _read_bitstream(
    archive: Archive, member: Member, image: str, quality: Quality, size: tuple[int, int]
) -> bytes:
    raw = 3 * size[0] * size[1]
    if not 0 < member.size < raw:
        expected = f"1 to {raw - 1} bytes ({raw} are the pixels as they are)"
        field = f"bitstream at quality {quality}"
        raise refusal(field, f"{member.size} bytes", expected, image)
    return read_member(archive, member.name, raw)


def _bitstream_problems(
    data: bytes, image: str, quality: Quality, size: tuple[int, int]
) -> Iterator[Problem]:
    field = f"bitstream at quality {quality}"
    expected = "the codec's own compressed file"
    if data.startswith(_ARCHIVES):
        yield Problem(field, image, "an archive", expected)
    elif (header := read_png_header(data)) is not None:
        if header.size == size and header.colour in _FULL_COLOUR:
            yield Problem(field, image, "the picture itself, without loss, as PNG", expected)
    else:
        for magic, name in _LOSSLESS.items():
            if data.startswith(magic):
                yield Problem(field, image, f"a {name} file, pixels as they are", expected)


def _read_picture(archive: Archive, member: Member, image: str, size: tuple[int, int]) -> bytes:
    width, height = size
    limit = (3 * width + 1) * height * 11 // 10 + _PNG_SLACK
    if member.size > limit:
        expected = f"at most {megabytes(limit)}, plenty for a PNG of {width}x{height} pixels"
        raise refusal(describe(member.name), megabytes(member.size), expected, image)
    return read_member(archive, member.name, limit)


def _semc_problems(
    data: bytes, image: str, quality: Quality, size: tuple[int, int]
) -> Iterator[Problem]:
    from semcomp.coding.bitstream import parse
    from semcomp.errors import BitstreamError, WeightsError
    from semcomp.weights import find_model

    field = f"file at quality {quality}"
    try:
        parsed = parse(data)
    except BitstreamError as error:
        yield Problem(field, image, str(error), "a whole .semc file")
        return
    header = parsed.header
    if (header.width, header.height) != size:
        expected = f"{size[0]}x{size[1]}, the picture's size"
        yield Problem(field, image, f"{header.width}x{header.height} pixels", expected)
    if not parsed.complete:
        value = f"{len(parsed.chunks)} of {header.iterations} iterations"
        yield Problem(field, image, value, "a file that was not cut short")
    try:
        find_model(header.model_id)
    except WeightsError:
        value = f"written with model {header.model_id.hex()}"
        yield Problem(field, image, value, "a file of a model that this board has")


def _same(
    what: str, digests: Mapping[tuple[str, Quality], bytes], content: str
) -> Iterator[Problem]:
    """Files that are the same for different pictures."""
    first: dict[bytes, tuple[str, Quality]] = {}
    for (image, quality), digest in digests.items():
        other, at = first.setdefault(digest, (image, quality))
        if other != image:
            value = f"the same {content} as {other}'s at quality {at}"
            yield Problem(f"{what} at quality {quality}", image, value, "a file of its own")


def _one_picture_per_file(
    bitstreams: Mapping[tuple[str, Quality], bytes],
    reconstructions: Mapping[tuple[str, Quality], bytes],
) -> Iterator[Problem]:
    """One file decodes to one picture."""
    decoded: dict[bytes, tuple[bytes, Quality]] = {}
    for key in bitstreams:
        if key not in reconstructions:
            continue
        image, quality = key
        packed, picture = bitstreams[key], reconstructions[key]
        field = f"bitstream at quality {quality}"
        known, at = decoded.setdefault(packed, (picture, quality))
        if known != picture:
            value = f"the same bytes as at quality {at}, but another reconstruction"
            yield Problem(field, image, value, "one reconstruction for one file")


def read_png_header(data: bytes) -> PngHeader | None:
    """The header of a PNG, or None for anything else."""
    if not data.startswith(_PNG) or len(data) < len(_PNG) + _IHDR.size:
        return None
    length, name, width, height, depth, colour, *_ = _IHDR.unpack_from(data, len(_PNG))
    return PngHeader(width, height, depth, colour) if name == b"IHDR" and length == 13 else None


def _png_problems(data: bytes, size: tuple[int, int]) -> Iterator[tuple[str, str]]:
    """What is wrong with a file that should be a plain 8-bit PNG of a size: (found, expected)."""
    header = read_png_header(data)
    if header is None:
        yield f"a start of {describe(data[:12])}", "a PNG file"
        return
    if header.size != size:
        expected = f"{size[0]}x{size[1]}, the picture's size"
        yield f"{header.width}x{header.height} pixels", expected
    names = set()
    whole = False
    for name, _, right in _chunks(data):
        if not right:
            yield f"a damaged PNG (part {describe(name.decode('latin-1'))})", "a whole PNG file"
            return
        names.add(name)
        whole = name == b"IEND"
    if not whole or b"IDAT" not in names:
        yield "a PNG that is cut short, or followed by something else", "a whole PNG file"
        return
    if header.depth != 8 or header.colour not in _PLAIN or b"tRNS" in names:
        colours = _COLOURS.get(header.colour, "unknown colours")
        colours = "transparent colours" if b"tRNS" in names else colours
        yield f"{header.depth} bits, {colours}", "8 bits per channel, RGB, no transparency"
    if b"acTL" in names:
        yield "an animation", "one picture"


def _pixel_digest(decoder: IsolatedDecoder, data: bytes, size: tuple[int, int]) -> bytes:
    """SHA-256 of a file's pixels, however they are packed. Raises IsolatedError."""
    return hashlib.sha256(decoder.open(data, *size).pixels.tobytes()).digest()


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """(name, content, whether its checksum is right) of the chunks that are whole, up to IEND.

    What follows IEND comes as a last chunk without a name.
    """
    at = len(_PNG)
    while at + _CHUNK.size + _CRC.size <= len(data):
        length, name = _CHUNK.unpack_from(data, at)
        start, end = at + _CHUNK.size, at + _CHUNK.size + length
        if end + _CRC.size > len(data):
            return
        content = data[start:end]
        (check,) = _CRC.unpack_from(data, end)
        yield name, content, check == zlib.crc32(content, zlib.crc32(name))
        at = end + _CRC.size
        if name == b"IEND":
            break
    if at < len(data):
        yield b"", data[at:], True
