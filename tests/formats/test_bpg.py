"""BPG against its specification, and against files and pictures of the reference programs."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from semcomp.errors import FormatError
from semcomp.formats import bpg
from semcomp.formats.bpg import (
    MAGIC,
    BpgFile,
    BpgWriter,
    decode,
    decode_intra,
    encode_intra,
    encode_stream,
    x265_version,
)
from semcomp.formats.hevc.colour import to_planes, to_rgb
from semcomp.formats.hevc.headers import (
    CHROMA_420,
    CHROMA_444,
    PPS,
    START,
    BitReader,
    BitsError,
    BitWriter,
    SpsFields,
    read_ue7,
    sps_fields,
    units,
    write_ue7,
)
from tests import ROOT

BPGENC = SpsFields(3, 3, 2, 3, 2, True, True)
"""What bpgenc's x265 is set to, written in three bytes."""
BPGENC_PPS = bytes.fromhex("4401c1718312")
"""bpgenc's picture parameter set: sign hiding, one qp for all, rows decoded side by side, ..."""
SMALL = np.ascontiguousarray(data.chelsea()[60:140, 100:196])


def one(qp: int) -> np.ndarray:
    """One quantizer for all blocks."""
    return np.full((1, 1), qp)


def written(fields: SpsFields) -> bytes:
    bits = BitWriter()
    fields.write(bits)
    return bits.data()


def reference_files() -> list[Path]:
    """Files of bpgenc, each beside what bpgdec made of it."""
    named = os.environ.get("SEMCOMP_BPG_DIR")
    folder = Path(named) if named else ROOT.parent / "shared" / "data" / "bpg"
    return sorted(folder.glob("*.bpg"))


def test_reference_pictures() -> None:
    files = reference_files()
    if not files:
        pytest.skip("no reference files: set SEMCOMP_BPG_DIR to a folder of .bpg with their .png")
    for path in files:
        ours = decode(path.read_bytes()).astype(int)
        theirs = np.asarray(Image.open(path.with_suffix(".png")).convert("RGB")).astype(int)
        assert ours.shape == theirs.shape, path.name
        assert np.abs(ours - theirs).max() <= 1, path.name


def test_reference_headers_are_written_back() -> None:
    files = reference_files()
    if not files:
        pytest.skip("no reference files: set SEMCOMP_BPG_DIR to a folder of .bpg with their .png")
    for path in files:
        original = path.read_bytes()
        # bpgenc states a length of 0, one byte: until the end of the file.
        length = len(write_ue7(len(BpgFile.read(original).payload) + 4))
        rewritten = BpgFile.read(original).write()
        assert len(rewritten) == len(original) + length - 1
        assert BpgFile.read(rewritten) == BpgFile.read(original)
        assert rewritten[:6] == original[:6]


def test_hevc_header_of_bpgenc() -> None:
    assert SpsFields.read(BitReader(bytes.fromhex("924740"))) == BPGENC
    assert written(BPGENC) == bytes.fromhex("924740")


# The specification's own examples.
@pytest.mark.parametrize(("coded", "value"), [("08", 8), ("841e", 542), ("acbe17", 728855)])
def test_ue7_examples(coded: str, value: int) -> None:
    assert write_ue7(value) == bytes.fromhex(coded)
    assert read_ue7(b"\0" + bytes.fromhex(coded) + b"\1", 1) == (value, 1 + len(coded) // 2)


@given(st.integers(0, 2**32 - 1))
def test_ue7_and_ue_round_trip(value: int) -> None:
    assert read_ue7(write_ue7(value), 0)[0] == value
    bits = BitWriter()
    small = value >> 1
    bits.ue(small)
    bits.u(3, 5)
    reader = BitReader(bits.data())
    assert (reader.ue(), reader.u(3)) == (small, 5)


@pytest.mark.parametrize("coded", ["", "80", "8001", "81", "ffffffffff", "ffffffff7f"])
def test_bad_ue7(coded: str) -> None:
    with pytest.raises(BitsError):
        read_ue7(bytes.fromhex(coded), 0)


def test_bits_end() -> None:
    with pytest.raises(BitsError, match="too early"):
        BitReader(b"\0").ue()
    with pytest.raises(BitsError, match="impossible"):
        BitReader(bytes(8)).ue()


@pytest.mark.parametrize("extension", [None, 0, 0b100000001])
def test_fields_round_trip(extension: int | None) -> None:
    fields = replace(BPGENC, adaptive_offset=False, range_extension=extension)
    assert SpsFields.read(BitReader(written(fields))) == fields


@given(st.integers(1, 8000), st.integers(1, 8000), st.sampled_from([CHROMA_420, CHROMA_444]))
def test_parameter_sets_are_well_formed(width: int, height: int, chroma: int) -> None:
    stream = BPGENC.parameter_sets(BPGENC.padded(width), BPGENC.padded(height), chroma)
    found = units(stream)
    assert [kind for kind, _ in found] == [32, 33]
    for _, unit in found:
        assert not any(code in unit for code in (b"\0\0\0", b"\0\0\1", b"\0\0\2"))
    assert sps_fields(found[1][1]) == BPGENC


@pytest.mark.parametrize("chroma", [CHROMA_420, CHROMA_444])
def test_rebuilt_headers_decode_as_x265s_own(chroma: int) -> None:
    planes = to_planes(SMALL, chroma == CHROMA_420)
    whole = encode_stream(planes, chroma, one(30))
    decoder = av.CodecContext.create("hevc", "r")
    (frame,) = [*decoder.decode(av.Packet(whole)), *decoder.decode(None)]
    fields, payload = encode_intra(planes, chroma, one(30))
    # The slice's header depends on no field that BPG leaves out: an instant refresh.
    kinds = [kind for kind, _ in units(START + payload)]
    assert kinds[0] == 34 and set(kinds[1:]) <= {19, 20}
    ours = decode_intra(fields, payload, SMALL.shape[1], SMALL.shape[0], chroma)
    for plane, expected in zip(ours, frame.planes, strict=True):
        rows = np.frombuffer(bytes(expected), np.uint8).reshape(-1, expected.line_size)
        assert np.array_equal(plane, rows[:, : expected.width])


@pytest.mark.parametrize("chroma", [CHROMA_420, CHROMA_444])
def test_pictures_are_set_up_as_bpgencs(chroma: int) -> None:
    picture = np.ascontiguousarray(data.chelsea()[:136, :192])
    fields, payload = encode_intra(to_planes(picture, chroma == CHROMA_420), chroma, one(40))
    assert fields == BPGENC
    assert units(START + payload)[0] == (PPS, BPGENC_PPS)


def test_x265_prices_bits_as_told(monkeypatch: pytest.MonkeyPatch) -> None:
    planes = to_planes(SMALL, True)
    _, dear = encode_intra(planes, CHROMA_420, one(35))
    cheaper = [[value / 4 for value in row] for row in bpg.LAMBDAS]
    monkeypatch.setattr(bpg, "LAMBDAS", cheaper)
    _, cheap = encode_intra(planes, CHROMA_420, one(35))
    assert len(cheap) > 1.02 * len(dear)
    monkeypatch.undo()  # x265 keeps the last table it was told: every call must tell it
    assert encode_intra(planes, CHROMA_420, one(35))[1] == dear


def test_temporary_folder_of_any_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    planes = to_planes(SMALL, True)
    expected = encode_intra(planes, CHROMA_420, one(35))
    odd = tmp_path / "a:b 'c=d"
    odd.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(odd))
    assert encode_intra(planes, CHROMA_420, one(35)) == expected
    assert not list(odd.iterdir())
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(FormatError, match=r"x265 needs a file in .*missing"):
        encode_intra(planes, CHROMA_420, one(35))


