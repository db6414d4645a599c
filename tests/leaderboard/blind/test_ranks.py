"""From votes to ranks: what counts, and that known preferences are found again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from leaderboard.blind.ranks import (
    CLEAR,
    NEEDED,
    POOR,
    QUICK,
    counting,
    information,
    ranks_of,
    strengths,
)
from leaderboard.store.votes import Choice, Vote

CODECS = ("avif", "bpg", "jpeg", "semantic", "webp")
TRUE = np.array([0.9, 0.5, -1.2, 0.3, -0.5])
"""Strengths of `CODECS`, their mean 0."""
CHECK = Vote("kodak/kodim01", 0.0, POOR, CLEAR, "right", 3.0)


def visits(count: int, rng: np.random.Generator, first: int = 1) -> list[Vote]:
    """Visits of ten rounds with one check each, of eyes that differ a little among themselves."""
    votes = []
    for visit in range(first, first + count):
        eyes = TRUE + rng.normal(0, 0.4, len(CODECS))
        for number in range(1, 11):
            if number == 3:
                votes.append(replace(CHECK, visit=visit, number=number))
                continue
            a, b = rng.choice(len(CODECS), 2, replace=False)
            left = rng.random() < 1 / (1 + np.exp(eyes[b] - eyes[a]))
            choice: Choice = "none" if rng.random() < 0.1 else "left" if left else "right"
            votes.append(
                Vote("kodak/kodim01", 0.2, CODECS[a], CODECS[b], choice, 2.0, visit, number)
            )
    return votes


def test_known_preferences_are_found_again() -> None:
    ranks = ranks_of(visits(250, np.random.default_rng(1)))
    assert ranks.votes == 2250 and ranks.visits == 250 and ranks.enough
    assert [each.codec for each in ranks.standings] == ["avif", "bpg", "semantic", "webp", "jpeg"]
    assert [each.place for each in ranks.standings] == [1, 2, 3, 4, 5]
    # Halves for "no difference", and eyes that differ, draw strengths together a little.
    assert np.allclose(ranks.strength, 0.85 * TRUE, atol=0.2)


def test_intervals_cover_as_often_as_they_say() -> None:
    rng = np.random.default_rng(2)
    long_run = ranks_of(visits(6000, rng)).strength  # what endless votes of such eyes would say
    inside = total = 0
    for _ in range(12):
        ranks = ranks_of(visits(40, rng))
        for codec, truth in zip(CODECS, long_run, strict=True):
            _, low, high = ranks.before(codec)
            inside += low <= 1 / (1 + np.exp(-truth)) <= high
            total += 1
    assert 0.85 <= inside / total < 1.0


def test_a_codec_against_another() -> None:
    ranks = ranks_of(visits(100, np.random.default_rng(3)))
    share, low, high = ranks.before("avif", "jpeg")
    back = ranks.before("jpeg", "avif")
    assert low < share < high and share > 0.75
    assert back == pytest.approx((1 - share, 1 - high, 1 - low), abs=0.01)
    with pytest.raises(ValueError):
        ranks.before("bpg444")


def test_what_does_not_count() -> None:
    good = visits(1, np.random.default_rng(4))
    real = [vote for vote in good if vote.rate]
    assert counting(good) == real
    failed = [replace(v, choice="left") if v.rate == 0 else v for v in good]
    unsure = [replace(v, choice="none") if v.rate == 0 else v for v in good]
    assert counting(failed) == counting(unsure) == []
    assert counting(real) == []  # no check was passed yet
    quick = replace(good[0], seconds=QUICK - 0.01)
    assert counting([quick, *good[1:]]) == real[1:]
    assert counting([quick, replace(good[1], seconds=0.1), *good[2:]]) == []
    other = [replace(vote, visit=2) for vote in good]
    assert counting([*failed, *other]) == [vote for vote in other if vote.rate]


def test_intervals_are_over_visits() -> None:
    """Ten answers of the same eyes are no ten eyes."""
    rng = np.random.default_rng(5)
    votes = visits(30, rng)
    alone = ranks_of(votes).before("avif", "jpeg")
    again = [
        replace(vote, number=vote.number + 10 * k)
        for v in range(1, 31)
        for k in range(4)
        for vote in votes
        if vote.visit == v
    ]
    assert ranks_of(again).before("avif", "jpeg") == pytest.approx(alone, abs=0.02)


def test_no_votes_and_few_votes() -> None:
    assert ranks_of([]).standings == () and not ranks_of([]).enough
    few = ranks_of(visits(2, np.random.default_rng(6)))
    assert few.votes == 18 < NEEDED and not few.enough
    assert all(0 < each.share_low <= each.share_high < 1 for each in few.standings)


def test_what_tells_most_is_what_is_not_known() -> None:
    told = information(np.array([[0, 25, 4.0], [25, 0, 1], [4, 1, 0.0]]))
    assert np.allclose(told, told.T) and not told.diagonal().any()
    assert told[1, 2] > told[0, 2] > told[0, 1]  # asked twice, eight times, fifty times
    told = information(np.array([[0, 49, 0.0], [1, 0, 49], [0, 1, 0.0]]))
    assert told[0, 2] < told[0, 1]  # never asked, but there is little doubt


def test_a_codec_that_never_wins_has_a_strength() -> None:
    last = strengths(np.array([[0, 30, 9.0], [20, 0, 49], [0, 0, 0.0]]))
    assert np.isfinite(last).all() and last[2] < min(last[:2])
