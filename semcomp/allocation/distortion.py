"""What a block's error counts for in `rd` allocation: squared error, SSIM and MS-SSIM together.

Squared error alone knows nothing of structure, SSIM alone starves smooth blocks. Both forgive what
a block of few bits loses, coarse structure, of which MS-SSIM is made. SSIM's windows are eleven
pixels wide, those of the coarsest scale sixteen times as much: a block is charged with what its
neighbours lose, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
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
    """An original at one scale, float32 (h, w, 3): pixels - MIDDLE, local means and variances."""

    pixels: Picture
    mean: Picture
    variance: Picture

    def similarity(self, decoded: Picture) -> tuple[Picture, Picture]:
        """SSIM's contrast and structure term, (h, w, 3), and the local means of `decoded`."""
        mean = _blur(decoded)
        covariance = _blur(self.pixels * decoded)
        covariance -= self.mean * mean
        variances = _blur(decoded * decoded)
        variances -= mean * mean
        variances += self.variance
        return (2 * covariance + C2) / (variances + C2), mean

    def luminance(self, mean: Picture) -> Picture:
        """SSIM's luminance term, (h, w, 3), from the local means of what was decoded."""
        own: Picture = self.mean + MIDDLE
        other: Picture = mean + MIDDLE
        return (2 * own * other + C1) / (own**2 + other**2 + C1)


class BlockDistortion:
    """Distortion of every block of pictures decoded from one original.

    original: uint8 (H, W, 3), sides multiples of 16.
    """

    def __init__(self, original: NDArray[np.uint8]) -> None:
        self.scales: list[_Scale] = []
        pixels = original.astype(np.float32) - MIDDLE
        for number in range(len(SCALES)):
            pixels = _reduced(pixels, 2) if number else pixels
            mean = _blur(pixels)
            self.scales.append(_Scale(pixels, mean, _blur(pixels * pixels) - mean * mean))

    def of(self, decoded: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Distortion of a decoded picture like the original: float64 (2, H / 8, W / 8), >= 0.

        First the mean squared error over the block's samples and the weighted loss of SSIM over the
        windows whose centres lie in it, then the weighted loss of MS-SSIM.
        """
        pixels = decoded.astype(np.float32) - MIDDLE
        detail = block_means(np.square(self.scales[0].pixels - pixels))
        structure = np.zeros_like(detail)
        for number, (scale, exponent) in enumerate(zip(self.scales, SCALES, strict=True)):
            pixels = _reduced(pixels, 2) if number else pixels
            counted, mean = scale.similarity(pixels)
            if number == 0:
                whole = counted * scale.luminance(mean)
                detail += SSIM_WEIGHT * block_means(1 - whole)
            if number + 1 == len(SCALES):  # of MS-SSIM's, only the coarsest counts the luminance
                counted = counted * scale.luminance(mean)
            structure += MS_SSIM_WEIGHT * exponent * block_means(1 - counted, number)
        return np.stack([detail, structure])


def block_means(values: NDArray[np.floating], halvings: int = 0) -> NDArray[np.float64]:
    """Mean of every block of 8x8 pixels, float64 (Hb, Wb).

    values: float (8 Hb, 8 Wb), or less by so many halvings; one of four blocks stands for all.
    With a last axis of channels, their means.
    """
    side = BLOCK >> halvings
    means = np.asarray(_reduced(values, side) if side > 1 else values, np.float64)
    if means.ndim == 3:
        means = means.mean(2)
    return means if side else means.repeat(2, 0).repeat(2, 1)


def _blur(values: Picture) -> Picture:
    """Gaussian window over the first two axes; borders reflected without their own pixel."""
    import cv2  # a fifth of a second, which most commands need not spend

    taps = np.exp(-0.5 * (np.arange(-RADIUS, RADIUS + 1) / SIGMA) ** 2)
    taps = (taps / taps.sum()).astype(np.float32)
    blurred = cv2.sepFilter2D(values, cv2.CV_32F, taps, taps, borderType=cv2.BORDER_REFLECT_101)
    return cast(Picture, blurred)


def _reduced(values: NDArray[np.floating], factor: int) -> NDArray[np.floating]:
    """Means of `factor` x `factor` pixels: (h, w, ...) -> (h / factor, w / factor, ...)."""
    import cv2  # twenty times as quick as NumPy's means over two axes

    size = values.shape[1] // factor, values.shape[0] // factor
    means = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    return cast("NDArray[np.floating]", means)
