"""Submissions for the tests of the board, as if they had passed the checks."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from leaderboard.data.results import Results, Row
from leaderboard.store.database import BdRate, Entry, Receipt, Store
from leaderboard.submissions.inspection import Inspected
from leaderboard.submissions.method import Method

CONTACT = "somebody@example.org"


class Clock:
    """Seconds that pass when they are told to."""

    now = 1.8e9

    def __call__(self) -> float:
        """The time."""
        return self.now


def results(name: str = "method", count: int = 3) -> Results:
    """Results of a few made-up pictures; one PSNR is infinite, some scores are not available."""
    rows = tuple(
        Row(
            f"picture{image:02}",
            quality,
            *(100 * quality + image, 0.1 * quality + image / 1024),
            *(None, None, None, None),
            *(float("inf") if image == quality else 30.0 + quality, 0.9, None, 0.8, 0.75),
            *(0.5, None),
        )
        for image in range(count)
        for quality in (1, 2)
    )
    return Results(name, "made up", "kodak", rows, {"kind": "self-reported", "é": "漢\0"})


def write_upload(folder: Path, content: bytes, suffix: str = ".json") -> tuple[Path, str]:
    """A file and its digest."""
    digest = hashlib.sha256(content).hexdigest()
    path = folder / f"{digest[:16]}{suffix}"
    path.write_bytes(content)
    return path, digest


def inspected(digest: str, kind: str = "self-reported", **method: Any) -> Inspected:
    """What the checks say of an upload with this digest."""
    described = Method(**{"name": "method", "authors": "A. B.", "contact": CONTACT} | method)
    return Inspected(kind, described, digest, results() if kind == "self-reported" else None)


def send(
    store: Store,
    folder: Path,
    content: bytes = b"results",
    kind: str = "self-reported",
    submitter: str = "somebody",
    replaces: str | None = None,
    **method: Any,
) -> Receipt:
    """Submit some bytes."""
    path, digest = write_upload(folder, content, ".json" if kind == "self-reported" else ".zip")
    found = inspected(digest, kind, **method)
    return store.add(found, path, submitter=submitter, replaces=replaces)


def approved(store: Store, dataset: str = "kodak") -> list[tuple[Entry, Results]]:
    """The public board of a data set, oldest entry first."""
    return [(each, store.results(each.id)) for each in store.entries(["approved"], dataset)]


def bd_rate(percent: float, basis: str = "basis") -> BdRate:
    """A BD-rate against BPG."""
    return BdRate("bpg", "psnr", basis, 2, percent, percent - 1, percent + 1, 0.9, (percent, 0.1))


def until(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    """Wait for something that happens elsewhere."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.02)
