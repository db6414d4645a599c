"""This project's codec: one set of weights under the allocations that the benchmark compares."""

from __future__ import annotations

import warnings
from functools import cached_property

import torch
from PIL import Image

import semcomp
from semcomp.allocation import AllocationError
from semcomp.bitstream import BitstreamError
from semcomp.image import ImageError
from semcomp.pipeline import TruncatedWarning, compress, decompress
from semcomp.planning import Allocation
from semcomp.semantic import SemanticError
from semcomp.weights import WeightsError, load_model

from .base import CodecError, check_data, rgb


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

    def encode(self, image: Image.Image, quality: float) -> bytes:
        """See `Codec.encode`; average levels 0.1..24."""
        try:
            return compress(
                rgb(image), quality, self.allocation, floor=self.floor, model=self.model
            ).data
        except (AllocationError, BitstreamError, ImageError, SemanticError, WeightsError) as error:
            raise CodecError(f"{self.name}: {error}") from error

    def decode(self, data: bytes) -> Image.Image:
        """See `Codec.decode`; a file cut short is an error here, though half a picture is in it."""
        check_data(".semc", data)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", TruncatedWarning)
                return decompress(data)
        except (TruncatedWarning, BitstreamError, WeightsError) as error:
            raise CodecError(f"{self.name}: {error}") from error
