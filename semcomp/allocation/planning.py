"""Who gets how many iterations: from map and budget to levels, and into the file's map section.

`uniform` needs no map, `proportional` sends the small quantised map and the decoder repeats the
sharing, `rd` and painted maps send the levels themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from semcomp.coding.bitstream import AllocationKind, Header, Parsed
from semcomp.coding.grid_coder import decode_grid, encode_grid
from semcomp.errors import AllocationError, BitstreamError
from semcomp.geometry import BLOCK, LEVELS, padded_size
from semcomp.semantics.maps import SemanticMap, effective_share
from semcomp.weights import Model

from .levels import (
    block_importance,
    check_focus,
    floor_percent,
    focused_map,
    growing_levels,
    level_to_centi,
    proportional_levels,
    rd_levels,
    shared_by_all,
    uniform_levels,
)
from .rd_table import RateDistortion

Allocation = Literal["uniform", "proportional", "rd"]
ALLOCATIONS: tuple[Allocation, ...] = get_args(Allocation)
"""All allocations, in the order of tables."""
MAP_STEP = 16
"""Quantisation step of the map's grey values: 16 values carry what the allocation needs."""
GROUPS = (0, 1, 2)
"""Exponents of the sides, in blocks, over which a level map may share its levels."""
RD_BASE = 0.2
RD_BASE_PER_LEVEL = 1 / 28
"""Share of `rd`'s weight that every block has whatever its importance: the first of these at low
levels, the second times the level from 5.6 on. What is lost of MS-SSIM counts alike everywhere: a
picture falls apart by its coarse structure, wherever that is. On seven held-out training pictures
against equal levels for all blocks, at levels 3, 6 and 10: 3 and 2% fewer and 3% more bytes at
equal MS-SSIM, 14, 14 and 15% fewer at equal SI-SSIM. With importance in all parts, and weights of
1000 for SSIM and 10,000 for MS-SSIM, 0, -2 and 3%, -15, -16 and -10% (decoded by `fast`)."""

GAIN = {"proportional": (-0.06, 0.39), "rd": (0.02, 0.26)}
"""What is gained where the whole picture counts alike, and how it grows with the share that does
not. Fitted by `python -m tests.allocation.fit_gain` to thirty held-out training pictures, each
under the class's map and under that of people, between levels 5 and 7; rank correlation 0.50 and
0.33: what else decides, such as how much detail there is to take from, is known after the work."""
LITTLE_GAIN = 0.03
"""Gain under which a picture has no clear subject. Low, as the estimate is rough."""


@dataclass(frozen=True, eq=False)
class Plan:
    """Levels of every block, and how the file tells them to the decoder.

    level: their average, the budget. levels: uint8 (Hb, Wb). floor, map_grid: what `proportional`
    is recomputed from, the floor in the unit of its kind (`Header`). group: levels are shared by
    2**group blocks a side.
    """

    level: float
    levels: np.ndarray
    kind: AllocationKind
    floor: int = 0
    group: int = 0
    map_grid: np.ndarray | None = None
    semantic_map: SemanticMap | None = None

    @property
    def iterations(self) -> int:
        """Iterations of the file, 0..24."""
        return int(self.levels.max(initial=0))


def check_setting(level: float, allocation: str, focus: float = 1.0) -> None:
    """Raise AllocationError for an unknown allocation, a level outside 0.1..24 or a focus 0..2."""
    if allocation not in ALLOCATIONS:
        raise AllocationError(f"unknown allocation {allocation!r}: use {', '.join(ALLOCATIONS)}")
    level_to_centi(level)
    check_focus(focus)


def plan_levels(
    shape: tuple[int, int],
    level: float,
    allocation: Allocation,
    min_iterations: int | None = None,
    semantic_map: SemanticMap | None = None,
    table: RateDistortion | None = None,
    focus: float = 1.0,
) -> Plan:
    """Decide every block's level.

    shape: (Hb, Wb), blocks of the padded picture. min_iterations: what every block gets first under
    `proportional`, None for what grows with the level. semantic_map: for all but `uniform`. table:
    for `rd`, of `iterations_for(level)` iterations. focus: how strongly the levels follow the map,
    0 to 2, 1 as it says (`focused_map`). The file carries the map under it, and the floor: its
    decoder needs to know nothing of a focus.
    """
    if allocation == "uniform" or semantic_map is None:
        return Plan(level, uniform_levels(level, *shape), AllocationKind.UNIFORM)
    semantic_map = replace(semantic_map, grey=focused_map(semantic_map.grey, focus))
    quantised = quantise_map(semantic_map.grey)
    known = replace(semantic_map, grey=restore_map(quantised, MAP_STEP))
    if allocation == "proportional":
        painted = semantic_map.source == "user"
        # A painted map is finer than the small grid the file has room for.
        grey = semantic_map.grey if painted else known.grey
        importance = block_importance(grey, *shape)
        if min_iterations is None:
            kind, floor = AllocationKind.GROWING, floor_percent(focus)
            levels = growing_levels(importance, level, floor)
        else:
            kind, floor = AllocationKind.PROPORTIONAL, min_iterations
            levels = proportional_levels(importance, level, floor)
        if painted:
            return Plan(level, levels, AllocationKind.LEVELS, semantic_map=semantic_map)
        return Plan(level, levels, kind, floor, map_grid=quantised, semantic_map=known)
    assert table is not None
    levels, group = _rd_levels(table, block_importance(semantic_map.grey, *shape), level, focus)
    return Plan(level, levels, AllocationKind.LEVELS, group=group, semantic_map=semantic_map)


