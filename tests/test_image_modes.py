"""Uploads in every colour mode, orientation and pixel type."""

import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from semcomp.errors import ImageError
from semcomp.image import load_image
from tests.support.pictures import RGB, colour_profile, encoded, grey_tiff, small_png


def test_grey_and_one_bit():
    grey = RGB[..., 0]
    for picture in (Image.fromarray(grey), Image.fromarray(grey > 127)):
        expected = np.asarray(picture.convert("L"))[..., None].repeat(3, axis=2)
        np.testing.assert_array_equal(load_image(encoded(picture)), expected)


def test_palette_with_and_without_transparency():
    picture = Image.fromarray(RGB).quantize(4)
    expected = np.array(picture.convert("RGB"))
    np.testing.assert_array_equal(load_image(encoded(picture)), expected)
    expected[np.asarray(picture) == 2] = 255
    np.testing.assert_array_equal(load_image(encoded(picture, transparency=2)), expected)


def test_alpha_is_laid_on_white():
    rgba = np.zeros((1, 3, 4), np.uint8)
    rgba[0, :, 3] = 0, 128, 255
    expected = np.array([255, 127, 0])[None, :, None].repeat(3, axis=2)
    for source in (rgba, encoded(Image.fromarray(rgba)), Image.fromarray(rgba[..., 2:])):
        np.testing.assert_array_equal(load_image(source), expected)
    for mode in ("RGBa", "La"):
        premultiplied = Image.fromarray(rgba).convert(mode.upper()).convert(mode)
        np.testing.assert_array_equal(load_image(premultiplied), expected)


def test_grey_and_rgb_with_a_transparent_colour():
    for picture, key in ((Image.new("L", (2, 2), 9), 9), (Image.new("RGB", (2, 2)), (0, 0, 0))):
        assert (load_image(encoded(picture, transparency=key)) == 255).all()


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled(format: str):
    deep = np.array([[0, 128, 129, 257, 32896, 65535]], np.uint16)
    loaded = load_image(encoded(Image.fromarray(deep), format))
    assert loaded[0, :, 1].tolist() == [0, 0, 1, 1, 128, 255]
    np.testing.assert_array_equal(load_image(deep), loaded)


def test_big_endian_16_bit_grey():
    deep = np.array([[0, 257, 65535]], ">u2")
    assert load_image(deep)[0, :, 0].tolist() == [0, 1, 255]
    picture = Image.frombytes("I;16B", (3, 1), deep.tobytes())
    assert load_image(picture)[0, :, 0].tolist() == [0, 1, 255]


def test_integer_and_float_pictures():
    assert load_image(np.array([[0, 255]], np.int32))[0, :, 0].tolist() == [0, 255]
    assert load_image(Image.fromarray(np.array([[0, 65535]], np.int32)))[0, 1, 0] == 255
    for source in (np.array([[0, 0.5, 1]], np.float32), Image.fromarray(np.float32([[0, 0.5, 1]]))):
        assert load_image(source)[0, :, 2].tolist() == [0, 128, 255]
    assert load_image(np.array([[0, 127.6, 255.0]]))[0, :, 0].tolist() == [0, 128, 255]
    assert load_image(np.array([[False, True]]))[0, :, 0].tolist() == [0, 255]


DARK = np.array([0, 100, 255], "<u2")
"""16-bit grey so dark that it could be taken for 8-bit grey by its values."""
RAMP = np.array([0, 0.2, 1], "<f4")


@pytest.mark.parametrize(
    ("data", "grey"),
    [
        (grey_tiff(bytes([0, 4, 0, 0x80, 0x0F, 0xFF]), 4, 12), [0, 64, 128, 255]),
        (grey_tiff(DARK.tobytes(), 3, 16), [0, 0, 1]),
        (grey_tiff((65535 - DARK).tobytes(), 3, 16), [255, 255, 254]),
        (grey_tiff(DARK.tobytes(), 3, 16, photometric=0), [255, 255, 254]),
        (grey_tiff(b"\0\0\xff\x3f\xff\x7f", 3, 16, sample_format=2), [0, 127, 255]),
        (grey_tiff(RAMP.tobytes(), 3, 32, sample_format=3), [0, 51, 255]),
        (
            grey_tiff(RAMP.tobytes(), 3, 32, sample_format=3, photometric=0),
            [255, 204, 0],
        ),
        (small_png(DARK.astype(">u2").tobytes(), 3, 16), [0, 0, 1]),
        (b"P5 3 1 65535\n" + DARK.astype(">u2").tobytes(), [0, 0, 1]),
        (b"P5 3 1 4095\n" + DARK.astype(">u2").tobytes(), [0, 6, 16]),
        (b"P2 3 1 1023\n0 100 1023\n", [0, 25, 255]),
        (b"P5 3 1 100\n\0\x32\x64", [0, 128, 255]),
    ],
)
def test_what_a_deep_file_declares_decides(data: bytes, grey: list[int]):
    assert load_image(data)[0, :, 0].tolist() == grey


