"""Pixels, blocks and cells: how a picture is divided, and the codec's few numbers.

A block is 8x8 pixels and has a level, the number of iterations it receives. A cell is 16x16 pixels,
2x2 blocks, one position of the latent. Pictures are padded to whole cells, and large ones are cut
into tiles whose memory is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .errors import ImageError

BLOCK = 8
"""Side of a block in pixels (paper, section 3.3)."""
CELL = 16
"""Side in pixels of a cell, one latent position: 2x2 blocks."""
BITS = 8
"""Bits a block sends in one round: 32 bits per cell, a quarter of them each block's own."""
ITERATIONS = 24
"""Most iterations a block can receive: quality gains fade beyond them (paper, section 3.3)."""
LEVELS = ITERATIONS + 1
"""Number of levels, 0..24: the alphabet of a level map."""
TILE = 1024
"""Largest side of a tile's core in pixels."""
HALO = 96
"""Pixels of context around a tile's core; seams vanish from 80 on (`small`), 48 (`recurrent`)."""
MARGIN = 2
"""Cells of context kept around the active blocks."""


def padded_size(height: int, width: int) -> tuple[int, int]:
    """Height and width rounded up to multiples of 16. Raises ImageError below 1 x 1."""
    if height < 1 or width < 1:
        raise ImageError(f"a picture cannot be {height} x {width} pixels")
    return -(-height // CELL) * CELL, -(-width // CELL) * CELL


@dataclass(frozen=True)
class Window:
    """Rectangle in cells of 16x16 pixels, end exclusive."""

    top: int
    left: int
    bottom: int
    right: int

    def scaled(self, factor: int) -> tuple[slice, slice]:
        """Row and column slices at `factor` positions per cell."""
        return (
            slice(self.top * factor, self.bottom * factor),
            slice(self.left * factor, self.right * factor),
        )

    def within(self, outer: Window) -> Window:
        """The same rectangle in `outer`'s coordinates."""
        return Window(
            self.top - outer.top,
            self.left - outer.left,
            self.bottom - outer.top,
            self.right - outer.left,
        )

    @property
    def area(self) -> int:
        """Cells."""
        return (self.bottom - self.top) * (self.right - self.left)


def tiles(height: int, width: int) -> Iterator[tuple[Window, Window]]:
    """(core, core with halo) of every tile of a padded picture's pixels."""
    rows, columns = height // CELL, width // CELL
    core, halo = TILE // CELL, HALO // CELL
    for top in range(0, rows, core):
        for left in range(0, columns, core):
            bottom, right = min(top + core, rows), min(left + core, columns)
            yield (
                Window(top, left, bottom, right),
                Window(
                    max(top - halo, 0),
                    max(left - halo, 0),
                    min(bottom + halo, rows),
                    min(right + halo, columns),
                ),
            )


def active_window(active: np.ndarray) -> Window | None:
    """Smallest window around the active blocks, bool (Hb, Wb), plus a margin; None if none is."""
    cells = np.any(active.reshape(active.shape[0] // 2, 2, active.shape[1] // 2, 2), (1, 3))
    rows, columns = np.flatnonzero(cells.any(1)), np.flatnonzero(cells.any(0))
    if not len(rows):
        return None
    return Window(
        max(int(rows[0]) - MARGIN, 0),
        max(int(columns[0]) - MARGIN, 0),
        min(int(rows[-1]) + 1 + MARGIN, cells.shape[0]),
        min(int(columns[-1]) + 1 + MARGIN, cells.shape[1]),
    )
