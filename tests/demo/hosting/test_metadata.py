"""Tests of what visitors' pictures lose on the way in: places, comments, whatever is no pixel."""

from __future__ import annotations

import os
import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, PngImagePlugin

from semcomp.demo.hosting import metadata, pictures
from semcomp.errors import ImageError
from semcomp.image import load_image
from tests.support.pictures import RGB, encoded, two_compressions

SECRET = b"52 deg 31 min north, by a camera of somebody"


def photograph(kind: str, orientation: int, **options: Any) -> bytes:
    """A picture 48 × 32 with a place and a comment in its metadata."""
    pixels = np.arange(32 * 48 * 3, dtype=np.uint32).reshape(32, 48, 3) % 251
    picture = Image.fromarray(pixels.astype(np.uint8))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.ImageDescription] = SECRET.decode()
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    stream = BytesIO()
    picture.save(stream, kind, exif=exif.tobytes(), **options)
    return stream.getvalue()


@pytest.mark.parametrize("orientation", [1, 3, 6])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"comment": SECRET}),
        ("JPEG", {"progressive": True, "icc_profile": b"profile " * 9}),
        ("PNG", {}),
        ("WEBP", {"lossless": True, "xmp": SECRET}),
        ("WEBP", {"quality": 60}),
        ("TIFF", {}),
    ],
)
def test_metadata_goes_and_the_pixels_stay(
    kind: str, options: dict[str, Any], orientation: int
) -> None:
    data = photograph(kind, orientation, **options)
    assert SECRET in data
    clean = metadata.stripped(data)
    assert clean is not None and SECRET not in clean
    np.testing.assert_array_equal(load_image(clean), load_image(data))
    with Image.open(BytesIO(clean)) as picture:
        assert not picture.getexif().get_ifd(ExifTags.IFD.GPSInfo)
        assert picture.info.get("icc_profile") == options.get("icc_profile")
    assert metadata.stripped(clean) == clean


def test_what_follows_a_jpeg_goes_too() -> None:
    first = photograph("JPEG", 1)
    clean = metadata.stripped(first + b"a film of the moment " + SECRET)
    assert clean is not None and b"film" not in clean
    np.testing.assert_array_equal(load_image(clean), load_image(first))


def test_texts_in_a_png_go() -> None:
    plain = photograph("PNG", 1)
    body = b"tEXtAuthor\0" + SECRET
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    clean = metadata.stripped(plain[:33] + chunk + plain[33:])
    assert clean is not None and SECRET not in clean


@pytest.mark.parametrize("data", [b"", b"SEMC file", b"\xff\xd8", b"\xff\xd8\xff\xe1\xff", b"RIFF"])
def test_what_is_no_picture_stays(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    pictures.strip_all([path, tmp_path / "missing"])
    assert path.read_bytes() == data


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_cut_short_is_not_mended(kind: str) -> None:
    whole = photograph(kind, 1)
    cut = whole[: len(whole) // 2]  # within the pixels
    clean = metadata.stripped(cut)
    with pytest.raises(ImageError):
        load_image(cut)
    with pytest.raises(ImageError):
        load_image(cut if clean is None else clean)


def test_a_picture_that_decodes_to_memory_is_not_written_anew() -> None:
    fax = encoded(Image.fromarray(RGB).convert("1"), "TIFF", compression="group4")
    for data in (fax, two_compressions()):
        assert metadata.stripped(data) is None


def test_the_orientation_of_a_huge_picture_is_not_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Pillow decodes a whole PNG to find its EXIF."""
    data = bytearray(encoded(Image.fromarray(RGB)))
    data[16:24] = struct.pack(">II", 13_000, 13_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", lambda _: pytest.fail("decoded"))
    metadata.stripped(bytes(data))


def test_a_picture_with_garbage_between_its_parts_is_written_anew() -> None:
    data = photograph("JPEG", 6)
    seam = data.index(b"\xff\xdb")
    odd = data[:seam] + b"garbage" + data[seam:]
    clean = metadata.stripped(odd)
    assert clean is not None and SECRET not in clean
    np.testing.assert_array_equal(load_image(clean), load_image(data))


@settings(deadline=None)
@given(
    st.binary(max_size=200), st.sampled_from([b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"RIFF    WEBP"])
)
def test_damaged_files_are_no_trouble(data: bytes, start: bytes) -> None:
    metadata.stripped(start + data)


def test_a_file_keeps_its_rights(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(photograph("JPEG", 6))
    path.chmod(0o640)
    pictures.strip(path)
    assert SECRET not in path.read_bytes() and path.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["photo.jpg"]
