"""Fitting of the entropy tables."""

from __future__ import annotations

from dataclasses import fields
from functools import partial

import numpy as np

from semcomp.coding.entropy import ContextTables, EntropyCoder
from semcomp.geometry import BITS, ITERATIONS
from semcomp.networks.quantizer import QuantizerTables
from semcomp.training.codec.entropy_fit import collect_codes, fit_contexts
from semcomp.training.codec.trainer import Trainer
from tests.support.small_runs import PICTURES, options
from tests.support.tables import (
    MIXED,
    SLOTS,
    integers,
    quantizer_tables,
    random_codes,
)


def structured_codes(name: str) -> np.ndarray:
    """Bits that follow a smooth field with a little noise: int8 (24, 8, 12, 12) of -1, +1."""
    y, x = np.mgrid[:12, :12]
    phase = integers(name, (2,), 0, 12)
    field = ((x + phase[0]) // 5 + (y + phase[1]) // 4) % 3 == 0
    flipped = integers(f"{name} noise", (ITERATIONS, BITS, 12, 12), 0, 20) == 0
    return np.where(field ^ flipped, 1, -1).astype(np.int8)


def test_fitted_contexts_save_bits() -> None:
    tables = quantizer_tables("fit")
    reports: list[str] = []
    sources = [structured_codes(f"source {i}") for i in range(3)]
    contexts = fit_contexts(sources, tables, steps=25, batch=256, report=reports.append)
    assert len(reports) == ITERATIONS
    unseen = structured_codes("unseen")
    assert EntropyCoder(tables, contexts).cost(unseen).sum() < 0.75 * SLOTS * 144


def test_fitting_goes_on_where_known_tables_end() -> None:
    tables = quantizer_tables("fit", MIXED)
    codes = random_codes("source", np.full((6, 6), ITERATIONS), MIXED)
    fit = partial(fit_contexts, [codes], tables, steps=3, batch=64, report=lambda line: None)
    whole = fit()
    assert len(whole.w1) == len(tables.schedule)
    slots = int(tables.ends[3]) + BITS  # in the middle of an iteration
    first = {f.name: getattr(whole, f.name)[:slots] for f in fields(whole)}
    known = ContextTables(**{**first, "probability": whole.probability})
    continued = fit(known=known)
    assert all(
        np.array_equal(getattr(continued, f.name), getattr(whole, f.name)) for f in fields(whole)
    )
    known.w1[:] = 0
    assert not fit(known=known).w1[:slots].any()


def test_iterations_that_no_picture_reaches_stay_fair():
    tables = quantizer_tables("fit")
    codes = structured_codes("source")[:, :, :4, :4].copy()
    codes[1:] = 0
    contexts = fit_contexts([codes], tables, steps=2, batch=16, report=lambda line: None)
    assert contexts.w1[:BITS].any()
    assert not contexts.w1[BITS:].any()
    assert not contexts.w2[BITS:].any() and not contexts.bias[BITS:].any()


def test_collected_codes_cover_full_and_mixed_levels(designed: QuantizerTables) -> None:
    trainer = Trainer(options(), designed)
    pictures = [picture[:40, :60] for picture in PICTURES[:2]]
    full, mixed = collect_codes(trainer.codec, pictures)
    assert full.shape == mixed.shape == (ITERATIONS, designed.planes, 6, 8)
    needed = np.arange(designed.planes) < BITS * designed.rounds[:, None]
    assert ((full != 0) == needed[:, :, None, None]).all()
    assert (mixed[-1] == 0).any()
    assert (mixed[0, :BITS] != 0).all()
    assert (collect_codes(trainer.codec, pictures, least=0)[1][0] == 0).any()
