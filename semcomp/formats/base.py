"""What every writer of an ordinary format has in common: its protocol, and how a map steers it.

A writer makes a standard file. Where a map is given, blocks that matter get a finer quantizer than
the quality says and the others a coarser one; a decoder needs to know nothing of it.
"""

from __future__ import annotations

import importlib
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from semcomp.allocation.levels import block_importance
from semcomp.errors import FormatError

_FLOOR = 0.25
"""What every block gets of the map's mean first, so that no step goes to infinity."""


class Writer(Protocol):
    """One format. Only `write` needs the format's packages; the rest can be read without them.

    name: `jpeg`, as commands and results have it. label: `JPEG`, as people have it. suffixes: of
    file names, with the dot, the usual one first. search_range: lowest and highest quality and the
    step between two; a higher quality gives a larger file, but for small dents. default_quality:
    where nobody says. max_side: pixels, the longest side that the format has room for.
    """

    @property
    def name(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def suffixes(self) -> tuple[str, ...]: ...
    @property
    def media_type(self) -> str: ...
    @property
    def search_range(self) -> tuple[float, float, float]: ...
    @property
    def default_quality(self) -> float: ...
    @property
    def max_side(self) -> int: ...

    def write(
        self,
        picture: NDArray[np.uint8],
        quality: float,
        grey: NDArray[np.uint8] | None = None,
        focus: float = 1.0,
        exif: bytes = b"",
    ) -> bytes:
        """A file. Same input, same bytes.

        picture: uint8 (H, W, 3), sRGB. quality: within `search_range`. grey: the map, uint8 (h, w)
        of any size, stretched over the picture; None for the plain format. focus: how strongly it
        counts, above 0 to 2; 1 is what was chosen for the format. exif: a TIFF structure to
        carry along, without `Exif\\0\\0` before it.
        Raises FormatError where a package is missing or refuses the picture.
        """
        ...


def octaves(
    grey: NDArray[np.uint8], rows: int, columns: int, strength: float
) -> NDArray[np.float32]:
    """By how much the steps of blocks differ from the quality's: float32 (rows, columns).

    In octaves: 1 is twice as coarse, -1 twice as fine; their mean is 0. grey: uint8 (h, w),
    stretched over the blocks. strength: octaves for each octave of importance, which is the grey
    value over the map's mean, with a floor under it. Raises AllocationError for what is no map.
    """
    importance = block_importance(grey, rows, columns).astype(np.float64)
    share = np.log2(importance / importance.mean() + _FLOOR)
    steps: NDArray[np.float32] = (strength * (share.mean() - share)).astype(np.float32)
    return steps


def package(name: str, install: str, label: str) -> Any:
    """A module that a writer needs. Raises FormatError where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise FormatError(
            f"{label} cannot be written here: pip install {install} ({error})"
        ) from error
