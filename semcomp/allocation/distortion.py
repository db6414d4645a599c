"""What a block's error counts for in `rd` allocation: squared error, SSIM and MS-SSIM together.

Squared error alone knows nothing of structure, SSIM alone starves smooth blocks. Both forgive what
a block of few bits loses, coarse structure, of which MS-SSIM is made. SSIM's windows are eleven
pixels wide, those of the coarsest scale sixteen times as much: a block is charged with what its
neighbours lose, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numba
import numpy as np
from numba import float32
from numpy.typing import NDArray

from semcomp.geometry import BLOCK

SSIM_WEIGHT = 3000.0
"""Squared grey levels that 1 - SSIM counts for."""
MS_SSIM_WEIGHT = 5000.0
"""Squared grey levels that what a block takes from log MS-SSIM counts for. See `RD_BASE` in
`semcomp.allocation.planning` for how the weights were chosen."""
SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of MS-SSIM's scales, finest first (Wang, Simoncelli and Bovik 2003)."""
SIGMA = 1.5
RADIUS = 5
"""The window of SSIM and MS-SSIM: Gaussian, 11 pixels wide."""
C1 = (0.01 * 255) ** 2
C2 = (0.03 * 255) ** 2

MIDDLE = np.float32(128)
"""Taken off all grey levels: their squares leave float32 more digits for small variances."""

Picture = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class _Scale:
    """An original at one scale, float32 (h, w, 3): pixels - MIDDLE, local means and variances.

    height: of the original at its own scale.
    """

    height: int
    pixels: Picture
    mean: Picture
    variance: Picture

    def losses(self, decoded: Picture) -> NDArray[np.float64]:
        """What `decoded`, (h, w, 3) less MIDDLE, has lost, as means of blocks: (3, rows, columns).

        The squared error; 1 less SSIM's contrast and structure term; 1 less that by the luminance
        term. A block of less than a pixel has that of its pixel.
        """
        height, width, _ = decoded.shape
        side = max(1, BLOCK * height // self.height)
        sums = np.zeros((3, height // side, width // side))
        mean, products, squares = map(_blur, (decoded, self.pixels * decoded, decoded * decoded))
        _add_losses(
            self.pixels, self.mean, self.variance, decoded, mean, products, squares, side, sums
        )
        return np.asarray(sums / (3 * side * side))


class BlockDistortion:
    """Distortion of every block of pictures decoded from one original.

    original: uint8 (H, W, 3), sides multiples of 16.
    """

    def __init__(self, original: NDArray[np.uint8]) -> None:
        self.scales: list[_Scale] = []
        pixels = original.astype(np.float32) - MIDDLE
        for number in range(len(SCALES)):
            pixels = _halved(pixels) if number else pixels
            mean = _blur(pixels)
            self.scales.append(
                _Scale(len(original), pixels, mean, _blur(pixels * pixels) - mean * mean)
            )

    def of(self, decoded: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Distortion of a decoded picture like the original: float64 (2, H / 8, W / 8), >= 0.

        First the mean squared error over the block's samples and the weighted loss of SSIM over the
        windows whose centres lie in it, then the weighted loss of MS-SSIM.
        """
        pixels = decoded.astype(np.float32) - MIDDLE
        shape = decoded.shape[0] // BLOCK, decoded.shape[1] // BLOCK
        detail, structure = np.zeros((2, *shape))
        for number, (scale, exponent) in enumerate(zip(self.scales, SCALES, strict=True)):
            pixels = _halved(pixels) if number else pixels
            squared, contrast, whole = scale.losses(pixels)
            if number == 0:
                detail = squared + SSIM_WEIGHT * whole
            # of MS-SSIM's scales, only the coarsest counts the luminance
            counted = whole if number + 1 == len(SCALES) else contrast
            if counted.shape != shape:
                counted = counted.repeat(2, 0).repeat(2, 1)
            structure += MS_SSIM_WEIGHT * exponent * counted
        return np.stack([detail, structure])


@numba.njit(cache=True)
def _add_losses(own, own_mean, own_variance, decoded, mean, products, squares, side, sums):  # type: ignore[no-untyped-def]
    """Adds up `_Scale.losses` over blocks. One walk: NumPy's passes take four times as long.

    In float32 but for the sums, single IEEE operations, whose results no machine may change.
    """
    one, two, c1, c2 = float32(1), float32(2), float32(C1), float32(C2)
    middle = float32(MIDDLE)
    _, rows, columns = sums.shape
    for y in range(rows * side):
        for x in range(columns * side):
            block = y // side, x // side
            for c in range(3):
                error = own[y, x, c] - decoded[y, x, c]
                first, second = own_mean[y, x, c], mean[y, x, c]
                covariance = products[y, x, c] - first * second
                variances = squares[y, x, c] - second * second + own_variance[y, x, c]
                contrast = (two * covariance + c2) / (variances + c2)
                first += middle
                second += middle
                luminance = (two * first * second + c1) / (first * first + second * second + c1)
                sums[0, block[0], block[1]] += error * error
                sums[1, block[0], block[1]] += one - contrast
                sums[2, block[0], block[1]] += one - contrast * luminance


def block_means(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Mean of every block of 8x8 pixels: float (8 Hb, 8 Wb) -> float64 (Hb, Wb)."""
    blocks = values.reshape(values.shape[0] // BLOCK, BLOCK, -1, BLOCK)
    return np.asarray(blocks.mean((1, 3), dtype=np.float64))


def _blur(values: Picture) -> Picture:
    """Gaussian window over the first two axes; borders reflected without their own pixel."""
    import cv2  # a fifth of a second, which most commands need not spend

    taps = np.exp(-0.5 * (np.arange(-RADIUS, RADIUS + 1) / SIGMA) ** 2)
    taps = (taps / taps.sum()).astype(np.float32)
    blurred = cv2.sepFilter2D(values, cv2.CV_32F, taps, taps, borderType=cv2.BORDER_REFLECT_101)
    return cast(Picture, blurred)


def _halved(values: Picture) -> Picture:
    """Means of 2x2 pixels: (h, w, 3) -> (h / 2, w / 2, 3)."""
    import cv2  # twenty times as quick as NumPy's means over two axes

    size = values.shape[1] // 2, values.shape[0] // 2
    return cast(Picture, cv2.resize(values, size, interpolation=cv2.INTER_AREA))
