"""SSIMULACRA2: similarity and edges over six scales of XYB, weighted to agree with people.

Sneyers, github.com/cloudinary/ssimulacra2, version 2.1 (constants and weights from there and from
libjxl's `opsin_params.h`, BSD-3-Clause). The arithmetic is that of the Python package `ssimulacra2`
0.3 (BSD-3-Clause), held to it by a test, compiled and with the original's part computed once. Like
that package it reads 0.2 to 3.5 points higher than the C++ program, whose Gaussian is recursive.

::

    8-bit RGB ─► linear ─► XYB ─┬► means and variances in a window ─► similarity, d ─┐
                    │           └► distance from the mean: edges ─► artifacts, loss ─┼► weighted
                    └► halved, five times: the same again                            ┘   sum
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from semcomp.errors import MetricError

from . import check_picture

VERSION = "version 2.1, arithmetic of PyPI ssimulacra2 0.3"
SCALES = 6
MIN_SIDE = 8
"""Shortest side of a scale that still counts."""

_C2 = 0.0009
_RADIUS, _SIGMA = 5, 1.5
_TAPS = np.exp(-0.5 * (np.arange(-_RADIUS, _RADIUS + 1) / _SIGMA) ** 2)
_TAPS /= _TAPS.sum()
_LEVELS = np.arange(256) / 255.0
_LINEAR = np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4)
_BIAS = 0.0037930732552754493
_CONES = np.array(
    [
        [0.30, 1.0 - 0.078 - 0.30, 0.078],
        [0.23, 1.0 - 0.078 - 0.23, 0.078],
        [
            0.24342268924547819,
            0.20476744424496821,
            1.0 - 0.24342268924547819 - 0.20476744424496821,
        ],
    ]
)
# Of every channel (X, Y, B), scale, norm (mean, fourth-power mean) and error (similarity, artifact,
# loss), in this order.
# fmt: off
_WEIGHTS = np.array([
    0.0, 0.0007376606707406586, 0.0, 0.0, 0.0007793481682867309, 0.0, 0.0, 0.0004371155730107379,
    0.0, 1.1041726426657346, 0.00066284834129271, 0.00015231632783718752, 0.0,
    0.0016406437456599754, 0.0, 1.8422455520539298, 11.441172603757666, 0.0, 0.0007989109436015163,
    0.000176816438078653, 0.0, 1.8787594979546387, 10.94906990605142, 0.0, 0.0007289346991508072,
    0.9677937080626833, 0.0, 0.00014003424285435884, 0.9981766977854967, 0.00031949755934435053,
    0.0004550992113792063, 0.0, 0.0, 0.0013648766163243398, 0.0, 0.0, 0.0, 0.0, 0.0,
    7.466890328078848, 0.0, 17.445833984131262, 0.0006235601634041466, 0.0, 0.0, 6.683678146179332,
    0.00037724407979611296, 1.027889937768264, 225.20515300849274, 0.0, 0.0, 19.213238186143016,
    0.0011401524586618361, 0.001237755635509985, 176.39317598450694, 0.0, 0.0, 24.43300999870476,
    0.28520802612117757, 0.0004485436923833408, 0.0, 0.0, 0.0, 34.77906344483772,
    44.835625328877896, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0008680556573291698, 0.0, 0.0,
    0.0, 0.0, 0.0, 0.0005313191874358747, 0.0, 0.00016533814161379112, 0.0, 0.0, 0.0, 0.0, 0.0,
    0.0004179171803251336, 0.0017290828234722833, 0.0, 0.0020827005846636437, 0.0, 0.0,
    8.826982764996862, 23.19243343998926, 0.0, 95.1080498811086, 0.9863978034400682,
    0.9834382792465353, 0.0012286405048278493, 171.2667255897307, 0.9807858872435379, 0.0, 0.0,
    0.0, 0.0005130064588990679, 0.0, 0.00010854057858411537,
])
# fmt: on


@dataclass(frozen=True, eq=False)
class _Scale:
    """One scale of a picture: XYB, its means and mean squares in the window, float64 (3, h, w)."""

    xyb: NDArray[np.float64]
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]


class Original:
    """A picture that others are compared with; its own part is computed once, in 100 bytes a pixel.

    picture: uint8 (H, W, 3), sides of 8 and more. Raises MetricError for anything else.
    """

    def __init__(self, picture: NDArray[np.uint8]) -> None:
        check_picture(picture, "SSIMULACRA2", MIN_SIDE)
        self.shape = picture.shape
        self._scales = list(_scales(picture))

    def compare(self, distorted: NDArray[np.uint8]) -> float:
        """The score: 100 for identical pictures, 90 where nobody sees a difference, below 0 for
        strong distortion. Raises MetricError for another size."""
        total = 0.0
        for weights, errors in self._errors(distorted):
            for each, (means, fourths) in zip(errors, weights, strict=True):
                squares = each * each
                fourth = (squares * squares).mean((1, 2))
                total += float(means @ each.mean((1, 2)) + fourths @ fourth**0.25)
        total *= 0.9562382616834844
        total = (
            2.326765642916932 * total
            - 0.020884521182843837 * total**2
            + 6.248496625763138e-05 * total**3
        )
        return 100.0 - 10.0 * total**0.6276336467831387 if total > 0 else 100.0

    def error_map(self, distorted: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What every pixel takes from the score, float32 (H, W), >= 0, in no unit.

        The mean over the map is the weighted sum of errors that the score is computed from; each
        error's fourth-power mean is shared out by the fourth powers.
        """
        height, width = self.shape[:2]
        shares = np.zeros((height, width))
        for weights, errors in self._errors(distorted):
            share = np.zeros(())
            for each, (means, fourths) in zip(errors, weights, strict=True):
                fourth = each**4
                mean = np.maximum(fourth.mean((1, 2)), 1e-30)
                share = share + np.tensordot(means, each, 1)
                share += np.tensordot(fourths / mean**0.75, fourth, 1)
            shares += cv2.resize(share, (width, height), interpolation=cv2.INTER_LINEAR)
        return shares.astype(np.float32)

    def _errors(
        self, distorted: NDArray[np.uint8]
    ) -> Iterator[tuple[NDArray[np.float64], Iterator[NDArray[np.float64]]]]:
        """Scale by scale: the weights (channel, norm, error), and every channel's errors, float64
        (3, h, w): similarity, artifact, loss."""
        if distorted.shape != self.shape or distorted.dtype != np.uint8:
            raise MetricError(
                f"expected uint8 {self.shape}, got {distorted.dtype} {distorted.shape}"
            )
        count = len(self._scales)
        # With fewer scales than six the weights move up, as in the original.
        weights = _WEIGHTS[: 18 * count].reshape(3, count, 2, 3)
        for number, (own, other) in enumerate(zip(self._scales, _scales(distorted), strict=True)):
            yield weights[:, number], _channel_errors(own, other)


