"""Picture in, small file out, picture back: the whole system behind two functions.

::

    picture -> semantic map -> levels per block ->      codec      -> entropy coder -> file
                    |                ^                                                  |
                    +-- quantised ---+------ or the levels themselves ----------------> map section
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, BinaryIO, get_args

import numpy as np
from PIL import Image

from semcomp.allocation.levels import level_to_centi
from semcomp.allocation.planning import (
    MAP_STEP,
    Allocation,
    Plan,
    Progress,
    map_section,
    plan_levels,
    read_codes,
)
from semcomp.coding.bitstream import Header
from semcomp.errors import AllocationError, BitstreamError
from semcomp.geometry import BLOCK, CELL, Window
from semcomp.networks.one_pass import OnePassCodec
from semcomp.networks.runtime import decode_codes, encode_codes
from semcomp.semantics.activation import SemanticMap, analyse

from .coding import bitstream
from .image import crop, load_image, pad_image, to_tensor
from .picture_file import MAX_PIXELS
from .weights import Model, find_model, load_model

Source = str | Path | bytes | BinaryIO | Image.Image | np.ndarray
MAX_FILE_SIDE = 65535
"""Longest side the file format has room for."""


class TruncatedWarning(UserWarning):
    """A file was cut short; what it still holds was decoded."""


@dataclass(frozen=True, eq=False)
class Compressed:
    """A compressed picture and what its making showed.

    data: the whole `.semc` file. width, height: pixels. levels: uint8 (Hb, Wb), 0..24, of the
    padded picture. semantic_map: what steered the allocation, as the decoder knows it; None for
    `uniform`. sizes: bytes of header, map, codes and checks; their sum is the file's size. model:
    name of the weights. decode: makes the reconstruction.
    """

    data: bytes
    width: int
    height: int
    levels: np.ndarray
    semantic_map: SemanticMap | None
    sizes: dict[str, int]
    model: str
    decode: Callable[[], np.ndarray] = field(repr=False)

    @cached_property
    def reconstruction(self) -> Image.Image:
        """What `decompress(data)` gives.

        Made when it is first asked for: encoding does not need it, and it takes most of the time.
        """
        return Image.fromarray(self.decode())

    @property
    def bpp(self) -> float:
        """Bits of the whole file per pixel."""
        return 8 * len(self.data) / (self.width * self.height)


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
    floor: levels every block gets first (`proportional`); None for `default_floor`.
    semantic_map: a map of one's own (`semcomp.semantics.activation.user_map`); None analyses the
    picture.
    class_name: the class whose activation is the map; None for the most probable one.
    progress: told of every iteration of the reconstruction, which is then made at once; of the
        last alone where the weights decode in one pass.

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
    data = pack(loaded, (height, width), level, plan, codes)
    compressed = Compressed(
        data=data,
        width=width,
        height=height,
        levels=plan.levels,
        semantic_map=plan.semantic_map,
        sizes=_sizes(bitstream.parse(data)),
        model=loaded.name,
        decode=partial(_decode, loaded, codes, progress, height, width),
    )
    if progress is not None:  # somebody is watching the picture grow
        _ = compressed.reconstruction
    return compressed


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
        map_section=map_section(plan),
    )
    return bitstream.write(header, model.coder.encode(codes))


def decompress(
    data: bytes,
    *,
    iterations: int | None = None,
    device: str | None = None,
    progress: Progress | None = None,
) -> Image.Image:
    """Decode a `.semc` file; needs nothing but the file and the weights that wrote it.

    iterations: stop after this many; None for all. progress: as for `compress`.
    A file cut short gives what it still holds and a TruncatedWarning.
    Raises BitstreamError for damaged or foreign files, WeightsError for a file of another model.
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
    _, codes = read_codes(model, parsed)
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


def _decode(
    model: Model, codes: np.ndarray, progress: Progress | None, height: int, width: int
) -> np.ndarray:
    """Codes -> picture uint8 (height, width, 3), reported as it grows (in one pass: once)."""
    if progress is None:
        return crop(decode_codes(model.codec, codes, model.device), height, width)
    # A decoder in one pass makes no pictures on the way.
    last = [len(codes) - 1] if isinstance(model.codec, OnePassCodec) else None
    shown = np.full((codes.shape[2] * BLOCK, codes.shape[3] * BLOCK, 3), 128, np.uint8)

    def observe(k: int, core: Window, outer: Window, decoded: np.ndarray) -> None:
        shown[core.scaled(CELL)] = decoded[core.within(outer).scaled(CELL)]
        progress(k + 1, len(codes), crop(shown, height, width))

    decoded = decode_codes(model.codec, codes, model.device, observe=observe, observed=last)
    return crop(decoded, height, width)


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
