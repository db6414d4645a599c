"""AVIF by Pillow: libaom, told by its rate guide where the bits belong."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

from semcomp.errors import FormatError
from semcomp.image import to_file

from .base import octaves

_STRENGTH = 2.0
"""Chosen on pictures of the training set; octaves of rate for each octave of importance."""
_BLOCK = 16
"""Side of the blocks of the rate guide."""


class AvifWriter:
    """4:2:0, aom's tune `iq`, speed 6, one tile; quality is libavif's."""

    name = "avif"
    label = "AVIF"
    suffixes = (".avif",)
    media_type = "image/avif"
    search_range = (0.0, 100.0, 1.0)
    default_quality = 60.0
    max_side = 65536

    def write(
        self,
        picture: NDArray[np.uint8],
        quality: float,
        grey: NDArray[np.uint8] | None = None,
        focus: float = 1.0,
        exif: bytes = b"",
    ) -> bytes:
        """See `Writer.write`."""
        if not features.check("avif"):
            raise FormatError("this Pillow was built without AVIF: install one from PyPI's wheels")
        step = round(quality)
        # The tune comes first, as it sets a deltaq-mode; at 100, without loss, aom has no `iq`.
        advanced = {"tune": "iq"} if step < 100 else {}
        advanced |= {"deltaq-mode": "3"}
        with tempfile.TemporaryDirectory() as folder:
            if grey is not None:
                path = Path(folder) / "guide"
                np.savetxt(path, _guide(picture, grey, focus * _STRENGTH), "%.4f")
                advanced |= {"enable-rate-guide-deltaq": "1", "rate-distribution-info": str(path)}
            return to_file(
                Image.fromarray(picture),
                "AVIF",
                quality=step,
                speed=6,
                subsampling="4:2:0",
                codec="aom",
                max_threads=1,
                # The number of tiles must not depend on the machine; one is the smallest file.
                autotiling=False,
                exif=exif,
                advanced=advanced,
            )


def _guide(
    picture: NDArray[np.uint8], grey: NDArray[np.uint8], strength: float
) -> NDArray[np.float64]:
    """Shares of the bits that blocks are to get: float64 (rows, columns).

    A block needs more the more varied it is; the map adds to that or takes away.
    """
    luma = np.asarray(Image.fromarray(picture).convert("L"), np.float32)
    luma = np.pad(luma, [(0, -side % _BLOCK) for side in luma.shape], "edge")
    rows, columns = luma.shape[0] // _BLOCK, luma.shape[1] // _BLOCK
    spread = luma.reshape(rows, _BLOCK, columns, _BLOCK).std((1, 3))
    guide: NDArray[np.float64] = np.sqrt(spread + 2) * np.exp2(
        -octaves(grey, rows, columns, strength)
    )
    return guide
