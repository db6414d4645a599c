"""Tests of the formats that packages beside Pillow read: HEIC of phones, JPEG XL."""

from __future__ import annotations

import struct
import sys
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from semcomp.demo.hosting.metadata import stripped
from semcomp.demo.shared import work
from semcomp.errors import ImageError
from semcomp.image import load_image, to_file
from semcomp.jxl import read_header

pillow_heif = pytest.importorskip("pillow_heif", exc_type=ImportError)
pytest.importorskip("pillow_jxl", exc_type=ImportError)
pillow_heif.register_heif_opener()

FACE = np.asarray(Image.fromarray(work.samples()["astronaut"]).resize((96, 64)))


def jxl(picture: np.ndarray | Image.Image, **options: Any) -> bytes:
    return to_file(picture, "JXL", **options)


def heic(picture: np.ndarray, tile: int = 0, **options: Any) -> bytes:
    """tile: side of the squares that the picture is cut into, as phones do; 0: none."""
    return to_file(picture, "HEIF", quality=90, chroma=444, tile_size=tile, **options)


def turned(orientation: int = 6) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes().removeprefix(b"Exif\0\0")


def near(picture: np.ndarray, wanted: np.ndarray) -> bool:
    return picture.shape == wanted.shape and abs(picture.astype(int) - wanted).mean() < 5


@pytest.mark.parametrize("tile", [0, 64])
def test_heic_is_what_was_written(tile: int) -> None:
    said: list[str] = []
    data = heic(FACE, tile)
    assert (b"grid" in data) is bool(tile)
    assert near(load_image(data, told=said.append), FACE)
    assert said == []  # tiles are no pictures
    odd = FACE[:61, :93]
    assert near(load_image(heic(odd, tile)), odd)
    several = pillow_heif.from_pillow(Image.fromarray(FACE))
    several.add_from_pillow(Image.fromarray(255 - FACE))
    stream = BytesIO()
    several.save(stream, quality=90)
    assert near(load_image(stream.getvalue(), told=said.append), FACE)
    assert said == ["The file holds several pictures: the first was taken."]


def test_heic_is_turned_once() -> None:
    # the writer puts the orientation where it counts, and EXIF stays beside it
    data = heic(FACE, 64, exif=turned())
    assert b"irot" in data and b"Exif" in data
    assert near(load_image(data), np.rot90(FACE, -1))
    clean = stripped(data)
    assert clean is not None and near(load_image(clean), np.rot90(FACE, -1))


def test_deep_grey_heic_is_scaled() -> None:
    deep = FACE[..., 1].astype(np.uint16) * 257
    data = to_file(Image.fromarray(deep), "HEIF", quality=95)
    assert near(load_image(data)[..., 0], FACE[..., 1])


def test_a_huge_heic_is_refused_before_it_is_decoded() -> None:
    data = heic(FACE, 64)
    bomb = data.replace(struct.pack(">2I", 96, 64), struct.pack(">2I", 9600, 6400))
    assert bomb != data
    with pytest.raises(ImageError, match="9600 x 6400"):
        load_image(bomb)


def test_an_old_libheif_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pillow_heif, "libheif_version", lambda: "1.23.0")
    with pytest.raises(ImageError, match="--upgrade pillow-heif"):
        load_image(heic(FACE))


@pytest.mark.parametrize("container", [False, True])
def test_jxl_is_what_was_written(container: bool) -> None:
    said: list[str] = []
    data = jxl(FACE, lossless=True, use_container=container)
    np.testing.assert_array_equal(load_image(data, told=said.append), FACE)
    assert said == []
    grey = FACE[..., 1]
    np.testing.assert_array_equal(load_image(jxl(grey, lossless=True))[..., 0], grey)
    clear = Image.fromarray(FACE).convert("RGBA")
    clear.putpixel((0, 0), (0, 0, 0, 0))
    load_image(jxl(clear, lossless=True), told=said.append)
    assert said == ["Transparent places were laid on white."]


def test_the_orientation_of_jxl_is_its_own() -> None:
    # 18181-1: a decoder turns the pixels; what EXIF says beside them is of before
    data = jxl(FACE, lossless=True, use_container=True, exif=turned())
    np.testing.assert_array_equal(load_image(data), FACE)


@pytest.mark.parametrize("size", [(203, 117), (8, 8), (256, 256), (64, 48), (96, 54), (600, 10)])
def test_size_of_jxl_is_read_before_decoding(size: tuple[int, int]) -> None:
    picture = Image.fromarray(FACE).resize(size)
    for container in (False, True):
        assert read_header(jxl(picture, use_container=container)) == (*size, False)
    with pytest.raises(ImageError, match="more than the 60 allowed"):
        load_image(jxl(picture), max_pixels=60)


def test_jxl_of_several_pictures_is_refused() -> None:
    """Its plugin would give the last one."""

    def codestream(*fields: tuple[int, int]) -> bytes:
        """Values of so many bits each, the lowest first."""
        bits = at = 0
        for value, count in ((1, 1), (0, 5), (1, 3), *fields):  # 8x8 pixels
            bits, at = bits | value << at, at + count
        return b"\xff\x0a" + bits.to_bytes(30, "little")

    usual, extra = ((0, 1), (1, 1), (5, 3)), (1, 1)  # more than defaults, orientation 6
    intrinsic = ((1, 1), (1, 1), (3, 5), (1, 3))
    for shown in (((0, 1),), intrinsic):
        assert read_header(codestream(*usual, *shown, (0, 1), (0, 1), (1, 1))) == (8, 8, False)
        for several in ((extra,), ((0, 1), extra)):
            data = codestream(*usual, *shown, *several)
            assert read_header(data) == (8, 8, True)
            with pytest.raises(ImageError, match="animated"):
                load_image(data)
    assert not read_header(codestream((1, 1), (1, 1), (0, 3), (0, 1), (1, 1))).several


@pytest.mark.parametrize(
    "data", [b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n", b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40)]
)
def test_jxl_that_ends_early_is_damaged(data: bytes) -> None:
    with pytest.raises(ImageError, match=r"damaged|not read"):
        load_image(data)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.setitem(sys.modules, "pillow_jxl", None)
    with pytest.raises(ImageError, match="pip install pillow-heif, or save"):
        load_image(heic(FACE))
    with pytest.raises(ImageError, match="pip install pillow-jxl-plugin, or save"):
        load_image(jxl(FACE))
