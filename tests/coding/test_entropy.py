"""Entropy coder: round trips, costs, order, exactness, damaged bytes, golden bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import constriction
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from semcomp.coding import entropy
from semcomp.coding import walk as walk_module
from semcomp.coding.entropy import ContextTables, EntropyCoder
from semcomp.coding.features import BEHIND, CAUSAL, COUNT, FIRST, LIMIT, SlotTables
from semcomp.coding.walk import NOT_SENT, Reader, Round, Walk
from semcomp.geometry import BITS, ITERATIONS
from semcomp.networks.quantizer import QuantizerTables
from tests import ROOT
from tests.support.tables import (
    MIXED,
    SLOTS,
    context_tables,
    integers,
    quantizer_tables,
    random_codes,
)

GOLDEN = ROOT / "tests" / "coding" / "golden"
QUANTIZER = quantizer_tables("entropy")
CODER = EntropyCoder(QUANTIZER, context_tables("entropy"))
FAIR = EntropyCoder(QUANTIZER, ContextTables.fair(SLOTS))


@st.composite
def level_maps(draw: st.DrawFn, largest: int = 6, deepest: int = 5) -> np.ndarray:
    """uint8 (Hb, Wb) levels: any, all zero, or islands in zeros."""
    shape = (draw(st.integers(1, largest)), draw(st.integers(1, largest)))
    top = draw(st.integers(0, deepest))
    return draw(hnp.arrays(np.uint8, shape, elements=st.integers(0, top), fill=st.just(0)))


def roundtrip(coder: EntropyCoder, codes: np.ndarray, levels: np.ndarray) -> list[bytes]:
    chunks = coder.encode(codes)
    decoded = coder.decode(chunks, levels.astype(np.uint8))
    assert decoded.dtype == np.int8
    np.testing.assert_array_equal(decoded, codes)
    return chunks


# Round trips


@given(levels=level_maps(), seed=st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_any_codes_come_back(levels: np.ndarray, seed: int) -> None:
    roundtrip(CODER, random_codes(str(seed), levels), levels)


@given(seed=st.integers(0, 2**31))
@settings(max_examples=3, deadline=None)
def test_any_tables_serve(seed: int) -> None:
    levels = integers(f"{seed} levels", (4, 6), 0, 4)
    coder = EntropyCoder(quantizer_tables(str(seed)), context_tables(str(seed)))
    roundtrip(coder, random_codes(str(seed), levels), levels)


@given(levels=level_maps(), seed=st.integers(0, 2**31))
@settings(max_examples=10, deadline=None)
def test_iterations_may_have_several_rounds(levels: np.ndarray, seed: int) -> None:
    coder = EntropyCoder(quantizer_tables("rounds", MIXED), context_tables("rounds", MIXED))
    codes = random_codes(str(seed), levels, MIXED)
    chunks = roundtrip(coder, codes, levels)
    assert len(chunks) == len(codes) == levels.max(initial=0)
    sent = (codes != 0).sum(1)
    np.testing.assert_array_equal(
        sent, BITS * (levels > np.arange(len(codes))[:, None, None]) * lengths(len(codes))
    )
    assert coder.cost(codes).sum() / 8 <= sum(map(len, chunks)) + 1


def lengths(iterations: int) -> np.ndarray:
    """`MIXED` for the first iterations, int64 (iterations, 1, 1)."""
    return np.array(MIXED[:iterations], np.int64).reshape(-1, 1, 1)


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (1, 7), (7, 1)])
def test_all_iterations_of_a_small_picture(shape: tuple[int, int]) -> None:
    levels = np.full(shape, ITERATIONS)
    assert len(roundtrip(CODER, random_codes("full", levels), levels)) == ITERATIONS


def test_iterations_without_active_blocks_cost_nothing():
    levels = np.zeros((2, 2), np.int64)
    assert CODER.encode(random_codes("none", levels)) == []
    assert CODER.cost(random_codes("none", levels)).shape == (0, 2, 2)
    codes = np.zeros((3, BITS, 2, 2), np.int8)
    assert roundtrip(CODER, codes, levels) == [b"", b"", b""]


def test_likely_codes_take_few_bytes():
    """The trailing zero bytes of a chunk are left out, and come back."""
    contexts = ContextTables.fair(SLOTS)
    sure = EntropyCoder(QUANTIZER, replace(contexts, bias=np.full_like(contexts.bias, -(2**17))))
    levels = np.full((8, 8), 3)
    codes = np.full((3, BITS, 8, 8), -1, np.int8)
    assert max(map(len, roundtrip(sure, codes, levels))) <= 4
    roundtrip(sure, -codes, levels)


def test_progress_counts_iterations() -> None:
    levels = np.full((2, 2), 3)
    seen: list[int] = []
    chunks = CODER.encode(random_codes("progress", levels))
    CODER.decode(chunks, levels, progress=seen.append)
    assert seen == [1, 2, 3]


# Cost


@pytest.mark.parametrize("coder", [CODER, FAIR], ids=["random", "fair"])
def test_cost_agrees_with_the_bytes(coder: EntropyCoder) -> None:
    levels = integers("cost levels", (12, 16), 2, 6)
    codes = random_codes("cost", levels)
    cost = coder.cost(codes)
    assert cost.shape == (len(codes), 12, 16)
    assert (cost[codes[:, 0] == 0] == 0).all()
    for ideal, chunk in zip(cost.sum((1, 2)), coder.encode(codes), strict=True):
        assert abs(8 * len(chunk) - ideal) < 0.02 * ideal + 64


def test_fair_bits_cost_one_bit_until_the_picture_teaches_otherwise() -> None:
    levels = np.full((3, 4), 2)
    cost = FAIR.cost(random_codes("fair", levels))
    np.testing.assert_allclose(cost, BITS, rtol=0.02)
    assert (cost[:, 0, 0] == BITS).all(), "nothing is learnt before the first block"
    same = np.ones((1, SLOTS // 24, 40, 40), np.int8)
    cost = FAIR.cost(same)[0]
    assert cost[0, 0] == BITS and cost[-1, -1] < 0.1 * BITS


# Order


def walked(levels: np.ndarray, name: str, read: bool) -> list[Round]:
    """All rounds of random codes, with their features; read: decoded from their bytes."""
    codes = random_codes(name, levels)
    readers = [Reader(entropy._words(chunk, 2)) for chunk in CODER.encode(codes)]
    walk = Walk(CODER.slots, *levels.shape)
    rounds = []
    for k, planes in enumerate(codes.reshape(*codes.shape[:2], levels.size)):
        bits = np.zeros_like(planes) if read else planes.copy()
        reader = readers[k] if read else None
        active = levels.ravel() > k
        rounds.append(walk.round(k, bits, CODER.networks, active, reader, features=True))
        np.testing.assert_array_equal(bits, planes)
    return rounds


@given(levels=level_maps(largest=9))
@settings(max_examples=30, deadline=None)
def test_every_sent_bit_once_in_the_order_of_steps(levels: np.ndarray) -> None:
    rows, columns = levels.shape
    for k, found in enumerate(walked(levels, "order", read=False)):
        i, y, x = np.nonzero(np.broadcast_to(levels > k, (BITS, rows, columns)))
        order = np.lexsort((y, i, x + 2 * y + i))
        np.testing.assert_array_equal(found.order, ((i * rows + y) * columns + x)[order])
        np.testing.assert_array_equal(
            found.chosen.ravel() != NOT_SENT, np.isin(np.arange(BITS * levels.size), found.order)
        )


def test_neighbours_are_as_far_ahead_as_the_features_suppose():
    """At a block's bit i a causal neighbour has decoded exactly i + ahead bits, at most 8."""
    y, x = np.mgrid[:6, :7]
    start = x + 2 * y
    for dy, dx, ahead in (*CAUSAL, *BEHIND):
        for i in range(BITS):
            step = start[3, 3] + i
            decoded = sum(start[3 + dy, 3 + dx] + j < step for j in range(BITS))
            assert decoded == min(i + ahead, BITS)


