"""Finished runs: a picture under one choice of settings, and the latest few of a session."""

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple

from semcomp.allocation.planning import Plan

from .decoding import Picture

RUNS_KEPT = 4
"""Runs a session keeps, the latest ones."""
HISTORY_BYTES = 192 << 20
"""Most memory for the pictures after every iteration, all runs of a session together."""


class Choice(NamedTuple):
    """The settings of a run. focus: the class that matters, None for the most probable one."""

    level: float = 8
    allocation: str = "proportional"
    focus: str | None = None


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
        return int(self.plan.levels.max(initial=0))

    @property
    def complete(self) -> bool:
        """Whether the picture after every iteration is there."""
        return len(self.history) == self.iterations + 1


class Runs:
    """The latest runs by choice, few and bounded in memory; may be used from several threads."""

    def __init__(self) -> None:
        self._runs: OrderedDict[Choice, Run] = OrderedDict()
        self._guard = Lock()

    def find(self, choice: Choice) -> Run | None:
        """The run of a choice if it is kept; it is then the latest."""
        with self._guard:
            found = self._runs.get(choice)
            if found is not None:
                self._runs.move_to_end(choice)
            return found

    def all(self) -> list[Run]:
        """What is kept now, the latest last."""
        with self._guard:
            return list(self._runs.values())

    def keep(self, run: Run) -> None:
        """Keep a run; older ones go where there are too many or their histories are too large."""
        with self._guard:
            self._runs[run.choice] = run
            self._runs.move_to_end(run.choice)
            while len(self._runs) > 1 and (
                len(self._runs) > RUNS_KEPT
                or sum(kept.history.nbytes for kept in self._runs.values()) > HISTORY_BYTES
            ):
                self._runs.popitem(last=False)


def fits(nbytes: int) -> bool:
    """Whether a history of so many bytes may be kept at all."""
    return nbytes <= HISTORY_BYTES
