"""This project's codec: one set of weights under the allocations that the benchmark compares."""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

import semcomp
from semcomp.allocation.planning import Allocation, Plan, check_setting
from semcomp.allocation.rd_table import iterations_for
from semcomp.encoder import PictureEncoder
from semcomp.errors import SemcompError
from semcomp.geometry import ITERATIONS
from semcomp.pipeline import TruncatedWarning, compress, decompress, info
from semcomp.semantics.subjects import MapKind
from semcomp.weights import load_model, quick_model

from .base import CodecError, Seconds, check_data, rgb


class SemcompCodec:
    """`.semc` files under one allocation. quality: the average level, 0.1..24."""

    qualities: Sequence[float] = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24)
    search_range = (0.5, 24.0, 0.05)

    def __init__(
        self,
        name: str,
        allocation: Allocation,
        floor: int | None = None,
        model: str = "small",
        semantic_map: MapKind = "classifier",
        qualities: Sequence[float] | None = None,
    ) -> None:
        self.name = name
        if qualities is not None:
            self.qualities = qualities
        self.allocation: Allocation = allocation
        self.floor = floor
        self.model = model
        self.semantic_map: MapKind = semantic_map

    @property
    def settings(self) -> str:
        """See `Codec.settings`."""
        floor = "" if self.floor is None else f", floor {self.floor}"
        kind = "" if self.semantic_map == "classifier" else f", map {self.semantic_map}"
        return (
            f"preset {self.model}, allocation {self.allocation}{floor}{kind}; quality is the "
            "average number of iterations per block"
        )

    @cached_property
    def version(self) -> str:
        """The package, the weights' hash, and what computes them."""
        model = load_model(self.model)
        weights = [model]
        if self.allocation == "rd" and quick_model(model) is not model:
            weights.append(quick_model(model))
        named = " and ".join(f"{each.name} {each.digest[:16]}" for each in weights)
        return (
            f"semcomp {semcomp.__version__}, weights {named}, "
            f"torch {torch.__version__}, {model.device}"
        )

    @property
    def weights_sha256(self) -> str:
        """SHA-256 in hex of the weights. Raises WeightsError."""
        return load_model(self.model).digest

    def encode(self, image: Image.Image, quality: float) -> bytes:
        """See `Codec.encode`; average levels 0.1..24."""
        with self._errors():
            return compress(
                rgb(image),
                quality,
                self.allocation,
                floor=self.floor,
                model=self.model,
                semantic_map=self.semantic_map,
            ).data

    def write(self, encoder: PictureEncoder, plan: Plan) -> bytes:
        """The file of a plan."""
        return encoder.file(plan)

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

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """What semcomp says of pictures, options and files, as the benchmark's error."""
        try:
            yield
        except (SemcompError, TruncatedWarning) as error:
            raise CodecError(f"{self.name}: {error}") from error


class SemcompSession:
    """A picture at many qualities: what does not depend on them is made once.

    The allocations of one picture share it, as long as no other picture comes between.
    """

    def __init__(self, codec: SemcompCodec, image: Image.Image) -> None:
        self.codec = codec
        self.correction = Seconds(0.0, 0.0)
        self._shared = _shared_work(codec.model, rgb(image))

    def encode(self, quality: float) -> bytes:
        """See `Codec.encode`; the same bytes, sooner."""
        codec, encoder = self.codec, self._shared.encoder
        self.correction = Seconds(0.0, 0.0)
        with codec._errors():
            check_setting(quality, codec.allocation)
            if codec.allocation != "uniform":
                kind = codec.semantic_map
                self._use(f"map {kind}", lambda: encoder.semantic_map(kind=kind))
            shares_codes = codec.allocation == "uniform" or not encoder.model.codec.closed_loop
            if codec.allocation == "rd":
                share = iterations_for(quality) / ITERATIONS
                self._use("codes", encoder.codes, share)
                self._use("table", encoder.rd_table, share)
            plan = encoder.plan(
                quality,
                codec.allocation,
                min_iterations=codec.floor,
                semantic_map=codec.semantic_map,
            )
            if not shares_codes:
                self._use(f"codes {plan.levels.tobytes().hex()}", lambda: encoder.codes_of(plan))
            elif codec.allocation != "rd":
                most = max(plan.iterations, math.ceil(max(codec.qualities)))
                self._use("codes", lambda: encoder.codes(most), plan.iterations / most)
            return codec.write(encoder, plan)

    def quality_near(self, size: int) -> float:
        """About the quality whose file has `size` bytes: where a search may begin."""
        low, high, _ = self.codec.search_range
        return min(max(self._shared.encoder.expected_level(size), low), high)

    def _use(self, name: str, make: Callable[[], object], share: float = 1.0) -> None:
        """Make a shared part; the correction charges the `share` of its making that was needed."""
        taken = self._shared.taken
        started = Seconds.now()
        make()
        spent = Seconds.now() - started
        taken.setdefault(name, spent)
        self.correction = self.correction + taken[name] * share - spent


class _Shared(NamedTuple):
    """The encoder of a picture, and the seconds that each of its parts took to make."""

    encoder: PictureEncoder
    taken: dict[str, Seconds]


_latest: dict[str, _Shared] = {}
"""Work on the picture at hand; one, for the tables of a large picture are large."""


def _shared_work(name: str, image: Image.Image) -> _Shared:
    model = load_model(name)
    pixels = hashlib.sha256(image.tobytes()).hexdigest()
    key = f"{model.digest} {image.size} {pixels}"
    if key not in _latest:
        _latest.clear()
        _latest[key] = _Shared(PictureEncoder(np.asarray(image), model), {})
    return _latest[key]
