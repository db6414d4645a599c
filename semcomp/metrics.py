"""Image quality on 8-bit RGB: PSNR, MS-SSIM, SSIM and its semantic weighting SI-SSIM.

Every function takes the reference and the distorted picture as uint8 (H, W, 3) arrays of one size
and raises MetricError for anything else. The same code scores every codec (docs/architecture).
"""

import math

import numpy as np
import pytorch_msssim
import torch
from numpy.typing import NDArray

from semcomp.errors import MetricError

from .image import reflect

MS_SSIM_MIN_SIDE = 161
"""Shortest side MS-SSIM is defined for: its 11-pixel window must fit after four halvings."""

_BLOCK = 8  # pixels on a block's side
_RADIUS, _SIGMA = 5, 1.5  # of SSIM's 11x11 Gaussian window (Wang et al. 2004)
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_STRIP_SAMPLES = 1 << 17  # values filtered at once; a strip's few arrays then stay in the cache


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

    Five scales with the published weights. Raises MetricError when a side is shorter than 161
    pixels: fewer scales would be another metric, and its values not comparable. Callers show
    such scores as not available. Takes about 130 bytes of memory per pixel: 3 GB for 24 megapixels.
    """
    _check(reference, distorted)
    height, width = reference.shape[:2]
    if min(height, width) < MS_SSIM_MIN_SIDE:
        raise MetricError(
            f"MS-SSIM needs at least {MS_SSIM_MIN_SIDE} pixels on each side, "
            f"this picture or region has {width} x {height}"
        )
    # One channel at a time: the same mean for a third of the memory.
    scores = [
        float(pytorch_msssim.ms_ssim(*_channel(reference, distorted, c), data_range=255))
        for c in range(3)
    ]
    return sum(scores) / 3


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
    without repeating the border pixel. Returns float32 (H, W).

    Works in strips of rows, in double precision: 24 megapixels need some 100 MB beyond the result.
    """
    _check(reference, distorted)
    height, width = reference.shape[:2]
    result = np.empty((height, width), np.float32)
    rows = reflect(np.arange(-_RADIUS, height + _RADIUS), height)
    columns = reflect(np.arange(-_RADIUS, width + _RADIUS), width)
    step = max(16, _STRIP_SAMPLES // (3 * width))
    for start in range(0, height, step):
        strip = rows[start : start + step + 2 * _RADIUS, None]
        scores = _ssim_valid(reference[strip, columns], distorted[strip, columns])
        result[start : start + step] = scores.mean(axis=2)
    return result


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


def _channel(
    reference: NDArray[np.uint8], distorted: NDArray[np.uint8], channel: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """One channel of both pictures, float32 (1, 1, H, W), 0..255."""
    first, second = (
        torch.from_numpy(picture[None, None, :, :, channel].astype(np.float32))
        for picture in (reference, distorted)
    )
    return first, second


def _ssim_valid(x: NDArray[np.uint8], y: NDArray[np.uint8]) -> NDArray[np.float64]:
    """SSIM of uint8 (h + 10, w + 10, 3) arrays where the window fits: float64 (h, w, 3)."""
    a, b = x.astype(np.float64), y.astype(np.float64)
    mean_a, mean_b = _blur(a), _blur(b)
    product, squares = mean_a * mean_b, mean_a * mean_a + mean_b * mean_b
    covariance = _blur(a * b) - product
    variances = _blur(a * a + b * b) - squares  # SSIM needs only the sum of the two
    return ((2 * product + _C1) * (2 * covariance + _C2)) / ((squares + _C1) * (variances + _C2))


def _blur(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gaussian window over the first two axes of (h + 10, w + 10, 3), where it fits."""
    taps = np.exp(-0.5 * (np.arange(-_RADIUS, _RADIUS + 1) / _SIGMA) ** 2)
    taps /= taps.sum()
    for axis in (0, 1):
        size = values.shape[axis] - 2 * _RADIUS
        slices = [values[(slice(None),) * axis + (slice(i, i + size),)] for i in range(11)]
        blurred = slices[_RADIUS] * taps[_RADIUS]
        for i in range(_RADIUS):  # the window is symmetric: one product for two taps
            blurred += (slices[i] + slices[-1 - i]) * taps[i]
        values = blurred
    return values
