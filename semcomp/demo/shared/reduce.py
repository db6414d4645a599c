"""Large pictures made smaller before any work on them."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def reduced(picture: NDArray[np.uint8], side: float) -> NDArray[np.uint8]:
    """A picture, uint8 (H, W, 3), with a longest side of at most `side` pixels; 0: as it is."""
    height, width = picture.shape[:2]
    if not 0 < side < max(height, width):
        return picture
    factor = side / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))
