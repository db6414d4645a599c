"""Picture in, small file out, picture back: the whole system behind two functions.

::

    picture -> semantic map -> levels per block -> recurrent codec -> entropy coder -> file
                    |                ^                                                  |
                    +-- quantised ---+------ or the levels themselves ----------------> map section
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Literal, get_args

import numpy as np
from PIL import Image

from . import bitstream
from .allocation import (
    MAX_LEVEL,
    AllocationError,
    block_importance,
    default_floor,
    level_to_centi,
    proportional_levels,
    rd_levels,
    uniform_levels,
)
from .bitstream import AllocationKind, BitstreamError, Header
from .codec import CELL
from .grid_coder import decode_grid, encode_grid
from .image import MAX_PIXELS, crop, load_image, pad_image, padded_size, to_tensor
from .measure import RateDistortion, measure
from .quantizer import BLOCK
from .runtime import Window, decode_codes, encode_codes
from .semantic import SemanticMap, analyse
from .weights import Model, find_model, load_model

Allocation = Literal["uniform", "proportional", "rd"]
Source = str | Path | bytes | BinaryIO | Image.Image | np.ndarray
Progress = Callable[[int, int, np.ndarray | None], None]
"""Called with (iterations done, iterations in all, picture so far as uint8 (H, W, 3) or None)."""

MAP_STEP = 16
"""Quantisation step of the map's grey values: 16 values carry what the allocation needs."""
MAX_FILE_SIDE = 65535
"""Longest side the file format has room for."""
LEVELS = MAX_LEVEL + 1
"""Alphabet of a level map."""


GROUPS = (0, 1, 2)
"""Exponents of the sides, in blocks, over which a level map may share its levels."""
RD_BASE = 0.25
"""Share of `rd`'s weight that every block has whatever its importance."""


class TruncatedWarning(UserWarning):
    """A file was cut short; what it still holds was decoded."""


@dataclass(frozen=True, eq=False)
class Compressed:
    """A compressed picture and what its making showed.

    data: the whole `.semc` file. width, height: pixels. levels: uint8 (Hb, Wb), 0..24, of the
    padded picture. semantic_map: what steered the allocation, as the decoder knows it; None for
    `uniform`. reconstruction: what `decompress(data)` gives. sizes: bytes of header, map, codes
    and checks; their sum is the file's size. model: name of the weights.
    """

    data: bytes
    width: int
    height: int
    levels: np.ndarray
    semantic_map: SemanticMap | None
    reconstruction: Image.Image
    sizes: dict[str, int]
    model: str

    @property
    def bpp(self) -> float:
        """Bits of the whole file per pixel."""
        return 8 * len(self.data) / (self.width * self.height)


@dataclass(frozen=True, eq=False)
class Plan:
    """Levels of every block, and how the file tells them to the decoder.

    levels: uint8 (Hb, Wb). floor, map_grid: what `proportional` is recomputed from. group: levels
    are shared by 2**group blocks a side. codes: where the encoder has run already.
    """

    levels: np.ndarray
    kind: AllocationKind
    floor: int = 0
    group: int = 0
    map_grid: np.ndarray | None = None
    semantic_map: SemanticMap | None = None
    codes: np.ndarray | None = None


