"""Approved submissions as the board shows them: under a name of their own, with their curves.

Only summaries are read for the ranking (`scoring.summaries`); an entry's rows are fetched when its
curve, its picture or its file is asked for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from leaderboard.data.results import Results
from leaderboard.scoring.summaries import Curves, read_summary, summarise

if TYPE_CHECKING:
    from leaderboard.store.database import Entry, Store

PREFIX = "entry-"
"""Links name a submission by this and its number, since its name may hold anything."""


@dataclass(frozen=True, eq=False)
class Listed:
    """An approved entry on a board. name: unlike any other's there."""

    name: str
    entry: Entry
    curves: Curves

    @property
    def token(self) -> str:
        """What links call it."""
        return f"{PREFIX}{self.entry.id}"


def listed(store: Store, dataset: str, taken: Collection[str]) -> dict[str, Listed]:
    """The approved entries of a data set by their names on the board, oldest first.

    taken: names of codecs that are on the board already. Entries without a summary get one here,
    which is kept. Raises StoreError.
    """
    from leaderboard.store.database import NotFound

    stored = store.summaries(dataset)
    found: dict[str, Listed] = {}
    for entry in store.entries(["approved"], dataset):
        curves = read_summary(stored.get(entry.id))
        if curves is None:
            with contextlib.suppress(NotFound):  # withdrawn while this board was read
                payload = summarise(store.results(entry.id))
                store.put_summary(entry.id, payload)
                curves = read_summary(payload)
        if curves is None:
            continue
        name = entry.method.name
        if name in taken or name in found:
            name = f"{name} (#{entry.id})"
        found[name] = Listed(name, entry, curves)
    return found


@lru_cache(maxsize=64)
def results_of(store: Store, each: Listed) -> Results:
    """An entry's results under its name on the board. Raises StoreError."""
    results = store.results(each.entry.id)
    provenance = {
        **results.provenance,
        "kind": each.entry.kind,
        "method": each.entry.method.to_json(),
        "entry": each.entry.id,
        "submitted": each.entry.submitted_at.strftime("%Y-%m-%d"),
        "upload": each.entry.digest,
    }
    return replace(results, name=each.name, provenance=provenance)
