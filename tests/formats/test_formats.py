"""Ordinary files whose bits follow a map: standard, of the right size, better where it matters."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from semcomp.errors import AllocationError, FormatError, SizeError
from semcomp.formats import bpg
from semcomp.formats.base import Writer, octaves, package
from semcomp.formats.registry import WRITERS, largest_within, read, write, writer_for

HEIGHT, WIDTH = 150, 203
"""No multiple of any block's side."""


def picture() -> np.ndarray:
    """Coloured shapes under a texture, of one kind in both halves: uint8 (H, W, 3)."""
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:HEIGHT, :WIDTH] / 9.0
    waves = [np.sin(x * a + np.cos(y * b)) for a, b in ((1, 0.7), (0.6, 1.3), (0.35, 0.4))]
    grain = rng.normal(0, 12, (HEIGHT, WIDTH, 1))
    return np.clip(128 + 60 * np.stack(waves, -1) + grain, 0, 255).astype(np.uint8)


PICTURE = picture()
LEFT = np.zeros((10, 10), np.uint8)
LEFT[:, :5] = 255


def psnr(decoded: np.ndarray, columns: slice) -> float:
    """Peak signal to noise ratio in dB of some columns."""
    error = decoded[:, columns].astype(float) - PICTURE[:, columns]
    return float(10 * np.log10(255**2 / (error**2).mean()))


@pytest.fixture(params=list(WRITERS))
def writer(request: pytest.FixtureRequest) -> Writer:
    return WRITERS[request.param]


@pytest.mark.parametrize("grey", [None, LEFT], ids=["plain", "map"])
def test_a_file_is_the_picture(writer: Writer, grey: np.ndarray | None) -> None:
    data = write(writer, PICTURE, writer.search_range[1], grey)
    assert data == write(writer, PICTURE, writer.search_range[1], grey)
    decoded = read(data)
    assert decoded.shape == PICTURE.shape
    assert psnr(decoded, slice(80)) > 27  # chroma of half the size and grain in all channels
    assert np.abs(decoded.mean((0, 1)) - PICTURE.mean((0, 1))).max() < 1


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (17, 16)])
def test_small_pictures(writer: Writer, size: tuple[int, int]) -> None:
    picture = np.full((*size, 3), (200, 90, 30), np.uint8)
    decoded = read(write(writer, picture, grey=LEFT))
    assert decoded.shape == picture.shape
    assert np.abs(decoded.astype(int) - picture).max() < 8


def test_bits_follow_the_map(writer: Writer) -> None:
    size = len(write(writer, PICTURE))
    inside, outside = slice(0, 80), slice(120, None)
    plain = read(largest_within(writer, PICTURE, size)[1])
    led = read(largest_within(writer, PICTURE, size, LEFT)[1])
    more = read(largest_within(writer, PICTURE, size, LEFT, focus=2)[1])
    assert psnr(led, inside) > psnr(plain, inside) + 0.5
    assert psnr(led, outside) < psnr(plain, outside)
    assert psnr(more, inside) - psnr(more, outside) > psnr(led, inside) - psnr(led, outside)
    assert write(writer, PICTURE, grey=LEFT, focus=0) == write(writer, PICTURE)


def test_the_largest_file_within_a_size(writer: Writer) -> None:
    quality, data = largest_within(writer, PICTURE, 6000, LEFT)
    assert 5000 < len(data) <= 6000
    assert data == write(writer, PICTURE, quality, LEFT)
    smallest = len(write(writer, PICTURE, writer.search_range[0], LEFT))
    with pytest.raises(
        SizeError, match=rf"{writer.label} of this picture has {smallest:,} bytes: ask"
    ):
        largest_within(writer, PICTURE, 99, LEFT)


def exif_of(data: bytes) -> Image.Exif:
    """What other programs find in a file; BPG's extension is held by a test of its own."""
    exif = Image.Exif()
    if data.startswith(bpg.MAGIC):
        exif.load(bpg.BpgFile.read(data).extension[2:])
    elif data[4:12] == b"ftypheic":
        exif.load(pillow_heif.read_heif(data).info["exif"] or b"")
    else:
        with Image.open(BytesIO(data)) as image:
            exif = image.getexif()
    return exif


def test_exif_travels(writer: Writer) -> None:
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    carried = exif.tobytes().removeprefix(b"Exif\0\0")
    assert exif_of(write(writer, PICTURE, grey=LEFT, exif=carried))[0x010F] == "A camera"
    assert not exif_of(write(writer, PICTURE, grey=LEFT))


def test_what_a_writer_refuses(writer: Writer) -> None:
    low, high, _ = writer.search_range
    for quality in (low - 1, high + 1, float("nan")):
        with pytest.raises(FormatError, match="has qualities from"):
            write(writer, PICTURE, quality)
    with pytest.raises(FormatError, match=f"room for sides up to {writer.max_side} pixels"):
        write(writer, np.zeros((1, writer.max_side + 1, 3), np.uint8))
    with pytest.raises(AllocationError, match="focus"):
        write(writer, PICTURE, grey=LEFT, focus=3)


def test_formats_by_name_and_by_ending() -> None:
    for name, writer in WRITERS.items():
        assert writer_for(name) is writer
        for suffix in writer.suffixes:
            assert writer_for(f"a.b/Photo{suffix.upper()}") is writer
    with pytest.raises(FormatError, match=r"called '\.xyz': take one of .*avif"):
        writer_for("photo.xyz")


def test_octaves_follow_importance() -> None:
    steps = octaves(LEFT, 4, 8, 1.0)
    assert steps.shape == (4, 8) and abs(steps.mean()) < 1e-6
    assert (np.diff(steps, axis=1) >= 0).all() and steps[0, 0] < 0 < steps[0, -1]
    assert np.allclose(octaves(LEFT, 4, 8, 2.0), 2 * steps)
    assert not octaves(np.zeros((3, 3), np.uint8), 4, 8, 1.0).any()


def test_a_missing_package_is_named() -> None:
    with pytest.raises(FormatError, match="XYZ cannot be written here: pip install such-a-thing"):
        package("no_such_module", "such-a-thing", "XYZ")
