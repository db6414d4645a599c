"""A board of made-up methods, to measure how a large one behaves; never mixed with real results."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sqlalchemy import insert, select

from leaderboard.data.results import Results, Row
from leaderboard.store.database import Rates, Store, open_store
from leaderboard.store.models import BdRateRow, EntryRow
from leaderboard.submissions.inspection import KINDS, Inspected
from leaderboard.submissions.method import Method
from leaderboard.submissions.shape import DatasetShape

LIMITLESS = Rates(per_hour=10**9, per_day=10**9, waiting=10**9, board_per_day=10**9)


def synthetic_results(seed: int, shape: DatasetShape, qualities: int) -> Results:
    """Made-up results: curves as codecs have them, better or worse by the seed.

    Every picture has its own difficulty, the same for all methods; every fiftieth method lacks
    pictures.
    """
    random = np.random.default_rng(seed)
    hard = np.random.default_rng(0).normal(0, 0.35, len(shape.images))
    gain = random.normal(0, 0.25) + random.normal(0, 0.04, len(shape.images))
    octaves = np.linspace(-2.5, 1.5, qualities) + random.uniform(-0.2, 0.2)
    rows = []
    images = shape.images[: len(shape.images) // 2] if seed % 50 == 49 else shape.images
    for image, difficulty, own in zip(images, hard, gain, strict=False):
        pixels = shape.pixels(image)
        for quality, octave in enumerate(octaves, start=1):
            size = max(1, round(2 ** (octave + difficulty - own) * pixels / 8))
            decibels = 16.8 + 3.6 * octave  # of the SSIM family, as JPEG's at these rates
            similar = 1 - 10 ** (-decibels / 10)
            scores = (32 + 3 * octave, similar, similar * 0.96, similar * 0.95, similar * 0.94)
            psnr, ms_ssim, ssim, si_ssim, si_ssim_2 = (round(float(s), 6) for s in scores)
            rows.append(
                Row(
                    image,
                    quality,
                    size,
                    round(8 * size / pixels, 6),
                    *(None, None, None, None),
                    *(psnr, ms_ssim, ssim, si_ssim, si_ssim_2),
                    *(None, None),
                )
            )
    return Results(f"method {seed:04}", "made up", shape.name, tuple(rows), {"kind": "synthetic"})


def fill_board(
    folder: Path, methods: int, qualities: int, shape: DatasetShape
) -> Iterator[tuple[int, Store]]:
    """Approve made-up methods, all of them self-reported, on a board in a folder.

    Yields (methods so far, the store) after each.
    """
    store = open_store(f"sqlite:///{folder / 'board.sqlite3'}", rates=LIMITLESS)
    upload = folder / "upload.json"
    for seed in range(methods):
        results = synthetic_results(seed, shape, qualities)
        text = f"made-up method {seed}".encode()
        upload.write_bytes(text)
        lacking = len(shape.images) - len(results.images)
        inspected = Inspected(
            KINDS[0],
            Method(
                results.name,
                authors=f"Group {seed % 97}",
                link=f"https://example.org/{seed}",
                contact="nobody@example.org",
                dataset=shape.name,
            ),
            hashlib.sha256(text).hexdigest(),
            results,
            incomplete=(f"{lacking} pictures are missing",) if lacking else (),
        )
        entry = store.add(inspected, upload, submitter=f"group {seed % 97}").entry
        store.approve(entry.id, "synthetic")
        yield seed + 1, store


def copy_bd_rates(store: Store, computed: int) -> None:
    """Give the BD-rates of the first entries to all others too, in turn, so that none waits."""
    columns = [column.name for column in BdRateRow.__table__.columns if column.name != "entry_id"]
    source = select(EntryRow.id, *(getattr(BdRateRow, name) for name in columns)).join(
        BdRateRow, BdRateRow.entry_id == (EntryRow.id - 1) % computed + 1
    )
    with store._writing() as session:
        new = source.where(EntryRow.id > computed)
        session.execute(insert(BdRateRow).from_select(["entry_id", *columns], new))
