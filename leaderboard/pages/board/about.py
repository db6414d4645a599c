"""Where numbers come from, as the page tells it: files of this repository, papers, submitters."""

from __future__ import annotations

from html import escape
from typing import Any

from leaderboard.data.published import PUBLISHED, source_of
from leaderboard.data.results import Results

from .boards import Listed


def about(each: Listed) -> str:
    """What a submitter says of a method, as a list; nothing of it is trusted."""
    method, entry = each.entry.method, each.entry
    parts = {
        "Authors": escape(method.authors),
        "Link": _link(method.link),
        "Code": _link(method.code),
        "Licence": escape(method.licence),
        "Side information": _size(method.side_information_bytes, " for each picture"),
        "Model": _size(method.model_bytes),
        "Notes": escape(method.notes).replace("\n", "<br>"),
        "Lacking": escape("; ".join(entry.incomplete)),
        "Sent in": f"{entry.submitted_at:%Y-%m-%d}, number {entry.id}",
        "File": f"SHA-256 {escape(entry.digest[:16])}",
    }
    return "".join(f"<p>{name}: {value}</p>" for name, value in parts.items() if value)


def _link(address: str) -> str:
    """A link to a page that somebody named; only text unless it is http or https."""
    if not address.startswith(("http://", "https://")):
        return escape(address)
    return (
        f'<a href="{escape(address)}" target="_blank" rel="noopener noreferrer nofollow ugc">'
        f"{escape(address)}</a>"
    )


def _size(count: int | None, where: str = "") -> str:
    if count is None:
        return "not stated"
    return f"{count:,} bytes{where}" if count else "none"


def source(results: Results) -> str:
    """Where a codec's numbers come from, as a list."""
    told = results.provenance
    if results.kind == PUBLISHED:
        return f"<p>{escape(source_of(results))}</p>"
    dirty = " with changes" if told.get("dirty") else ""
    parts = {
        "Version": told.get("version"),
        "Settings": told.get("settings"),
        "Weights": _short(told.get("weights")),
        "Commit": f"{_short(told['commit'])}{dirty}" if told.get("commit") else None,
        "Machine": told.get("device"),
        "Date": told.get("date"),
    }
    lines = "".join(
        f"<p>{name}: {escape(_listed(value))}</p>" for name, value in parts.items() if value
    )
    return lines or "<p>The file says nothing about it.</p>"


def _short(value: Any) -> str | None:
    """A hash, or several, by their first digits."""
    return None if value is None else ", ".join(each[:12] for each in _listed(value).split(", "))


def _listed(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
