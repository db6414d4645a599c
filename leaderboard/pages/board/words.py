"""What the leaderboard's page says: tables as HTML, badges, fixed texts. All names are escaped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from leaderboard.analysis.bdrate import LEVEL
from leaderboard.analysis.look import (
    IN_THE_DEMO,
    METRIC_NAMES,
    look_of,
    score_text,
    setting_text,
)
from leaderboard.blind.tables import share_text
from leaderboard.data.complexity import short_count
from leaderboard.data.datasets import TOGETHER
from leaderboard.data.published import PUBLISHED, source_of
from leaderboard.data.results import MEAN, Results
from leaderboard.pages.submit.words import PROOFS, method_parts
from leaderboard.submissions.inspection import RECOMPUTED

from .boards import HERE, Board, BoardEntry, flags_on
from .figure import in_theme
from .ranking import CodecAtRate

if TYPE_CHECKING:
    import pandas

    from leaderboard.blind.ranks import Ranks

BY_EYE = "By eye"
INTRO = """
<p class="quiet">Codecs on the same pictures, scored by the same code. Rates are whole files.</p>
<nav class="jump" aria-label="On this page"><a href="#board-plot">Curves</a>
<a href="#board-table">Ranking</a> <a href="#board-about">One method</a>
<a href="#board-points">One picture</a> <a href="#board-studies">Paper, studies</a></nav>
"""
BADGES = {
    "recomputed": "Scores measured by this project's code, from the decoded pictures.",
    "published": "Copied from a paper or its tables; not measured here.",
    "self-reported": "Sent in by its authors; not measured here.",
    "re-decoded": "Files sent in by their authors, decoded and scored here: their rate is proved.",
    "half": (
        "Scores measured here from the pictures sent in; that these come from the bitstreams "
        "beside them, whose size is the rate, is their authors' word."
    ),
    "overlap": "Its authors say that test pictures were among its training data.",
    "flagged": "Can be true, and seldom is. See About.",
    "here": "Made by the commands of this repository, which anybody can run again.",
    "unknown": "The file does not say where its numbers come from.",
}
"""What the kinds of results mean."""
PAGE = 50
"""Rows of a ranking that are shown at a time."""
METHOD = """
<p class="quiet">Where a method's numbers come from, what its authors say of it, and its rows to
download.</p>
"""
SEARCH = "Type to search."
STUDY = "Each is one command: python -m leaderboard study NAME"
JUDGED = """
<h2>Judged by people</h2><p class="quiet">Blind, at equal bytes:
<a href="?tab=blind">which is closer?</a></p>
"""
MADE = """
**Rate** is the size of the whole file, header and side information included. **Scores** are taken
on the decoded 8-bit picture. **SI-SSIM** is SSIM weighted by a classifier's map of what matters in
the original; the *second map* is that of another classifier, which no codec has seen.
**SSIMULACRA2** (points up to 100) and **LPIPS** (a distance: less is better) follow people's
judgement of pictures more closely; the results name their versions.

**Curves** are averaged over the pictures at matched rates (PCHIP over log rate, never
extrapolated), and only where all pictures have points. Published curves are averaged as in their
source.

**BD-rate** says how many per cent more bytes a codec needs than the anchor for the same score
(PCHIP; MS-SSIM, SSIM and LPIPS in dB), picture by picture, then averaged. The interval in brackets
is a bootstrap over the pictures; so is the range of places after a rank. **Overlap** is the share
of the shorter curve's scores that the other one has too. Where it is thin, or pictures are missing,
there is no number.

**Submissions** that are *decoded and scored here* are files of formats that this board decodes:
their rates are those files' sizes and the side information stated for each picture. Where *the rate
is self-reported*, pictures were scored here, and that the bitstreams beside them hold these is
their authors' word. *Self-reported* numbers are as sent in, checked only for what cannot be true.
*Incomplete* ones have no place. A *flag* marks what can be true and seldom is.