def expected_gain(grey: np.ndarray, allocation: Allocation) -> float:
    """About how many of the bytes of equal levels a map saves at equal SI-SSIM under it, 0..1.

    grey: uint8 (h, w). From the map's effective share alone, so within 9 points (RMS) of what it
    turns out to be.
    """
    if allocation == "uniform":
        return 0.0
    base, slope = GAIN[allocation]
    return max(0.0, base + slope * (1 - effective_share(grey)))


def gain_note(grey: np.ndarray, allocation: Allocation) -> str | None:
    """What to say before the work of a map that promises little; None where it is worth it."""
    gain = expected_gain(grey, allocation)
    if allocation == "uniform" or gain >= LITTLE_GAIN:
        return None
    much = f"about {gain:.0%}" if gain >= 0.005 else "next to nothing"
    return f"This picture has no clear subject: {much} to gain"


def _rd_levels(
    table: RateDistortion, importance: np.ndarray, level: float, focus: float
) -> tuple[np.ndarray, int]:
    """Levels uint8 (Hb, Wb) whose bits and map together cost what `level` everywhere would.

    Levels may be shared by groups of 1, 2x2 or 4x4 blocks: a coarser map fits the picture less and
    costs less. Returns the levels of the best grouping and its exponent.
    """
    budget = table.cost_of_level(level)
    weights = rd_weights(importance, level, focus).reshape(2, -1, 1)
    weighted = (table.distortion * weights).sum(0)
    best: tuple[float, np.ndarray, int] | None = None
    for group in GROUPS:
        rate = _grouped(table.rate, importance.shape, group)
        distortion = _grouped(weighted, importance.shape, group)
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


def rd_weights(importance: np.ndarray, level: float, focus: float = 1.0) -> np.ndarray:
    """Weights of both parts of every block's distortion, (2, Hb, Wb), mean 1 each.

    Importance above a share for everyone, which is all of the second part's up to a focus of 1.
    """
    base = np.array([max(RD_BASE, RD_BASE_PER_LEVEL * level), 1.0]) * shared_by_all(focus)
    relative = importance / max(importance.mean(), 1e-9)
    return np.asarray(base[:, None, None] + np.multiply.outer(1 - base, relative))


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


def cut_codes(codes: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Codes at full level -> codes under levels uint8 (Hb, Wb): later bits are dropped."""
    kept = codes[: int(levels.max(initial=0))]
    return kept * (levels > np.arange(len(kept))[:, None, None])[:, None]


def map_section(plan: Plan) -> bytes:
    """The file's map section; `read_levels` is its inverse."""
    if plan.map_grid is not None:
        return encode_grid(plan.map_grid, -(-256 // MAP_STEP))
    if plan.kind is AllocationKind.LEVELS:
        step = 1 << plan.group
        return bytes([plan.group]) + encode_grid(
            np.ascontiguousarray(plan.levels[::step, ::step]), LEVELS
        )
    return b""


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
    grey = read_map(header)
    assert grey is not None
    importance = block_importance(grey, rows, columns)
    if header.allocation is AllocationKind.GROWING:
        return growing_levels(importance, level, header.floor)
    return proportional_levels(importance, level, header.floor)


def read_codes(model: Model, parsed: Parsed) -> tuple[np.ndarray, np.ndarray]:
    """What a file holds: levels uint8 (Hb, Wb), codes int8 (iterations there, P, Hb, Wb)."""
    levels = read_levels(parsed.header)
    return levels, model.coder.decode(list(parsed.chunks), levels, version=parsed.version)


def read_map(header: Header) -> np.ndarray | None:
    """The importance map a file carries, uint8 (h, w); None if it carries levels or nothing."""
    if not header.allocation.has_map:
        return None
    grid = decode_grid(header.map_section, header.map_height, header.map_width, header.map_alphabet)
    return restore_map(grid, header.map_step)


def quantise_map(grey: np.ndarray) -> np.ndarray:
    """Grey values uint8 -> steps of `MAP_STEP`, uint8 of the same shape."""
    steps = (grey.astype(np.int64) + MAP_STEP // 2) // MAP_STEP
    return np.minimum(steps, -(-256 // MAP_STEP) - 1).astype(np.uint8)


def restore_map(grid: np.ndarray, step: int) -> np.ndarray:
    """Inverse of `quantise_map`: uint8 grey values."""
    return np.minimum(grid.astype(np.int64) * step, 255).astype(np.uint8)
