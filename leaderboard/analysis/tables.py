"""Tables of the benchmark: codecs ranked by BD-rate, and scores at equal rates.

Numbers stay numbers in the tables (NaN where there is none, with the reason in `note`); `as_text`
turns them into text for Markdown and HTML.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaderboard.data.complexity import short_count
from leaderboard.data.published import PUBLISHED
from leaderboard.data.rows import MEAN

from .bdrate import LEVEL, Comparison, compare, ranks
from .curves import (
    Method,
    NoCurve,
    by_quality,
    by_rate,
    missing_pictures,
    pictures,
    rows_of,
    score_at,
)
from .look import METRIC_NAMES, look_of, score_text

if TYPE_CHECKING:
    import pandas

ANCHOR = "bpg"
RATES = (0.25, 0.5, 0.75, 1.0)
"""Rates of `equal_rates`, in bits per pixel."""
_PAGE = Path(__file__).parent / "static" / "tables.html"


def ranked(
    frame: pandas.DataFrame,
    metric: str = "ms_ssim",
    anchor: str = ANCHOR,
    method: Method = "pchip",
) -> pandas.DataFrame:
    """Codecs by BD-rate against an anchor, best first; one row per codec.

    Columns: rank, rank_low, rank_high (95% interval over the pictures), codec, kind, bd_rate,
    bd_low, bd_high (per cent), overlap (0..1), encode_s, decode_s (mean processor seconds of a
    picture, of what was measured here), macs_per_pixel, parameters (`data.complexity`), images,
    note.

    Published codecs stand at their BD-rate without a rank, means against the anchor's means per
    setting (see `bdrate.compare`); those that do not state the metric are left out. Whatever has
    no BD-rate (incomplete results, thin overlap) stands at the end without one, and `note` says
    why. Raises NoCurve for an anchor that is not there or incomplete.
    """
    return placed(standings(frame, metric, anchor, method))


@dataclass(frozen=True)
class Standing:
    """How a codec stands against an anchor.

    comparison: its BD-rate; None where it has none, and `note` says why. encode_s, decode_s: mean
    processor seconds of a picture, NaN if not measured here. images: pictures, 0 for means.
    macs_per_pixel, parameters: of the decoder, NaN if not known.
    """

    codec: str
    kind: str
    comparison: Comparison | None
    note: str
    encode_s: float
    decode_s: float
    images: int
    macs_per_pixel: float = math.nan
    parameters: float = math.nan


def standings(
    frame: pandas.DataFrame, metric: str, anchor: str, method: Method = "pchip"
) -> list[Standing]:
    """The codecs of a frame against an anchor, see `ranked`. Raises NoCurve."""
    lacking = missing_pictures(frame, anchor)
    if lacking:
        raise NoCurve(
            f"{anchor} is no anchor, it lacks {len(lacking)} of {len(pictures(frame))} pictures: "
            "complete it or choose another"
        )
    silent = frame[frame["kind"] == PUBLISHED].groupby("codec")[metric].count() == 0
    made = []
    for codec in dict.fromkeys(frame["codec"]):
        if silent.get(codec, False):
            continue
        own = rows_of(frame, codec)
        averaged = set(own["image"]) == {MEAN}
        published = own["kind"].iloc[0] == PUBLISHED or averaged
        comparison, note = None, "means only" if averaged else ""
        try:
            comparison = compare(frame, codec, anchor, metric, method)
        except NoCurve as error:
            note = str(error)
        made.append(
            Standing(
                codec,
                str(own["kind"].iloc[0]),
                comparison,
                note,
                # Published times come from other machines: no match for the others.
                math.nan if published else own["encode_s"].mean(),
                math.nan if published else own["decode_s"].mean(),
                0 if averaged else own["image"].nunique(),
                float(own["macs_per_pixel"].iloc[0]),
                float(own["parameters"].iloc[0]),
            )
        )
    return made


def placed(codecs: Sequence[Standing]) -> pandas.DataFrame:
    """The table of `ranked`, with places among these codecs."""
    import pandas

    here = [each.comparison for each in codecs if each.comparison and each.kind != PUBLISHED]
    places = ranks(here)
    records = []
    for each in codecs:
        bd_rate, place = each.comparison, places.get(each.codec)
        records.append(
            {
                "rank": place.rank if place else math.nan,
                "rank_low": place.low if place else math.nan,
                "rank_high": place.high if place else math.nan,
                "codec": each.codec,
                "kind": each.kind,
                "bd_rate": bd_rate.percent if bd_rate else math.nan,
                "bd_low": _number(bd_rate.low if bd_rate else None),
                "bd_high": _number(bd_rate.high if bd_rate else None),
                "overlap": bd_rate.overlap if bd_rate else math.nan,
                "encode_s": each.encode_s,
                "decode_s": each.decode_s,
                "macs_per_pixel": each.macs_per_pixel,
                "parameters": each.parameters,
                "images": each.images,
                "note": each.note,
            }
        )
    table = pandas.DataFrame.from_records(records)
    return table.sort_values(["bd_rate", "codec"], na_position="last", ignore_index=True)


def equal_rates(
    frame: pandas.DataFrame, metrics: Sequence[str], rates: Sequence[float] = RATES
) -> pandas.DataFrame:
    """Mean scores at equal rates: codec, kind, and a column `METRIC @ RATE` for each of both.

    Pictures are interpolated one by one (`curves.by_rate`); NaN where not all pictures reach a
    rate. Published means are interpolated as they are.
    """
    import pandas

    records = []
    for codec in dict.fromkeys(frame["codec"]):
        record: dict[str, Any] = {
            "codec": codec,
            "kind": str(rows_of(frame, codec)["kind"].iloc[0]),
        }
        for metric in metrics:
            for rate in rates:
                record[f"{metric} @ {rate:g}"] = _score(frame, codec, metric, rate)
        records.append(record)
    return pandas.DataFrame.from_records(records)


def summary(
    frame: pandas.DataFrame,
    metrics: Sequence[str],
    anchor: str = ANCHOR,
    method: Method = "pchip",
) -> pandas.DataFrame:
    """BD-rates by every score: codec, kind, and columns METRIC, METRIC low, METRIC high (per cent).

    In the order of the first score; NaN where there is no BD-rate or interval. Raises NoCurve.
    """
    import pandas

    records: dict[str, dict[str, Any]] = {}
    for metric in metrics:
        for row in ranked(frame, metric, anchor, method).itertuples():
            record = records.setdefault(row.codec, {"codec": row.codec, "kind": row.kind})
            ends = {f"{metric} low": row.bd_low, f"{metric} high": row.bd_high}
            record.update({metric: row.bd_rate, **ends})
    columns = [f"{metric}{end}" for metric in metrics for end in ("", " low", " high")]
    return pandas.DataFrame.from_records(
        list(records.values()), columns=["codec", "kind", *columns]
    )


def summary_text(table: pandas.DataFrame) -> pandas.DataFrame:
    """The text of a table by `summary`."""
    import pandas

    text = {"codec": _labels(table), "kind": list(table["kind"])}
    for metric in table.columns[2::3]:
        ends = (table[f"{metric}{end}"] for end in ("", " low", " high"))
        cells = [_bd_text(*row) for row in zip(*ends, strict=True)]
        text[METRIC_NAMES.get(metric, metric)] = cells
    return pandas.DataFrame(text)


def _labels(table: pandas.DataFrame) -> list[str]:
    return [look_of(c, kind).label for c, kind in zip(table["codec"], table["kind"], strict=True)]


def as_text(table: pandas.DataFrame) -> pandas.DataFrame:
    """The text of a table by `ranked` or `equal_rates`, under readable headings."""
    import pandas

    labels = _labels(table)
    if "rank" not in table:
        text = {"codec": labels, "kind": list(table["kind"])}
        for column in table.columns[2:]:
            metric, _, rate = column.partition(" @ ")
            heading = f"{METRIC_NAMES.get(metric, metric)} at {rate} bpp"
            text[heading] = [
                "" if math.isnan(value) else score_text(metric, value) for value in table[column]
            ]
        return pandas.DataFrame(text)
    rows = list(table.itertuples())
    return pandas.DataFrame(
        {
            "rank": [_rank_text(row) for row in rows],
            "codec": labels,
            "kind": list(table["kind"]),
            f"BD-rate [{LEVEL:.0%} interval]": [
                _bd_text(row.bd_rate, row.bd_low, row.bd_high) for row in rows
            ],
            "overlap": ["" if math.isnan(row.overlap) else f"{row.overlap:.0%}" for row in rows],
            "encode [s]": [_text(row.encode_s, 3) for row in rows],
            "decode [s]": [_text(row.decode_s, 3) for row in rows],
            "MAC/pixel": [short_count(row.macs_per_pixel) for row in rows],
            "weights": [short_count(row.parameters) for row in rows],
            "note": list(table["note"]),
        }
    )


def markdown(table: pandas.DataFrame) -> str:
    """A table of text as Markdown, pipes escaped."""
    lines = [
        [_escaped(str(column)) for column in table.columns],
        ["---"] * len(table.columns),
        *([_escaped(str(value)) for value in row] for row in table.itertuples(index=False)),
    ]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def csv(table: pandas.DataFrame) -> str:
    """A table of numbers as CSV; text that a spreadsheet would run as a formula is quoted."""
    safe = table.copy()
    for column in safe.columns:
        safe[column] = [
            f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value
            for value in safe[column]
        ]
    return str(safe.to_csv(index=False, lineterminator="\n"))


def html_page(title: str, tables: Sequence[tuple[str, pandas.DataFrame]]) -> str:
    """A page of tables of text, each with its heading; it needs nothing else and fits a phone."""
    parts = [
        f"<h2>{html.escape(heading)}</h2>\n<div>{table.to_html(index=False, border=0)}</div>"
        for heading, table in tables
    ]
    page = _PAGE.read_text(encoding="utf-8").replace("<!-- title -->", html.escape(title))
    return page.replace("<!-- tables -->", "\n".join(parts))


def _score(frame: pandas.DataFrame, codec: str, metric: str, rate: float) -> float:
    try:
        if set(rows_of(frame, codec)["image"]) == {MEAN}:
            means = by_quality(frame, codec, metric)
            return float(score_at(means.bpp, means.score, rate, metric=metric))
        return float(by_rate(frame, codec, metric, [rate]).score[0])
    except NoCurve:
        return math.nan


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _text(value: float, digits: int) -> str:
    return "" if math.isnan(value) else f"{value:.{digits}f}"


def _rank_text(row: Any) -> str:
    if math.isnan(row.rank):
        return "–"
    low, high = int(row.rank_low), int(row.rank_high)
    return f"{row.rank:.0f}" + (f" ({low}–{high})" if low < high else "")


def _bd_text(percent: float, low: float, high: float) -> str:
    if math.isnan(percent):
        return "–"
    return f"{percent:+.1f}%" + ("" if math.isnan(low) else f" [{low:+.1f}, {high:+.1f}]")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
