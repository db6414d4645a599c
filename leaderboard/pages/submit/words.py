"""What the pages for submitting and reviewing say. All that was sent in is hostile and escaped."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from leaderboard.data.datasets import title_of
from leaderboard.submissions.flags import flags_of
from semcomp.demo.shared.static import static

if TYPE_CHECKING:
    from leaderboard.data.problems import Problem
    from leaderboard.store.records import Entry
    from leaderboard.submissions.inspection import Inspected
    from leaderboard.submissions.method import Method

KINDS = static("kinds.html", "leaderboard.pages")
NEXT = """
<p class="quiet">What happens next: the file is checked at once, and you get a receipt. Pictures and
files that we decode are then scored here, which takes some minutes. A maintainer looks at every
entry before the board shows it. Until then only you, by the receipt, and the maintainers can see
it.</p>
"""
PICTURES = "Templates, checks and scoring follow it. Send one file for each set of pictures."
OVERLAP = "An overlap is shown beside the entry; it hides nothing."
OVERLAPS = [("not stated", ""), ("none", "none"), ("some of them", "some")]
"""What a submitter may say of `Method.test_overlap`."""
SIZE = "0 for none; empty if you do not know."
KEEP = (
    "Keep it: it is shown only once, and it is the only way to look up, replace or withdraw "
    "this entry."
)
ASK = "Enter the receipt you were given when you sent the results."
STATES = {
    "scoring": "Being scored",
    "pending": "Waiting for a maintainer",
    "approved": "On the board",
    "rejected": "Rejected",
    "withdrawn": "Withdrawn",
    "superseded": "Replaced by a later entry",
    "failed": "Could not be scored",
}
"""The states of an entry, in words."""
PROOFS = {
    "self-reported": "self-reported",
    "recomputed": "recomputed scores, self-reported rate",
    "re-decoded": "decoded and scored here",
}
"""The kinds of entries, by what they prove."""
_GOOD, _BAD = ("approved",), ("rejected", "failed")
_LONGEST = 200
"""Problems that are listed; a broken file can have thousands."""


def says(text: str, kind: str = "", more: str = "") -> str:
    """A message. kind: `good`, `bad` or empty. more: HTML that follows."""
    role = "alert" if kind == "bad" else "status"
    return f'<div class="says {kind}" role="{role}"><b>{escape(text)}</b>{more}</div>'


def problems_html(problems: Sequence[Problem]) -> str:
    """Every problem at once: field, picture, value, what was expected."""
    table = table_html(
        ("Field", "Picture", "Value", "Expected"),
        [(each.field, each.image or "", each.value, each.expected) for each in problems[:_LONGEST]],
        "problems",
    )
    count = "One problem" if len(problems) == 1 else f"{len(problems):,} problems"
    rest = len(problems) - _LONGEST
    table += f"<p>And {rest:,} more.</p>" if rest > 0 else ""
    return says(f"{count}; nothing was stored.", "bad", table)


def accepted_html(inspected: Inspected) -> str:
    """What the checker says of a submission without problems."""
    lines = f"<p>It would be shown as {badge(inspected.kind)}</p>"
    if inspected.incomplete:
        lines += (
            f"<p>It would rank as incomplete: {escape('; '.join(inspected.incomplete[:5]))}.</p>"
        )
    if inspected.results is not None and (flags := list(flags_of(inspected.results))):
        lines += f"<p>Readers would be told: {escape(' '.join(flags))}</p>"
    return says("No problem found. Nothing was stored yet.", "good", lines)


def entry_html(entry: Entry, *, contact: str | None = None, heading: str = "") -> str:
    """An entry's state and method. contact: for maintainers only; None leaves it out."""
    state = STATES.get(entry.state, entry.state)
    kind = "good" if entry.state in _GOOD else "bad" if entry.state in _BAD else ""
    lines = ""
    if entry.state == "scoring":
        done, total = entry.progress or (0, 0)
        if total:
            lines += f"<p>{done} of {total} points</p>"
            lines += f'<progress max="{total}" value="{done}" aria-label="Scored"></progress>'
        else:
            lines += "<p>It waits for its turn.</p>"
    if entry.reason:
        lines += f"<p>Reason: {escape(entry.reason)}</p>"
    if entry.incomplete:
        lines += f"<p>Incomplete: {escape('; '.join(entry.incomplete[:8]))}.</p>"
    place = f"entry {entry.id}, {escape(title_of(entry.dataset))}"
    lines += f"<p>{badge(entry.kind)} <span>{place}</span></p>"
    parts = {
        "Method": escape(entry.method.name),
        **method_parts(entry.method),
        "Sent": _when(entry.submitted_at),
        "Decided": _when(entry.decided_at),
        "SHA-256": f"<code>{escape(entry.digest)}</code>",
    }
    if contact is not None:
        parts["Contact"] = escape(contact) or "none"
        parts["Decided by"] = escape(entry.decided_by or "")
    if entry.superseded_by is not None:
        parts["Replaced by"] = f"entry {entry.superseded_by}"
    told = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in parts.items() if value)
    return says(f"{heading or entry.method.name}: {state}", kind, f"{lines}<dl>{told}</dl>")


def method_parts(method: Method) -> dict[str, str]:
    """What a submitter says of a method, as HTML by heading; empty ones are for the caller."""
    return {
        "Authors": escape(method.authors),
        "Link": link_html(method.link),
        "Code": link_html(method.code),
        "Licence": escape(method.licence),
        "Side information": _size(method.side_information_bytes, " for each picture"),
        "Model": _size(method.model_bytes),
        "Multiplications per pixel": _count(method.macs_per_pixel),
        "Trained on": escape(method.training_data) or "not stated",
        "Test pictures in training": method.test_overlap or "not stated",
        "Earlier versions tried": _count(method.earlier_versions),
        "Time and machine": escape(method.timing),
        "Notes": escape(method.notes).replace("\n", "<br>"),
    }


def _size(count: int | None, where: str = "") -> str:
    if count is None:
        return "not stated"
    return f"{count:,} bytes{where}" if count else "none"


def _count(count: int | None) -> str:
    return "" if count is None else f"{count:,}"


def badge(kind: str) -> str:
    """A kind of entry, as on the board."""
    known = kind if kind in PROOFS else "unknown"
    return f'<span class="badge {known}">{escape(PROOFS.get(kind, kind))}</span>'


def link_html(address: str) -> str:
    """A link if it is one of the web; `javascript:` and others stay plain text."""
    try:
        parts = urlsplit(address)
        safe = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        safe = False
    text = escape(address)
    if not safe:
        return text
    return f'<a href="{text}" rel="noopener noreferrer nofollow ugc" target="_blank">{text}</a>'


def table_html(heads: Sequence[str], rows: Sequence[Sequence[str]], kind: str) -> str:
    """A table of text that scrolls in itself. kind: classes, by which it is styled."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td data-label="{escape(name)}">{escape(cell)}</td>'
            for name, cell in zip(heads, row, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll"><table class="{kind}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _when(moment: datetime | None) -> str:
    return "" if moment is None else escape(f"{moment:%Y-%m-%d %H:%M} UTC")
