"""What a map saves, measured and fitted: `python -m tests.allocation.fit_gain PICTURES [EVERY]`.

Prints the constants `GAIN` of `semcomp.allocation.planning` for pictures, every 52nd unless said
otherwise, each under the class's map and under that of people, with the rank correlation and the
error of the fit and, beside them, those of the constants as they stand. For held-out training
pictures: the codec must not have learnt them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from semcomp.allocation.planning import Allocation, expected_gain
from semcomp.encoder import PictureEncoder
from semcomp.files import picture_files
from semcomp.image import load_image
from semcomp.metrics import Original, weighted_mean
from semcomp.semantics.maps import SemanticMap, effective_share, upsample_grey
from semcomp.semantics.subjects import MapKind
from semcomp.weights import load_model

LEVELS = (5.0, 6.0, 7.0)
NAMES: tuple[Allocation, ...] = ("proportional", "rd")
KINDS: tuple[MapKind, ...] = ("classifier", "people")


def gains(picture: NDArray[np.uint8]) -> list[tuple[SemanticMap, dict[Allocation, float]]]:
    """Each kind of map of a picture, and the share of bytes saved under it at equal SI-SSIM."""
    encoder, original = PictureEncoder(picture, load_model("small")), Original(picture)

    def measured(name: Allocation, given: SemanticMap | None = None) -> list[tuple[float, NDArray]]:
        """Log of the bytes and SSIM of every pixel at each level."""
        made = [
            encoder.compressed(encoder.plan(level, name, semantic_map=given)) for level in LEVELS
        ]
        return [
            (np.log(len(each.data)), original.compare(np.asarray(each.reconstruction))[0])
            for each in made
        ]

    alike = measured("uniform")
    result = []
    for kind in KINDS:
        seen = encoder.semantic_map(kind=kind)
        weight = upsample_grey(seen.grey, *picture.shape[:2])
        bytes_of, scores = zip(
            *((size, weighted_mean(ssim, weight)) for size, ssim in alike), strict=True
        )
        slope, at_none = np.polyfit(scores, bytes_of, 1)  # straight over so short a way
        saved: dict[Allocation, float] = {}
        for name in NAMES:
            gaps = [
                slope * weighted_mean(ssim, weight) + at_none - size
                for size, ssim in measured(name, seen)
            ]
            saved[name] = float(1 - np.exp(-np.mean(gaps)))
        result.append((seen, saved))
    return result


def main(folder: Path, every: int) -> None:
    """Measure, then print a line per picture and map, and what was fitted."""
    found = []
    for path in picture_files(folder)[::every]:
        for kind, (seen, saved) in zip(KINDS, gains(load_image(path)), strict=True):
            found.append((seen, saved))
            shares = ", ".join(f"{name} {value:.3f}" for name, value in saved.items())
            print(f"{path.name} {kind}: {effective_share(seen.grey):.3f}, {shares}", flush=True)
    rest = np.array([1 - effective_share(seen.grey) for seen, _ in found])
    for name in NAMES:
        saved_by = np.array([saved[name] for _, saved in found])
        slope, base = np.polyfit(rest, saved_by, 1)
        now = np.array([expected_gain(seen.grey, name) for seen, _ in found])
        for word, told in (("stands", now), ("fitted", np.maximum(0, base + slope * rest))):
            error = np.sqrt(np.mean((told - np.maximum(0, saved_by)) ** 2))
            print(
                f"{name} {word}: error {error:.3f} (RMS), ranks {spearmanr(told, saved_by)[0]:.2f}"
            )
        print(f"{name}: ({base:.2f}, {slope:.2f}) from {len(found)} maps")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 52)
