"""Files of a given size, found by search."""

from __future__ import annotations

import pytest

from semcomp.errors import SizeError
from semcomp.search import FileSearch, check_fits, parse_size


class Counted:
    """An encoder whose file of quality q has round(scale · 1.2^q) bytes; counts its calls."""

    def __init__(self, scale=100.0):
        self.scale, self.calls = scale, []

    def __call__(self, quality):
        self.calls.append(quality)
        return bytes(round(self.scale * 1.2**quality))


@pytest.mark.parametrize("target", [200, 777, 5000, 30_000])
def test_search_finds_the_neighbours(target):
    encode = Counted()
    match = FileSearch(encode, 0, 40, 0.5).around(target)
    assert match.reached
    assert match.above[0] - match.below[0] == pytest.approx(0.5)
    assert len(match.below[1]) <= target <= len(match.above[1])
    assert match.below[1] == bytes(round(100 * 1.2 ** match.below[0]))
    off = abs(len(match.nearest[1]) - target)
    assert off == min(abs(len(side[1]) - target) for side in (match.below, match.above))
    assert len(encode.calls) <= 8  # halving alone takes 9


def test_search_encodes_every_quality_once():
    encode = Counted()
    search = FileSearch(encode, 0, 40, 0.5)
    for target in (300, 3000, 301, 3000):
        search.around(target)
    assert len(encode.calls) == len(set(encode.calls))


@pytest.mark.parametrize(("target", "quality"), [(50, 0), (10**6, 40)])
def test_search_stops_at_the_ends(target, quality):
    match = FileSearch(Counted(), 0, 40).around(target)
    assert match.nearest[0] == quality
    assert not match.reached


def test_search_survives_dents():
    def encode(quality):
        return bytes(1000 + 10 * round(quality) - 25 * (round(quality) % 7 == 3))

    for target in range(1005, 1990, 30):
        match = FileSearch(encode, 0, 100).around(target)
        assert match.reached
        assert len(match.nearest[1]) == pytest.approx(target, abs=40)


@pytest.mark.parametrize("start", [None, 3.0, 20.0, 39.5])
@pytest.mark.parametrize("budget", [150, 777, 5000, 30_000, 10**6])
def test_the_largest_file_within_a_budget(budget, start):
    encode = Counted()
    quality, file = FileSearch(encode, 0, 40, 0.5).largest(budget, start)
    assert len(file) <= budget
    assert quality == 40 or round(100 * 1.2 ** (quality + 0.5)) > budget
    assert len(encode.calls) == len(set(encode.calls)) <= 12


def test_nothing_small_enough_gives_the_smallest():
    quality, file = FileSearch(Counted(), 0, 40).largest(30)
    assert quality == 0 and len(file) == 100


def test_a_file_that_is_close_ends_the_search():
    encode = Counted()
    _, file = FileSearch(encode, 0, 40, 0.01).largest(5000, 20.0, close=0.01)
    assert 4950 <= len(file) <= 5000
    _, exact = FileSearch(Counted(), 0, 40, 0.01).largest(5000, 20.0)
    assert len(exact) >= len(file)


@pytest.mark.parametrize("budget", range(2000, 9000, 333))
def test_dents_and_a_wrong_guess_cost_little(budget):
    """Sizes fall back at whole qualities; however wrong the start, the file is close below."""

    def encode(quality):
        return bytes(round(1000 + 400 * quality - 150 * (quality % 1 < 0.2)))

    for start in (0.5, 4.0, 23.0):
        _, file = FileSearch(encode, 0.1, 24, 0.05).largest(budget, start)
        assert 0.9 * budget < len(file) <= budget


def test_sizes_are_read_as_people_write_them() -> None:
    for text, size in (("12000", 12000), ("12 000", 12000), ("12,000 bytes", 12000),
                       ("12 kB", 12000), ("0.5MB", 500_000), (" 7b ", 7), ("2,5 kB", 2500),
                       ("12\u202f000", 12000), ("12.000", 12000), ("1.200 kB", 1200),
                       ("12'000", 12000), ("1.234.567", 1_234_567), ("0,5 Mo", 500_000),
                       ("12 KiB", 12_288)):  # fmt: skip
        assert parse_size(text) == size
    for wrong in ("", None, "many", "-3", "0", "1e9999", "12 pixels", "1,2,3", "1.5 2", "0,1 b"):
        with pytest.raises(SizeError):
            parse_size(wrong)


def test_a_size_that_no_file_has() -> None:
    check_fits(100, 100, "file")
    with pytest.raises(SizeError, match="the smallest WebP of this picture has 1,200 bytes: ask"):
        check_fits(1200, 99, "WebP")
