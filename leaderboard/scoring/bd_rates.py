"""BD-rates of submissions: computed once by `analysis.bdrate.compare`, and stored with the entry.

They are computed in the background as soon as an entry is approved (`update`), or at the latest
when somebody asks for them (`bd_rates`). Each is stored with a hash of the anchor's results: when
these have changed it is stale, and computed again.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from dataclasses import replace

from leaderboard.analysis.bdrate import Comparison, compare
from leaderboard.analysis.curves import NoCurve
from leaderboard.data.results import METRICS, Results, newest_versions, to_frame
from leaderboard.store.database import BdRate, Entry, Store

METHOD = 1
"""Changes when `compare` gives other numbers: all that is stored is stale then."""
THIS = "this method"
"""What notes call an entry, whatever its name."""
_computing = threading.Lock()
"""Who comes while another one computes waits, and finds what that one has stored."""


def basis_of(anchor: Results) -> str:
    """Hash of what BD-rates against an anchor depend on, hex."""
    points = [
        [row.image, row.bpp, *(repr(getattr(row, metric)) for metric in METRICS)]
        for row in anchor.rows
    ]
    text = json.dumps([METHOD, anchor.name, newest_versions([anchor]), sorted(points)])
    return hashlib.sha256(text.encode()).hexdigest()


def bd_rate(entry: Entry, results: Results, anchor: Results, metric: str) -> BdRate:
    """How an entry with these results stands against an anchor.

    One that is incomplete, or of which `compare` says so, has no number; the note says why.
    """
    pictures = len(set(results.images) & set(anchor.images))
    rate = BdRate(anchor.name, metric, basis_of(anchor), pictures)
    if entry.incomplete:
        return replace(rate, note="; ".join(entry.incomplete))
    try:
        made = compare(to_frame([anchor, replace(results, name=THIS)]), THIS, anchor.name, metric)
    except NoCurve as error:
        return replace(rate, note=str(error))
    return replace(
        rate,
        percent=made.percent,
        low=made.low,
        high=made.high,
        overlap=made.overlap,
        images=tuple(made.images.values()),
    )


def comparison(name: str, rate: BdRate, anchor: Results) -> Comparison | None:
    """What `compare` gave for an entry of this name; None where it gave nothing."""
    if rate.percent is None or rate.overlap is None:
        return None
    images = dict(zip(sorted(anchor.images), rate.images, strict=True)) if rate.images else {}
    return Comparison(
        codec=name,
        anchor=rate.anchor,
        metric=rate.metric,
        method="pchip",
        percent=rate.percent,
        low=rate.low,
        high=rate.high,
        overlap=rate.overlap,
        images=images,
    )


def bd_rates(
    store: Store, entries: Sequence[Entry], dataset: str, anchor: Results, metric: str
) -> dict[int, BdRate]:
    """BD-rates of approved entries of a data set, by entry; what is not stored is computed first.

    Raises StoreError.
    """
    wanted = dataset, anchor.name, metric, basis_of(anchor)
    known = store.bd_rates(*wanted)
    if all(entry.id in known for entry in entries):
        return known
    with _computing:
        known = store.bd_rates(*wanted)
        made = {
            entry.id: bd_rate(entry, store.results(entry.id), anchor, metric)
            for entry in entries
            if entry.id not in known
        }
        store.put_bd_rates({entry_id: [rate] for entry_id, rate in made.items()})
    return known | made


def update(
    store: Store, dataset: str, anchors: Sequence[Results], stop: threading.Event | None = None
) -> int:
    """Compute and store what approved entries of a data set lack; returns how many lacked some.

    anchors: what the page compares with, by every score. stop: ends it between two entries.
    Raises StoreError.
    """
    count = len(anchors) * len(METRICS)
    lacking = store.without_bd_rates(dataset, count, list(map(basis_of, anchors)))
    for done, entry_id in enumerate(lacking):
        if stop is not None and stop.is_set():
            return done
        entry, results = store.entry(entry_id), store.results(entry_id)
        rates = [bd_rate(entry, results, each, metric) for each in anchors for metric in METRICS]
        store.put_bd_rates({entry_id: rates})
    return len(lacking)
