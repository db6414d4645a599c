"""Runs: a picture decoded under one choice of settings, and the latest few of a session."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from semcomp.allocation.planning import Plan
from semcomp.networks import runtime
from semcomp.networks.runtime import Step
from semcomp.weights import available, load_model, resolve_device

MOST_RUNS = 4
"""Runs a session has, the latest ones."""
HISTORY_BYTES = 192 << 20
"""Most memory for the pictures after every iteration, all runs of a session together."""

Picture = NDArray[np.uint8]
Decode = Callable[[str, NDArray[np.int8], bool], Iterator[Step]]
"""See `decode_steps`, which it is unless a GPU is borrowed for it."""


PEOPLE = "people"
"""The focus on all that people look at: faces, people, animals, things, text."""


class Choice(NamedTuple):
    """The settings of a run.

    focus: the class that matters, None for the most probable one; or `PEOPLE`. strength: how
    strongly the bits follow the map, 0 to 2, which the page calls focus. without: names of what
    does not count under `PEOPLE` (`subject_names`).
    """

    level: float = 8
    allocation: str = "proportional"
    focus: str | None = None
    strength: float = 1.0
    without: tuple[str, ...] = ()


FIRST = Choice(focus=PEOPLE)
"""What the page opens with."""


@dataclass(frozen=True, eq=False)
class Run:
    """A picture under one choice: its file and what decoding it gives.

    data: the `.semc` file's bytes. plan: its levels. picture: uint8 (H, W, 3), what `decompress`
    gives. history: uint8 (k + 1, Hp, Wp, 3), the padded picture after 0 to k iterations; the last
    alone for pictures too large to keep them all, and where the decoder needs only one pass.
    """

    choice: Choice
    plan: Plan
    data: bytes
    picture: Picture
    history: Picture

    @property
    def iterations(self) -> int:
        """Iterations of the file, 0..24."""
        return self.plan.iterations

    @property
    def complete(self) -> bool:
        """Whether the picture after every iteration is there."""
        return len(self.history) == self.iterations + 1


class Runs:
    """The latest runs by choice, few and bounded in memory; may be used from several threads."""

    def __init__(self) -> None:
        self._runs: OrderedDict[Choice, Run] = OrderedDict()
        self._lock = Lock()

    def find(self, choice: Choice) -> Run | None:
        """The run of a choice if it is there; it is then the latest."""
        with self._lock:
            run = self._runs.get(choice)
            if run is not None:
                self._runs.move_to_end(choice)
            return run

    def all(self) -> list[Run]:
        """What is there now, the latest last."""
        with self._lock:
            return list(self._runs.values())

    def add(self, run: Run) -> None:
        """Add a run; older ones go where there are too many or their histories are too large."""
        with self._lock:
            self._runs[run.choice] = run
            self._runs.move_to_end(run.choice)
            while len(self._runs) > 1 and (
                len(self._runs) > MOST_RUNS
                or sum(each.history.nbytes for each in self._runs.values()) > HISTORY_BYTES
            ):
                self._runs.popitem(last=False)


def fits(nbytes: int) -> bool:
    """Whether a history of so many bytes may be kept at all."""
    return nbytes <= HISTORY_BYTES


def chosen_model() -> str:
    """Name of the weights the demo uses: `base` on a GPU where it is installed, else `small`."""
    return "base" if resolve_device(None).type == "cuda" and "base" in available() else "small"


PAPER = "paper"
"""Name of the weights of the paper's own network, which runs in every iteration, both ways."""


def offered_models() -> dict[str, str]:
    """Weights that visitors may choose from, by their names for people; first the usual ones."""
    offered = {"Ours: quick": chosen_model(), "The paper's, recurrent: slow": PAPER}
    return {label: name for label, name in offered.items() if name in available()}


def decode_steps(model: str, codes: NDArray[np.int8], every: bool = True) -> Iterator[Step]:
    """`semcomp.networks.runtime.decode_steps` with weights by their name: it may run elsewhere."""
    loaded = load_model(model)
    at = {len(codes)} if loaded.codec.one_pass and not every else None
    yield from runtime.decode_steps(loaded.codec, codes, loaded.device, at)
