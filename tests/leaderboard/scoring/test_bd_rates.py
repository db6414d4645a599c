"""Tests of submissions' BD-rates: the numbers of `compare`, computed once, stale when they are."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leaderboard.analysis.bdrate import Comparison, Rank, compare, ranks
from leaderboard.analysis.curves import NoCurve
from leaderboard.data.results import METRICS, Results, to_frame
from leaderboard.scoring.bd_rates import THIS, basis_of, bd_rate, bd_rates, comparison, update
from leaderboard.store.database import BdRate, Entry, Store, open_store
from leaderboard.submissions.inspection import Inspected
from leaderboard.submissions.method import Method
from tests.support.board_results import spread, without
from tests.support.large_board import LIMITLESS
from tests.support.store_samples import write_upload


def renamed(results: Results, name: str) -> Results:
    return replace(results, name=name)


def noisy(name: str, seed: int) -> Results:
    """A method whose pictures have their own rates and scores, some settings useless."""
    random = np.random.default_rng(seed)
    base = spread("jpeg", 1 + 0.2 * random.random())
    rows = []
    for row in base.rows:
        factor = math.exp(random.normal(0, 0.08))
        rows.append(
            replace(
                row,
                bytes=max(1, round((row.bytes or 0) * factor)),
                bpp=row.bpp * factor,
                ms_ssim=min((row.ms_ssim or 0) + random.normal(0, 0.002), 0.9999),
                psnr=(row.psnr or 0) + random.normal(0, 0.3),
            )
        )
    return replace(base, name=name, rows=tuple(rows))


def methods() -> list[Results]:
    """Good ones, and one of every kind that has no BD-rate."""
    base = spread("jpeg")
    first = base.rows[0]
    few = [row for row in base.rows if row.image != first.image or int(row.quality) < 4]
    lossless = [
        replace(row, psnr=math.inf) if row.quality == base.rows[-1].quality else row
        for row in base.rows
    ]
    silent = [replace(row, ms_ssim=None) if row is first else row for row in base.rows]
    low = [replace(row, psnr=(row.psnr or 0) - 30, ms_ssim=0.1) for row in base.rows]
    return [
        *(noisy(f"noisy {seed}", seed) for seed in range(6)),
        renamed(base, "plain"),
        replace(base, name="few", rows=tuple(few)),
        replace(base, name="lossless", rows=tuple(lossless)),
        replace(base, name="silent", rows=tuple(silent)),
        replace(base, name="low", rows=tuple(low)),
        renamed(without(base, "kodim07"), "lacking"),
    ]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'board.sqlite3'}", rates=LIMITLESS)
    yield opened
    opened.close()


def approve(store: Store, folder: Path, results: Results, incomplete: tuple[str, ...] = ()) -> int:
    path, digest = write_upload(folder, results.name.encode())
    method = Method(results.name, contact="a@example.org")
    sent = Inspected("self-reported", method, digest, results, incomplete=incomplete)
    number = store.add(sent, path, submitter="somebody").entry.id
    store.approve(number, "me")
    return number


@pytest.mark.parametrize("metric", ["psnr", "ms_ssim"])
def test_what_is_stored_is_what_compare_gives(store: Store, tmp_path: Path, metric: str) -> None:
    """On both ways: computed when it is asked for, and read back."""
    everyone, anchor = methods(), spread("bpg")
    frame = to_frame([anchor, *everyone])
    numbers = {approve(store, tmp_path, each): each.name for each in everyone}
    entries = store.entries(["approved"])
    computed = bd_rates(store, entries, "kodak", anchor, metric)
    stored = store.bd_rates("kodak", "bpg", metric, basis_of(anchor))
    assert stored == computed and set(stored) == set(numbers)
    refused = {}
    for number, name in numbers.items():
        try:
            expected = compare(frame, name, "bpg", metric)
        except NoCurve as error:
            refused[name] = stored[number].note
            assert comparison(name, stored[number], anchor) is None
            assert stored[number].note == str(error).replace(name, THIS, 1)
            continue
        assert comparison(name, stored[number], anchor) == expected
        assert stored[number].note == ""
    assert set(refused) == {"few", "low", "lacking"} | (
        {"silent"} if metric == "ms_ssim" else set()
    )
    assert "kodim07" in refused["lacking"] and "useful points" in refused["few"]
    lacking = next(number for number, name in numbers.items() if name == "lacking")
    assert stored[lacking].pictures == 23


def test_everything_is_computed_once_in_the_background(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    anchors = [spread("bpg"), spread("jpeg")]
    numbers = [approve(store, tmp_path, noisy(f"noisy {seed}", seed)) for seed in range(3)]
    lacks = "quality 3 lacks kodim01"
    approve(store, tmp_path, noisy("uneven", 9), (lacks,))
    assert update(store, "kodak", anchors) == 4
    for anchor in anchors:
        for metric in METRICS:
            rates = store.bd_rates("kodak", anchor.name, metric, basis_of(anchor))
            without = getattr(anchor.rows[0], metric) is None  # made-up curves lack some scores
            assert [rate.percent is None for rate in rates.values()] == [without] * 3 + [True]
            assert rates[numbers[-1] + 1].note == lacks and rates[numbers[-1] + 1].pictures == 24
    calls: list[str] = []

    def counted(entry: Entry, *rest: Any) -> BdRate:
        calls.append(entry.method.name)
        return bd_rate(entry, *rest)

    monkeypatch.setattr("leaderboard.scoring.bd_rates.bd_rate", counted)
    assert update(store, "kodak", anchors) == 0
    entries = store.entries(["approved"])
    assert len(bd_rates(store, entries, "kodak", anchors[0], "psnr")) == 4
    assert calls == []
    fresh = approve(store, tmp_path, noisy("fresh", 11))
    assert update(store, "kodak", anchors) == 1 and set(calls) == {"fresh"}
    stop = threading.Event()
    stop.set()
    assert update(store, "kodak", [spread("george", 1.2, "bpg")], stop) == 0
    assert fresh in store.bd_rates("kodak", "bpg", "psnr", basis_of(anchors[0]))


def test_other_results_of_an_anchor_make_them_stale(store: Store, tmp_path: Path) -> None:
    anchor, dearer = spread("bpg"), spread("bpg", 1.25)
    number = approve(store, tmp_path, noisy("noisy", 1))
    entries = store.entries(["approved"])
    first = bd_rates(store, entries, "kodak", anchor, "psnr")[number].percent
    second = bd_rates(store, entries, "kodak", dearer, "psnr")[number].percent
    assert first is not None and second is not None
    assert (100 + first) / (100 + second) == pytest.approx(1.25, abs=0.01)
    assert store.bd_rates("kodak", "bpg", "psnr", basis_of(anchor)) == {}
    again = replace(anchor, provenance={**anchor.provenance, "date": "2027-01-01"})
    assert basis_of(again) == basis_of(anchor) != basis_of(dearer)


def compared(name: str, percents: Sequence[float]) -> Comparison:
    images = {f"picture {place}": value for place, value in enumerate(percents)}
    return Comparison(name, "anchor", "psnr", "pchip", float(np.mean(percents)), 0, 0, 1, images)


def test_equals_share_a_place_whatever_their_number() -> None:
    values = [[1.0, 2.0], [1.0, 2.0], [-5.0, -4.0], [1.0, 2.0], [8.0, 9.0]]
    found = ranks([compared(str(place), each) for place, each in enumerate(values)])
    assert [found[str(place)] for place in range(5)] == [
        *(Rank(2, 2, 2), Rank(2, 2, 2), Rank(1, 1, 1)),
        *(Rank(2, 2, 2), Rank(5, 5, 5)),
    ]
