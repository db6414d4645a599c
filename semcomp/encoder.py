"""One picture on its way into files: what does not depend on the level is made once, and kept.

::

    picture -> features of the classifier -> map of any class ----+
            -> codes at full level -> bits of every block         |
                     |             -> rate-distortion table ------+-> plan -> file
                     +--------- cut to the plan's levels ----------------------^

Blocks own their bits, so one set of codes at full level serves every level and allocation; where
the bits depend on the levels (a closed-loop codec, the preset `paper`) the codes are made for each
file. Everything is made when it is first asked for, as far as it is needed: one file at a low level
costs no more than that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from semcomp.allocation.levels import level_to_centi
from semcomp.allocation.planning import (
    MAP_STEP,
    Allocation,
    Plan,
    check_setting,
    cut_codes,
    map_section,
    plan_levels,
)
from semcomp.allocation.rd_table import Progress, RateDistortion, iterations_for, measure_table
from semcomp.networks.runtime import decode_codes, decode_steps, encode_codes
from semcomp.semantics.activation import analyse, look
from semcomp.semantics.classifiers import CachedClassifier, Features, load_classifier
from semcomp.semantics.maps import SemanticMap, Subject
from semcomp.semantics.subjects import MapKind, check_kind, find_areas, find_subjects, fuse

from .coding import bitstream
from .errors import BitstreamError, SemanticError
from .geometry import BLOCK, ITERATIONS
from .image import crop, pad_image, to_tensor
from .search import FileSearch
from .weights import Model

MAX_FILE_SIDE = 65535
"""Longest side the file format has room for."""
_FIXED_BYTES = 34
"""A file's header and checksum without the map section (`semcomp.coding.bitstream`)."""
_CHUNK_BYTES = 6
"""A chunk's length, check and what the range coder rounds up, on average."""

T = TypeVar("T")