**Encode** and **decode** are processor seconds per picture on the machine named under each codec.
**MAC per pixel** and **weights** are multiplications and parameters of the decoder's networks,
where they are known; classical codecs have none.

Recompute them:
"""
NO_PIXELS = """
<p class="quiet">The pictures of this data set are not on this server, so the codecs below show a
sample picture instead. To have Kodak's and CID22's here, set SEMCOMP_KODAK_DIR and
SEMCOMP_CID22_DIR.</p>
"""
DECODE = (
    "Each codec's largest file within the target; coarse quality steps leave some smaller. "
    "Our own codecs take longest."
)


ERRORS = "Maps of errors have one scale for all codecs: what is bright is far from the original."


def commands(board: Board) -> str:
    """The commands that make the numbers of a board again."""
    measured = ",".join(each.name for each in board.results if each.kind != PUBLISHED)
    folders = {name: f"assets/results/{name}" for name in board.name.split(TOGETHER)}
    runs = [
        f"python -m leaderboard run --dataset {name} --codecs {measured} --out {folder}"
        for name, folder in folders.items()
    ]
    results = " ".join(f"--results {folder}" for folder in folders.values())
    return "\n".join([*runs, f"python -m leaderboard table {results} --out tables"])


def notice(problems: Sequence[str], lost: Sequence[str] = ()) -> str:
    """What could not be read, and what of a link is not there."""
    lines = [escape(text[:1].upper() + text[1:]) for text in problems]
    if lost:
        lines.append(f"Not usable, so the default is shown instead: {escape(', '.join(lost))}.")
    if not lines:
        return ""
    return f'<div class="warn" role="status">{"".join(f"<p>{line}</p>" for line in lines)}</div>'


def not_drawn(left_out: dict[str, str]) -> str:
    """Why chosen codecs have no curve."""
    if not left_out:
        return ""
    items = "".join(
        f"<li><b>{escape(look_of(codec).label)}</b>: {escape(why)}</li>"
        for codec, why in left_out.items()
    )
    return f'<div class="quiet" role="status">Not drawn:<ul>{items}</ul></div>'


def ranking_html(
    table: pandas.DataFrame,
    board: Board,
    metric: str,
    anchor: str,
    dark: bool = False,
    page: int = 1,
    eyes: Ranks | None = None,
) -> str:
    """A page of a ranking as a table that becomes a list of cards on a phone.

    eyes: what people's votes say, for a column of its own.
    """
    if table.empty:
        return '<p class="quiet" role="status">No codec fits the filter.</p>'
    bd_rate = f"BD-rate [{LEVEL:.0%} interval]"
    heads = ["Rank", "Codec", bd_rate, "Overlap", "Encode", "Decode", "MAC per pixel", "Weights"]
    heads += [BY_EYE] if eyes else []
    count = len(board.pictures)
    first = (min(page, pages_of(len(table))) - 1) * PAGE
    rows = table.iloc[first : first + PAGE]
    body = "".join(
        _rank_row(row, board, heads, count, anchor, dark, eyes) for row in rows.itertuples()
    )
    caption = (
        f"{METRIC_NAMES.get(metric, metric)}, against {escape(look_of(anchor).label)}, "
        f"{count} pictures; below 0 is fewer bytes"
    )
    if eyes:
        than = look_of(anchor).label if anchor in eyes.codecs else "the average codec"
        caption += f"; by eye: how often people choose it before {escape(than)}"
    if len(table) > PAGE:
        caption += f". Rows {first + 1:,} to {first + len(rows):,} of {len(table):,}"
    return _table(caption, heads, body)


def pages_of(rows: int) -> int:
    """How many pages a table of so many rows has; at least one."""
    return max(1, math.ceil(rows / PAGE))


def _rank_row(
    row: Any,
    board: Board,
    heads: Sequence[str],
    count: int,
    anchor: str,
    dark: bool,
    eyes: Ranks | None,
) -> str:
    each = board.entries.get(row.codec)
    badges = _badge(row.kind, BADGES.get(row.kind, BADGES["unknown"])) if each is None else ""
    flags: tuple[str, ...] = ()
    if each is not None:
        badges, flags = _proof(each), flags_on(board, row.codec)
    if each is not None and each.entry.method.test_overlap == "some":
        badges += _badge("overlap", BADGES["overlap"], "trained on test pictures")
    if flags:
        count_text = "one flag" if len(flags) == 1 else f"{len(flags)} flags"
        badges += _badge("flagged", BADGES["flagged"], count_text)
    if board.entries and each is None and row.kind != PUBLISHED:
        badges += _badge("here", BADGES["here"], HERE)
    if row.missing:
        text = f"incomplete: {row.images} of {count} pictures"
        badges += _badge("incomplete", "Its means would be no match for the others.", text)
    elif each and each.entry.incomplete:
        badges += _badge("incomplete", "Its numbers would be no match for the others.")
    note = "" if row.note in ("", "means only") else f'<p class="why">{escape(row.note)}</p>'
    if each is None:
        more = f"<details><summary>Source</summary>{_source(board.of(row.codec))}</details>"
    else:
        more = f"<details><summary>About</summary>{_about(each, flags)}</details>"
    interval = "" if math.isnan(row.bd_low) else f" [{row.bd_low:+.1f}, {row.bd_high:+.1f}]"
    bd_rate = _none() if math.isnan(row.bd_rate) else f"<b>{row.bd_rate:+.1f}%</b>{interval}"
    if row.codec == anchor:
        bd_rate = "0, the anchor"
    rank = _none() if math.isnan(row.rank) else f"<b>{row.rank:.0f}</b>"
    if not math.isnan(row.rank) and row.rank_low < row.rank_high:
        rank += f" <small>({row.rank_low:.0f}–{row.rank_high:.0f})</small>"
    cells = [
        rank,
        _name(row.codec, row.kind, dark) + badges + note + more,
        bd_rate,
        _none() if math.isnan(row.overlap) else f"{row.overlap:.0%}",
        _seconds(row.encode_s),
        _seconds(row.decode_s),
        short_count(row.macs_per_pixel) or _none(),
        short_count(row.parameters) or _none(),
    ]
    if eyes:
        known = row.codec in eyes.codecs and row.codec != anchor and each is None
        than = anchor if anchor in eyes.codecs else None
        cells.append(share_text(*eyes.before(row.codec, than)) if known else _none())
    return _row(heads, cells)


def method_html(board: Board, name: str) -> str:
    """What is known of one codec or submission."""
    each = board.entries.get(name)
    results = board.of(name)
    kind = each.entry.kind if each else results.kind
    told = _about(each, flags_on(board, name)) if each else _source(results)
    badge = _proof(each) if each else _badge(kind, BADGES.get(kind, BADGES["unknown"]))
    label = name if each else look_of(name, kind).label
    points = len(results.qualities)
    if results.kind == PUBLISHED and results.images == (MEAN,):
        count = f"means of {results.provenance['pictures']} pictures, {points} points"
    else:
        count = f"{len(results.images)} pictures, {points} qualities"
    head = f'<p><span class="codec">{escape(label)}</span> {badge}</p><p>{count}</p>'
    return f'<div class="about">{head}{told}</div>'


def _proof(each: BoardEntry) -> str:
    """The badge of a submission: what was proved of its scores and of its rate."""
    kind = each.entry.kind
    known = "half" if kind == RECOMPUTED else kind
    return _badge(known, BADGES.get(known, BADGES["unknown"]), PROOFS.get(kind))


def _about(each: BoardEntry, flags: Sequence[str]) -> str:
    """What a submitter says of a method, as a list; nothing of it is trusted."""
    entry = each.entry
    parts = {
        "Look twice": escape(" ".join(flags)),
        **method_parts(entry.method),
        "Lacking": escape("; ".join(entry.incomplete)),
        "Sent in": f"{entry.submitted_at:%Y-%m-%d}, number {entry.id}",
        "File": f"SHA-256 {escape(entry.digest[:16])}",
    }
    return "".join(f"<p>{name}: {value}</p>" for name, value in parts.items() if value)


def _source(results: Results) -> str:
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


def points_html(
    points: Sequence[CodecAtRate], picture: str, target: float, dark: bool = False
) -> str:
    """Every codec in one picture at a rate: interpolated there, and its nearest real setting."""
    if not points:
        return '<p class="quiet" role="status">No codec has rows of this picture.</p>'
    metrics = [m for m in METRIC_NAMES if any(p.scores.get(m) is not None for p in points)]
    heads = ("Codec", "", "Bytes", "bpp", *(METRIC_NAMES[metric] for metric in metrics))
    size = round(8 * points[0].bytes / points[0].bpp)  # pixels
    body = ""
    for point in points:
        label = _name(point.codec, point.kind, dark)
        if point.low <= target <= point.high:
            scores = [_score(metric, point.at_rate[metric]) for metric in metrics]
            there = ("interpolated", f"{target * size / 8:,.0f}", f"{target:.3f}", *scores)
        else:
            there = (
                f"reaches {point.low:.3f} to {point.high:.3f} bpp",
                *[_none()] * (len(heads) - 2),
            )
        measured = [_score(metric, point.scores[metric]) for metric in metrics]
        nearest = (
            f"nearest: {escape(setting_text(point.codec, point.quality))}",
            f"{point.bytes:,}",
            f"{point.bpp:.3f}",
        )
        body += _row(heads, (label, *there), "at-rate")
        body += _row(heads, ("", *nearest, *measured), "nearest")
    return _table(f"{escape(picture)} at {target:g} bits per pixel", heads, body)


def _table(caption: str, heads: Sequence[str], body: str) -> str:
    # Roles are stated, because a style sheet that makes cards of rows takes them away.
    head = "".join(f'<th scope="col" role="columnheader">{escape(text)}</th>' for text in heads)
    return (
        f'<table class="cards" role="table"><caption>{caption}</caption>'
        f'<thead role="rowgroup"><tr role="row">{head}</tr></thead>'
        f'<tbody role="rowgroup">{body}</tbody></table>'
    )


def _row(heads: Sequence[str], cells: Sequence[str], kind: str = "") -> str:
    made = "".join(
        f'<td role="cell" data-label="{escape(head)}"><div>{cell}</div></td>'
        for head, cell in zip(heads, cells, strict=True)
    )
    return f'<tr role="row" class="{kind}">{made}</tr>'


def _name(codec: str, kind: str, dark: bool) -> str:
    look = look_of(codec, kind)
    colour = in_theme(look.colour, dark)
    line = "dashed" if kind == PUBLISHED else "solid"
    swatch = f'<i class="swatch" style="border-top: 3px {line} {colour}" aria-hidden="true"></i>'
    named = f"<small>{IN_THE_DEMO[codec]} in the first tab</small> " if codec in IN_THE_DEMO else ""
    return f'{swatch}<span class="codec">{escape(look.label)}</span> {named}'


def _badge(kind: str, title: str, text: str | None = None) -> str:
    known = kind if kind in (*BADGES, "incomplete", "here") else "unknown"
    return f'<span class="badge {known}" title="{escape(title)}">{escape(text or kind)}</span> '


def _seconds(value: float) -> str:
    if math.isnan(value):
        return _none()
    return f"{1000 * value:.0f} ms" if value < 0.995 else f"{value:.1f} s"


def _score(metric: str, value: float | None) -> str:
    if value is None:
        return _none()
    if math.isinf(value):
        return "∞"
    return score_text(metric, value)


def _none() -> str:
    return '<span class="none">–</span>'
