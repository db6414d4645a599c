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