class Cache:
    """Values by kind and key, each made once, by one thread, while the others that want it wait."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, Hashable], Any] = {}
        self._making: dict[tuple[str, Hashable], Lock] = {}
        self._lock = Lock()

    def __contains__(self, key: tuple[str, Hashable]) -> bool:
        return key in self._values

    def find(self, kind: str, key: Hashable = None) -> Any:
        """The value of a kind and key if it is there, else None."""
        with self._lock:
            return self._values.get((kind, key))

    def values(self) -> list[Any]:
        """What is there now."""
        with self._lock:
            return list(self._values.values())

    def once(self, kind: str, make: Callable[[], T], key: Hashable = None, most: int = 64) -> T:
        """The value of a kind and key, made now if it is not there.

        most: values of one kind that stay, the latest ones. What `make` raises is raised, and
        nothing stays.
        """
        full = kind, key
        with self._lock:
            if full in self._values:
                return cast(T, self._values[full])
            lock = self._making.setdefault(full, Lock())
        with lock:
            with self._lock:
                if full in self._values:
                    return cast(T, self._values[full])
            value = make()
            with self._lock:
                same = [old for old in self._values if old[0] == kind]
                for old in same[: max(0, len(same) - most + 1)]:
                    del self._values[old]
                self._values[full] = value
                self._making.pop(full, None)
            return value


@dataclass(frozen=True, eq=False)
class Compressed:
    """A compressed picture and what its making showed.

    data: the whole file. width, height: pixels. levels: uint8 (Hb, Wb), 0..24, of the padded
    picture; none in other formats than `.semc`. semantic_map: what steered the allocation, in a
    `.semc` file as the decoder knows it; None for `uniform`. sizes: bytes of header, map, codes and
    checks, or of the picture; their sum is the file's size. model: name of the weights. decode:
    makes the reconstruction. format: `semc` or an ordinary one. quality: the average level, or what
    the format calls quality.
    """

    data: bytes
    width: int
    height: int
    levels: np.ndarray
    semantic_map: SemanticMap | None
    sizes: dict[str, int]
    model: str
    decode: Callable[[], np.ndarray] = field(repr=False)
    format: str = "semc"
    quality: float = 0.0

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


class PictureEncoder:
    """A picture under one set of weights, for any number of files; several threads may use it.

    picture: uint8 (H, W, 3). padded: the same with sides that are multiples of 16. shape: (Hb, Wb),
    rows and columns of its 8x8 blocks. Raises BitstreamError for sides over `MAX_FILE_SIDE`.
    """

    def __init__(self, picture: NDArray[np.uint8], model: Model) -> None:
        height, width = picture.shape[:2]
        if max(height, width) > MAX_FILE_SIDE:
            raise BitstreamError(f"{width}x{height}: sides over {MAX_FILE_SIDE} do not fit a file")
        self.picture = picture
        self.model = model
        self.padded = pad_image(picture)
        self.shape = self.padded.shape[0] // BLOCK, self.padded.shape[1] // BLOCK
        self._cache = Cache()
        self._codes: NDArray[np.int8] | None = None
        self._table: RateDistortion | None = None
        self._coding, self._measuring = Lock(), Lock()

    def semantic_map(
        self,
        class_name: str | None = None,
        kind: MapKind = "classifier",
        without: frozenset[str] = frozenset(),
    ) -> SemanticMap:
        """The map of a class, None for the most probable one, or fused with what people look at.

        without: which `subjects` do not count, see `semcomp.analyse`. Raises SemanticError.
        """
        check_kind(kind, without)
        if kind == "classifier":
            return self._cache.once(
                "map",
                lambda: analyse(self.picture, class_name=class_name, classifier=self._classifier),
                class_name,
            )
        return self._cache.once(
            "people",
            lambda: fuse(
                self.picture, self.semantic_map(class_name), self.subjects, self._areas, without
            ),
            (class_name, without),
        )

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """The faces, objects and words that were found in the picture."""
        return self._cache.once("subjects", lambda: find_subjects(self.picture))

    @property
    def _areas(self) -> NDArray[np.float32]:
        return self._cache.once("areas", lambda: find_areas(self.picture, self.subjects))

    @property
    def features(self) -> Features:
        """What the default classifier sees in the picture, in the size that names its class."""
        return look(self.picture, self._classifier)[0]

    @property
    def _classifier(self) -> CachedClassifier:
        return self._cache.once("classifier", lambda: CachedClassifier(load_classifier()))

    def codes(
        self, iterations: int = ITERATIONS, progress: Progress | None = None
    ) -> NDArray[np.int8]:
        """All bits of every block at full level: int8 (iterations, P, Hb, Wb) of -1 and +1.

        progress: told of every tile, if they are not there yet.
        """
        with self._coding:
            if self._codes is None or len(self._codes) < iterations:
                # Who comes back for more will come for all.
                count = iterations if self._codes is None else ITERATIONS
                self._codes = self._encode(np.full(self.shape, count), progress)
            return self._codes[:iterations]

    @property
    def block_bits(self) -> NDArray[np.float32]:
        """Bits that levels 0 to 24 of every block take at full level: float32 (25, Hb, Wb)."""

        def count() -> NDArray[np.float32]:
            bits = self.model.coder.cost(self.codes())
            return np.concatenate([np.zeros((1, *self.shape)), bits.cumsum(0)]).astype(np.float32)

        return self._cache.once("block bits", count)

    @property
    def has_block_bits(self) -> bool:
        """Whether `block_bits`, and so expected bytes, are there already."""
        return ("block bits", None) in self._cache

    def rd_table(
        self, iterations: int = ITERATIONS, progress: Progress | None = None
    ) -> RateDistortion:
        """What `rd` reads, of so many iterations: seconds the first time. See `measure_table`."""
        with self._measuring:
            if self._table is None or self._table.iterations < iterations:
                count = iterations if self._table is None else ITERATIONS
                codes = self.codes(count, progress)
                self._table = measure_table(self.model, self.padded, codes, progress)
            return self._table.cut(iterations)

    @property
    def has_rd_table(self) -> bool:
        """Whether `rd_table` is there already, for every level."""
        return self._table is not None and self._table.iterations == ITERATIONS

    def plan(
        self,
        level: float,
        allocation: Allocation,
        *,
        min_iterations: int | None = None,
        semantic_map: SemanticMap | MapKind | None = None,
        class_name: str | None = None,
        without: Collection[str] = (),
        focus: float = 1.0,
        progress: Progress | None = None,
    ) -> Plan:
        """Every block's level, and what its file needs.

        level: average number of iterations per block, 0.1..24. min_iterations: what every block
        gets first under `proportional`, None for `default_floor`. semantic_map: a map, or which
        kind is made (None: the class's). without: subjects of a map of `people` that do not count.
        focus: how strongly the levels follow the map, 0 to 2 (see `focused_map`). progress: told of
        what `rd` measures. Raises AllocationError and SemanticError.
        """
        check_setting(level, allocation, focus)
        if allocation == "uniform":
            return plan_levels(self.shape, level, allocation)
        if isinstance(semantic_map, SemanticMap):
            if without:
                raise SemanticError("leave subjects out of the map itself, or ask for `people`")
        else:
            kind = semantic_map or "classifier"
            semantic_map = self.semantic_map(class_name, kind, frozenset(without))
        table = self.rd_table(iterations_for(level), progress) if allocation == "rd" else None
        return plan_levels(
            self.shape, level, allocation, min_iterations, semantic_map, table, focus
        )

    def codes_of(self, plan: Plan, progress: Progress | None = None) -> NDArray[np.int8]:
        """The bits that a plan sends: int8 (iterations, P, Hb, Wb), 0 where nothing is sent.

        progress: as for `codes`.
        """
        levels = plan.levels
        # A closed loop's first iterations are the same as long as no block has left it.
        if not self.model.codec.closed_loop or (levels == plan.iterations).all():
            return cut_codes(self.codes(plan.iterations, progress), levels)
        return self._cache.once(
            "loop", lambda: self._encode(levels, progress), levels.tobytes(), most=8
        )

    def file(self, plan: Plan, codes: NDArray[np.int8] | None = None) -> bytes:
        """The `.semc` file of a plan. codes: `codes_of` it, where they are there already."""
        codes = self.codes_of(plan) if codes is None else codes
        return bitstream.write(self.header(plan), self.model.coder.encode(codes))

    def header(self, plan: Plan) -> bitstream.Header:
        """What the file of a plan says before its codes."""
        grid = plan.map_grid
        return bitstream.Header(
            model_id=self.model.model_id,
            width=self.picture.shape[1],
            height=self.picture.shape[0],
            allocation=plan.kind,
            level_centi=level_to_centi(plan.level),
            floor=plan.floor,
            iterations=plan.iterations,
            map_height=0 if grid is None else grid.shape[0],
            map_width=0 if grid is None else grid.shape[1],
            map_step=0 if grid is None else MAP_STEP,
            map_section=map_section(plan),
        )

    def compressed(self, plan: Plan, progress: Progress | None = None) -> Compressed:
        """The file of a plan with all that its making showed.

        progress: told of every tile that is encoded, and of the reconstruction's iterations when it
        is made.
        """
        codes = self.codes_of(plan, progress)
        data = self.file(plan, codes)
        height, width = self.picture.shape[:2]
        return Compressed(
            data=data,
            width=width,
            height=height,
            levels=plan.levels,
            semantic_map=plan.semantic_map,
            sizes=bitstream.parse(data).sizes._asdict(),
            model=self.model.name,
            decode=lambda: decode_picture(self.model, codes, (height, width), progress),
            quality=plan.level,
        )

    def expected_bytes(self, plan: Plan) -> int:
        """About how large a plan's file will be, without making it: within a few percent."""
        at = np.minimum(plan.levels, ITERATIONS)[None].astype(np.intp)
        bits = float(np.take_along_axis(self.block_bits, at, 0).sum(dtype=np.float64))
        chunks = _CHUNK_BYTES * plan.iterations
        return round(bits / 8) + chunks + _FIXED_BYTES + len(map_section(plan))

    def expected_level(self, size: int) -> float:
        """About the average level whose file has `size` bytes, 0..24."""
        curve = self.block_bits.sum((1, 2), dtype=np.float64)
        return float(np.interp(8.0 * size, curve, np.arange(len(curve))))

    def largest_file(
        self,
        max_bytes: int,
        allocation: Allocation = "proportional",
        *,
        levels: tuple[float, float] = (0.1, ITERATIONS),
        step: float = 0.05,
        close: float = 0.0,
        **setting: Any,
    ) -> tuple[Plan, bytes]:
        """The largest file of at most `max_bytes`, found by trying levels; else the smallest.

        levels, step: the levels that are tried. close: see `FileSearch.largest`. setting: what else
        `plan` takes.
        """
        plans: dict[float, Plan] = {}

        def encode(level: float) -> bytes:
            plans[level] = self.plan(level, allocation, **setting)
            return self.file(plans[level])

        search = FileSearch(encode, *levels, step)
        level, data = search.largest(max_bytes, self.expected_level(max_bytes), close)
        return plans[level], data

    @property
    def nbytes(self) -> int:
        """About how much memory is taken."""
        total = self.picture.nbytes + self.padded.nbytes
        total += 0 if self._codes is None else self._codes.nbytes
        if self._table is not None:
            total += self._table.rate.nbytes + self._table.distortion.nbytes
        for value in self._cache.values():
            if isinstance(value, CachedClassifier | np.ndarray):
                total += value.nbytes
        return total

    def _encode(self, levels: NDArray[Any], progress: Progress | None) -> NDArray[np.int8]:
        pixels = to_tensor(self.padded).to(self.model.device)
        return encode_codes(self.model.codec, pixels, levels, progress)


def decode_picture(
    model: Model, codes: np.ndarray, size: tuple[int, int], progress: Progress | None = None
) -> np.ndarray:
    """Codes int8 (iterations, P, Hb, Wb) -> picture uint8 (height, width, 3) of that size.

    progress: told of every iteration of every tile; of the last alone where the weights decode in
    one pass.
    """
    if progress is None:
        return crop(decode_codes(model.codec, codes, model.device), *size)
    picture = np.full((codes.shape[2] * BLOCK, codes.shape[3] * BLOCK, 3), 128, np.uint8)
    at = {len(codes)} if model.codec.one_pass else None
    for step in decode_steps(model.codec, codes, model.device, at):
        step.paste(picture)
        if step.k:
            progress(step.done, step.total, picture[: size[0], : size[1]])
    return crop(picture, *size)
