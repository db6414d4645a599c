"""Running a codec on whole pictures: tiles, active regions, progress.

A picture of any size is cut into tiles with a halo, so that memory is bounded by the tile. Inside a
tile the active blocks of iteration k + 1 are among those of iteration k, so the networks run on a
shrinking window around them, and what lies outside keeps its last reconstruction. A codec that
decodes in one pass runs them on the whole tile, once for each picture that somebody wants to see.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from semcomp.geometry import BLOCK, CELL, ITERATIONS, Window, active_window, tiles
from semcomp.image import to_uint8

from .codec import Codec, OnePass, OpenLoopCodec
from .overlap import REACH
from .recurrence import LSTMState


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
        template = torch.empty((1, 3, height, width), dtype=torch.float32, device=device)
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

    def decode(self, k: int, bits: np.ndarray) -> None:
        """One iteration from bits int8 (P, Hb, Wb); moves `reconstruction`.

        A codec in one pass makes the picture only when it is looked at, see `look`.
        """
        if self.codec.one_pass:
            if np.any(bits):
                sent = torch.from_numpy(bits.astype(np.float32))
                cast(OnePass, self.codec).receive(k, sent.to(self.device)[None], self.decoder)
                self._unseen = True
            return
        if not self.shrink(np.any(bits, 0)):
            return
        blocks = self.window.scaled(CELL // BLOCK)
        sent = torch.from_numpy(bits[:, blocks[0], blocks[1]].astype(np.float32))
        self._write(self.codec.decode(k, sent.to(self.device)[None], self.decoder))

    def look(self) -> None:
        """Bring `reconstruction` up to what was received."""
        if self._unseen:
            self.reconstruction = cast(OnePass, self.codec).picture(self.decoder)
            self._unseen = False

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
def encode_codes(
    codec: Codec,
    image: Tensor,
    levels: np.ndarray,
    progress: Callable[[int, int, None], None] | None = None,
) -> np.ndarray:
    """Run the encoder.

    image: float32 (1, 3, H, W) in -128..127 on the codec's device, sides multiples of 16.
    levels: integers (H/8, W/8) in 0..24. progress: told after every tile how many are done, of how
    many.
    Returns codes int8 (max level, P, H/8, W/8) of -1, +1, and 0 where not sent; P is the codec's
    `planes`.
    """
    iterations = int(levels.max(initial=0))
    codes = np.zeros((iterations, codec.planes, *levels.shape), np.int8)
    if iterations == 0:
        return codes
    with torch.autocast(image.device.type, enabled=False):  # whatever a caller has set up
        places = list(tiles(*image.shape[2:]))
        for done, (core, outer) in enumerate(places, 1):
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
                # With its halo: the transform reaches over the core's edge.
                sent_all = cast(OpenLoopCodec, codec).quantize(image[:, :, y, x], iterations)[0]
                bits = sent_all.to(torch.int8).cpu().numpy()
                codes[:, :, rows, columns] = bits[:, :, inner[0], inner[1]] * sent[:, None]
            if progress is not None:
                progress(done, len(places), None)
    return codes


class Step(NamedTuple):
    """A tile after one more iteration.

    k: iterations it has decoded, 1.. (0 where there are none). done, total: iterations of all
    tiles. core, outer: the tile without and with its halo. decoded: uint8 (h, w, 3), all of outer.
    linear: whether it is the linear path's picture, without the networks' part.
    """

    k: int
    done: int
    total: int
    core: Window
    outer: Window
    decoded: np.ndarray
    linear: bool = False

    def paste(self, picture: np.ndarray) -> None:
        """Put the tile's core into the padded picture, uint8 (8 Hb, 8 Wb, 3)."""
        inner = self.core.within(self.outer).scaled(CELL)
        picture[self.core.scaled(CELL)] = self.decoded[inner]


@torch.inference_mode()
def decode_steps(
    codec: Codec,
    codes: np.ndarray,
    device: torch.device,
    at: Collection[int] | None = None,
    linear: bool = False,
) -> Iterator[Step]:
    """Decode codes int8 (K, P, Hb, Wb), tile by tile, giving the iterations as they are there.

    at: which ones are wanted, None for all; a codec in one pass makes no other pictures. linear:
    every iteration of such a codec also, and first, as its linear path shows it.
    """
    iterations, _, rows, columns = codes.shape
    assert iterations <= ITERATIONS
    parts = list(tiles(rows * BLOCK, columns * BLOCK))
    total = len(parts) * iterations
    for index, (core, outer) in enumerate(parts):
        y, x = outer.scaled(CELL)
        blocks = outer.scaled(CELL // BLOCK)
        # Not around the yield, where it would reach the caller.
        plain = partial(torch.autocast, device.type, enabled=False)
        with plain():
            run = TileRun(codec, (y.stop - y.start, x.stop - x.start), device)
        if not iterations:
            yield Step(0, 0, 0, core, outer, to_uint8(run.reconstruction))
        for k, bits in enumerate(codes, 1):
            wanted = at is None or k in at
            done = index * iterations + k
            with plain():
                run.decode(k - 1, bits[:, blocks[0], blocks[1]])
            if linear:
                with plain():
                    seen = to_uint8(cast(OnePass, codec).linear_picture(run.decoder))
                yield Step(k, done, total, core, outer, seen, linear=True)
            if wanted:
                with plain():
                    run.look()
                yield Step(k, done, total, core, outer, to_uint8(run.reconstruction))


def decode_codes(codec: Codec, codes: np.ndarray, device: torch.device) -> np.ndarray:
    """Codes int8 (iterations, P, Hb, Wb) -> picture uint8 (8 Hb, 8 Wb, 3)."""
    picture = np.empty((codes.shape[2] * BLOCK, codes.shape[3] * BLOCK, 3), np.uint8)
    for step in decode_steps(codec, codes, device, {len(codes)}):
        step.paste(picture)
    return picture


def decode_history(codec: Codec, codes: np.ndarray, device: torch.device) -> np.ndarray:
    """Pictures after 1, 2, ... iterations: uint8 (iterations, 8 Hb, 8 Wb, 3)."""
    iterations, _, rows, columns = codes.shape
    history = np.empty((iterations, rows * BLOCK, columns * BLOCK, 3), np.uint8)
    for step in decode_steps(codec, codes, device) if iterations else ():
        step.paste(history[step.k - 1])
    return history
