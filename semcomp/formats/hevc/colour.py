"""RGB to BPG's planes and back: full-range BT.601, chroma halved and doubled by libbpg's filters.

All in integers, so that a file's picture is the same on every machine.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]

_SHIFT = 22
"""Binary places of the colour matrices."""
_HALF = 1 << (_SHIFT - 1)
_RED, _BLUE = 0.299, 0.114  # ITU-R BT.601
_GREEN = 1 - _RED - _BLUE
_TO_YCC = np.array(
    [
        [_RED, _GREEN, _BLUE],
        [-_RED / 2 / (1 - _BLUE), -_GREEN / 2 / (1 - _BLUE), 0.5],
        [0.5, -_GREEN / 2 / (1 - _RED), -_BLUE / 2 / (1 - _RED)],
    ]
)

# Chroma lies between the luma samples, as in JPEG. libbpg's filters: ten taps of sum 128 to halve;
# seven of sum 64 to double, for the sample a quarter before (mirrored: after) the chroma sample.
_HALVE = (2, -4, -8, 17, 57, 57, 17, -8, -4, 2)
_DOUBLE = (2, -6, 18, 57, -10, 4, -1)


def to_planes(image: NDArray[np.uint8], subsampled: bool) -> tuple[Plane, Plane, Plane]:
    """RGB uint8 (H, W, 3) -> Y, Cb, Cr uint8; chroma (⌈H/2⌉, ⌈W/2⌉) if subsampled, else (H, W)."""
    matrix = np.rint(_TO_YCC * (1 << _SHIFT)).astype(np.int64)
    mixed = (image.astype(np.int64) @ matrix.T + _HALF) >> _SHIFT
    mixed[..., 1:] += 128
    planes = np.clip(mixed, 0, 255).astype(np.int32)
    luma, blue, red = (planes[..., channel] for channel in range(3))
    if subsampled:
        blue, red = _halve(blue), _halve(red)
    return luma.astype(np.uint8), blue.astype(np.uint8), red.astype(np.uint8)


def to_rgb(luma: Plane, blue: Plane, red: Plane) -> NDArray[np.uint8]:
    """Inverse of `to_planes`, as bpgdec does it: uint8 (H, W, 3)."""
    height, width = luma.shape
    chroma = [plane.astype(np.int64) for plane in (blue, red)]
    if blue.shape != luma.shape:
        chroma = [_double(plane, height, width) for plane in chroma]
    cb, cr = (plane - 128 for plane in chroma)
    base = (luma.astype(np.int64) << _SHIFT) + _HALF
    unit = 1 << _SHIFT
    picture = np.stack(
        [
            base + round(2 * (1 - _RED) * unit) * cr,
            base
            - round(2 * _BLUE * (1 - _BLUE) / _GREEN * unit) * cb
            - round(2 * _RED * (1 - _RED) / _GREEN * unit) * cr,
            base + round(2 * (1 - _BLUE) * unit) * cb,
        ],
        axis=2,
    )
    return np.asarray(np.clip(picture >> _SHIFT, 0, 255), np.uint8)


def _weighted(
    plane: NDArray[np.integer], taps: tuple[int, ...], centres: NDArray[np.int64], axis: int
) -> NDArray[np.int64]:
    """Sum of taps times samples, the first tap at each centre; edges are repeated."""
    last = plane.shape[axis] - 1
    total = None
    for offset, tap in enumerate(taps):
        part = tap * plane.take(np.clip(centres + offset, 0, last), axis).astype(np.int64)
        total = part if total is None else total + part
    assert total is not None
    return total


def _halve(plane: NDArray[np.integer]) -> NDArray[np.int64]:
    """Across first, with six of the seven binary places kept, then down."""
    height, width = plane.shape
    across = (_weighted(plane, _HALVE, np.arange(0, width, 2) - 4, 1) + 1) >> 1
    down = _weighted(across, _HALVE, np.arange(0, height, 2) - 4, 0)
    return np.asarray(np.clip((down + (1 << 12)) >> 13, 0, 255))


def _double(plane: NDArray[np.int64], height: int, width: int) -> NDArray[np.int64]:
    """Down first, unrounded, then across."""
    down = _interleaved(plane, height, 0)
    return np.asarray(np.clip((_interleaved(down, width, 1) + (1 << 11)) >> 12, 0, 255))


def _interleaved(plane: NDArray[np.int64], size: int, axis: int) -> NDArray[np.int64]:
    centres = np.arange(plane.shape[axis]) - 3
    before = _weighted(plane, _DOUBLE, centres, axis)
    after = _weighted(plane, _DOUBLE[::-1], centres, axis)
    shape = list(plane.shape)
    shape[axis] *= 2
    doubled = np.stack([before, after], axis + 1).reshape(shape)
    return doubled.take(np.arange(size), axis)
