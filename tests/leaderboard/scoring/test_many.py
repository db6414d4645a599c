"""Tests of BD-rates of many methods at once: the same numbers and refusals as one by one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from leaderboard.analysis.bdrate import Comparison, Rank, compare, ranks
from leaderboard.analysis.curves import NoCurve, image_curves, on_log_scale
from leaderboard.data.results import Results, to_frame
from leaderboard.scoring.many import compare_many
from leaderboard.scoring.summaries import curves_of, read_summary, summarise
from tests.support.board_results import spread, without


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
    """The anchor, good ones, and one of every kind that has no BD-rate."""
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
        spread("bpg"),
        *(noisy(f"noisy {seed}", seed) for seed in range(6)),
        renamed(base, "plain"),
        replace(base, name="few", rows=tuple(few)),
        replace(base, name="lossless", rows=tuple(lossless)),
        replace(base, name="silent", rows=tuple(silent)),
        replace(base, name="low", rows=tuple(low)),
        renamed(without(base, "kodim07"), "lacking"),
    ]


@pytest.mark.parametrize("metric", ["psnr", "ms_ssim"])
def test_the_numbers_are_those_of_one_by_one(metric: str) -> None:
    everyone = methods()
    frame = to_frame(everyone)
    anchor = {
        image: (rates, on_log_scale(metric, scores))
        for image, (rates, scores) in image_curves(frame, "bpg", metric).items()
    }
    found, notes = compare_many(
        {each.name: curves_of(each) for each in everyone}, anchor, "bpg", metric
    )
    assert set(found) | set(notes) == {each.name for each in everyone}
    refused = set()
    for each in everyone:
        try:
            expected = compare(frame, each.name, "bpg", metric)
        except NoCurve:
            refused.add(each.name)
            continue
        got = found[each.name]
        assert list(got.images) == list(expected.images)
        for name in ("percent", "low", "high", "overlap"):
            assert getattr(got, name) == pytest.approx(getattr(expected, name), abs=1e-9)
        assert got.images == pytest.approx(expected.images, abs=1e-9)
    assert set(notes) == refused
    assert refused == {"few", "low", "lacking"} | ({"silent"} if metric == "ms_ssim" else set())
    assert "kodim07" in notes["lacking"] and "useful points" in notes["few"]


def test_a_stored_summary_gives_the_same_ranking() -> None:
    everyone = methods()[:7]
    frame = to_frame(everyone)
    anchor = {
        i: (x, on_log_scale("ms_ssim", y))
        for i, (x, y) in image_curves(frame, "bpg", "ms_ssim").items()
    }
    whole = {each.name: curves_of(each) for each in everyone}
    stored = {each.name: read_summary(summarise(each)) for each in everyone}
    kept = {name: curves for name, curves in stored.items() if curves is not None}
    first, second = (compare_many(each, anchor, "bpg", "ms_ssim")[0] for each in (whole, kept))
    assert list(first) == list(second)
    for name in first:
        assert second[name].percent == pytest.approx(first[name].percent, abs=1e-4)


def comparison(name: str, percents: Sequence[float]) -> Comparison:
    images = {f"picture {place}": value for place, value in enumerate(percents)}
    return Comparison(name, "anchor", "psnr", "pchip", float(np.mean(percents)), 0, 0, 1, images)


def test_equals_share_a_place_whatever_their_number() -> None:
    values = [[1.0, 2.0], [1.0, 2.0], [-5.0, -4.0], [1.0, 2.0], [8.0, 9.0]]
    found = ranks([comparison(str(place), each) for place, each in enumerate(values)])
    assert [found[str(place)] for place in range(5)] == [
        *(Rank(2, 2, 2), Rank(2, 2, 2), Rank(1, 1, 1)),
        *(Rank(2, 2, 2), Rank(5, 5, 5)),
    ]
