"""Prepared pairs of made-up pictures, without any codec."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from leaderboard.blind.pairs import ORIGINAL, SUFFIX, Pair, PairedPicture, Side
from leaderboard.blind.ranks import CLEAR, POOR
from semcomp.image import to_file

CODECS = ("avif", "bpg", "jpeg", "semantic", "semantic-rd", "webp")
CREDIT = "Made up: CC0"


def write_pairs(
    folder: Path,
    pictures: int = 12,
    codecs: Sequence[str] = CODECS,
    size: tuple[int, int] = (96, 64),
) -> Path:
    """Pairs of all codecs at one rate; gives the folder. size: width, height."""
    rng = np.random.default_rng(0)
    width, height = size
    for number in range(pictures):
        name, place = f"made/picture{number:02}", folder / f"picture{number:02}"
        place.mkdir(parents=True)
        coarse = rng.integers(40, 216, (-(-height // 16), -(-width // 16), 3), np.uint8)
        original = coarse.repeat(16, 0).repeat(16, 1)[:height, :width]

        def put(stem: str, noise: float, original=original, place=place) -> None:
            noisy = original + rng.normal(0, noise, original.shape)
            pixels = np.clip(noisy, 0, 255).astype(np.uint8)
            (place / f"{stem}{SUFFIX}").write_bytes(to_file(pixels, "WEBP", lossless=True))

        sides = {
            codec: Side(codec, 5.0 + at, 1000 + at, f"{number:04}{at:020}")
            for at, codec in enumerate([*sorted(codecs), CLEAR, POOR])
        }
        put(ORIGINAL, 0)
        for at, side in enumerate(sides.values()):
            put(side.stem, {CLEAR: 1, POOR: 60}.get(side.codec, 5 + at))
        PairedPicture(
            name,
            width,
            height,
            CREDIT,
            (("faces",), ("text",), ())[number % 3],
            tuple(
                Pair(name, 0.2, (sides[a], sides[b])) for a, b in combinations(sorted(codecs), 2)
            ),
            Pair(name, 0.0, (sides[CLEAR], sides[POOR])),
            "key",
            1,
        ).write(place)
    return folder
