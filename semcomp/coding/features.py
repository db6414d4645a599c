"""What the entropy coder may know about a bit: integer features of values already decoded.

Every bit of the codes refines one coefficient of one block (`quantizer.py`), and the value each
coefficient has reached is an integer. The features of a bit are companded differences and
magnitudes of such integers, in the block itself, in its eight neighbours and in some blocks behind
them. They are computed with single IEEE operations (multiply, square root, floor) whose results no
machine may change.

Which values are known when a bit is decoded is a matter of order. Inside a round the blocks
are decoded in wavefronts so that many bits share one step::

    step of (block x, y; bit i) = x + 2 y + i

    state of a neighbour, counted in bits of the running round:
        NW  i + 3      N  i + 2      NE  i + 1
        W   i + 1      .             E   0          (0 = as the previous round left it)
        SW  0          S  0          SE  0
"""

from __future__ import annotations

import numpy as np

from semcomp.geometry import BITS
from semcomp.networks.quantizer import UNIT, QuantizerTables, slot_scales

TRACKED = 96
"""Leading coefficients whose values the features look at."""
CAUSAL = ((-1, -1, 3), (-1, 0, 2), (-1, 1, 1), (0, -1, 1))
"""Neighbours decoded before: (row offset, column offset, bits ahead)."""
PENDING = ((0, 1), (1, -1), (1, 0), (1, 1))
"""Neighbours not yet decoded in this round: (row offset, column offset)."""
BEHIND = ((-2, 0, 4), (-2, 1, 3), (-1, -2, 4), (-1, 2, 0), (0, -2, 2))
"""Blocks of the second ring decoded before: (row offset, column offset, bits ahead)."""
BEYOND = ((0, 2), (2, 0))
"""Blocks of the second ring not yet decoded in this round: (row offset, column offset)."""
GRADIENT = 8
"""Leading coefficients compared with the four nearest neighbours'."""
OWN = 32
"""Leading coefficients of the block itself."""
GROUPS = np.array([1, 4, 9, 16, 32, TRACKED])
"""Borders of the coefficient groups whose magnitudes are summed into activities."""
SUMS = len(GROUPS) - 1
"""Activities of a block: 5."""
FIRST = 8 + 2 + 4 * GRADIENT + OWN + 3 * SUMS
"""Features of a bit from the block and its neighbours: 89."""
COUNT = FIRST + len(BEHIND) + len(BEYOND)
"""Features of a bit: 96."""
LIMIT = 255
"""Largest magnitude of a feature."""


class SlotTables:
    """Quantizer tables in the form the entropy coder walks: integers held in float32."""

    def __init__(self, tables: QuantizerTables) -> None:
        tables.check()
        self.channel = tables.schedule.astype(np.int64)
        if self.channel.max() >= TRACKED:
            raise ValueError(f"the schedule refines coefficients beyond the first {TRACKED}")
        start = tables.start[self.channel][:, None].astype(np.float32)
        self.thresholds = tables.thresholds.astype(np.float32) - start
        self.values = tables.values.astype(np.float32) - start
        # 2^16 / scale: features are square roots of differences in units of scale / 1024.
        self.gain = np.round(65536 / (slot_scales(tables) * UNIT)).astype(np.float32)
        self.planes = tables.planes
        self._ends = (tables.ends // BITS).tolist()

    def rounds(self, k: int) -> range:
        """The rounds of iteration k, counted over all iterations."""
        return range(self._ends[k], self._ends[k + 1])
