"""Container: golden bytes, round trips, every cut, every flipped bit, foreign and hostile files."""

from __future__ import annotations

import dataclasses
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semcomp.coding.bitstream import AllocationKind, Header, parse, truncate, write
from semcomp.errors import BitstreamError

GOLDEN = Path(__file__).parent / "golden"

SMALL = Header(
    model_id=b"\x01\x23\x45\x67",
    width=41,
    height=23,
    allocation=AllocationKind.PROPORTIONAL,
    level_centi=650,
    floor=3,
    iterations=4,
    map_height=1,
    map_width=2,
    map_step=8,
    map_section=b"map",
)
CHUNKS = [b"first", b"", bytes(range(24)), b"\x00\xff\x80"]
FILE = write(SMALL, CHUNKS)
HEADER_END = 21 + 1 + len(SMALL.map_section) + 4


def header_of(kind: AllocationKind, **fields: object) -> Header:
    """A valid header of a kind, with some fields replaced."""
    plain: dict[str, object] = {"allocation": kind}
    if not kind.has_map:
        plain.update(floor=0, map_height=0, map_width=0, map_step=0)
    if kind == AllocationKind.GROWING:
        plain["floor"] = 60
    if kind == AllocationKind.UNIFORM:
        plain["map_section"] = b""
    return dataclasses.replace(SMALL, **{**plain, **fields})  # type: ignore[arg-type]


def chunk_ends(header: Header, chunks: list[bytes]) -> list[int]:
    """Positions in the file after the header and after every chunk (payloads under 128 bytes)."""
    ends = [21 + 1 + len(header.map_section) + 4]
    for chunk in chunks:
        ends.append(ends[-1] + 1 + len(chunk) + 2)
    return ends


def patched(position: int, replacement: bytes) -> bytes:
    """FILE with header bytes replaced and the header's CRC-32 made right again."""
    data = bytearray(FILE)
    data[position : position + len(replacement)] = replacement
    data[HEADER_END - 4 : HEADER_END] = zlib.crc32(data[: HEADER_END - 4]).to_bytes(4, "little")
    return bytes(data)


FLOORS = {AllocationKind.PROPORTIONAL: 24, AllocationKind.GROWING: 100}


@st.composite
def files(draw: st.DrawFn) -> tuple[Header, list[bytes]]:
    kind = draw(st.sampled_from(AllocationKind))
    small = st.integers(1, 255) if kind.has_map else st.just(0)
    chunks = draw(st.lists(st.binary(max_size=80), max_size=24))
    header = Header(
        model_id=draw(st.binary(min_size=4, max_size=4)),
        width=draw(st.integers(1, 65535)),
        height=draw(st.integers(1, 65535)),
        allocation=kind,
        level_centi=draw(st.integers(10, 2400)),
        floor=draw(st.integers(0, FLOORS.get(kind, 0))),
        iterations=len(chunks),
        map_height=draw(small),
        map_width=draw(small),
        map_step=draw(small),
        map_section=b"" if kind == AllocationKind.UNIFORM else draw(st.binary(max_size=110)),
    )
    return header, chunks


@given(files())
@settings(max_examples=100, deadline=None)
def test_any_file_comes_back(case: tuple[Header, list[bytes]]) -> None:
    header, chunks = case
    data = write(header, chunks)
    parsed = parse(data)
    assert parsed.header == header
    assert parsed.chunks == tuple(chunks)
    assert parsed.complete
    assert sum(parsed.sizes) == len(data)
    assert parsed.sizes.header == 22
    assert parsed.sizes.map == len(header.map_section)
    assert parsed.sizes.codes == sum(map(len, chunks)) + len(chunks)
    assert parsed.sizes.checks == 4 + 2 * len(chunks)


@pytest.mark.parametrize("size", [0, 127, 128, 16383, 16384, 40000])
def test_lengths_of_every_varint_size(size: int) -> None:
    header = header_of(
        AllocationKind.LEVELS, width=2000, height=2000, iterations=1, map_section=bytes(size)
    )
    parsed = parse(write(header, [b"x" * size]))
    assert parsed.header == header
    assert parsed.chunks == (b"x" * size,)


@pytest.mark.parametrize("kind", list(AllocationKind))
def test_golden_bytes(kind: AllocationKind) -> None:
    """A change of these bytes is a new format: raise VERSION and keep reading the old one."""
    golden = (GOLDEN / f"container_{kind.name.lower()}.bin").read_bytes()
    header = header_of(kind)
    assert write(header, CHUNKS) == golden
    assert parse(golden).header == header
    assert parse(golden).chunks == tuple(CHUNKS)
    assert parse(golden).version == 3


