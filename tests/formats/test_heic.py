"""HEIC against readers that are not its writer: libheif and FFmpeg."""

from __future__ import annotations

from io import BytesIO

import av
import numpy as np
import pillow_heif
import pytest
from skimage import data

from semcomp.errors import FormatError
from semcomp.formats.heic import HeicWriter, container
from semcomp.formats.hevc.frame import encode_stream, quantizers
from semcomp.metrics import psnr

CAT = np.ascontiguousarray(data.chelsea()[:128, 100:292])
LEFT = np.zeros((4, 4), np.uint8)
LEFT[:, :2] = 255


def test_libheif_knows_what_it_is() -> None:
    file = pillow_heif.open_heif(HeicWriter().write(CAT, 60, LEFT))
    assert pillow_heif.is_supported(HeicWriter().write(CAT, 60))
    assert (file.size, file.mode, len(file)) == ((192, 128), "RGB", 1)
    # sRGB's primaries and curve, BT.601's matrix, full range.
    profile = file.info["nclx_profile"]
    assert (profile["color_primaries"], profile["transfer_characteristics"]) == (1, 13)
    assert (profile["matrix_coefficients"], profile["full_range_flag"]) == (6, 1)


def test_ffmpeg_sees_the_same_picture() -> None:
    file = HeicWriter().write(CAT, 70, LEFT)
    with av.open(BytesIO(file), "r") as opened:
        (frame,) = opened.decode(video=0)
    assert frame.color_range == av.video.reformatter.ColorRange.JPEG
    assert psnr(CAT, np.asarray(frame.to_image())) > 33
    assert psnr(CAT, np.asarray(pillow_heif.read_heif(file))) > 33


@pytest.mark.parametrize("size", [(97, 101), (98, 101), (97, 102)])
def test_odd_sides_are_cropped_where_they_should(size: tuple[int, int]) -> None:
    picture = np.ascontiguousarray(CAT[: size[0], : size[1]])
    decoded = np.asarray(pillow_heif.read_heif(HeicWriter().write(picture, 80)))
    assert decoded.shape == picture.shape and psnr(picture, decoded) > 36


def test_quantizers_follow_the_map_about_the_quality() -> None:
    steps = quantizers((64, 100), 30.25, LEFT, 1.0)
    assert steps.shape == (4, 7) and abs(steps.mean() - 30.25) < 0.5
    assert (np.diff(steps, axis=1) >= 0).all() and steps[0, 0] < 30 < steps[0, -1]
    spread = np.ptp(steps)
    assert np.ptp(quantizers((64, 100), 30.25, LEFT, 2.0)) > spread
    assert quantizers((64, 100), 0, LEFT, 2.0).min() == 0
    assert quantizers((64, 100), 30.25, None, 1.0).tolist() == [[30]]


def test_a_map_that_says_nothing_leads_nowhere() -> None:
    flat = np.full((4, 4), 9, np.uint8)
    assert HeicWriter().write(CAT, 50, flat) == HeicWriter().write(CAT, 50)


def test_half_steps_lie_between_whole_ones() -> None:
    sizes = [len(HeicWriter().write(CAT, quality, LEFT)) for quality in (50, 50.5, 51, 51.5, 52)]
    assert sizes == sorted(sizes) and len(set(sizes)) == 5


def test_streams_that_are_no_picture() -> None:
    grey = np.full((16, 16), 128, np.uint8)
    stream = encode_stream([grey, grey[:8, :8], grey[:8, :8]], 1, np.full((1, 1), 30))
    assert container(stream, (16, 16), (16, 16))[4:12] == b"ftypheic"
    with pytest.raises(FormatError, match="no picture of 16x16"):
        container(stream[:40], (16, 16), (16, 16))