def test_both_sides_see_the_same_features() -> None:
    levels = integers("features levels", (4, 5), 0, 4)
    for one, other in zip(
        *(walked(levels, "features", read) for read in (False, True)), strict=True
    ):
        for name in ("order", "chosen", "nodes", "features"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("side", [0, 1])
def test_the_range_coders_agree_on_every_probability(side: int) -> None:
    """What lies just above a split is a +1 to `constriction`, too, what lies just below a -1."""
    model = constriction.stream.model.Bernoulli(perfect=False)
    for probability, split in zip(CODER.networks.chance, CODER.networks.split, strict=True):
        point = int(split) * ((2**64 - 1) >> 24) - 1 + side
        words = np.array([point >> 32, point & 0xFFFFFFFF], np.uint32)
        decoder = constriction.stream.queue.RangeDecoder(words)
        assert decoder.decode(model, np.array([probability])) == [side]
        reader = Reader(words)
        assert walk_module._read(reader.words, reader.state, split) == side


def test_the_last_number_may_carry_into_all_before() -> None:
    """An interval around a half, ever smaller: its numbers begin with 7f ff ... or 80 00 ..."""
    splits: list[int] = []
    symbols: list[int] = []
    lower, width, half = 0, 2**64 - 1, 2**63
    while len(splits) < 120:
        place = (half - lower) / width
        split = min(max(int(2**24 * (place / 2 if place > 0.5 else (1 + place) / 2)), 1), 2**24 - 1)
        symbols.append(int(place > 0.5))
        splits.append(split)
        first = (width >> 24) * split
        lower, width = (
            (lower + first, (width >> 24) * (2**24 - split)) if symbols[-1] else (lower, first)
        )
        if width < 2**32:
            lower, width, half = lower << 32, width << 32, half << 32
    encoder = constriction.stream.queue.RangeEncoder()
    model = constriction.stream.model.Bernoulli(perfect=False)
    chances = 1 - (np.array(splits) - 0.5) / (2**24 - 2)
    for count in range(1, len(splits)):
        symbol = np.array(symbols[count - 1 : count], np.int32)
        encoder.encode(symbol, model, chances[count - 1 : count])
        data = entropy._finished(encoder)
        assert data[:2] in (b"\x7f\xff", b"\x80") or count < 24
        assert len(data) <= 4 * len(encoder.get_compressed())
        reader = Reader(entropy._words(data, 2))
        read = [walk_module._read(reader.words, reader.state, np.uint64(s)) for s in splits[:count]]
        assert read == symbols[:count]


@pytest.mark.parametrize("adapt", [False, True])
def test_slots_learn_as_the_module_says(adapt: bool) -> None:
    """Against the formulas written out slowly, over two rounds."""
    rows, columns = 5, 7
    codes = random_codes("learning", np.full((rows, columns), 2)).reshape(2, BITS, -1)
    walk, tables = Walk(CODER.slots, rows, columns), context_tables("entropy")
    price, chance = CODER.networks.price, tables.probability / 65536
    trust, surprise = np.zeros(8), np.zeros((rows + 4, columns + 4, 2))
    for number, bits in enumerate(codes):
        active = np.ones(rows * columns, bool)
        found = walk.round(number, bits, CODER.networks, active, features=True, adapt=adapt)
        slots = slice(BITS * number, BITS * (number + 1))
        weights = tables.w2[slots] * 4096.0
        scale, shift, seen = np.ones(BITS), np.zeros(BITS), np.zeros(BITS)
        slot, block = np.divmod(found.order, rows * columns)
        y, x = np.divmod(block, columns)
        step = x + 2 * y + slot
        for now in np.unique(step):
            told = []
            for place in np.flatnonzero(step == now):
                s, b = slot[place], block[place]
                w1, b1 = tables.w1[slots][s].astype(int), tables.b1[slots][s]
                hidden = np.clip((found.features[place].astype(int) @ w1 + b1) // 256, 0, 2047)
                bias = tables.bias[slots][s, found.nodes[s, b]]
                logit = np.clip((hidden @ weights[s] / 4096 + bias) / 4096, -9, 9)
                more, foreseen = surprise[y[place] + 1 :, x[place] + 1 :][:3, :3].sum((0, 1))
                kind = np.clip(int(np.floor((more / (foreseen + 2) + 0.5) / 1.5 * 8)), 0, 7)
                factor = scale[s] + (trust[kind] if adapt else 0)
                entry = int(np.clip(np.floor((factor * logit + shift[s]) * 64) + 576, 0, 1152))
                assert found.chosen[s, b] == entry
                told.append((place, hidden, logit, kind, entry))
            for place, hidden, logit, kind, entry in told if adapt else ():
                s, bit = slot[place], int(bits[slot[place], block[place]] > 0)
                error, rate = bit - chance[entry], 1 + 2 / (1 + seen[s] / 256)
                seen[s] += 1
                scale[s] += rate * error * logit / 128
                shift[s] += rate * error / 128
                weights[s] += np.floor(rate * error / 2 * hidden + 0.5)
                trust[kind] += error * logit / 256
                foreseen = price[2, entry]
                surprise[y[place] + 2, x[place] + 2] += price[bit, entry] - foreseen, foreseen
    np.testing.assert_array_equal(walk.trust, trust)
    assert trust.any() == adapt


def test_prices_are_far_from_where_a_machine_could_round_them_otherwise() -> None:
    chance = CODER.networks.chance
    bits = -np.log2([1 - chance, chance])
    exact = 1024 * np.append(bits, [(1 - chance) * bits[0] + chance * bits[1]], 0)
    assert np.abs(exact % 1 - 0.5).min() > 1e-6


# Features


def test_compand_is_a_signed_root_of_the_scale():
    gain = SlotTables(QUANTIZER).gain[0]
    scale = 65536 / gain
    differences = np.array([0, scale, -scale, 4 * scale, 1e6], np.float32)
    result = [walk_module._compand(d, gain / np.float32(64)) for d in differences]
    np.testing.assert_allclose(result, [0, 32, -32, 64, LIMIT], atol=1)
    assert result == np.round(result).tolist()


def test_activities_stay_in_step_with_the_values():
    levels = np.full((2, 3), 9)
    codes = random_codes("activities", levels)
    walk = Walk(CODER.slots, 2, 3)
    for k, bits in enumerate(codes.reshape(*codes.shape[:2], -1)):
        walk.round(k, bits, CODER.networks, bits[0] != 0)
    inside = walk.values.reshape(6, 7, -1)[2:-2, 2:-2]
    assert inside.any() and np.count_nonzero(walk.values) == np.count_nonzero(inside)
    for group, (low, high) in enumerate(pairwise([1, 4, 9, 16, 32, 96])):
        expected = np.abs(inside[..., 5 + low : 5 + high]).sum(-1)
        np.testing.assert_array_equal(inside[..., group], expected)


def test_coefficients_out_of_the_features_sight_are_refused():
    schedule = QUANTIZER.schedule.copy()
    schedule[5] = 96
    with pytest.raises(ValueError, match="first 96"):
        SlotTables(replace(QUANTIZER, schedule=schedule))


# Exactness


def test_tables_that_could_overflow_are_refused():
    ContextTables.fair(SLOTS).check()
    sound = context_tables("sound")
    sound.check()
    w1 = sound.w1.copy()
    w1[7, :, 3] = 2**24 // (LIMIT * COUNT) + 1
    w2 = np.full_like(sound.w2, 500)
    bias = np.full_like(sound.bias, 2**24)
    for broken in ({"w1": w1}, {"w2": w2}, {"bias": bias}):
        with pytest.raises(ValueError, match="overflow"):
            EntropyCoder(QUANTIZER, replace(sound, **broken))


def test_threads_change_no_byte():
    """Sums of whole numbers below 2^24 are exact in any order."""
    script = """
import sys
from tests.support.tables import MIXED, SLOTS
from tests.support.tables import context_tables, integers, quantizer_tables, random_codes
from semcomp.coding.entropy import EntropyCoder
levels = integers("threads", (24, 32), 1, 3)
coder = EntropyCoder(quantizer_tables("entropy"), context_tables("entropy"))
chunks = coder.encode(random_codes("threads", levels))
assert (coder.decode(chunks, levels) == random_codes("threads", levels)).all()
print(b"".join(chunks).hex())
"""
    levels = integers("threads", (24, 32), 1, 3)
    expected = b"".join(CODER.encode(random_codes("threads", levels))).hex()
    threads = {name: "2" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    result = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, **threads},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == expected


# Damaged bytes


@given(
    chunks=st.lists(st.binary(max_size=60), max_size=4),
    levels=level_maps(largest=4),
    extreme=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_any_bytes_decode_to_bits(chunks: list[bytes], levels: np.ndarray, extreme: bool) -> None:
    if extreme:
        chunks = [b"\xff" * len(chunk) for chunk in chunks]
    codes = CODER.decode(chunks, levels)
    sent = levels > np.arange(len(chunks))[:, None, None]
    np.testing.assert_array_equal(np.abs(codes), np.broadcast_to(sent[:, None], codes.shape))


def test_bytes_no_encoder_writes_decode_to_bits():
    levels = np.full((8, 8), 1, np.uint8)
    codes = CODER.decode([b"\xff" * 400], levels)
    assert (np.abs(codes) == 1).all()


# Golden bytes


def test_golden_bytes() -> None:
    """A change of these bytes breaks every file: it needs a new VERSION in bitstream.py."""
    levels = integers("golden levels", (6, 8), 0, 7)
    codes = random_codes("golden", levels)
    coder = EntropyCoder(quantizer_tables("golden"), context_tables("golden"))
    chunks = coder.encode(codes)
    golden = (GOLDEN / "entropy.bin").read_bytes()
    assert b"".join(len(c).to_bytes(2, "little") + c for c in chunks) == golden
    np.testing.assert_array_equal(coder.decode(chunks, levels), codes)


@pytest.mark.parametrize(("version", "features"), [(1, FIRST), (2, COUNT)])
def test_golden_bytes_of_earlier_versions(version: int, features: int) -> None:
    """Nothing learnt; in version 1 words in the other order, tables without the second ring."""
    levels = integers("golden levels", (6, 8), 0, 7)
    tables = context_tables("golden", features=features)
    coder = EntropyCoder(quantizer_tables("golden"), tables)
    data, chunks = (GOLDEN / f"entropy_{version}.bin").read_bytes(), []
    while data:
        size = int.from_bytes(data[:2], "little")
        chunks.append(data[2 : 2 + size])
        data = data[2 + size :]
    codes = coder.decode(chunks, levels, version=version)
    np.testing.assert_array_equal(codes, random_codes("golden", levels))


def test_binary_tables_serve_all_iterations():
    levels = np.full((2, 3), ITERATIONS)
    coder = EntropyCoder(QuantizerTables.binary(), context_tables("signs"))
    roundtrip(coder, random_codes("signs", levels), levels)