def _channel_errors(own: _Scale, other: _Scale) -> Iterator[NDArray[np.float64]]:
    for c in range(3):
        errors = np.empty(own.xyb.shape)
        _compare(
            *(own.xyb[c], own.mean[c], own.squares[c]),
            *(other.xyb[c], other.mean[c], other.squares[c]),
            *(_blur(own.xyb[c] * other.xyb[c]), errors),
        )
        yield errors


def _scales(picture: NDArray[np.uint8]) -> Iterator[_Scale]:
    linear = _LINEAR[picture]
    for number in range(SCALES):
        if number:
            linear = _halved(linear)
        if min(linear.shape[:2]) < MIN_SIDE:
            return
        xyb = np.empty((3, *linear.shape[:2]))
        _to_xyb(linear, _CONES, xyb)
        yield _Scale(xyb, np.stack([*map(_blur, xyb)]), np.stack([_blur(x * x) for x in xyb]))


def _halved(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means of 2x2; at odd ends of what there is."""
    height, width = linear.shape[:2]
    if height % 2 or width % 2:
        linear = np.pad(linear, ((0, height % 2), (0, width % 2), (0, 0)), "edge")
    quads = linear[::2, ::2] + linear[1::2, ::2] + linear[::2, 1::2] + linear[1::2, 1::2]
    return np.asarray(quads / 4)


def _blur(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The window's mean of (h, w): reflected above and below, black left and right.

    The package filters the transposed picture, so its rows are columns here.
    """
    padded = cv2.copyMakeBorder(values, 0, 0, _RADIUS, _RADIUS, cv2.BORDER_CONSTANT)
    filtered = cv2.sepFilter2D(padded, -1, _TAPS, _TAPS, borderType=cv2.BORDER_REFLECT)
    return np.asarray(filtered[:, _RADIUS:-_RADIUS], np.float64)


@numba.njit(cache=True)
def _to_xyb(
    linear: NDArray[np.float64], cones: NDArray[np.float64], xyb: NDArray[np.float64]
) -> None:
    """XYB moved to positive values, into `xyb` (3, h, w). linear: (h, w, 3)."""
    root = np.cbrt(_BIAS)
    for y in range(linear.shape[0]):
        for x in range(linear.shape[1]):
            r, g, b = linear[y, x, 0], linear[y, x, 1], linear[y, x, 2]
            long = np.cbrt(max(cones[0, 0] * r + cones[0, 1] * g + cones[0, 2] * b + _BIAS, 0.0))
            mid = np.cbrt(max(cones[1, 0] * r + cones[1, 1] * g + cones[1, 2] * b + _BIAS, 0.0))
            short = np.cbrt(max(cones[2, 0] * r + cones[2, 1] * g + cones[2, 2] * b + _BIAS, 0.0))
            long, mid, short = long - root, mid - root, short - root
            luma = 0.5 * (long + mid)
            xyb[0, y, x] = 0.5 * (long - mid) * 14.0 + 0.42
            xyb[1, y, x] = luma + 0.01
            xyb[2, y, x] = (short - luma) + 0.55


@numba.njit(cache=True)
def _compare(
    first: NDArray[np.float64],
    first_mean: NDArray[np.float64],
    first_squares: NDArray[np.float64],
    second: NDArray[np.float64],
    second_mean: NDArray[np.float64],
    second_squares: NDArray[np.float64],
    product: NDArray[np.float64],
    errors: NDArray[np.float64],
) -> None:
    """See `Original._errors`; into `errors` (3, h, w), the others (h, w) of one channel."""
    for y in range(first.shape[0]):
        for x in range(first.shape[1]):
            m1, m2 = first_mean[y, x], second_mean[y, x]
            luminance = 1.0 - (m1 - m2) * (m1 - m2)
            structure = 2.0 * (product[y, x] - m1 * m2) + _C2
            variances = (first_squares[y, x] - m1 * m1) + (second_squares[y, x] - m2 * m2) + _C2
            edges = (1.0 + abs(second[y, x] - m2)) / (1.0 + abs(first[y, x] - m1)) - 1.0
            errors[0, y, x] = max(1.0 - luminance * structure / variances, 0.0)
            errors[1, y, x] = max(edges, 0.0)
            errors[2, y, x] = max(-edges, 0.0)
