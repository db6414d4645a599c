"""The container `.semc`: header, map section and one chunk of codes per iteration.

::

    offset  size
    0       4    magic b"SEMC"
    4       1    format version, 3
    5       4    model id: first bytes of the weights' SHA-256
    9       2    width in pixels, 1..65535          (all numbers are little endian)
    11      2    height in pixels, 1..65535
    13      1    allocation kind: 0 uniform, 1 proportional, 2 levels, 3 growing
    14      2    average level in hundredths, 10..2400
    16      1    floor: levels, 0..24, if proportional; percent, 0..100, if growing
    17      1    iterations: number of chunks, 0..24
    18      1    map height (0 unless proportional or growing)
    19      1    map width
    20      1    map step: grey values per quantised value of the map
    21      v    map section's length, a varint (LEB128)
    21+v    n    map section
    21+v+n  4    CRC-32 of everything before
    then for every iteration:
            v    payload's length, a varint
            n    payload
            2    low 16 bits of the CRC-32 of everything before, the check fields left out

The check of a chunk covers all before it, so a chunk passes at its own place in its own file only.
The check fields stay out of that sum because a CRC that has run over itself is a constant.
The codes of earlier versions were written otherwise (`EntropyCoder.decode`).
A file cut anywhere after the header still decodes to the iterations that are whole. A damaged
length that points past the end of the file cannot be told from a cut, and reads as one.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from enum import IntEnum
from typing import NamedTuple

from semcomp.errors import BitstreamError, DamagedIterationError
from semcomp.geometry import BITS, BLOCK, ITERATIONS, padded_size
from semcomp.networks.quantizer import MOST_ROUNDS

from .range_coder import most_bytes

MAGIC, VERSION, VERSIONS = b"SEMC", 3, (1, 2, 3)
"""What a file begins with; the format version that is written here, and those that are read."""

# What files of other kinds begin with: (offset, bytes, name).
_FOREIGN = (
    (0, b"\x89PNG", "a PNG picture"),
    (0, b"\xff\xd8\xff", "a JPEG picture"),
    (8, b"WEBP", "a WebP picture"),
    (0, b"GIF8", "a GIF picture"),
    (4, b"ftyp", "an AVIF or HEIF picture or an MP4 video"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"%PDF", "a PDF document"),
    (0, b"<", "a web page or other markup"),
)

_VARINT_LIMIT = 1 << 28  # the least number that 4 bytes of LEB128 have no room for
_FIXED = struct.Struct("<4sB4sHHBHBBBBB")
_CRC_SIZE, _CHECK_SIZE = 4, 2
DECISIONS_PER_VALUE = 24  # of the grid coder, at most


class AllocationKind(IntEnum):
    """Where the decoder takes the level of every block from; the value is the file's byte."""

    UNIFORM = 0
    """The average level alone; there is no map section."""
    PROPORTIONAL = 1
    """Algorithm 1 on the quantised map in the map section, above the floor that the file states."""
    LEVELS = 2
    """The map section holds the levels themselves."""
    GROWING = 3
    """As PROPORTIONAL, but the floor follows from the average level (`growing_levels`)."""

    @property
    def has_map(self) -> bool:
        """Whether the map section is a map."""
        return self in (AllocationKind.PROPORTIONAL, AllocationKind.GROWING)

    @property
    def word(self) -> str:
        """What people call it."""
        return "proportional" if self.has_map else self.name.lower()


