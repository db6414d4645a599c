"""What maintainers read of an entry: what its submitter sees, the contact, scores and history."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from leaderboard.analysis.look import METRIC_NAMES, score_text
from leaderboard.data.results import Results
from leaderboard.pages.submit.words import STATES, entry_html, says, table_html

if TYPE_CHECKING:
    from leaderboard.store.records import Entry, Event

INTRO = """
<p class="quiet">For maintainers. Everything is also at hand on the command line:
<code>python -m leaderboard review</code>.</p>
"""


def line(entry: Entry) -> str:
    """An entry as a choice in a list."""
    return f"#{entry.id} {entry.method.name} · {entry.kind} · {STATES.get(entry.state, '')}"


def details_html(
    entry: Entry,
    contact: str,
    results: Results | None,
    history: Sequence[Event],
    doubts: Sequence[str] = (),
) -> str:
    """Everything a decision needs. doubts: of `leaderboard.submissions.doubts`."""
    means = "" if results is None else _means(results)
    heading = f"#{entry.id} {entry.method.name}"
    summary = entry_html(entry, contact=contact, heading=heading)
    return summary + _doubts(doubts) + means + _history(history)


def _doubts(doubts: Sequence[str]) -> str:
    """What to look at first; nothing where there is nothing."""
    lines = "".join(f"<li>{escape(each)}</li>" for each in doubts)
    return says("Look at this before you decide", "bad", f"<ul>{lines}</ul>") if doubts else ""


def _means(results: Results) -> str:
    """Means over the pictures, a row per quality."""
    means = results.means()
    metrics = [name for name in METRIC_NAMES if any(v is not None for v in means.get(name, []))]
    heads = ("Quality", "bpp", *(METRIC_NAMES[name] for name in metrics))
    rows = []
    for index, quality in enumerate(results.qualities):
        label = f"{quality:g}" if isinstance(quality, float | int) else quality
        values = [_score(name, means[name][index]) for name in ("bpp", *metrics)]
        rows.append((label, *values))
    caption = f"Means over {len(results.images)} pictures, {len(results.rows)} points"
    return _table(caption, heads, rows)


def _history(history: Sequence[Event]) -> str:
    rows = [
        (
            f"{event.at:%Y-%m-%d %H:%M} UTC",
            event.by,
            event.action,
            STATES.get(event.after, event.after),
            event.reason,
        )
        for event in history
    ]
    return _table("History", ("When", "Who", "What", "State then", "Reason"), rows, "history")


def _table(
    caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]], kind: str = ""
) -> str:
    return f"<h2>{escape(caption)}</h2>{table_html(heads, rows, f'plain {kind}')}"


def _score(name: str, value: float | None) -> str:
    if value is None:
        return ""
    return score_text(name, value)
