"""Kept work on a picture: what a second look at it need not compute again.

::

    picture -> features of the classifier -> map of any class          milliseconds once there
            -> codes at full level -> file of any level and allocation  about half a second
                     |            \\-> bits of every block -> expected bytes, milliseconds
                     +-> run: decoded picture after every iteration     seconds; then previews
                                                                        of other levels: 0.1 s

Blocks own their bits, so one set of codes at full level serves every allocation. A `Session`
belongs to one picture and may be used from several threads. `semcomp.demo.sessions.visits` says
whose session is whose, and forgets them.
"""

import math
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from semcomp.allocation.planning import Allocation, Plan, cut_codes, map_section, plan_levels
from semcomp.allocation.rd_table import RateDistortion, measure
from semcomp.demo.compress.preview import preview
from semcomp.errors import AllocationError
from semcomp.geometry import BLOCK, CELL, ITERATIONS
from semcomp.image import pad_image, to_tensor
from semcomp.networks.embedded import LinearPathCodec
from semcomp.networks.one_pass import OnePassCodec
from semcomp.networks.runtime import encode_codes
from semcomp.pipeline import pack
from semcomp.semantics.activation import SemanticMap, analyse
from semcomp.semantics.classifiers import DEFAULT_CLASSIFIER
from semcomp.weights import Model, load_model

from .decoding import Decode, Picture, chosen_model, decode_steps
from .keep import Keep
from .remembering import Remembering
from .runs import Choice, Run, Runs, fits
from .shelf import Shelf

ALLOCATIONS = ("uniform", "proportional", "rd")
_FIXED_BYTES = 34
"""A file's header and checksum without the map section (`semcomp.coding.bitstream`)."""
_CHUNK_BYTES = 6
"""A chunk's length, check and what the range coder rounds up, on average."""