@dataclass(frozen=True)
class Header:
    """Everything a file says before its codes; always consistent, else BitstreamError is raised.

    The fields stand in the file's order.

    model_id: 4 bytes. width, height: pixels, 1..65535. level_centi: average level in hundredths,
        10..2400. floor: levels each block gets first, 0..24, or in a growing file how many per
        cent of what grows with the level, 0..100. iterations: chunks that follow, 0..24.
    map_height, map_width: 1..255 values, and map_step: 1..255 grey values per quantised value,
        of the map in a proportional or growing file; 0 in the others.
    map_section: the grid coder's bytes for the map, or for the levels.
    """

    model_id: bytes
    width: int
    height: int
    allocation: AllocationKind
    level_centi: int
    floor: int
    iterations: int
    map_height: int
    map_width: int
    map_step: int
    map_section: bytes

    def __post_init__(self) -> None:
        if len(self.model_id) != 4:
            raise BitstreamError(f"a model id is 4 bytes, not {len(self.model_id)}")
        _check_range("width", self.width, 1, 65535)
        _check_range("height", self.height, 1, 65535)
        _check_range("average level in hundredths", self.level_centi, 10, 100 * ITERATIONS)
        _check_range("iterations", self.iterations, 0, ITERATIONS)
        smallest, largest = (1, 255) if self.allocation.has_map else (0, 0)
        kind = self.allocation.name.lower()
        highest = {AllocationKind.PROPORTIONAL: ITERATIONS, AllocationKind.GROWING: 100}
        _check_range(f"floor of a {kind} file", self.floor, 0, highest.get(self.allocation, 0))
        _check_range(f"map height of a {kind} file", self.map_height, smallest, largest)
        _check_range(f"map width of a {kind} file", self.map_width, smallest, largest)
        _check_range(f"map step of a {kind} file", self.map_step, smallest, largest)
        _check_range(f"map bytes of a {kind} file", len(self.map_section), 0, self.map_limit)

    @property
    def blocks(self) -> int:
        """8x8 blocks of the padded picture."""
        height, width = padded_size(self.height, self.width)
        return height // BLOCK * (width // BLOCK)

    @property
    def map_alphabet(self) -> int:
        """Values the quantised map can take, 2..256; 0 without a map."""
        return -(-256 // self.map_step) if self.map_step else 0

    @property
    def map_limit(self) -> int:
        """Largest possible map section in bytes."""
        if self.allocation == AllocationKind.UNIFORM:
            return 0
        levels = self.allocation == AllocationKind.LEVELS
        values = self.blocks if levels else self.map_height * self.map_width
        return min(most_bytes(values * DECISIONS_PER_VALUE), _VARINT_LIMIT - 1)

    @property
    def chunk_limit(self) -> int:
        """Largest possible payload of an iteration in bytes."""
        return min(most_bytes(self.blocks * BITS * MOST_ROUNDS), _VARINT_LIMIT - 1)


class Sizes(NamedTuple):
    """Where a file's bytes went; the four sum to its length.

    header: the fixed fields and the map section's length. map: the map section.
    codes: lengths and payloads of the chunks, and whatever follows the last chunk read.
    checks: the header's CRC-32 and the checks of the chunks read.
    """

    header: int
    map: int
    codes: int
    checks: int


@dataclass(frozen=True)
class Parsed:
    """What `parse` found.

    version: of the format. chunks: payloads of iterations 1, 2, ... as far as they were asked for
    and are whole.
    complete: False if the file was cut before the last iteration asked for.
    """

    version: int
    header: Header
    chunks: tuple[bytes, ...]
    complete: bool
    sizes: Sizes


def write(header: Header, chunks: Sequence[bytes]) -> bytes:
    """The bytes of a file. Raises BitstreamError unless `chunks` are `header.iterations` many."""
    if len(chunks) != header.iterations:
        raise BitstreamError(f"header promises {header.iterations} chunks, not {len(chunks)}")
    fixed = _FIXED.pack(MAGIC, VERSION, *astuple(header)[:-1])
    head = fixed + _varint(len(header.map_section)) + header.map_section
    crc = zlib.crc32(head)
    parts = [head, crc.to_bytes(_CRC_SIZE, "little")]
    for k, payload in enumerate(chunks, 1):
        _check_range(f"bytes of iteration {k}", len(payload), 0, header.chunk_limit)
        body = _varint(len(payload)) + payload
        crc = zlib.crc32(body, crc)
        parts += [body, _low16(crc)]
    return b"".join(parts)


def parse(data: bytes, *, iterations: int | None = None) -> Parsed:
    """Take a file apart, checking every byte it returns.

    iterations: read at most this many chunks and do not look at what follows them, for a file
        that is damaged further on. None reads all, and then nothing may follow the last one.
    A file cut after its header gives the chunks that are whole. Nothing is allocated from a size
    in the file before the bytes for it have been found to be there; the picture's size is the
    caller's to judge. Raises BitstreamError with the problem and its remedy.
    """
    header, position = _parse_header(data)
    wanted = header.iterations
    if iterations is not None:
        if iterations < 0:
            raise BitstreamError(f"cannot decode {iterations} iterations; ask for 0 or more")
        wanted = min(wanted, iterations)
    crc = zlib.crc32(data[: position - _CRC_SIZE])
    chunks: list[bytes] = []
    while len(chunks) < wanted:
        found = _parse_chunk(data, position, crc, header, len(chunks))
        if found is None:
            break
        payload, position, crc = found
        chunks.append(payload)
    if iterations is None and len(chunks) == header.iterations and position < len(data):
        raise DamagedIterationError(
            f"{len(data) - position} bytes follow the last iteration", header.iterations
        )
    checks, map_size = _CRC_SIZE + _CHECK_SIZE * len(chunks), len(header.map_section)
    head = _FIXED.size + len(_varint(map_size))
    sizes = Sizes(head, map_size, len(data) - head - map_size - checks, checks)
    return Parsed(data[len(MAGIC)], header, tuple(chunks), len(chunks) == wanted, sizes)


def truncate(data: bytes, iterations: int) -> bytes:
    """The first bytes of a file, up to the end of an iteration (0: the header only).

    The result is a plain prefix: its header still promises all iterations, and `parse` gives it
    as incomplete. Raises BitstreamError if the file does not hold that many whole iterations.
    """
    parsed = parse(data, iterations=iterations)
    if len(parsed.chunks) < iterations:
        raise BitstreamError(
            f"the file holds {len(parsed.chunks)} whole iterations: cut it at one of those,"
            f" not at {iterations}"
        )
    codes = sum(len(_varint(len(chunk))) + len(chunk) for chunk in parsed.chunks)
    sizes = parsed.sizes
    return data[: sizes.header + sizes.map + codes + sizes.checks]


def _parse_header(data: bytes) -> tuple[Header, int]:
    """The header, and where the chunks start."""
    if not data:
        raise BitstreamError("empty file: get the file again")
    if data[: len(MAGIC)] != MAGIC[: len(data)]:
        raise BitstreamError(f"not a .semc file{_guess(data)}: choose a file made by semcomp")
    if len(data) > len(MAGIC) and data[len(MAGIC)] not in VERSIONS:
        raise BitstreamError(
            f"format version {data[len(MAGIC)]}, but this semcomp reads versions up to {VERSION}:"
            " update semcomp"
        )
    if len(data) < _FIXED.size:
        raise _truncated(data)
    # Only the checksum can say that a length is right, so it comes before any other judgement.
    length = _read_varint(data, _FIXED.size)
    if length is None:
        raise _truncated(data)
    size, start = length
    end = start + size
    if size < 0:
        raise BitstreamError("damaged header (map length): get the file again")
    if end + _CRC_SIZE > len(data):
        raise _truncated(data)
    stored = int.from_bytes(data[end : end + _CRC_SIZE], "little")
    if zlib.crc32(data[:end]) != stored:
        raise BitstreamError("damaged header (checksum differs): get the file again")
    fields = [*_FIXED.unpack_from(data)[2:], data[start:end]]
    if fields[3] not in list(AllocationKind):
        raise BitstreamError(f"unknown allocation kind {fields[3]}: update semcomp")
    fields[3] = AllocationKind(fields[3])
    return Header(*fields), end + _CRC_SIZE


def _parse_chunk(
    data: bytes, position: int, crc: int, header: Header, done: int
) -> tuple[bytes, int, int] | None:
    """(payload, position after it, crc after it) of the chunk there; None if it is cut."""
    damaged = DamagedIterationError(f"iteration {done + 1} is damaged", done)
    length = _read_varint(data, position)
    if length is None:
        return None
    size, start = length
    if not 0 <= size <= header.chunk_limit:
        raise damaged
    end = start + size
    if end + _CHECK_SIZE > len(data):
        return None
    crc = zlib.crc32(data[position:end], crc)
    if _low16(crc) != data[end : end + _CHECK_SIZE]:
        raise damaged
    return data[start:end], end + _CHECK_SIZE, crc


def _low16(crc: int) -> bytes:
    return (crc & 0xFFFF).to_bytes(_CHECK_SIZE, "little")


def _check_range(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise BitstreamError(f"{name} is {value}; a .semc file can hold {low}..{high}")


def _truncated(data: bytes) -> BitstreamError:
    return BitstreamError(
        f"truncated header (the file ends after {len(data)} bytes): get the file again"
    )


def _guess(data: bytes) -> str:
    """What a foreign file looks like, as the end of a sentence."""
    for offset, signature, name in _FOREIGN:
        if data[offset : offset + len(signature)] == signature:
            return f" but {name}"
    return ""


def _varint(value: int) -> bytes:
    """LEB128 in its shortest form: 7 bits a byte, lowest first, a top bit on all but the last."""
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(data: bytes, position: int) -> tuple[int, int] | None:
    """(value, position after it); value -1 if it is malformed, None if the data end inside it."""
    value = 0
    for i in range(4):
        if position + i >= len(data):
            return None
        byte = data[position + i]
        value |= (byte & 127) << (7 * i)
        if byte < 128:
            # A last byte of 0 adds nothing: `_varint` would not have written it.
            return (-1 if i and not byte else value), position + i + 1
    return -1, position + 4
