"""The codec's decoder as a generator: every iteration as soon as it is there."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from semcomp.geometry import BLOCK, CELL, Window, tiles
from semcomp.image import to_uint8
from semcomp.networks.one_pass import OnePassCodec
from semcomp.networks.runtime import TileRun
from semcomp.weights import available, load_model, resolve_device

Picture = NDArray[np.uint8]


class Step(NamedTuple):
    """One iteration of one tile, decoded. pixels: uint8 (h, w, 3) of the tile's core."""

    k: int
    done: int
    total: int
    core: Window
    pixels: Picture


Decode = Callable[[str, NDArray[np.int8], bool], Iterator[Step]]
"""See `decode_steps`, which it is unless a GPU is borrowed for it."""


def chosen_model() -> str:
    """Name of the weights the demo uses: `base` on a GPU where it is installed, else `small`."""
    return "base" if resolve_device(None).type == "cuda" and "base" in available() else "small"


@torch.inference_mode()
def decode_steps(model: str, codes: NDArray[np.int8], every: bool = True) -> Iterator[Step]:
    """Decode codes int8 (K, P, Hb, Wb) tile by tile, giving every iteration as it is there.

    every: False if the last will do; those of a decoder in one pass are then not made.
    """
    loaded = load_model(model)
    skips = isinstance(loaded.codec, OnePassCodec) and not every
    parts = list(tiles(codes.shape[2] * BLOCK, codes.shape[3] * BLOCK))
    for index, (core, outer) in enumerate(parts):
        y, x = outer.scaled(CELL)
        blocks = outer.scaled(CELL // BLOCK)
        inside = core.within(outer).scaled(CELL)
        tile = TileRun(loaded.codec, (y.stop - y.start, x.stop - x.start), loaded.device)
        for k, bits in enumerate(codes):
            shown = not skips or k + 1 == len(codes)
            tile.decode(k, bits[:, blocks[0], blocks[1]], shown)
            if not shown:
                continue
            done, total = index * len(codes) + k + 1, len(parts) * len(codes)
            yield Step(k, done, total, core, to_uint8(tile.reconstruction)[inside])