def test_signed_grey_below_zero_is_refused():
    with pytest.raises(ImageError, match=r"-1\.\.5 are outside 0\.\.32767"):
        load_image(grey_tiff(struct.pack("<hh", -1, 5), 2, 16, sample_format=2))


@pytest.mark.parametrize(
    ("pixels", "bits", "key", "grey"),
    [
        (b"\xa0", 1, 1, [255, 0]),
        (b"\x60", 2, 1, [255, 170]),
        (b"\x3c", 4, 3, [255, 204]),
        (b"\x03\x0c", 8, 3, [255, 12]),
        (struct.pack(">HH", 1000, 32767), 16, 1000, [255, 127]),
        (struct.pack(">HH", 1000, 1001), 16, 1000, [255, 4]),
    ],
)
def test_the_transparent_value_of_a_grey_png(pixels: bytes, bits: int, key: int, grey: list[int]):
    data = small_png(pixels, 2, bits, key=struct.pack(">H", key))
    assert load_image(data)[0, :, 0].tolist() == grey


def test_the_transparent_colour_of_a_16_bit_png():
    key = struct.pack(">3H", 1000, 2000, 3000)
    data = small_png(key + struct.pack(">3H", 40000, 0, 0), 2, 16, kind=2, key=key)
    assert load_image(data)[0].tolist() == [[255, 255, 255], [156, 0, 0]]


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
def test_associated_alpha_of_a_tiff(compression: str):
    data = encoded(Image.new("RGBA", (4, 1), (100, 50, 25, 128)), "TIFF", compression=compression)
    assert load_image(data)[0, 0].tolist() == [177, 152, 140]
    associated = data.replace(
        struct.pack("<HHIH", 338, 3, 1, 2), struct.pack("<HHIH", 338, 3, 1, 1)
    )
    assert load_image(associated)[0, 0].tolist() == [227, 177, 152]


def test_floats_a_little_beyond_their_range_are_clipped():
    assert load_image(np.array([[-0.02, 0.5, 1.003]]))[0, :, 0].tolist() == [0, 128, 255]
    assert load_image(np.array([[-2.0, 128, 257.5]]))[0, :, 0].tolist() == [0, 128, 255]
    for high in (1.2, 4.0, 15.9):
        with pytest.raises(ImageError, match=r"could be meant as 0\.\.1 or as 0\.\.255"):
            load_image(np.array([[0, high]]))
    for low, high in ((-0.5, 1.0), (-60.0, 200.0), (0.0, np.inf)):
        with pytest.raises(ImageError, match=r"float pixels must lie in 0\.\.1 or 0\.\.255"):
            load_image(np.array([[low, high]]))


def test_a_png_without_its_palette_is_damaged():
    for source in (small_png(bytes(2), 2, 8, kind=3), small_png(bytes(2), 2, 8, kind=3, key=b"\0")):
        with pytest.raises(ImageError, match="damaged: it has no palette"):
            load_image(source)


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "HSV", "LAB"])
def test_other_colour_spaces(mode: str):
    picture = Image.new("RGB", (8, 8), (200, 100, 50)).convert(mode)
    loaded = load_image(picture)
    assert np.abs(loaded.astype(int) - (200, 100, 50)).max() <= 3


def test_cmyk_jpeg():
    picture = Image.new("RGB", (8, 8), (200, 100, 50)).convert("CMYK")
    loaded = load_image(encoded(picture, "JPEG", quality=95))
    assert np.abs(loaded.astype(int) - (200, 100, 50)).max() <= 4


@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (np.zeros((2, 2, 5), np.uint8), "expected an array"),
        (np.zeros(4, np.uint8), "expected an array"),
        (np.zeros((0, 4, 3), np.uint8), "no pixels"),
        (np.full((2, 2), -1), "outside"),
        (np.full((2, 2), 70_000), "outside"),
        (np.full((2, 2), np.nan), "outside"),
        (np.full((2, 2), 300.0), "float pixels"),
        (np.zeros((2, 2), complex), "not supported"),
        (np.array([["a"]]), "not supported"),
    ],
)
def test_arrays_that_are_no_pictures(array: np.ndarray, problem: str):
    with pytest.raises(ImageError, match=problem):
        load_image(array)


def test_pillow_image_without_pixels():
    with pytest.raises(ImageError, match="no pixels"):
        load_image(Image.new("RGB", (0, 4)))