@pytest.mark.parametrize("version", [1, 2])
def test_golden_bytes_of_earlier_versions(version: int) -> None:
    parsed = parse((GOLDEN / f"container_{version}.bin").read_bytes())
    assert parsed.version == version
    assert parsed.header == SMALL
    assert parsed.chunks == tuple(CHUNKS)


def test_layout_as_documented() -> None:
    assert FILE[:22] == (
        b"SEMC\x03\x01\x23\x45\x67" + b"\x29\x00\x17\x00\x01\x8a\x02\x03\x04\x01\x02\x08\x03"
    )
    assert FILE[22:25] == b"map"
    assert FILE[25:29] == zlib.crc32(FILE[:25]).to_bytes(4, "little")
    assert FILE[29:35] == b"\x05first"
    check = zlib.crc32(FILE[29:35], zlib.crc32(FILE[:25])) & 0xFFFF
    assert FILE[35:37] == check.to_bytes(2, "little")


def test_derived_header_values() -> None:
    assert SMALL.blocks == 6 * 4
    assert SMALL.map_alphabet == 32
    assert header_of(AllocationKind.PROPORTIONAL, map_step=255).map_alphabet == 2
    assert header_of(AllocationKind.UNIFORM).map_alphabet == 0


def test_every_cut() -> None:
    ends = chunk_ends(SMALL, CHUNKS)
    assert ends[-1] == len(FILE)
    for size in range(len(FILE)):
        data = FILE[:size]
        if size == 0:
            with pytest.raises(BitstreamError, match="empty file"):
                parse(data)
        elif size < ends[0]:
            with pytest.raises(BitstreamError, match=r"truncated header.*get the file again"):
                parse(data)
        else:
            parsed = parse(data)
            whole = sum(end <= size for end in ends[1:])
            assert parsed.chunks == tuple(CHUNKS[:whole])
            assert not parsed.complete
            assert parsed.header == SMALL
            assert sum(parsed.sizes) == size


def test_every_flipped_bit() -> None:
    ends = chunk_ends(SMALL, CHUNKS)
    cuts = 0
    for position in range(len(FILE)):
        for bit in range(8):
            data = bytearray(FILE)
            data[position] ^= 1 << bit
            if position < ends[0]:
                with pytest.raises(BitstreamError):
                    parse(bytes(data))
                continue
            damaged = next(k for k, end in enumerate(ends) if position < end)
            try:
                parsed = parse(bytes(data))
            except BitstreamError as error:
                assert f"iteration {damaged} is damaged" in str(error)
                assert f"first {damaged - 1} iterations" in str(error)
            else:
                # The documented case: a length that points past the end reads as a cut.
                cuts += 1
                assert position == ends[damaged - 1]
                assert not parsed.complete
                assert parsed.chunks == tuple(CHUNKS[: damaged - 1])
            undamaged = parse(bytes(data), iterations=damaged - 1)
            assert undamaged.chunks == tuple(CHUNKS[: damaged - 1])
    assert 0 < cuts <= 8 * len(CHUNKS)


def test_chunk_of_another_file_is_noticed() -> None:
    other = write(dataclasses.replace(SMALL, level_centi=651), CHUNKS)
    with pytest.raises(BitstreamError, match="iteration 1 is damaged"):
        parse(FILE[:HEADER_END] + other[HEADER_END:])


def test_chunks_in_another_order_are_noticed() -> None:
    header = dataclasses.replace(SMALL, iterations=2)
    data = write(header, [b"one", b"two"])
    swapped = data[:HEADER_END] + data[HEADER_END + 6 :] + data[HEADER_END : HEADER_END + 6]
    with pytest.raises(BitstreamError, match="iteration 1 is damaged"):
        parse(swapped)


def test_iterations_limit_what_is_looked_at() -> None:
    for k in range(5):
        parsed = parse(FILE + b"trailing", iterations=k)
        assert parsed.chunks == tuple(CHUNKS[:k])
        assert parsed.complete
        assert sum(parsed.sizes) == len(FILE) + 8
    assert parse(FILE, iterations=99).chunks == tuple(CHUNKS)
    assert not parse(FILE[:-1], iterations=99).complete
    with pytest.raises(BitstreamError, match="0 or more"):
        parse(FILE, iterations=-1)


def test_cut_gives_prefixes() -> None:
    ends = chunk_ends(SMALL, CHUNKS)
    for k, end in enumerate(ends):
        assert truncate(FILE, k) == FILE[:end]
    assert truncate(FILE[: ends[2]], 2) == FILE[: ends[2]]
    with pytest.raises(BitstreamError, match="2 whole iterations"):
        truncate(FILE[: ends[2]], 3)
    with pytest.raises(BitstreamError, match="4 whole iterations"):
        truncate(FILE, 5)