def compress(
    image: Source,
    level: float = 6,
    allocation: Allocation = "proportional",
    *,
    floor: int | None = None,
    model: str = "small",
    semantic_map: SemanticMap | None = None,
    class_name: str | None = None,
    device: str | None = None,
    progress: Progress | None = None,
) -> Compressed:
    """Compress a picture.

    image: a file, bytes, PIL image or array; anything `semcomp.image.load_image` reads.
    level: average number of iterations per block, 0.1..24: the budget.
    allocation: `uniform`, `proportional` (the paper's Algorithm 1) or `rd`.
    floor: levels every block gets first (`proportional`); None for half the level.
    semantic_map: a map of one's own (`semcomp.semantic.user_map`); None analyses the picture.
    class_name: the class whose activation is the map; None for the most probable one.

    Raises ImageError, AllocationError, SemanticError or WeightsError, each naming the remedy.
    """
    if allocation not in get_args(Allocation):
        raise AllocationError(
            f"unknown allocation {allocation!r}: use {', '.join(get_args(Allocation))}"
        )
    level_to_centi(level)
    picture = load_image(image)
    height, width = picture.shape[:2]
    if max(height, width) > MAX_FILE_SIDE:
        raise BitstreamError(f"{width}x{height}: sides over {MAX_FILE_SIDE} do not fit a file")
    loaded = load_model(model, device)
    if allocation != "uniform" and semantic_map is None:
        semantic_map = analyse(picture, class_name=class_name)
    padded = pad_image(picture)
    plan = plan_levels(loaded, padded, level, allocation, floor, semantic_map, progress)
    codes = plan.codes
    if codes is None:
        codes = encode_codes(loaded.codec, to_tensor(padded).to(loaded.device), plan.levels)
    decoded = _decode(loaded, codes, progress, height, width)
    data = pack(loaded, (height, width), level, plan, codes)
    return Compressed(
        data=data,
        width=width,
        height=height,
        levels=plan.levels,
        semantic_map=plan.semantic_map,
        reconstruction=Image.fromarray(decoded),
        sizes=_sizes(bitstream.parse(data)),
        model=loaded.name,
    )


def pack(model: Model, size: tuple[int, int], level: float, plan: Plan, codes: np.ndarray) -> bytes:
    """The file of a picture of size (height, width) whose codes follow the plan's levels."""
    grid = plan.map_grid
    header = Header(
        model_id=model.model_id,
        width=size[1],
        height=size[0],
        allocation=plan.kind,
        level_centi=level_to_centi(level),
        floor=plan.floor,
        iterations=len(codes),
        map_height=0 if grid is None else grid.shape[0],
        map_width=0 if grid is None else grid.shape[1],
        map_step=0 if grid is None else MAP_STEP,
        map_section=_map_section(plan),
    )
    return bitstream.write(header, model.coder.encode(codes))


