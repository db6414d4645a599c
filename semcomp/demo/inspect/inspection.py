"""What can be said of every block of a `.semc` file, and the picture after every iteration.

Everything comes from the file's own bytes: its levels, its bits, what a decoder makes of them. The
original adds the error, and the map the importance, where the page has them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from semcomp.allocation.levels import block_importance
from semcomp.allocation.planning import read_codes, read_map
from semcomp.coding import bitstream
from semcomp.coding.bitstream import Header
from semcomp.demo.sessions.runs import Decode, Run, decode_steps
from semcomp.demo.sessions.session import Session
from semcomp.geometry import BLOCK, TILE
from semcomp.image import crop
from semcomp.weights import Model, find_model


@dataclass(frozen=True, eq=False)
class Inspection:
    """A file taken apart, block by block; Hb x Wb blocks cover the padded picture.

    data: the `.semc` file. header: what it says first. levels: uint8 (Hb, Wb), 0..24, as promised.
    codes: int8 (K, P, Hb, Wb), the bits of the K iterations that are there. bits: float64
    (K, Hb, Wb), what each block cost in each iteration, in coded bits. importance: float64
    (Hb, Wb), mean grey of the map over the block, 0..1; None where nobody knows it. cuts: bytes of
    the file cut after 0, 1, ... K iterations. original: uint8 (H, W, 3) if it is at hand. history:
    uint8 (K + 1, Hp, Wp, 3), the padded picture after 0 to K iterations, if it was decoded before.
    """

    data: bytes
    header: Header
    model: Model
    levels: np.ndarray
    codes: np.ndarray
    bits: np.ndarray
    importance: np.ndarray | None
    cuts: tuple[int, ...]
    original: np.ndarray | None
    history: np.ndarray | None = None

    @property
    def iterations(self) -> int:
        """Iterations that are there."""
        return len(self.codes)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the picture in pixels."""
        return self.header.height, self.header.width

    @property
    def shown_blocks(self) -> tuple[int, int]:
        """(rows, columns) of blocks that hold at least one pixel of the picture."""
        return -(-self.header.height // BLOCK), -(-self.header.width // BLOCK)


def inspect_file(data: bytes) -> Inspection:
    """Take a file apart; runs the entropy decoder, not the networks.

    Raises BitstreamError for a damaged or foreign file, and WeightsError for one of a model that
    is not here.
    """
    parsed = bitstream.parse(data)
    model = find_model(parsed.header.model_id)
    levels, codes = read_codes(model, parsed)
    return _inspection(data, model, levels, codes, read_map(parsed.header))


def inspect_run(session: Session, run: Run) -> Inspection:
    """A run of the first tab taken apart; nothing is decoded that is there already."""
    # `uniform` asks nobody, but what the classifier thinks can be shown all the same.
    grey = session.semantic_map(run.choice).grey
    known = run.plan.semantic_map
    return _inspection(
        run.data,
        session.encoder.model,
        run.plan.levels,
        session.encoder.codes_of(run.plan),
        (grey if known is None else known.grey).astype(np.uint8),
        session.picture,
        run.history if run.complete else None,
    )


def _inspection(
    data: bytes,
    model: Model,
    levels: np.ndarray,
    codes: np.ndarray,
    grey: np.ndarray | None,
    original: np.ndarray | None = None,
    history: np.ndarray | None = None,
) -> Inspection:
    return Inspection(
        data=data,
        header=bitstream.parse(data).header,
        model=model,
        levels=levels,
        codes=codes,
        bits=model.coder.cost(codes),
        importance=None if grey is None else mean_grey(grey, *levels.shape),
        cuts=tuple(len(bitstream.truncate(data, k)) for k in range(len(codes) + 1)),
        original=original,
        history=history,
    )


def mean_grey(grey: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Mean importance of every block, float64 (rows, columns) in 0..1; grey: uint8 (h, w)."""
    if not grey.any():  # `block_importance` would call it uniform
        return np.zeros((rows, columns))
    scale = 255.0 * 16384 * rows * columns
    return np.asarray(block_importance(grey, rows, columns) / scale)


def play(inspection: Inspection, decode: Decode = decode_steps) -> Iterator[tuple[int, np.ndarray]]:
    """(k, picture after k iterations as uint8 (H, W, 3)) for k = 0, 1, ... as soon as it is there.

    A picture of more than one tile is decoded tile by tile, so its pictures come at the end.
    """
    height, width = inspection.size
    if inspection.history is not None:
        for k, picture in enumerate(inspection.history):
            yield k, crop(picture, height, width)
        return
    yield 0, np.full((height, width, 3), 128, np.uint8)
    rows, columns = inspection.levels.shape
    whole = max(rows, columns) * BLOCK <= TILE
    count = 1 if whole else inspection.iterations
    history = np.zeros((count, rows * BLOCK, columns * BLOCK, 3), np.uint8)
    for step in decode(inspection.model.name, inspection.codes, True):
        if not step.k:  # a file without iterations
            continue
        step.paste(history[0 if whole else step.k - 1])
        if whole:
            yield step.k, crop(history[0], height, width).copy()
    if not whole:
        for k, picture in enumerate(history, 1):
            yield k, crop(picture, height, width)