class Session:
    """One picture and everything computed about it so far.

    picture: uint8 (H, W, 3). name: stem for files made of it. kept: for what callers want kept
    with the picture, under kinds of their own. shelf: its pictures as files for the page.
    """

    def __init__(self, picture: Picture, name: str = "picture", model: str | None = None) -> None:
        self.picture = picture
        self.name = name
        self.model_name = chosen_model() if model is None else model
        self.padded = pad_image(picture)
        self.kept = Keep()
        self.shelf = Shelf()
        self._runs = Runs()

    def map_of(self, focus: str | None = None) -> SemanticMap:
        """Map of a class, None for the most probable one. Raises SemanticError."""
        return self.kept.once(
            "map", lambda: analyse(self.picture, class_name=focus, classifier=self._seen), focus
        )

    @property
    def semantic_map(self) -> SemanticMap:
        """Map of the most probable class."""
        return self.map_of()

    @property
    def _seen(self) -> Remembering:
        def look() -> Remembering:
            seen = Remembering(DEFAULT_CLASSIFIER)
            analyse(self.picture, classifier=seen)
            return seen

        return self.kept.once("features", look)

    @property
    def model(self) -> Model:
        """The weights, on the CPU: coding is open loop and takes milliseconds there."""
        return load_model(self.model_name, "cpu")

    @property
    def codes(self) -> NDArray[np.int8]:
        """All bits of every block at full level: int8 (24, P, Hb, Wb) of -1 and +1."""

        def code() -> NDArray[np.int8]:
            full = np.full(self.blocks, ITERATIONS)
            return encode_codes(self.model.codec, to_tensor(self.padded), full)

        return self.kept.once("codes", code)

    @property
    def blocks(self) -> tuple[int, int]:
        """Rows and columns of 8x8 blocks of the padded picture (Hb, Wb)."""
        return self.padded.shape[0] // BLOCK, self.padded.shape[1] // BLOCK

    @property
    def cost(self) -> NDArray[np.float32]:
        """Bits that levels 0 to 24 of every block take at full level: float32 (25, Hb, Wb)."""

        def count() -> NDArray[np.float32]:
            bits = self.model.coder.cost(self.codes)
            return np.concatenate([np.zeros((1, *self.blocks)), bits.cumsum(0)]).astype(np.float32)

        return self.kept.once("cost", count)

    def measured(self, progress: Callable[[int, int], None] | None = None) -> RateDistortion:
        """The tables that `rd` reads, at full level; seconds the first time."""

        def report(done: int, total: int, _: Any) -> None:
            if progress is not None:
                progress(done, total)

        return self.kept.once(
            "tables", lambda: measure(self.model, self.padded, ITERATIONS, report)
        )

    @property
    def has_tables(self) -> bool:
        """Whether `measured` is there already."""
        return ("tables", None) in self.kept

    @property
    def knows_cost(self) -> bool:
        """Whether `cost`, and so expected bytes, is there already."""
        return ("cost", None) in self.kept

    def plan(self, choice: Choice, semantic_map: SemanticMap | None = None) -> Plan:
        """Every block's level under a choice, and what its file needs.

        semantic_map: a painted map (`semcomp.semantics.activation.user_map`) in the place of the
        class's.
        """
        if choice.allocation not in ALLOCATIONS:
            raise AllocationError(
                f"unknown allocation {choice.allocation!r}: use {', '.join(ALLOCATIONS)}"
            )
        if semantic_map is not None:
            return self._plan(choice, semantic_map)
        return self.kept.once(
            "plan", lambda: self._plan(choice, self.map_of(choice.focus)), choice, most=32
        )

    def _plan(self, choice: Choice, semantic_map: SemanticMap) -> Plan:
        measured = None
        if choice.allocation == "rd":
            # As `plan_levels` would measure it, memory order included: sums depend on it.
            reach = min(ITERATIONS, max(8, math.ceil(2.5 * choice.level)))
            tables = self.measured()
            measured = replace(
                tables,
                codes=tables.codes[:reach],
                rate=np.ascontiguousarray(tables.rate.T[: reach + 1]).T,
                distortion=np.ascontiguousarray(tables.distortion.T[: reach + 1]).T,
            )
        kind = cast(Allocation, choice.allocation)
        plan = plan_levels(
            self.model,
            self.padded,
            choice.level,
            kind,
            semantic_map=semantic_map,
            measured=measured,
        )
        return replace(plan, codes=None)  # they are cut out of the session's when needed

    def levels(
        self, level: float, allocation: str = "proportional", focus: str | None = None
    ) -> NDArray[np.uint8]:
        """Every block's level, uint8 (Hb, Wb), 0..24."""
        return self.plan(Choice(level, allocation, focus)).levels

    def data(self, choice: Choice) -> bytes:
        """The `.semc` file, byte for byte what `semcomp.compress` writes; half a second."""
        return self.kept.once("data", lambda: self.pack(choice, self.plan(choice)), choice, most=32)

    def pack(self, choice: Choice, plan: Plan) -> bytes:
        """The file of any plan; its level is the choice's. Nothing is kept."""
        height, width = self.picture.shape[:2]
        codes = cut_codes(self.codes, plan.levels)
        return pack(self.model, (height, width), choice.level, plan, codes)

    def expected_bytes(self, choice: Choice) -> int:
        """About how large the file will be, without making it: within a few percent.

        `rd` is given the bytes that `uniform` would take; before its tables are there that is
        the answer.
        """
        if choice.allocation == "rd" and not self.has_tables:
            choice = choice._replace(allocation="uniform")
        plan = self.plan(choice)
        at = np.minimum(plan.levels, ITERATIONS)[None].astype(np.intp)
        bits = float(np.take_along_axis(self.cost, at, 0).sum(dtype=np.float64))
        chunks = _CHUNK_BYTES * int(plan.levels.max(initial=0))
        return round(bits / 8) + chunks + _FIXED_BYTES + len(map_section(plan))

    def run(self, choice: Choice) -> Run | None:
        """The run of a choice if it is kept."""
        return self._runs.find(choice)

    def decode(
        self, choice: Choice, decode: Decode = decode_steps
    ) -> Iterator[tuple[int, int, Picture]]:
        """Run a choice; gives (steps done, steps in all, picture so far). `run` has it afterwards.

        Stop asking and nothing is kept.
        """
        plan = self.plan(choice)
        data = self.data(choice)
        history = yield from self.decode_plan(plan, decode)
        self._runs.keep(Run(choice, plan, data, self._cropped(history[-1]), history))

    @property
    def one_pass(self) -> bool:
        """Whether the picture after an iteration is decoded when somebody asks for it."""
        return isinstance(self.model.codec, OnePassCodec)

    def decode_plan(
        self, plan: Plan, decode: Decode = decode_steps
    ) -> Generator[tuple[int, int, Picture], None, Picture]:
        """As `decode` for any plan; its value (of `yield from`) is a history as in `Run`."""
        codes = cut_codes(self.codes, plan.levels)
        whole = not self.one_pass and fits((len(codes) + 1) * self.padded.nbytes)
        history = np.full((len(codes) + 1 if whole else 1, *self.padded.shape), 128, np.uint8)
        shown = np.full_like(self.padded, 128)
        for step in decode(self.model_name, codes, False):
            y, x = step.core.scaled(CELL)
            shown[y, x] = step.pixels
            history[step.k + 1 if whole else 0, y, x] = step.pixels
            yield step.done, step.total, self._cropped(shown)
        return history

    def finished(self, choice: Choice) -> Run:
        """The run of a choice, decoded now if it is not kept."""
        found = self.run(choice)
        while found is None:
            for _ in self.decode(choice):
                pass
            found = self.run(choice)
        return found

    def decoded(self, k: int, choice: Choice) -> Picture:
        """The picture after k iterations of a choice, uint8 (H, W, 3): its file cut at k.

        Raises IndexError unless 0 <= k <= the run's iterations.
        """
        run = self.finished(choice)
        if not 0 <= k <= run.iterations:
            raise IndexError(f"iteration {k} of {run.iterations}")
        if k == run.iterations:
            return run.picture
        if run.complete:
            return self._cropped(run.history[k])
        cut = replace(run.plan, levels=np.minimum(run.plan.levels, k).astype(np.uint8))
        *_, (_, _, last) = self.decode_plan(cut)
        return last

    def preview(self, choice: Choice) -> Picture | None:
        """About what a run would give, in a tenth of a second, from the nearest kept run.

        None before the first run, if its iterations are not kept (unless the decoder needs only
        one pass), or for `rd` before its tables are there.
        """
        if choice.allocation == "rd" and not self.has_tables:
            return None
        plan = self.plan(choice)
        kept = [run for run in self._runs.all() if run.complete or self.one_pass]
        codec = self.model.codec
        if not kept or not isinstance(codec, LinearPathCodec):
            return None
        wanted = plan.levels.astype(np.int16)
        near = min(kept, key=lambda run: int(np.abs(run.plan.levels - wanted).sum()))
        codes = self.codes[: max(int(plan.levels.max(initial=0)), near.iterations)]
        return self._cropped(preview(codec, codes, plan.levels, near.history, near.plan.levels))

    @property
    def nbytes(self) -> int:
        """About how much memory is kept."""
        runs = self._runs.all()
        total = self.picture.nbytes + self.padded.nbytes
        total += sum(run.history.nbytes + run.picture.nbytes + len(run.data) for run in runs)
        for value in self.kept.values():
            if isinstance(value, np.ndarray):
                total += value.nbytes
            elif isinstance(value, Remembering) and value.kept is not None:
                total += value.kept.maps.nbytes
            elif isinstance(value, RateDistortion):
                total += value.rate.nbytes + value.distortion.nbytes + value.codes.nbytes
            elif isinstance(value, Plan):
                total += value.levels.nbytes
            elif isinstance(value, bytes):
                total += len(value)
        return total

    def _cropped(self, padded: Picture) -> Picture:
        height, width = self.picture.shape[:2]
        return np.ascontiguousarray(padded[:height, :width])
