"""A quick picture for new levels, made from a run that is already there.

The decoder adds two things: the linear path, which takes milliseconds, and what its networks
correct, which takes seconds. A preview computes the first for the new levels and takes the second
from the earlier run, block by block, at the highest iteration that both share. Coefficients that
the new levels refine further lose the old correction. Where no block's level changes the preview
is the picture itself. Of a run whose last picture alone is kept, coefficients that the new levels
know less well lose it too.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from semcomp.allocation.planning import cut_codes
from semcomp.geometry import BLOCK
from semcomp.networks.quantizer import EmbeddedQuantizer

Picture = NDArray[np.uint8]


@torch.inference_mode()
def preview(
    quantizer: EmbeddedQuantizer,
    codes: NDArray[np.int8],
    levels: NDArray[np.uint8],
    history: Picture,
    reached: NDArray[np.uint8],
) -> Picture:
    """About what the decoder would give for `levels`, in a fraction of its time.

    quantizer: the codec's linear path. codes: int8 (K, P, Hb, Wb) at full level. levels: uint8
    (Hb, Wb), at most K. history: uint8 (k + 1, 8 Hb, 8 Wb, 3), the earlier run after 0 to k
    iterations, or (1, ...), its last picture.
    reached: uint8 (Hb, Wb), the levels it ran with, at most k.
    Returns uint8 (8 Hb, 8 Wb, 3).
    """
    alone = len(history) == 1
    shared = reached if alone else np.minimum(levels, reached)
    new, new_nodes = _linear(quantizer, cut_codes(codes, levels))
    old, old_nodes = _linear(quantizer, cut_codes(codes, shared))
    # A block goes on changing a little after its last bit, while its neighbours are refined.
    at = np.where((levels < reached) & (not alone), levels, len(history) - 1)
    known = torch.from_numpy(_pick(history, at)).permute(2, 0, 1)[None].float() - 128
    corrected = quantizer.analysis(known) - old
    pixels = quantizer.synthesis(new + corrected * (new_nodes == old_nodes))[0]
    whole = (pixels + 128).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(whole.permute(1, 2, 0).numpy())


def _linear(quantizer: EmbeddedQuantizer, codes: NDArray[np.int8]) -> tuple[Tensor, Tensor]:
    """Coefficients (1, 192, Hb, Wb) of the linear path after all iterations, and tree nodes."""
    like = quantizer.rms.new_empty((1, quantizer.rms.shape[1], *codes.shape[2:]))
    nodes, linear = quantizer.initial(like)
    for k, sent in enumerate(codes):
        bits = torch.from_numpy(sent.astype(np.float32))
        for i, slot in enumerate(quantizer.slots(k)):
            linear[:, quantizer.schedule[slot]] += quantizer.advance(slot, bits[None, i], nodes)
    return linear, nodes


def _pick(history: Picture, at: NDArray[np.integer]) -> Picture:
    """Every block of a history uint8 (k + 1, H, W, 3) as it was after `at` (Hb, Wb) iterations."""
    count, height, width, channels = history.shape
    rows, columns = at.shape
    blocks = history.reshape(count, rows, BLOCK, columns, BLOCK, channels)
    wanted = at.astype(np.intp)[None, :, None, :, None, None]
    return np.take_along_axis(blocks, wanted, 0).reshape(height, width, channels)
