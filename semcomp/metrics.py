"""Image quality on 8-bit RGB: PSNR, MS-SSIM, SSIM and its semantic weighting SI-SSIM.

Every function takes the reference and the distorted picture as uint8 (H, W, 3) arrays of one size
and raises MetricError for anything else. The same code scores every codec (docs/architecture).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semcomp.errors import MetricError

MS_SSIM_MIN_SIDE = 161
"""Shortest side MS-SSIM is defined for: its 11-pixel window must fit after four halvings."""

MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of MS-SSIM's scales, finest first (Wang et al. 2003)."""

_BLOCK = 8  # pixels on a block's side
_RADIUS, _SIGMA = 5, 1.5  # of SSIM's 11x11 Gaussian window (Wang et al. 2004)
_TAPS = np.exp(-0.5 * (np.arange(-_RADIUS, _RADIUS + 1) / _SIGMA) ** 2)
_TAPS /= _TAPS.sum()
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_STRIP_SAMPLES = 1 << 19  # values filtered at once; more would take memory and be no faster


class Original:
    """A picture that others are compared with by SSIM and MS-SSIM.

    picture: uint8 (H, W, 3). keep: whether its part is computed once for many comparisons, in 100
    bytes a pixel; otherwise each computes it again, strip by strip.
    """

    def __init__(self, picture: NDArray[np.uint8], keep: bool = False) -> None:
        _check(picture, picture)
        self.picture = picture
        self._kept = [list(_strips(each)) for each in _pyramid(picture)] if keep else None

    def compare(
        self, distorted: NDArray[np.uint8], multiscale: bool = True
    ) -> tuple[NDArray[np.float32], float | None]:
        """`ssim_map` and `ms_ssim`, which share their work.

        The latter is None for pictures under 161 pixels a side, or unless `multiscale`.
        """
        _check(self.picture, distorted)
        similarity = np.empty(distorted.shape[:2], np.float32)
        multiscale = multiscale and min(distorted.shape[:2]) >= MS_SSIM_MIN_SIDE
        scales = zip(
            MS_SSIM_WEIGHTS if multiscale else (1.0,),
            self._kept or map(_strips, _pyramid(self.picture)),
            _pyramid(distorted),
            strict=False,
        )
        score = np.ones(3)
        for number, (exponent, strips, picture) in enumerate(scales):
            sums = np.zeros(3)
            for strip in strips:
                luminance, structure = strip.terms(picture)
                whole = luminance * structure
                if number == 0:
                    similarity[strip.rows] = whole.mean(2).clip(-1, 1)
                # only the coarsest scale counts the luminance
                counted = whole if number + 1 == len(MS_SSIM_WEIGHTS) else structure
                sums += _inside(counted, strip.rows.start, len(picture)).sum((0, 1))
            if multiscale:
                windows = (picture.shape[0] - 2 * _RADIUS) * (picture.shape[1] - 2 * _RADIUS)
                score *= np.maximum(sums / windows, 0) ** exponent
        return similarity, min(float(score.mean()), 1.0) if multiscale else None