def test_colour_there_and_back() -> None:
    back = to_rgb(*to_planes(SMALL, False)).astype(int)
    assert np.abs(back - SMALL).max() <= 2
    halved = to_rgb(*to_planes(SMALL, True)).astype(int)
    assert halved.shape == SMALL.shape
    assert np.abs(halved - SMALL).mean() < 2


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 1), (9, 6)])
@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 0, 255), (10, 200, 90), (255, 255, 255)])
def test_flat_colours_survive_filters(size: tuple[int, int], colour: tuple[int, int, int]) -> None:
    flat = np.full((*size, 3), colour, np.uint8)
    luma, blue, red = to_planes(flat, True)
    assert blue.shape == red.shape == (-(-size[0] // 2), -(-size[1] // 2))
    assert np.abs(to_rgb(luma, blue, red).astype(int) - flat).max() <= 2


def test_colours_are_jpegs() -> None:
    ours = np.stack(to_planes(SMALL, False), 2).astype(int)
    theirs = np.asarray(Image.fromarray(SMALL).convert("YCbCr")).astype(int)
    assert np.abs(ours - theirs).max() <= 1


def test_file_states_what_it_holds() -> None:
    file = bpg.encode(SMALL[:77, :91], one(36), CHROMA_444)
    assert file[:4] == MAGIC
    parsed = BpgFile.read(file)
    assert (parsed.width, parsed.height, parsed.chroma) == (91, 77, CHROMA_444)
    assert parsed.write() == file
    assert decode(file).shape == (77, 91, 3)


def changed(file: bytes, place: int, value: int) -> bytes:
    return file[:place] + bytes([value]) + file[place + 1 :]


def test_what_is_not_read_is_named() -> None:
    file = BpgWriter().write(SMALL, 10)
    for place, value in ((4, 0x30), (4, 0x22), (4, 0x40), (5, 0x10), (5, 0x01), (5, 0x02)):
        with pytest.raises(FormatError, match="only 8-bit YCbCr"):
            decode(changed(file, place, value))
    parsed = BpgFile.read(file)
    for width, height, problem in ((0, 5, "0x5"), (10**5, 10**5, "million")):
        with pytest.raises(FormatError, match=problem):
            decode(replace(parsed, width=width, height=height).write())
    # Fields that say something else than the slices, or something impossible.
    for fields in (replace(parsed.fields, min_coding_block=4), replace(BPGENC, transform_range=9)):
        with pytest.raises(FormatError, match="damaged"):
            decode(replace(parsed, fields=fields).write())
    with pytest.raises(FormatError, match="no picture data"):
        decode(replace(parsed, payload=b"").write())


def test_extensions_stand_where_the_specification_says() -> None:
    file = BpgWriter().write(SMALL, 10)
    start = 6 + len(write_ue7(SMALL.shape[1])) + len(write_ue7(SMALL.shape[0]))
    _, behind = read_ue7(file, start)
    extended = changed(file[:behind], 5, 0x08) + b"\4" + b"\1\2ab" + file[behind:]
    assert BpgWriter().write(SMALL, 10, exif=b"ab") == extended
    assert BpgFile.read(extended) == replace(BpgFile.read(file), extension=b"\1\2ab")


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (8, 8), (9, 40)])
def test_pictures_smaller_than_a_coding_tree(size: tuple[int, int]) -> None:
    file = BpgWriter().write(SMALL[: size[0], : size[1]], 40)
    assert np.abs(decode(file).astype(int) - SMALL[: size[0], : size[1]]).max() < 24


def test_x265_names_itself() -> None:
    assert x265_version().startswith("x265 (build ")
