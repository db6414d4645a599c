"""Pictures in and out: every odd upload, and padding that `crop` undoes."""

import contextlib
import os
import struct
import warnings
import zlib
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from semcomp.errors import ImageError
from semcomp.geometry import padded_size
from semcomp.image import crop, load_image, pad_image, to_tensor, to_uint8
from tests.support.pictures import RGB, encoded, two_compressions
from tests.support.strategies import images, sides


def png_header(width: int, height: int) -> bytes:
    """A PNG that declares a size and holds no pixels worth mentioning."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


# Sources


def test_every_kind_of_source_gives_the_same_pixels(tmp_path: Path):
    picture = Image.fromarray(RGB)
    path = tmp_path / "picture.png"
    path.write_bytes(encoded(picture))
    with path.open("rb") as stream:
        for source in (path, str(path), path.read_bytes(), stream, picture, RGB):
            loaded = load_image(source)
            assert loaded.dtype == np.uint8 and loaded.flags.c_contiguous
            np.testing.assert_array_equal(loaded, RGB)


def test_a_pipe_is_read():
    read, write = os.pipe()
    with os.fdopen(write, "wb") as stream:
        stream.write(encoded(Image.fromarray(RGB)))
    np.testing.assert_array_equal(load_image(f"/dev/fd/{read}"), RGB)
    os.close(read)


def test_the_result_is_a_copy():
    source = RGB.copy()
    load_image(source)[:] = 0
    np.testing.assert_array_equal(source, RGB)


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (4000, 3)])
@pytest.mark.parametrize("format", ["PNG", "WEBP", "BMP", "TIFF", "PPM"])
def test_odd_sizes(size: tuple[int, int], format: str):
    picture = Image.effect_noise(size, 80).convert("RGB")
    options = {"lossless": True} if format == "WEBP" else {}
    np.testing.assert_array_equal(load_image(encoded(picture, format, **options)), picture)


@pytest.mark.parametrize(
    "compression", ["raw", "packbits", "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate"]
)
def test_usual_tiff_compressions_open(compression: str, tmp_path: Path):
    path = tmp_path / "picture.tiff"
    path.write_bytes(encoded(Image.fromarray(RGB), "TIFF", compression=compression))
    for source in (path, path.read_bytes()):
        np.testing.assert_array_equal(load_image(source), RGB)


@pytest.mark.parametrize("format", ["JPEG", "MPO", "AVIF", "GIF"])
def test_lossy_formats_open(format: str):
    flat = Image.new("RGB", (24, 16), (200, 100, 50))
    loaded = load_image(encoded(flat, format))
    assert np.abs(loaded.astype(int) - (200, 100, 50)).max() <= 4


# Bad files


def test_missing_file(tmp_path: Path):
    with pytest.raises(ImageError, match=r"cannot read .*nowhere\.png: No such file"):
        load_image(tmp_path / "nowhere.png")
    with pytest.raises(ImageError, match="cannot read"):
        load_image(tmp_path)


@pytest.mark.parametrize("source", [b"", BytesIO()])
def test_empty_file(source: Any):
    with pytest.raises(ImageError, match="empty"):
        load_image(source)


@pytest.mark.parametrize(
    "data", [b"x", b"hello, world\n" * 99, b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\0"]
)
def test_foreign_file(data: bytes):
    with pytest.raises(ImageError, match="not a picture"):
        load_image(data)


def test_text_stream():
    with pytest.raises(ImageError, match="binary mode"):
        load_image(StringIO("no picture"))


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF", "BMP"])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_truncated_file(format: str, part: float):
    data = encoded(Image.effect_noise((64, 64), 80).convert("RGB"), format)
    with pytest.raises(ImageError):
        load_image(data[: int(len(data) * part)])


@pytest.mark.parametrize("compression", ["tiff_ccitt", "group3", "group4", "jpeg", "lzma", "zstd"])
def test_rare_tiff_compressions_are_refused(compression: str):
    """Of some of them libtiff decodes damaged files to memory that nobody wrote."""
    mode = "L" if compression == "jpeg" else "1"
    picture = Image.fromarray(RGB).convert(mode)
    data = encoded(picture, "TIFF", compression=compression)
    for source in (data, Image.open(BytesIO(data))):
        with pytest.raises(ImageError, match=f"{compression}.*save it as PNG"):
            load_image(source)


def test_tiff_that_two_readers_see_differently_is_refused():
    for data in (two_compressions(), encoded(Image.fromarray(RGB), "TIFF", big_tiff=True)):
        with pytest.raises(ImageError, match="save it as PNG"):
            load_image(data)


def test_film_without_a_time_scale_says_so():
    """Pillow divides by an AVIF's time scale."""
    picture = Image.fromarray(RGB)
    data = bytearray(encoded(picture, "AVIF", save_all=True, append_images=[picture]))
    media = data.index(b"mdhd")
    data[media + 24 : media + 28] = bytes(4)
    with pytest.raises(ImageError, match="damaged"):
        load_image(bytes(data))


