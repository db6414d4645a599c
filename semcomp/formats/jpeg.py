"""JPEG whose blocks give up coefficients where the map says that little matters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from semcomp.errors import FormatError

from .base import octaves, package

_STRENGTH = 1.0
"""Octaves of the step for each octave of importance; this and the next two were chosen on pictures
of the training set."""
_PRICE = 0.07
"""Squared error, in steps, that a bit is worth."""
_FINEST = 0.5
"""Where between the quality's steps (0) and the finest that a block asks for (1) the table lies: a
file has one table, blocks below it drop coefficients."""
_MAX_EXIF = 65527
_COLOURS = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32
)
"""JFIF's Y, Cb and Cr from RGB."""
# What ITU-T T.81 suggests in its annex K, row by row.
_LUMA = np.array(
    [
        (16, 11, 10, 16, 24, 40, 51, 61),
        (12, 12, 14, 19, 26, 58, 60, 55),
        (14, 13, 16, 24, 40, 57, 69, 56),
        (14, 17, 22, 29, 51, 87, 80, 62),
        (18, 22, 37, 56, 68, 109, 103, 77),
        (24, 35, 55, 64, 81, 104, 113, 92),
        (49, 64, 78, 87, 103, 121, 120, 101),
        (72, 92, 95, 98, 112, 100, 103, 99),
    ]
)
_CHROMA = np.full((8, 8), 99)
_CHROMA[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]


class JpegWriter:
    """Progressive, 4:2:0; quality is libjpeg's."""

    name = "jpeg"
    label = "JPEG"
    suffixes = (".jpg", ".jpeg")
    media_type = "image/jpeg"
    search_range = (1.0, 97.0, 0.5)
    default_quality = 75.0
    max_side = 65500

    def write(
        self,
        picture: NDArray[np.uint8],
        quality: float,
        grey: NDArray[np.uint8] | None = None,
        focus: float = 1.0,
        exif: bytes = b"",
    ) -> bytes:
        """See `Writer.write`."""
        mozjpeg = package(
            "mozjpeg_lossless_optimization", "mozjpeg-lossless-optimization", self.label
        )
        if len(exif) > _MAX_EXIF:
            raise FormatError(f"JPEG has room for {_MAX_EXIF} bytes of EXIF, not {len(exif)}")
        from .jpeg_coding import ZIGZAG, choose, file_of, scan

        planes = _planes(picture)
        steers = [np.zeros(_grid(plane), np.float32) for plane in planes]
        if grey is not None:
            steers = [octaves(grey, *_grid(plane), focus * _STRENGTH) for plane in planes]
        finest = _FINEST * float(steers[0].min())
        scale = (50 / quality if quality < 50 else 2 - quality / 50) * 2.0**finest
        tables, scans = [], []
        for plane, steer, base in zip(planes, steers, (_LUMA, _CHROMA, _CHROMA), strict=True):
            steps = np.clip(np.rint(scale * base), 1, 255).ravel()[ZIGZAG]
            blocks = (plane.reshape(-1, 64)[:, ZIGZAG] / steps).astype(np.float32)
            prices = (_PRICE * 4.0 ** (steer.ravel() - finest)).astype(np.float32)
            counts = scan(np.clip(np.rint(blocks), -1023, 1023).astype(np.int16))[1] + 0.5
            chosen = choose(blocks, prices, -np.log2(counts / counts.sum()))
            tables.append(steps.astype(np.uint8))
            scans.append(scan(chosen)[0].tobytes())
        data = file_of(picture.shape[:2], tables[:2], scans, exif)
        smaller: bytes = mozjpeg.optimize(data, copy=mozjpeg.COPY_MARKERS.ALL)
        return smaller


def _planes(picture: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    """Coefficients (rows, columns, 8, 8) of the blocks of Y, and of Cb and Cr in half the size."""
    height, width = picture.shape[:2]
    image = picture.astype(np.float32) @ _COLOURS.T - np.array([128, 0, 0], np.float32)
    even = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), "edge")
    half = even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2, 3).mean((1, 3))
    return [_transformed(plane) for plane in (image[..., 0], half[..., 1], half[..., 2])]


def _grid(plane: NDArray[np.float32]) -> tuple[int, int]:
    """Rows and columns of a plane's blocks."""
    return plane.shape[0], plane.shape[1]


def _transformed(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Coefficients (rows, columns, 8, 8) of the blocks of a plane, its edges repeated."""
    from scipy.fft import dctn  # takes long to import, and only this format needs it

    plane = np.pad(plane, [(0, -side % 8) for side in plane.shape], "edge")
    blocks = plane.reshape(plane.shape[0] // 8, 8, plane.shape[1] // 8, 8).swapaxes(1, 2)
    coefficients: NDArray[np.float32] = dctn(blocks, axes=(2, 3), norm="ortho")
    return coefficients
