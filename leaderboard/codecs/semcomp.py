"""This project's codec: one set of weights under the allocations that the benchmark compares."""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TypeVar

import numpy as np
import torch
from PIL import Image

import semcomp
from semcomp.allocation.planning import Allocation, plan_levels
from semcomp.allocation.rd_table import RateDistortion, measure
from semcomp.errors import AllocationError, BitstreamError, ImageError, SemanticError, WeightsError
from semcomp.geometry import ITERATIONS
from semcomp.image import pad_image
from semcomp.pipeline import TruncatedWarning, compress, decompress, info, pack
from semcomp.semantics.activation import SemanticMap, analyse
from semcomp.weights import load_model

from .base import CodecError, Seconds, check_data, rgb

T = TypeVar("T")


class SemcompCodec:
    """`.semc` files under one allocation. quality: the average level, 0.1..24."""

    qualities = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24)

    def __init__(
        self, name: str, allocation: Allocation, floor: int | None = None, model: str = "small"
    ) -> None:
        self.name = name
        self.allocation: Allocation = allocation
        self.floor = floor
        self.model = model

    @property
    def settings(self) -> str:
        """See `Codec.settings`."""
        floor = "" if self.floor is None else f", floor {self.floor}"
        return (
            f"preset {self.model}, allocation {self.allocation}{floor}; quality is the average "
            "number of iterations per block"
        )

    @cached_property
    def version(self) -> str:
        """The package, the weights' hash, and what computes them."""
        model = load_model(self.model)
        return (
            f"semcomp {semcomp.__version__}, weights {self.model} {model.digest[:16]}, "
            f"torch {torch.__version__}, {model.device}"
        )

    @property
    def weights_sha256(self) -> str:
        """SHA-256 in hex of the weights. Raises WeightsError."""
        return load_model(self.model).digest

    def encode(self, image: Image.Image, quality: float) -> bytes:
        """See `Codec.encode`; average levels 0.1..24."""
        with self._errors():
            return self._compress(rgb(image), quality, None)

    def session(self, image: Image.Image) -> SemcompSession:
        """See `leaderboard.codecs.base.Session`."""
        return SemcompSession(self, image)

    def decode(self, data: bytes) -> Image.Image:
        """See `Codec.decode`; a file cut short is an error here, though half a picture is in it."""
        check_data(".semc", data)
        with self._errors(), warnings.catch_warnings():
            warnings.simplefilter("error", TruncatedWarning)
            return decompress(data)

    def sizes(self, data: bytes) -> dict[str, int]:
        """Bytes of a file's parts: header, map, codes and checks."""
        with self._errors():
            parts: dict[str, int] = info(data)["sizes"]
        return parts

    def _compress(
        self, image: Image.Image, quality: float, semantic_map: SemanticMap | None
    ) -> bytes:
        return compress(
            image,
            quality,
            self.allocation,
            floor=self.floor,
            model=self.model,
            semantic_map=semantic_map,
        ).data

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """What semcomp says of pictures, options and files, as the benchmark's error."""
        try:
            yield
        except (
            *(AllocationError, BitstreamError, ImageError, SemanticError),
            *(TruncatedWarning, WeightsError),
        ) as error:
            raise CodecError(f"{self.name}: {error}") from error


class SemcompSession:
    """A picture at many qualities: its map is made once, and so are the tables that `rd` reads.

    The allocations of one picture share them, as long as no other picture comes between.
    """

    def __init__(self, codec: SemcompCodec, image: Image.Image) -> None:
        self.codec = codec
        self.correction = Seconds(0.0, 0.0)
        self._image = rgb(image)
        self._shared = _shared_work(codec.model, self._image)

    def encode(self, quality: float) -> bytes:
        """See `Codec.encode`; the same bytes, sooner."""
        codec, shared = self.codec, self._shared
        self.correction = Seconds(0.0, 0.0)
        with codec._errors():
            if codec.allocation == "uniform":
                return codec._compress(self._image, quality, None)
            semantic_map = self._use("map", shared.find_map)
            if codec.allocation == "proportional" or not 0.1 <= quality <= ITERATIONS:
                return codec._compress(self._image, quality, semantic_map)
            reach = _reach(quality)
            tables = self._use("tables", shared.measure, reach / ITERATIONS)
            return _rd_file(codec.model, self._image, quality, semantic_map, tables, reach)

    def _use(self, name: str, make: Callable[[], T], share: float = 1.0) -> T:
        """A shared part; the correction charges the `share` of its making that was needed."""
        started = Seconds.now()
        part = make()
        spent = Seconds.now() - started
        self.correction = self.correction + self._shared.taken[name] * share - spent
        return part


class _Shared:
    """What does not depend on the quality of one picture. taken: seconds of the making of each."""

    def __init__(self, model: str, image: Image.Image) -> None:
        self.model, self.image = model, np.asarray(image)
        self.taken: dict[str, Seconds] = {}
        self._map: SemanticMap | None = None
        self._tables: RateDistortion | None = None

    def find_map(self) -> SemanticMap:
        """As `semcomp.pipeline.compress` finds it."""
        if self._map is None:
            started = Seconds.now()
            self._map = analyse(self.image)
            self.taken["map"] = Seconds.now() - started
        return self._map

    def measure(self) -> RateDistortion:
        """Rate and distortion of every block over all iterations."""
        if self._tables is None:
            started = Seconds.now()
            self._tables = measure(load_model(self.model), pad_image(self.image), ITERATIONS)
            self.taken["tables"] = Seconds.now() - started
        return self._tables


_latest: dict[str, _Shared] = {}
"""Work on the picture at hand; one, for the tables of a large picture are large."""


def _shared_work(model: str, image: Image.Image) -> _Shared:
    pixels = hashlib.sha256(image.tobytes()).hexdigest()
    key = f"{load_model(model).digest} {image.size} {pixels}"
    if key not in _latest:
        _latest.clear()
        _latest[key] = _Shared(model, image)
    return _latest[key]


def _reach(level: float) -> int:
    """Iterations that `semcomp.allocation.planning.plan_levels` measures for an average level."""
    return min(ITERATIONS, max(8, math.ceil(2.5 * level)))


def _rd_file(
    model: str,
    image: Image.Image,
    level: float,
    semantic_map: SemanticMap,
    tables: RateDistortion,
    reach: int,
) -> bytes:
    """The file that `semcomp.compress` makes under `rd`, from tables that are there already.

    All that the benchmark knows of the codec's insides is in this function and `_reach`.
    """
    loaded = load_model(model)
    pixels = np.asarray(image)
    # As if only `reach` iterations had been measured, memory order included: sums depend on it.
    cut = replace(
        tables,
        codes=tables.codes[:reach],
        rate=np.ascontiguousarray(tables.rate.T[: reach + 1]).T,
        distortion=np.ascontiguousarray(tables.distortion.T[: reach + 1]).T,
    )
    plan = plan_levels(loaded, pad_image(pixels), level, "rd", None, semantic_map, measured=cut)
    assert plan.codes is not None
    return pack(loaded, (pixels.shape[0], pixels.shape[1]), level, plan, plan.codes)