def psnr(reference: NDArray[np.uint8], distorted: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio in dB over all RGB samples; infinite for identical pictures."""
    _check(reference, distorted)
    total = 0  # an exact integer, so the strips cannot change the result
    for start in range(0, len(reference), 256):
        rows = slice(start, start + 256)
        difference = reference[rows].astype(np.int32) - distorted[rows]
        total += int(np.square(difference).sum(dtype=np.int64))
    return 10 * math.log10(255**2 * reference.size / total) if total else math.inf


def ms_ssim(reference: NDArray[np.uint8], distorted: NDArray[np.uint8]) -> float:
    """Multi-scale SSIM (Wang et al. 2003), mean over the RGB channels, 0..1.

    Five scales with the published weights, in double precision. Raises MetricError when a side is
    shorter than 161 pixels: fewer scales would be another metric, and its values not comparable.
    Callers show such scores as not available.
    """
    score = Original(reference).compare(distorted)[1]
    if score is None:
        height, width = reference.shape[:2]
        raise MetricError(
            f"MS-SSIM needs at least {MS_SSIM_MIN_SIDE} pixels on each side, "
            f"this picture or region has {width} x {height}"
        )
    return score


def region_ms_ssim(
    reference: NDArray[np.uint8], distorted: NDArray[np.uint8], box: tuple[int, int, int, int]
) -> float:
    """`ms_ssim` inside a box (the paper's Figure 6), as if the box were the whole picture.

    box: (left, top, right, bottom) in pixels, right and bottom exclusive, like `Image.crop`.
    Raises MetricError for a box outside the picture or under 161 pixels on a side.
    """
    _check(reference, distorted)
    left, top, right, bottom = box
    height, width = reference.shape[:2]
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise MetricError(f"box {box} does not lie inside the picture of {width} x {height} pixels")
    inside = np.s_[top:bottom, left:right]
    return ms_ssim(reference[inside], distorted[inside])


def ssim_map(reference: NDArray[np.uint8], distorted: NDArray[np.uint8]) -> NDArray[np.float32]:
    """SSIM at every pixel (Wang et al. 2004; paper, equation 12), mean over RGB, -1..1.

    11x11 Gaussian window of σ 1.5, K1 = 0.01, K2 = 0.03, population variances; borders reflected
    without repeating the border pixel. Double precision; returns float32 (H, W).
    """
    return Original(reference).compare(distorted, multiscale=False)[0]


def ssim(reference: NDArray[np.uint8], distorted: NDArray[np.uint8]) -> float:
    """Mean of `ssim_map`."""
    return float(ssim_map(reference, distorted).mean(dtype=np.float64))


def si_ssim(
    reference: NDArray[np.uint8], distorted: NDArray[np.uint8], weight: NDArray[np.generic]
) -> float:
    """Semantic-importance SSIM: Σ g·SSIM / Σ g over pixels (paper, equations 10 and 13).

    weight: (H, W), the grey map g of the *original* at full size, >= 0, any scale. A map of
    zeros says nothing and counts as constant, as in the allocation; SI-SSIM is then SSIM.
    """
    return weighted_mean(ssim_map(reference, distorted), weight)


def si_ssim_blocks(
    reference: NDArray[np.uint8], distorted: NDArray[np.uint8], importance: NDArray[np.generic]
) -> float:
    """Σ L_i · mean SSIM of block i; `si_ssim` if g is constant in each block.

    importance: (hb, wb), V_i >= 0 of each 8x8 block, of the picture or of its padding to 16
    pixels; blocks outside the picture are left out and border blocks average what they have.
    """
    scores = ssim_map(reference, distorted)
    height, width = scores.shape
    hb, wb = -(-height // _BLOCK), -(-width // _BLOCK)
    if importance.ndim != 2 or not (
        hb <= importance.shape[0] <= hb + 1 and wb <= importance.shape[1] <= wb + 1
    ):
        raise MetricError(
            f"importance is {importance.shape}, the picture has {hb} x {wb} blocks of 8 pixels"
        )
    tops, lefts = np.arange(0, height, _BLOCK), np.arange(0, width, _BLOCK)
    sums = np.add.reduceat(np.add.reduceat(scores.astype(np.float64), tops), lefts, axis=1)
    areas = np.outer(np.diff(tops, append=height), np.diff(lefts, append=width))
    return weighted_mean(sums / areas, importance[:hb, :wb])


def weighted_mean(scores: NDArray[np.floating], weight: NDArray[np.generic]) -> float:
    """Σ weight·scores / Σ weight, to score one `ssim_map` under several maps.

    scores: float (h, w). weight: (h, w), finite, >= 0; all zero counts as constant.
    """
    if weight.shape != scores.shape:
        raise MetricError(f"the weights are {weight.shape}, the scores {scores.shape}")
    weights = weight.astype(np.float64)
    if not np.isfinite(weights).all() or weights.min() < 0:
        raise MetricError("weights must be finite and not negative")
    total = float(weights.sum())
    if total == 0:
        return float(scores.mean(dtype=np.float64))
    return float((weights * scores).sum() / total)


def _check(reference: NDArray[np.uint8], distorted: NDArray[np.uint8]) -> None:
    for array in (reference, distorted):
        if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8 or array.size == 0:
            raise MetricError(f"expected uint8 (H, W, 3) pictures, got {array.dtype} {array.shape}")
    if reference.shape != distorted.shape:
        raise MetricError(
            f"the pictures differ in size: {reference.shape[1]} x {reference.shape[0]} and "
            f"{distorted.shape[1]} x {distorted.shape[0]} pixels"
        )


@dataclass(frozen=True, eq=False)
class _Strip:
    """Rows of an original at one scale.

    pixels: float64 (h, w, 3), with up to `_RADIUS` rows more on either side, as there are.
    mean, squares: the window's means of the pixels and of their squares. rows: which of the scale's
    are its own. inner: the same among the pixels.
    """

    pixels: NDArray[np.float64]
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]
    rows: slice
    inner: slice

    def terms(self, picture: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """SSIM's luminance and its contrast and structure, float64 (rows, w, 3) each.

        picture: the distorted one at this scale, (H, w, 3).
        """
        first = self.rows.start - self.inner.start
        other = picture[first : first + len(self.pixels)].astype(np.float64)
        mean = _blur(other)
        product, means = self.mean * mean, self.mean**2 + mean**2
        covariance = _blur(self.pixels * other) - product
        variances = self.squares + _blur(other**2) - means  # SSIM needs only their sum
        luminance = (2 * product + _C1) / (means + _C1)
        structure = (2 * covariance + _C2) / (variances + _C2)
        return luminance[self.inner], structure[self.inner]


def _strips(picture: NDArray[Any]) -> Iterator[_Strip]:
    """A picture (H, W, 3) in strips of rows, so that large ones take little memory."""
    height, width = picture.shape[:2]
    step = max(16, _STRIP_SAMPLES // (3 * width))
    for start in range(0, height, step):
        stop = min(start + step, height)
        first = max(start - _RADIUS, 0)
        pixels = picture[first : stop + _RADIUS].astype(np.float64)
        inner = slice(start - first, stop - first)
        yield _Strip(pixels, _blur(pixels), _blur(pixels**2), slice(start, stop), inner)


def _inside(terms: NDArray[np.float64], start: int, height: int) -> NDArray[np.float64]:
    """Those of windows that lie in the picture, which alone MS-SSIM counts.

    terms: of rows from `start` on, in a picture of so many rows.
    """
    first, last = max(_RADIUS - start, 0), max(height - _RADIUS - start, 0)
    return terms[first:last, _RADIUS:-_RADIUS]


def _pyramid(picture: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """A picture at the scales of MS-SSIM, each half of the one before; one where it is too small.

    An odd side gets a row or column of zeros before it is halved, as in the common implementations.
    """
    yield picture
    if min(picture.shape[:2]) < MS_SSIM_MIN_SIDE:
        return
    for _ in MS_SSIM_WEIGHTS[1:]:
        height, width = picture.shape[:2]
        if height % 2 or width % 2:
            picture = np.pad(picture, ((height % 2, 0), (width % 2, 0), (0, 0)))
        halved = picture[::2, ::2].astype(np.float64)
        for y, x in ((0, 1), (1, 0), (1, 1)):
            halved += picture[y::2, x::2]
        picture = halved / 4
        yield picture


def _blur(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """SSIM's window over the first two axes of (h, w, 3), borders reflected."""
    import cv2  # a fifth of a second, which most commands need not spend

    border = cv2.BORDER_REFLECT_101
    return np.asarray(cv2.sepFilter2D(values, -1, _TAPS, _TAPS, borderType=border), np.float64)
