"""Running a codec on whole pictures: tiles, active regions, progress.

A picture of any size is cut into tiles with a halo, so that memory is bounded by the tile. Inside a
tile the active blocks of iteration k + 1 are among those of iteration k, so the networks run on a
shrinking window around them, and what lies outside keeps its last reconstruction. A codec that
decodes in one pass runs them on the whole tile, once for each picture that somebody wants to see.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
import torch
from torch import Tensor

from semcomp.geometry import BLOCK, CELL, ITERATIONS, Window, active_window, tiles
from semcomp.image import to_uint8

from .codec import Codec, OpenLoopCodec
from .one_pass import OnePassCodec
from .overlap import REACH
from .recurrence import LSTMState

Progress = Callable[[int, int], None]
"""Called with (steps done, steps in all)."""


def _crop(tensor: Tensor, window: Window, outer: Window) -> Tensor:
    """Crop (B, C, H, W) of any resolution that covers `outer` to `window`."""
    inner = window.within(outer)
    rows, columns = outer.bottom - outer.top, outer.right - outer.left
    if tensor.shape[2] >= rows:
        y, x = inner.scaled(tensor.shape[2] // rows)
    else:
        raise ValueError(f"state of {tensor.shape[2]} rows is coarser than {rows} cells")
    assert tensor.shape[3] % columns == 0
    return tensor[:, :, y, x]


def _crop_units(units: list[LSTMState | None], window: Window, outer: Window) -> None:
    for i, state in enumerate(units):
        if state is not None:
            units[i] = (_crop(state[0], window, outer), _crop(state[1], window, outer))


def _without_rim(start: int, end: int, whole: int) -> slice:
    """Pixels start to end of a tile, counted from start, less `REACH` at ends inside the tile."""
    return slice(REACH if start else 0, end - start - (REACH if end < whole else 0))


class TileRun:
    """One tile's codec state, moved iteration by iteration by an encoder or a decoder."""

    def __init__(self, codec: Codec, size: tuple[int, int], device: torch.device) -> None:
        height, width = size
        self.codec = codec
        self.device = device
        self.window = Window(0, 0, height // CELL, width // CELL)
        template = torch.empty((1, 3, height, width), device=device)
        template = template.contiguous(memory_format=torch.channels_last)
        self.encoder, self.decoder, self.reconstruction = codec.start(template)
        self._unseen = False
        """Whether a codec in one pass has received more than `reconstruction` shows."""

    def shrink(self, active: np.ndarray) -> bool:
        """Move to the window of the active blocks, bool (Hb, Wb); False if there is none."""
        window = active_window(active)
        if window is None:
            return False
        # Cropping copies; a window that is hardly smaller is not worth it.
        if window.area <= 0.8 * self.window.area:
            outer = self.window
            window = Window(
                max(window.top, outer.top),
                max(window.left, outer.left),
                min(window.bottom, outer.bottom),
                min(window.right, outer.right),
            )
            _crop_units(self.encoder.units, window, outer)
            _crop_units(self.decoder.units, window, outer)
            self.decoder.nodes = _crop(self.decoder.nodes, window, outer)
            self.decoder.linear = _crop(self.decoder.linear, window, outer)
            self.window = window
        return True

    def encode(self, k: int, image: Tensor, active: np.ndarray) -> np.ndarray:
        """One closed-loop iteration on image (1, 3, H, W) of the tile -> bits int8 (P, Hb, Wb)."""
        bits = np.zeros((self.codec.planes, *active.shape), np.int8)
        if not self.shrink(active):
            return bits
        y, x = self.window.scaled(CELL)
        blocks = self.window.scaled(CELL // BLOCK)
        mask = torch.from_numpy(active[blocks].astype(np.float32)).to(self.device)[None, None]
        sent = self.codec.encode(
            k, image[:, :, y, x], self.reconstruction[:, :, y, x], mask, self.encoder, self.decoder
        )
        self._write(self.codec.decode(k, sent, self.decoder))
        bits[:, blocks[0], blocks[1]] = sent[0].to(torch.int8).cpu().numpy()
        return bits

    def decode(self, k: int, bits: np.ndarray, shown: bool = True) -> None:
        """One iteration from bits int8 (P, Hb, Wb); moves `reconstruction`.

        shown: whether anybody looks at it. A codec in one pass saves itself the picture otherwise.
        """
        if isinstance(self.codec, OnePassCodec):
            if np.any(bits):
                sent = torch.from_numpy(bits.astype(np.float32))
                self.codec.receive(k, sent.to(self.device)[None], self.decoder)
                self._unseen = True
            if shown and self._unseen:
                self.reconstruction = self.codec.picture(self.decoder)
                self._unseen = False
            return
        if not self.shrink(np.any(bits, 0)):
            return
        blocks = self.window.scaled(CELL // BLOCK)
        sent = torch.from_numpy(bits[:, blocks[0], blocks[1]].astype(np.float32))
        self._write(self.codec.decode(k, sent.to(self.device)[None], self.decoder))

    def _write(self, decoded: Tensor) -> None:
        """Put the window's picture (1, 3, H, W) into the tile's.

        Where the window ends inside the tile, the transform's overlap with what lies outside is
        missing: that rim, which no active block touches, keeps its last reconstruction.
        """
        y, x = self.window.scaled(CELL)
        height, width = self.reconstruction.shape[2:]
        rows = _without_rim(y.start, y.stop, height)
        columns = _without_rim(x.start, x.stop, width)
        self.reconstruction[:, :, y, x][:, :, rows, columns] = decoded[:, :, rows, columns]


@torch.inference_mode()
def encode_codes(codec: Codec, image: Tensor, levels: np.ndarray) -> np.ndarray:
    """Run the encoder.

    image: float32 (1, 3, H, W) in -128..127 on the codec's device, sides multiples of 16.
    levels: integers (H/8, W/8) in 0..24.
    Returns codes int8 (max level, P, H/8, W/8) of -1, +1, and 0 where not sent; P is the codec's
    `planes`.
    """
    iterations = int(levels.max(initial=0))
    codes = np.zeros((iterations, codec.planes, *levels.shape), np.int8)
    if iterations == 0:
        return codes
    for core, outer in tiles(*image.shape[2:]):
        rows, columns = core.scaled(CELL // BLOCK)
        sent = levels[rows, columns] > np.arange(iterations)[:, None, None]
        y, x = outer.scaled(CELL)
        inner = core.within(outer).scaled(CELL // BLOCK)
        if codec.closed_loop:
            run = TileRun(codec, (y.stop - y.start, x.stop - x.start), image.device)
            tile = image[:, :, y, x].contiguous(memory_format=torch.channels_last)
            active = levels[outer.scaled(CELL // BLOCK)]
            bits = np.stack([run.encode(k, tile, active > k) for k in range(iterations)])
            codes[:, :, rows, columns] = bits[:, :, inner[0], inner[1]]
        else:
            assert isinstance(codec, OpenLoopCodec)
            # With its halo: the transform reaches over the core's edge.
            bits = codec.quantize(image[:, :, y, x], iterations)[0].to(torch.int8).cpu().numpy()
            codes[:, :, rows, columns] = bits[:, :, inner[0], inner[1]] * sent[:, None]
    return codes


Observer = Callable[[int, Window, Window, np.ndarray], None]
"""Called with (k, core, outer, picture of outer as uint8 (H, W, 3)) after iteration k of a tile."""


@torch.inference_mode()
def decode_codes(
    codec: Codec,
    codes: np.ndarray,
    device: torch.device,
    *,
    progress: Progress | None = None,
    observe: Observer | None = None,
    observed: Collection[int] | None = None,
) -> np.ndarray:
    """Codes int8 (iterations, P, Hb, Wb) -> picture uint8 (8 Hb, 8 Wb, 3), tile by tile.

    observed: the k for which `observe` is called; None for every iteration.
    """
    iterations, _, rows, columns = codes.shape
    assert iterations <= ITERATIONS
    seen: Collection[int] = ()
    if observe is not None:
        seen = range(iterations) if observed is None else observed
    picture = np.zeros((rows * BLOCK, columns * BLOCK, 3), np.uint8)
    parts = list(tiles(rows * BLOCK, columns * BLOCK))
    for index, (core, outer) in enumerate(parts):
        y, x = outer.scaled(CELL)
        blocks = outer.scaled(CELL // BLOCK)
        run = TileRun(codec, (y.stop - y.start, x.stop - x.start), device)
        for k in range(iterations):
            run.decode(k, codes[k][:, blocks[0], blocks[1]], k in seen or k + 1 == iterations)
            if observe is not None and k in seen:
                observe(k, core, outer, to_uint8(run.reconstruction))
            if progress is not None:
                progress(index * iterations + k + 1, len(parts) * iterations)
        inner = core.within(outer).scaled(CELL)
        picture[core.scaled(CELL)] = to_uint8(run.reconstruction)[inner]
    return picture


def decode_history(codec: Codec, codes: np.ndarray, device: torch.device) -> np.ndarray:
    """Pictures after 1, 2, ... iterations: uint8 (iterations, 8 Hb, 8 Wb, 3)."""
    iterations, _, rows, columns = codes.shape
    history = np.zeros((iterations, rows * BLOCK, columns * BLOCK, 3), np.uint8)

    def observe(k: int, core: Window, outer: Window, decoded: np.ndarray) -> None:
        history[k][core.scaled(CELL)] = decoded[core.within(outer).scaled(CELL)]

    decode_codes(codec, codes, device, observe=observe)
    return history
