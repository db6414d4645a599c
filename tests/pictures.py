"""Small pictures and their files, shared by the tests."""

from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

RGB = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
"""Noise, 5 pixels high and 7 wide: the axes cannot be confused."""


def encoded(picture: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    """The picture as a file's bytes."""
    stream = BytesIO()
    picture.save(stream, format, **options)
    return stream.getvalue()


def smooth_picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A random walk in both directions, like a natural picture's spectrum: uint8 (H, W, 3)."""
    rng = np.random.default_rng(seed)
    walk = rng.normal(size=(height, width, 1)).cumsum(0).cumsum(1)
    walk = walk + 0.3 * rng.normal(size=(height, width, 3)).cumsum(1)
    walk = (walk - walk.min()) / np.ptp(walk) * 255 + rng.normal(0, 3, (height, width, 3))
    return np.clip(walk, 0, 255).astype(np.uint8)