def test_trailing_bytes_are_refused() -> None:
    with pytest.raises(BitstreamError, match=r"3 bytes follow.*first 4 iterations"):
        parse(FILE + b"abc")


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"\xff\xd8\xff\xe0", "JPEG"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "WebP"),
        (b"PK\x03\x04", "ZIP"),
        (b"<!DOCTYPE html>", "web page"),
        (b"anything else", "not a .semc file: "),
        (b"\0", "not a .semc file: "),
    ],
)
def test_foreign_files_are_named(start: bytes, name: str) -> None:
    with pytest.raises(BitstreamError, match=name):
        parse(start + bytes(40))


def test_other_versions_say_to_update() -> None:
    for version in (b"\0", b"\x04"):
        with pytest.raises(BitstreamError, match=r"version [04].*up to 3.*update semcomp"):
            parse(FILE[:4] + version + FILE[5:])


@pytest.mark.parametrize(
    ("position", "replacement", "problem"),
    [
        (9, b"\0\0", "width is 0"),
        (11, b"\0\0", "height is 0"),
        (13, b"\x07", "allocation kind 7: update"),
        (13, b"\x00", "floor of a uniform file is 3"),
        (13, b"\x02", "floor of a levels file is 3"),
        (14, b"\x09\x00", "level in hundredths is 9"),
        (14, b"\x61\x09", "level in hundredths is 2401"),
        (16, b"\x19", "floor of a proportional file is 25"),
        (17, b"\x19", "iterations is 25"),
        (18, b"\0", "map height of a proportional file is 0"),
        (19, b"\0", "map width of a proportional file is 0"),
        (20, b"\0", "map step of a proportional file is 0"),
    ],
)
def test_impossible_fields_with_a_right_checksum(
    position: int, replacement: bytes, problem: str
) -> None:
    with pytest.raises(BitstreamError, match=problem):
        parse(patched(position, replacement))


@pytest.mark.parametrize(
    ("kind", "fields", "problem"),
    [
        (AllocationKind.UNIFORM, {"width": 65536}, "width is 65536"),
        (AllocationKind.UNIFORM, {"model_id": b"abc"}, "model id"),
        (AllocationKind.UNIFORM, {"map_section": b"x"}, "map bytes of a uniform file"),
        (AllocationKind.LEVELS, {"map_height": 1}, "map height of a levels file"),
        (AllocationKind.PROPORTIONAL, {"map_width": 256}, "map width"),
        (AllocationKind.PROPORTIONAL, {"map_section": bytes(999)}, "map bytes"),
    ],
)
def test_impossible_headers_cannot_be_made(
    kind: AllocationKind, fields: dict[str, object], problem: str
) -> None:
    with pytest.raises(BitstreamError, match=problem):
        header_of(kind, **fields)


def test_wrong_chunks_cannot_be_written() -> None:
    with pytest.raises(BitstreamError, match="4 chunks, not 3"):
        write(SMALL, CHUNKS[:3])
    with pytest.raises(BitstreamError, match="bytes of iteration 2"):
        write(SMALL, [b"", bytes(10000), b"", b""])


@pytest.mark.parametrize("length", [b"\xff\xff\xff\xff\x7f", b"\x80\x80\x80\x80", b"\x83\x00"])
def test_malformed_lengths(length: bytes) -> None:
    with pytest.raises(BitstreamError, match="map length"):
        parse(FILE[:21] + length + FILE[22:])
    with pytest.raises(BitstreamError, match="iteration 1 is damaged"):
        parse(FILE[:HEADER_END] + length + FILE[HEADER_END + 1 :])


def test_huge_lengths_allocate_nothing() -> None:
    huge = b"\xff\xff\xff\x7f"
    with pytest.raises(BitstreamError, match="truncated header"):
        parse(FILE[:21] + huge + FILE[22:])
    # More than 24 blocks could need: an error even though the file ends before it.
    with pytest.raises(BitstreamError, match="iteration 1 is damaged"):
        parse(FILE[:HEADER_END] + huge + FILE[HEADER_END + 1 :])
    giant = header_of(AllocationKind.LEVELS, width=65535, height=65535, iterations=1)
    data = write(giant, [b"x"])
    assert parse(data).header.blocks == 8192 * 8192
    assert not parse(data[: chunk_ends(giant, [])[0]] + huge).complete


@given(st.binary(max_size=60), st.booleans())
@settings(max_examples=200, deadline=None)
def test_any_bytes_parse_or_raise(tail: bytes, after_header: bool) -> None:
    data = (FILE[:HEADER_END] if after_header else b"SEMC\x01") + tail
    try:
        parsed = parse(data)
    except BitstreamError:
        return
    assert sum(parsed.sizes) == len(data)
