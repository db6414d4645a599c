"""Pictures of coloured shapes whose place is known, for classifiers that learn in seconds."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from semcomp.training.classifier.data import LabelledPictures

SHAPES = ("disc", "square", "triangle")
SIDE = 32
"""Of a shape, in pixels."""


def scene(label: int, y: int, x: int, side: int, rng: np.random.Generator) -> np.ndarray:
    """Shape `label` with its corner at (y, x) on a cloudy ground: uint8 (side, side, 3)."""
    clouds = Image.fromarray(rng.integers(60, 190, (side // 8, side // 8, 3), np.uint8))
    picture = clouds.resize((side, side), Image.Resampling.BILINEAR)
    draw = ImageDraw.Draw(picture)
    box = (x, y, x + SIDE - 1, y + SIDE - 1)
    if SHAPES[label] == "disc":
        draw.ellipse(box, fill=(220, 30, 30))
    elif SHAPES[label] == "square":
        draw.rectangle(box, fill=(30, 60, 220))
    else:
        draw.polygon(
            [(x, y + SIDE - 1), (x + SIDE - 1, y + SIDE - 1), (x + SIDE // 2, y)], "yellow"
        )
    return np.asarray(picture)


def shapes(count: int, side: int = 96, seed: int = 0) -> LabelledPictures:
    """`count` scenes, the classes in turn, the places random."""
    rng = np.random.default_rng(seed)
    places = rng.integers(0, side - SIDE + 1, (count, 2))
    pixels = np.stack([scene(i % 3, int(y), int(x), side, rng) for i, (y, x) in enumerate(places)])
    return LabelledPictures("shapes", pixels, np.arange(count) % 3, SHAPES, "drawn shapes")
