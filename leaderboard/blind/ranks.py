"""From votes to ranks: which votes count, and Bradley and Terry's model of them.

Every codec has a strength; the odds that the one of two is chosen are the exponential of the
difference of their strengths. An answer "no difference" is half a vote for each side. Intervals
come from a bootstrap over visits, not votes: the answers of one pair of eyes depend on each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import choix
import numpy as np
from numpy.typing import NDArray

from leaderboard.store.votes import Vote

NEEDED = 200
"""Votes that count before a rank is shown."""
QUICK = 0.5
"""Seconds under which nobody has looked; such answers do not count."""
MOST_QUICK = 1
"""Quick answers of a visit that counts."""
CLEAR, POOR = "clear", "poor"
"""Sides of a check: nobody who looks takes the poor one for closer."""
LEVEL = 0.95
RESAMPLES = 400
_PRIOR = 0.02  # of a vote, each way, between any two codecs: keeps strengths finite

Floats = NDArray[np.float64]


def counting(votes: Iterable[Vote]) -> list[Vote]:
    """The votes that count, without the checks. votes: in the order of visits.

    A visit counts once it has passed a check, failed none, and answered at most `MOST_QUICK` times
    in less than `QUICK` seconds; such answers themselves do not count.
    """
    kept: list[Vote] = []
    for _, visit in groupby(votes, lambda vote: vote.visit):
        own = list(visit)
        checks = [vote for vote in own if vote.rate == 0]
        quick = sum(vote.seconds < QUICK for vote in own)
        if checks and all(vote.chosen == CLEAR for vote in checks) and quick <= MOST_QUICK:
            kept += [vote for vote in own if vote.rate > 0 and vote.seconds >= QUICK]
    return kept


def wins(votes: Sequence[Vote], codecs: Sequence[str]) -> Floats:
    """How often each codec (row) was chosen before each other (column), shape (n, n)."""
    place = {codec: i for i, codec in enumerate(codecs)}
    table = np.zeros((len(codecs), len(codecs)))
    for vote in votes:
        left, right = place[vote.left], place[vote.right]
        share = {"left": 1.0, "right": 0.0}.get(vote.choice, 0.5)
        table[left, right] += share
        table[right, left] += 1 - share
    return table


def strengths(table: Floats) -> Floats:
    """Strengths (n,), their mean 0, that make the wins (n, n) most likely."""
    prior = _PRIOR * (1 - np.eye(len(table)))
    fitted = np.asarray(choix.ilsr_pairwise_dense(table + prior, max_iter=500), np.float64)
    centred: Floats = fitted - fitted.mean()
    return centred


def information(table: Floats) -> Floats:
    """How much one more vote on each pair would tell, (n, n), symmetric, 0 on the diagonal.

    The outcome's variance p(1 − p) times the variance of the difference of the two strengths, as
    the votes so far have left it.
    """
    chances = chance(strengths(table))
    spread = chances * (1 - chances)
    np.fill_diagonal(spread, 0)
    weight = (table + table.T + 2 * _PRIOR) * spread
    covariance = np.linalg.pinv(np.diag(weight.sum(axis=1)) - weight)
    own = np.diag(covariance)
    told: Floats = spread * (own[:, None] + own[None, :] - 2 * covariance)
    return told


def chance(strength: Floats) -> Floats:
    """The chance that each codec (row) is chosen before each other (column)."""
    return np.asarray(1 / (1 + np.exp(strength[None, :] - strength[:, None])))


@dataclass(frozen=True)
class Standing:
    """A codec among others. place: from 1. low, high: the interval of its places.

    shown: votes on its pairs. chosen: those for it, answers "no difference" by halves. share: the
    chance, in 0..1, that it is chosen before the average codec; share_low, share_high: interval.
    """

    codec: str
    place: int
    low: int
    high: int
    share: float
    share_low: float
    share_high: float
    shown: int
    chosen: float


@dataclass(frozen=True, eq=False)
class Ranks:
    """What votes say of codecs. votes, visits: that count. resampled: strengths (RESAMPLES, n)."""

    codecs: tuple[str, ...]
    votes: int
    visits: int
    table: Floats
    strength: Floats
    resampled: Floats

    @property
    def enough(self) -> bool:
        """Whether there are as many votes as ranks are shown from."""
        return self.votes >= NEEDED

    def before(self, codec: str, other: str | None = None) -> tuple[float, float, float]:
        """The chance that a codec is chosen before another, and its interval.

        other: None for the average codec. Raises ValueError for one without votes.
        """
        at = self.codecs.index(codec)
        own, all_own = self.strength[at], self.resampled[:, at]
        if other is not None:
            than = self.codecs.index(other)
            own, all_own = own - self.strength[than], all_own - self.resampled[:, than]
        low, high = np.quantile(all_own, _ENDS)
        share, low, high = (float(1 / (1 + np.exp(-value))) for value in (own, low, high))
        return share, low, high

    @cached_property
    def standings(self) -> tuple[Standing, ...]:
        """All codecs, the strongest first."""
        order = np.argsort(-self.strength, kind="stable")
        places = 1 + np.argsort(np.argsort(-self.resampled, axis=1), axis=1)
        lows, highs = np.quantile(places, _ENDS, axis=0, method="nearest")
        return tuple(
            Standing(
                self.codecs[at],
                rank + 1,
                min(int(lows[at]), rank + 1),
                max(int(highs[at]), rank + 1),
                *self.before(self.codecs[at]),
                round(float(self.table[at].sum() + self.table[:, at].sum())),
                float(self.table[at].sum()),
            )
            for rank, at in enumerate(order)
        )


_ENDS = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]


def ranks_of(votes: Iterable[Vote]) -> Ranks:
    """Ranks from votes in the order of visits; those that do not count are left out.

    The same votes give the same intervals.
    """
    kept = counting(votes)
    codecs = tuple(sorted({name for vote in kept for name in (vote.left, vote.right)}))
    visits = [wins(list(own), codecs) for _, own in groupby(kept, lambda vote: vote.visit)]
    count = len(codecs)
    if not visits:
        return Ranks((), 0, 0, np.zeros((0, 0)), np.zeros(0), np.zeros((RESAMPLES, 0)))
    each = np.array(visits).reshape(len(visits), -1)
    table = each.sum(axis=0).reshape(count, count)
    often = np.random.default_rng(0).multinomial(
        len(visits), np.full(len(visits), 1 / len(visits)), RESAMPLES
    )
    resampled = np.array([strengths(own.reshape(count, count)) for own in often @ each])
    return Ranks(codecs, len(kept), len(visits), table, strengths(table), resampled)
