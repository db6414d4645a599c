"""What the demo keeps of a picture: a second look at it need not compute anything again.

::

    encoder: map of any class, plan and file of any settings   (`semcomp.encoder`)
       |
       +-> run: decoded picture after every iteration          seconds; then previews
                                                               of other levels: 0.1 s

A `Session` belongs to one picture and may be used from several threads.
`semcomp.demo.sessions.visits` says whose session is whose, and forgets them.
"""

import secrets
import shutil
import weakref
from collections import OrderedDict
from collections.abc import Callable, Generator, Hashable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any, cast
from urllib.parse import quote

import numpy as np
from gradio.utils import get_upload_folder
from numpy.typing import NDArray
from PIL import Image

from semcomp.allocation.planning import Allocation, Plan
from semcomp.demo.compress.preview import preview
from semcomp.demo.shared.downloads import plain
from semcomp.encoder import Cache, PictureEncoder
from semcomp.errors import SemanticError
from semcomp.files import write_file
from semcomp.geometry import ITERATIONS
from semcomp.image import crop
from semcomp.semantics.maps import SemanticMap
from semcomp.weights import load_model

from .runs import PEOPLE, Choice, Decode, Picture, Run, Runs, chosen_model, decode_steps, fits

MOST_FILES = 32
"""Files of a shelf; the ones not asked for longest go first."""