DAMAGEABLE = [
    encoded(Image.fromarray(RGB), format) for format in ("PNG", "JPEG", "WEBP", "GIF", "PPM")
]


@settings(max_examples=200)
@given(st.sampled_from(DAMAGEABLE), st.data())
def test_damaged_files_give_pixels_or_an_image_error(data: bytes, draw: st.DataObject):
    damaged = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 4))):
        damaged[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with contextlib.suppress(ImageError):
            assert load_image(bytes(damaged), max_pixels=10_000).dtype == np.uint8


@pytest.mark.parametrize("size", [(60_000, 60_000), (7_100, 7_100), (2**31 - 1, 1)])
def test_bombs_are_refused_by_their_header(size: tuple[int, int]):
    with pytest.raises(ImageError, match="scale it down"):
        load_image(png_header(*size))


def test_the_pixel_limit_is_a_parameter_and_holds_for_all_sources():
    for source in (encoded(Image.fromarray(RGB)), Image.fromarray(RGB), RGB):
        assert load_image(source, max_pixels=35).shape == (5, 7, 3)
        with pytest.raises(ImageError, match="7 x 5 pixels, more than the 34 allowed"):
            load_image(source, max_pixels=34)


# Tensors


@given(images())
def test_tensor_round_trip(image: np.ndarray):
    tensor = to_tensor(image)
    assert tensor.dtype == torch.float32
    assert tensor.shape == (1, 3, *image.shape[:2])
    assert tensor.min() >= -128 and tensor.max() <= 127
    np.testing.assert_array_equal(to_uint8(tensor), image)


def test_to_uint8_rounds_and_clips():
    values = torch.tensor([-1e9, -128.6, -127.6, 0.4, 0.6, 126.4, 128, torch.inf])
    pixels = to_uint8(values.expand(1, 3, 1, 8))
    assert pixels[0, :, 0].tolist() == [0, 0, 0, 128, 129, 254, 255, 255]
    assert to_uint8(torch.zeros(1, 3, 2, 2, dtype=torch.bfloat16)).dtype == np.uint8


def test_to_uint8_refuses_what_is_no_picture():
    with pytest.raises(ImageError, match="NaN"):
        to_uint8(torch.full((1, 3, 2, 2), torch.nan))
    for shape in ((3, 2, 2), (2, 3, 2, 2), (1, 1, 2, 2)):
        with pytest.raises(ImageError, match="expected"):
            to_uint8(torch.zeros(shape))


@pytest.mark.parametrize("image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)])
def test_only_uint8_rgb_is_an_image(image: np.ndarray):
    for function in (to_tensor, pad_image):
        with pytest.raises(ImageError, match="load_image"):
            function(image)


# Padding


def test_padded_size():
    assert padded_size(1, 16) == (16, 16)
    assert padded_size(17, 512) == (32, 512)
    with pytest.raises(ImageError, match="0 x 4"):
        padded_size(0, 4)


@given(images())
def test_crop_undoes_padding(image: np.ndarray):
    height, width = image.shape[:2]
    padded = pad_image(image)
    assert padded.shape[:2] == padded_size(height, width)
    np.testing.assert_array_equal(crop(padded, height, width), image)


@given(sides(40), sides(40))
def test_padding_is_reflection(height: int, width: int):
    image = np.arange(height * width * 3).astype(np.uint8).reshape(height, width, 3)
    expected = np.pad(image, [(0, -height % 16), (0, -width % 16), (0, 0)], mode="reflect")
    np.testing.assert_array_equal(pad_image(image), expected)


def test_crop_refuses_more_than_there_is():
    for size in ((6, 7), (5, 8), (0, 7)):
        with pytest.raises(ImageError, match="cannot crop"):
            crop(RGB, *size)
