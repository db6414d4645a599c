"""What all votes say so far: ranks for the board, and which pair would tell most next."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

import numpy as np

from .pairs import Pair, Pairs
from .ranks import Floats, Ranks, information, ranks_of

if TYPE_CHECKING:
    from leaderboard.store.database import Store

FRESH = 60.0
"""Seconds for which ranks are kept without a look at the votes."""
SPREAD = 0.3
"""How far chance moves a pair of codecs in the order of what they tell."""


class Opinion:
    """The votes of a board, worked out at most once a minute; for any thread."""

    def __init__(
        self, store: Callable[[], Store], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """store: gives the board's. clock: seconds that never run backwards."""
        self._store, self._clock = store, clock
        self._lock = threading.Lock()
        self._ranks: Ranks | None = None
        self._count, self._looked = -1, 0.0

    def ranks(self) -> Ranks:
        """The ranks of at most `FRESH` seconds ago; older ones while another thread makes new ones.

        Raises StoreError.
        """
        old = self._ranks is None or self._clock() - self._looked >= FRESH
        if old and self._lock.acquire(blocking=self._ranks is None):
            try:
                self._look()
            finally:
                self._lock.release()
        assert self._ranks is not None
        return self._ranks

    def _look(self) -> None:
        now = self._clock()
        if self._ranks is not None and now - self._looked < FRESH:
            return  # another thread was quicker
        count = self._store().count_votes()
        if self._ranks is None or count != self._count:
            self._ranks = ranks_of(self._store().votes())
        self._count, self._looked = count, now


class Chooser:
    """Which pair a visitor is asked next: those that tell most come first."""

    def __init__(self, opinion: Opinion, seed: int | None = None) -> None:
        """seed: for tests; None for chance."""
        self._opinion = opinion
        self.random = random.Random(seed)
        self._asked: dict[tuple[str, str], float] = {}
        self._base: Ranks | None = None
        self._lock = threading.Lock()

    def choose(
        self,
        pairs: Pairs,
        pictures: Collection[str] = (),
        codecs: Collection[tuple[str, str]] = (),
        semantic: bool = False,
    ) -> Pair | None:
        """A pair of pictures and codecs that a visit has not had, if there is one left.

        pictures, codecs: what it has had. semantic: only pairs of a codec that follows what a
        picture means with one that does not, where there are any. None where nothing is prepared.
        Raises StoreError.
        """
        if not pairs.by_codecs:
            return None
        told = self._told(pairs)
        order = sorted(
            pairs.by_codecs,
            key=lambda pair: (
                semantic and is_semantic(pair[0]) == is_semantic(pair[1]),
                pair in codecs,
                -told[pair] * self.random.uniform(1 - SPREAD, 1 + SPREAD),
            ),
        )
        for pair in order:
            new = [each for each in pairs.by_codecs[pair] if each.picture not in pictures]
            if new:
                with self._lock:
                    self._asked[pair] = self._asked.get(pair, 0) + 1
                return self.random.choice(new)
        return self.random.choice(pairs.by_codecs[order[0]])

    def _told(self, pairs: Pairs) -> dict[tuple[str, str], float]:
        """What a vote on each pair of codecs would tell, those counted that are out already."""
        ranks = self._opinion.ranks()
        with self._lock:
            if ranks is not self._base:
                self._base, self._asked = ranks, {}
            asked = dict(self._asked)
        names = sorted({*pairs.codecs, *ranks.codecs})
        place = {name: i for i, name in enumerate(names)}
        table: Floats = np.zeros((len(names), len(names)))
        known = [place[name] for name in ranks.codecs]
        table[np.ix_(known, known)] = ranks.table
        for (a, b), count in asked.items():
            table[place[a], place[b]] += count / 2
            table[place[b], place[a]] += count / 2
        told = information(table)
        return {pair: float(told[place[pair[0]], place[pair[1]]]) for pair in pairs.by_codecs}


def is_semantic(codec: str) -> bool:
    """Whether a codec spends its bits by what a picture means."""
    return codec.startswith(("semantic", "people"))