class Session:
    """One picture and everything computed about it so far.

    picture: uint8 (H, W, 3). name: stem for files made of it. encoder: maps, plans and files.
    cache: for what callers want to stay with the picture, under kinds of their own. shelf: its
    pictures as files for the page.
    """

    def __init__(self, picture: Picture, name: str = "picture", model: str | None = None) -> None:
        self.picture = picture
        self.name = name
        self.model_name = chosen_model() if model is None else model
        # On the CPU: coding is open loop and takes milliseconds there.
        self.encoder = PictureEncoder(picture, load_model(self.model_name, "cpu"))
        self.cache = Cache()
        self.shelf = Shelf(plain(name))
        self._runs = Runs()

    def measure(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Make what `rd` reads, at full level; seconds the first time."""

        def report(done: int, total: int, _: Any) -> None:
            if progress is not None:
                progress(done, total)

        self.encoder.rd_table(progress=report)

    def semantic_map(self, choice: Choice) -> SemanticMap:
        """The map of a choice, whatever its strength; the classifier's where no detector works.

        Raises SemanticError.
        """
        if choice.focus != PEOPLE:
            return self.encoder.semantic_map(choice.focus)
        if self.no_detector:
            return self.encoder.semantic_map()
        return self.encoder.semantic_map(kind="people", without=frozenset(choice.without))

    @property
    def no_detector(self) -> str:
        """Why nobody can look for people and things here, and what helps; empty if they can."""

        def look() -> str:
            try:
                _ = self.encoder.subjects
            except SemanticError as error:
                return str(error)
            return ""

        return self.cache.once("no detector", look)

    def plan(self, choice: Choice, semantic_map: SemanticMap | None = None) -> Plan:
        """Every block's level under a choice, and what its file needs.

        semantic_map: a painted map (`semcomp.semantics.activation.user_map`) in the place of the
        class's. Raises AllocationError and SemanticError.
        """
        if semantic_map is not None:
            return self._plan(choice, semantic_map)
        return self.cache.once("plan", lambda: self._plan(choice), choice, most=32)

    def _plan(self, choice: Choice, semantic_map: SemanticMap | None = None) -> Plan:
        if choice.allocation == "rd":
            self.measure()  # for all levels at once
        if semantic_map is None and choice.allocation != "uniform":
            semantic_map = self.semantic_map(choice)
        return self.encoder.plan(
            choice.level,
            cast(Allocation, choice.allocation),
            semantic_map=semantic_map,
            focus=choice.strength,
        )

    def data(self, choice: Choice) -> bytes:
        """The `.semc` file, byte for byte what `semcomp.compress` writes; half a second."""
        return self.cache.once(
            "data", lambda: self.encoder.file(self.plan(choice)), choice, most=32
        )

    def expected_bytes(self, choice: Choice) -> int:
        """About how large the file will be, without making it: within a few percent.

        `rd` is given the bytes that `uniform` would take; before its table is there that is
        the answer.
        """
        if choice.allocation == "rd" and not self.encoder.has_rd_table:
            choice = choice._replace(allocation="uniform")
        return self.encoder.expected_bytes(self.plan(choice))

    def spent(self, levels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """About how many bits each block takes at its level; both (Hb, Wb)."""
        at = np.minimum(levels, ITERATIONS)[None].astype(np.intp)
        bits: NDArray[np.float32] = np.take_along_axis(self.encoder.block_bits, at, 0)[0]
        return bits

    def run(self, choice: Choice) -> Run | None:
        """The run of a choice if it is there."""
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
        self._runs.add(Run(choice, plan, data, self._cropped(history[-1]), history))

    def decode_plan(
        self, plan: Plan, decode: Decode = decode_steps
    ) -> Generator[tuple[int, int, Picture], None, Picture]:
        """As `decode` for any plan; its value (of `yield from`) is a history as in `Run`."""
        codes = self.encoder.codes_of(plan)
        padded = self.encoder.padded
        whole = not self._one_pass and fits((len(codes) + 1) * padded.nbytes)
        history = np.full((len(codes) + 1 if whole else 1, *padded.shape), 128, np.uint8)
        picture = np.full_like(padded, 128)
        for step in decode(self.model_name, codes, False):
            step.paste(picture)
            step.paste(history[step.k if whole else 0])
            yield step.done, step.total, self._cropped(picture)
        return history

    @property
    def closed_loop(self) -> bool:
        """Whether encoding runs the networks, iteration by iteration, for every file anew."""
        return self.encoder.model.codec.closed_loop

    @property
    def _one_pass(self) -> bool:
        """Whether the picture after an iteration is decoded when somebody asks for it."""
        return self.encoder.model.codec.one_pass

    def finished(self, choice: Choice) -> Run:
        """The run of a choice, decoded now if it is not there."""
        run = self.run(choice)
        while run is None:
            for _ in self.decode(choice):
                pass
            run = self.run(choice)
        return run

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
        truncated = replace(run.plan, levels=np.minimum(run.plan.levels, k).astype(np.uint8))
        *_, (_, _, last) = self.decode_plan(truncated)
        return last

    def preview(self, choice: Choice) -> Picture | None:
        """About what a run would give, in a tenth of a second, from the nearest run there is.

        None before the first run, if its iterations are not kept (unless the decoder needs only
        one pass), or for `rd` before its table is there.
        """
        if choice.allocation == "rd" and not self.encoder.has_rd_table:
            return None
        plan = self.plan(choice)
        runs = [run for run in self._runs.all() if run.complete or self._one_pass]
        linear_path = self.encoder.model.codec.linear_path
        if not runs or linear_path is None:
            return None
        levels = plan.levels.astype(np.int16)
        near = min(runs, key=lambda run: int(np.abs(run.plan.levels - levels).sum()))
        codes = self.encoder.codes(max(plan.iterations, near.iterations))
        return self._cropped(
            preview(linear_path, codes, plan.levels, near.history, near.plan.levels)
        )

    @property
    def nbytes(self) -> int:
        """About how much memory is taken."""
        total = self.encoder.nbytes
        for run in self._runs.all():
            total += run.history.nbytes + run.picture.nbytes + len(run.data)
        for value in self.cache.values():
            if isinstance(value, np.ndarray):
                total += value.nbytes
            elif isinstance(value, Plan):
                total += value.levels.nbytes
            elif isinstance(value, bytes):
                total += len(value)
        return total

    def _cropped(self, padded: Picture) -> Picture:
        return crop(padded, *self.picture.shape[:2])


class Shelf:
    """Files the page shows or offers; they live no longer than the work they belong to.

    A folder nobody can guess, under the one that is served; it goes when the shelf does. Its files
    lie in folders of their own, all under the name that people see.
    """

    def __init__(self, name: str = "picture") -> None:
        """name: of the files, without suffix."""
        self._name = name
        self.folder = Path(get_upload_folder()) / f"shelf-{secrets.token_hex(16)}"
        self._files: OrderedDict[Hashable, Path] = OrderedDict()
        self._lock = Lock()
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    def put(self, key: Hashable, make: Callable[[], Picture]) -> Path:
        """The PNG file of a picture uint8 (H, W, 3), made when the key is new."""
        with self._lock:
            path = self._files.get(key)
            if path is None or not path.is_file():
                path = self.folder / secrets.token_hex(8) / f"{self._name}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                # Fast rather than small: it is fetched once.
                Image.fromarray(make()).save(path, compress_level=1)
                self._files[key] = path
            self._files.move_to_end(key)
            while len(self._files) > MOST_FILES:
                shutil.rmtree(self._files.popitem(last=False)[1].parent, ignore_errors=True)
            return path

    def save(self, data: bytes, suffix: str = ".semc") -> Path:
        """A file beside the pictures."""
        folder = self.folder / sha256(data).hexdigest()[:16]
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self._name}{suffix}"
        write_file(path, data)
        return path

    def url(self, key: Hashable, make: Callable[[], Picture]) -> str:
        """Where the page finds `put`'s file, relative to itself."""
        return f"gradio_api/file={quote(str(self.put(key, make)))}"