# Metadata and animation


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_applied(orientation: int, format: str):
    # EXIF names where the stored row 0 and column 0 belong in the upright picture.
    stored = {
        1: RGB,
        2: RGB[:, ::-1],
        3: RGB[::-1, ::-1],
        4: RGB[::-1],
        5: RGB.transpose(1, 0, 2),
        6: RGB.transpose(1, 0, 2)[::-1],
        7: RGB[::-1, ::-1].transpose(1, 0, 2),
        8: RGB.transpose(1, 0, 2)[:, ::-1],
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if format == "WEBP" else {}
    data = encoded(Image.fromarray(np.ascontiguousarray(stored)), format, exif=exif, **options)
    np.testing.assert_array_equal(load_image(data), RGB)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_does_not_cost_the_picture():
    data = encoded(Image.fromarray(RGB), exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    np.testing.assert_array_equal(load_image(data), RGB)


def test_animation_gives_its_first_frame():
    frames = [Image.new("RGB", (6, 4), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert load_image(data)[0, 0].tolist() == [255, 0, 0]


# Colour profiles

SRGB = (0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)
P3 = colour_profile(
    2.2, (0.5151, 0.2412, -0.0011), (0.2919, 0.6922, 0.0419), (0.1572, 0.0666, 0.7841)
)
LINEAR, LINEAR_GREY = colour_profile(1.0, *SRGB), colour_profile(1.0)


@pytest.mark.parametrize(
    ("profile", "colour", "srgb"),
    [
        (P3, (234, 51, 35), (255, 0, 0)),
        (P3, (128, 128, 128), (128, 128, 128)),
        (LINEAR, (55, 16, 128), (128, 71, 188)),
    ],
)
@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP", "JPEG", "AVIF"])
def test_colours_are_converted_to_srgb(profile, colour, srgb, format: str):
    options = {"lossless": True} if format == "WEBP" else {}
    picture = Image.new("RGB", (16, 16), colour)
    data = encoded(picture, format, icc_profile=profile, **options)
    expected = np.array(srgb)
    assert np.abs(load_image(data)[8, 8] - expected).max() <= (
        8 if format in ("JPEG", "AVIF") else 2
    )


def test_transparency_stays_where_colours_are_converted():
    rgba = Image.new("RGBA", (2, 1), (234, 51, 35, 255))
    rgba.putpixel((1, 0), (234, 51, 35, 0))
    keyed = Image.new("RGB", (2, 1), (234, 51, 35))
    keyed.putpixel((1, 0), (0, 0, 1))
    palette = rgba.convert("RGBA").quantize(4)
    for data in (
        encoded(rgba, icc_profile=P3),
        encoded(keyed, icc_profile=P3, transparency=(0, 0, 1)),
        encoded(palette, icc_profile=P3),
    ):
        loaded = load_image(data)[0].astype(int)
        assert np.abs(loaded - [[255, 0, 0], [255, 255, 255]]).max() <= 2


def test_grey_profiles_of_every_depth():
    grey = Image.fromarray(np.array([[0, 128, 255]], np.uint8))
    deep = Image.fromarray(np.array([[0, 32896, 65535]], np.uint16))
    alpha = grey.convert("LA")
    for picture in (grey, deep, alpha):
        loaded = load_image(encoded(picture, icc_profile=LINEAR_GREY))
        assert loaded[0].tolist() == [[0] * 3, [188] * 3, [255] * 3]
    keyed = encoded(deep, icc_profile=LINEAR_GREY, transparency=0)
    assert load_image(keyed)[0, :, 0].tolist() == [255, 188, 255]


def test_profiles_that_are_damaged_or_of_other_pictures_are_ignored():
    grey, cmyk = Image.fromarray(RGB[..., 0]), Image.fromarray(RGB).convert("CMYK")
    for picture in (Image.fromarray(RGB), grey, cmyk):
        expected = np.asarray(picture.convert("RGB"))
        other = P3 if picture is grey else LINEAR_GREY
        for profile in (b"profile " * 9, P3[:200], P3[:140] + b"\xff" * 400, other):
            data = encoded(picture, "TIFF", icc_profile=profile)
            np.testing.assert_array_equal(load_image(data), expected)


def told_of(data: bytes) -> list[str]:
    notes: list[str] = []
    load_image(data, told=notes.append)
    return notes


def test_what_was_done_to_a_file_is_told() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    one = encoded(frames[0], "PNG")
    assert told_of(one) == []
    for kind in ("GIF", "PNG", "WEBP", "TIFF"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        assert told_of(data) == ["The file holds several pictures: the first was taken."], kind
        assert (load_image(data) == load_image(encoded(frames[0], kind))).all(), kind
    clear = frames[0].convert("RGBA")
    assert told_of(encoded(clear, "PNG")) == []  # opaque everywhere
    clear.putpixel((0, 0), (0, 0, 0, 0))
    assert told_of(encoded(clear, "PNG")) == ["Transparent places were laid on white."]
    assert told_of(encoded(frames[0], "PNG", icc_profile=b"no profile")) == [
        "The file's colour profile was ignored: it is damaged or does not fit the pixels."
    ]
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert told_of(encoded(frames[0], "PNG", icc_profile=srgb)) == []
    (said,) = told_of(encoded(frames[0], "PNG", icc_profile=P3))
    assert said == "Colours were converted from the file's profile (test) to sRGB."