def cut_codes(codes: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Codes at full level -> codes under levels uint8 (Hb, Wb): later bits are dropped."""
    kept = codes[: int(levels.max(initial=0))]
    return kept * (levels > np.arange(len(kept))[:, None, None])[:, None]


def plan_levels(
    model: Model,
    padded: np.ndarray,
    level: float,
    allocation: Allocation,
    floor: int | None = None,
    semantic_map: SemanticMap | None = None,
    progress: Progress | None = None,
    measured: RateDistortion | None = None,
) -> Plan:
    """Decide every block's level. `measured` spares `rd` its run of the encoder.

    padded: uint8 (H, W, 3), sides multiples of 16.
    """
    rows, columns = padded.shape[0] // BLOCK, padded.shape[1] // BLOCK
    if allocation == "uniform" or semantic_map is None:
        return Plan(uniform_levels(level, rows, columns), AllocationKind.UNIFORM)
    quantised = quantise_map(semantic_map.grey)
    known = replace(semantic_map, grey=restore_map(quantised, MAP_STEP))
    if allocation == "proportional":
        floor = default_floor(level) if floor is None else floor
        if semantic_map.source == "user":
            # A painted map is finer than the small grid the file has room for.
            importance = block_importance(semantic_map.grey, rows, columns)
            levels = proportional_levels(importance, level, floor)
            return Plan(levels, AllocationKind.LEVELS, semantic_map=semantic_map)
        importance = block_importance(known.grey, rows, columns)
        levels = proportional_levels(importance, level, floor)
        return Plan(
            levels, AllocationKind.PROPORTIONAL, floor, map_grid=quantised, semantic_map=known
        )
    if measured is None:
        reach = min(MAX_LEVEL, max(8, math.ceil(2.5 * level)))
        measured = measure(model, padded, reach, progress)
    importance = block_importance(semantic_map.grey, rows, columns)
    levels, group = _rd_levels(measured, importance, level)
    codes = cut_codes(measured.codes, levels)
    return Plan(levels, AllocationKind.LEVELS, group=group, semantic_map=semantic_map, codes=codes)


def _rd_levels(
    measured: RateDistortion, importance: np.ndarray, level: float
) -> tuple[np.ndarray, int]:
    """Levels uint8 (Hb, Wb) whose bits and map together cost what `level` everywhere would.

    Levels may be shared by groups of 1, 2x2 or 4x4 blocks: a coarser map fits the picture less and
    costs less. Returns the levels of the best grouping and its exponent.
    """
    budget = measured.cost_of_level(level)
    weight = rd_weight(importance)
    best: tuple[float, np.ndarray, int] | None = None
    for group in GROUPS:
        rate = _grouped(measured.rate, importance.shape, group)
        distortion = _grouped(
            measured.distortion * weight.ravel()[:, None], importance.shape, group
        )
        coarse_shape = grouped_shape(importance.shape, group)
        reserved = 0.0
        for _ in range(2):  # the map's own cost is known only once there is a map
            flat = rd_levels(
                distortion, rate, np.ones(len(rate)), max(budget - reserved, rate[:, 0].sum())
            )
            coarse = flat.reshape(coarse_shape)
            reserved = 8.0 * len(encode_grid(coarse, LEVELS))
        cost = float(np.take_along_axis(distortion, flat[:, None].astype(np.int64), 1).sum())
        if best is None or cost < best[0]:
            best = cost, _spread(coarse, importance.shape, group), group
    assert best is not None
    return best[1], best[2]


def rd_weight(importance: np.ndarray) -> np.ndarray:
    """Weight of every block's distortion, mean 1: importance above a share for everyone."""
    relative = importance / max(importance.mean(), 1e-9)
    return np.asarray(RD_BASE + (1 - RD_BASE) * relative)


def grouped_shape(shape: tuple[int, ...], group: int) -> tuple[int, int]:
    """Blocks (Hb, Wb) -> groups of 2**group blocks a side, the last ones smaller."""
    return -(-shape[0] >> group), -(-shape[1] >> group)


def _grouped(table: np.ndarray, shape: tuple[int, ...], group: int) -> np.ndarray:
    """Sums of table (Hb * Wb, K) over the groups, raster order."""
    rows, columns = grouped_shape(shape, group)
    sums = table.reshape(*shape, -1)
    for axis, count in ((0, rows), (1, columns)):
        sums = np.add.reduceat(sums, np.arange(count) << group, axis)
    return np.asarray(sums.reshape(rows * columns, -1))


def _spread(coarse: np.ndarray, shape: tuple[int, ...], group: int) -> np.ndarray:
    """Levels of groups -> levels of blocks."""
    spread = coarse.repeat(1 << group, 0).repeat(1 << group, 1)
    return spread[: shape[0], : shape[1]]


def decompress(
    data: bytes,
    *,
    iterations: int | None = None,
    device: str | None = None,
    progress: Progress | None = None,
) -> Image.Image:
    """Decode a `.semc` file; needs nothing but the file and the weights that wrote it.

    iterations: stop after this many; None for all. A file cut short gives what it still holds and
    a TruncatedWarning. Raises BitstreamError for damaged or foreign files, WeightsError for a file
    of another model.
    """
    parsed = bitstream.parse(data, iterations=iterations)
    header = parsed.header
    _check_size(header)
    model = find_model(header.model_id, device)
    if not parsed.complete and len(parsed.chunks) < (
        header.iterations if iterations is None else min(iterations, header.iterations)
    ):
        warnings.warn(
            f"the file is cut: {len(parsed.chunks)} of {header.iterations} iterations are there; "
            "get the file again for the rest",
            TruncatedWarning,
            stacklevel=2,
        )
    codes = model.coder.decode(list(parsed.chunks), read_levels(header))
    return Image.fromarray(_decode(model, codes, progress, header.height, header.width))


def info(data: bytes) -> dict[str, Any]:
    """What a `.semc` file says of itself, in plain types; decodes nothing."""
    parsed = bitstream.parse(data)
    header = parsed.header
    return {
        "width": header.width,
        "height": header.height,
        "model_id": header.model_id.hex(),
        "allocation": header.allocation.name.lower(),
        "level": header.level_centi / 100,
        "floor": header.floor,
        "iterations": header.iterations,
        "iterations_present": len(parsed.chunks),
        "bytes": len(data),
        "bpp": 8 * len(data) / (header.width * header.height),
        "sizes": _sizes(parsed),
        "bytes_per_iteration": [len(chunk) for chunk in parsed.chunks],
    }


def read_levels(header: Header) -> np.ndarray:
    """The levels a file's blocks were sent with, uint8 (Hb, Wb)."""
    height, width = padded_size(header.height, header.width)
    rows, columns = height // BLOCK, width // BLOCK
    level = header.level_centi / 100
    if header.allocation is AllocationKind.UNIFORM:
        return uniform_levels(level, rows, columns)
    if header.allocation is AllocationKind.LEVELS:
        group, section = header.map_section[:1], header.map_section[1:]
        if not group or group[0] not in GROUPS:
            raise BitstreamError("the file's level map is of an unknown kind: update semcomp")
        coarse = decode_grid(section, *grouped_shape((rows, columns), group[0]), LEVELS)
        return _spread(coarse, (rows, columns), group[0])
    alphabet = -(-256 // header.map_step)
    grid = decode_grid(header.map_section, header.map_height, header.map_width, alphabet)
    grey = restore_map(grid, header.map_step)
    return proportional_levels(block_importance(grey, rows, columns), level, header.floor)


def quantise_map(grey: np.ndarray) -> np.ndarray:
    """Grey values uint8 -> steps of `MAP_STEP`, uint8 of the same shape."""
    steps = (grey.astype(np.int64) + MAP_STEP // 2) // MAP_STEP
    return np.minimum(steps, -(-256 // MAP_STEP) - 1).astype(np.uint8)


def restore_map(grid: np.ndarray, step: int) -> np.ndarray:
    """Inverse of `quantise_map`: uint8 grey values."""
    return np.minimum(grid.astype(np.int64) * step, 255).astype(np.uint8)


def _map_section(plan: Plan) -> bytes:
    if plan.map_grid is not None:
        return encode_grid(plan.map_grid, -(-256 // MAP_STEP))
    if plan.kind is AllocationKind.LEVELS:
        step = 1 << plan.group
        return bytes([plan.group]) + encode_grid(
            np.ascontiguousarray(plan.levels[::step, ::step]), LEVELS
        )
    return b""


def _decode(
    model: Model, codes: np.ndarray, progress: Progress | None, height: int, width: int
) -> np.ndarray:
    """Codes -> picture uint8 (height, width, 3), reported as it grows."""
    if progress is None:
        return crop(decode_codes(model.codec, codes, model.device), height, width)
    shown = np.full((codes.shape[2] * BLOCK, codes.shape[3] * BLOCK, 3), 128, np.uint8)

    def observe(k: int, core: Window, outer: Window, decoded: np.ndarray) -> None:
        shown[core.scaled(CELL)] = decoded[core.within(outer).scaled(CELL)]
        progress(k + 1, len(codes), crop(shown, height, width))

    return crop(decode_codes(model.codec, codes, model.device, observe=observe), height, width)


def _check_size(header: Header) -> None:
    if header.width * header.height > MAX_PIXELS:
        raise BitstreamError(
            f"the file declares {header.width}x{header.height} pixels, more than "
            f"{MAX_PIXELS // 10**6} million: refused"
        )


def _sizes(parsed: bitstream.Parsed) -> dict[str, int]:
    sizes = parsed.sizes
    return {
        "header": sizes.header,
        "map": sizes.map,
        "codes": sizes.codes,
        "checks": sizes.checks,
    }
