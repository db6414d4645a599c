"""Every score of one decoded picture, under the maps of both classifiers.

Scores are taken on 8-bit decoded pictures. The semantic weights come from the *original*: the maps
of EfficientNet-Lite0, which this project's codec allocates by, and of EfficientNet-Lite2, which no
codec has seen, so that nobody wins on their own map alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semcomp.errors import MetricError
from semcomp.metrics import ms_ssim, psnr, ssim_map, weighted_mean
from semcomp.semantics.activation import analyse, load_classifier, upsample_grey

__all__ = ["CLASSIFIERS", "MetricError", "Reference", "reference", "score"]

CLASSIFIERS = ("efficientnet-lite0", "efficientnet-lite2")
"""Whose maps weigh `si_ssim` and `si_ssim_2`."""
DIGITS = 6
"""Decimals that are kept of a score: far below any difference between codecs."""


@dataclass(frozen=True, eq=False)
class Reference:
    """An original with the weights of its semantic scores.

    image: uint8 (H, W, 3). weights: uint8 (H, W) under each of `CLASSIFIERS`.
    """

    image: NDArray[np.uint8]
    weights: tuple[NDArray[np.uint8], ...]


def reference(image: NDArray[np.uint8]) -> Reference:
    """Look at an original, uint8 (H, W, 3), with both classifiers (about a second)."""
    height, width = image.shape[:2]
    maps = [analyse(image, classifier=load_classifier(name)) for name in CLASSIFIERS]
    return Reference(image, tuple(upsample_grey(each.grey, height, width) for each in maps))


def score(original: Reference, decoded: NDArray[np.uint8]) -> dict[str, float | None]:
    """All of `leaderboard.data.results.METRICS`, by name.

    decoded: uint8 (H, W, 3). ms_ssim is None for pictures under 161 pixels a side; psnr is infinite
    for identical pictures. Raises MetricError for another size than the original's.
    """
    similarity = ssim_map(original.image, decoded)
    try:
        multiscale: float | None = ms_ssim(original.image, decoded)
    except MetricError:  # not defined for so small a picture
        multiscale = None
    first, second = (weighted_mean(similarity, weight) for weight in original.weights)
    scores = {
        "psnr": psnr(original.image, decoded),
        "ms_ssim": multiscale,
        "ssim": float(similarity.mean(dtype=np.float64)),
        "si_ssim": first,
        "si_ssim_2": second,
    }
    return {name: None if s is None else round(s, DIGITS) for name, s in scores.items()}
