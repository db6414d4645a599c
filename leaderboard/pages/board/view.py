"""What a visitor has chosen on the leaderboard, from and to the query of a link."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from .boards import Board, Boards, default_anchor, default_codecs

TAB = "leaderboard"
"""The tab's id, and what `tab` of a link says."""
PAGE = "table_page"
"""What links call the page of the table; Gradio takes `page` for a page of its own, and fails."""
RATES = (0.0, 1.6)
"""Rates in view at first, in bits per pixel."""
MAX_RATE = 24.0
"""Bits per pixel of an uncompressed picture."""
TARGET, TARGETS = 0.5, (0.02, 8.0)
"""Rate of the single pictures at first, and its bounds, in bits per pixel."""
SCALES = ("db", "plain")
MOST_SUBMITTED = 12
"""Submissions whose curves are drawn at a time."""
MOST_PAGES = 10_000
MAX_TEXT = 200


@dataclass(frozen=True)
class View:
    """Choices, all of them valid for the board of `dataset`.

    codecs: whose curves are drawn, submissions last. anchor: None if no codec is complete. low,
    high: rates in view. text: filter of the table. picture, target: of the single pictures, bits
    per pixel. page: of the table, from 1; a board with fewer shows its last. method: whose details
    are shown. tokens: what links call codecs that they do not call by their names.
    """

    dataset: str = ""
    metric: str = "ms_ssim"
    scale: str = "db"
    codecs: tuple[str, ...] = ()
    anchor: str | None = None
    low: float = RATES[0]
    high: float = RATES[1]
    text: str = ""
    picture: str | None = None
    target: float = TARGET
    page: int = 1
    method: str | None = None
    tokens: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    @property
    def log_scale(self) -> bool:
        """Whether scores are drawn in dB."""
        return self.scale == "db"

    def query(self) -> str:
        """The query of a link to this view."""
        values = {
            "tab": TAB,
            "dataset": self.dataset,
            "metric": self.metric,
            "scale": self.scale,
            "codecs": ",".join(self.tokens.get(c, c) for c in self.codecs) or "none",
            "anchor": self.anchor or "",
            "range": f"{self.low:g}-{self.high:g}",
            "picture": self.picture or "",
            "bpp": f"{self.target:g}",
            "filter": self.text,
            PAGE: f"{self.page}" if self.page > 1 else "",
            "method": self.tokens.get(self.method, self.method) if self.method else "",
        }
        return urlencode({k: v for k, v in values.items() if v}, safe=",")


def is_link(query: Mapping[str, str]) -> bool:
    """Whether a query asks for this tab."""
    return query.get("tab") == TAB


def view_of(query: Mapping[str, str], boards: Boards) -> tuple[View, list[str]]:
    """The view a link asks for, and what of it is not there (defaults take its place)."""
    if not boards.boards:
        return View(), []
    lost: list[str] = []

    def one_of(key: str, known: list[str], default: str) -> str:
        value = query.get(key, "")
        if value and value not in known:
            lost.append(f"{key} {value[:MAX_TEXT]}")
        return value if value in known else default

    dataset = one_of("dataset", list(boards.boards), next(iter(boards.boards)))
    board = boards.boards[dataset]
    metrics = board.metrics
    best = "ms_ssim" if "ms_ssim" in metrics else next(iter(metrics), "psnr")
    names = board.anchors
    standard = default_anchor(names)
    codecs = _codecs(query.get("codecs", ""), board, lost)
    low, high = RATES
    if "range" in query:
        parts = query["range"].split("-")
        rates = rates_of(*parts) if len(parts) == 2 else None
        if rates is None:
            lost.append(f"range {query['range'][:MAX_TEXT]}")
        low, high = rates or RATES
    target = TARGET
    if "bpp" in query:
        rate = target_of(query["bpp"])
        if rate is None:
            lost.append(f"bpp {query['bpp'][:MAX_TEXT]}")
        target = rate or TARGET
    pictures = board.pictures
    page = page_of(query.get(PAGE, "1"))
    if page is None:
        lost.append(f"page {query[PAGE][:MAX_TEXT]}")
    method = board.named(query.get("method", ""))
    if query.get("method") and method is None:
        lost.append(f"method {query['method'][:MAX_TEXT]}")
    named = [*codecs, *([method] if method else [])]
    view = View(
        dataset,
        one_of("metric", metrics, best),
        one_of("scale", list(SCALES), "db"),
        codecs,
        one_of("anchor", names, standard or "") or None,
        low,
        high,
        query.get("filter", "")[:MAX_TEXT],
        one_of("picture", pictures, next(iter(pictures), "")) or None,
        target,
        page or 1,
        method,
        {name: board.token(name) for name in named},
    )
    return view, lost


def _codecs(text: str, board: Board, lost: list[str]) -> tuple[str, ...]:
    if not text:
        return tuple(default_codecs(board))
    tokens = [] if text == "none" else text[: 20 * MAX_TEXT].split(",")
    names = {token: board.named(token) for token in tokens}
    lost.extend(f"codec {token[:MAX_TEXT]}" for token, name in names.items() if name is None)
    chosen = set(names.values())
    submitted = [name for name in dict.fromkeys(names.values()) if name in board.entries]
    lost.extend(
        f"codec {name}: at most {MOST_SUBMITTED} submissions are drawn"
        for name in submitted[MOST_SUBMITTED:]
    )
    return (
        *(name for name in board.codecs if name in chosen),
        *(name for name in submitted[:MOST_SUBMITTED] if name is not None),
    )


def rates_of(low: object, high: object) -> tuple[float, float] | None:
    """A range of rates, ascending from 0; None for anything else."""
    first, last = _number(low), _number(high)
    return (first, last) if 0 <= first < last <= MAX_RATE else None


def target_of(value: object) -> float | None:
    """A rate that single pictures can be looked at, within `TARGETS`; None for anything else."""
    number = _number(value)
    return number if TARGETS[0] <= number <= TARGETS[1] else None


def page_of(value: object) -> int | None:
    """A page's number; None for anything else."""
    number = _number(value)
    return int(number) if 1 <= number <= MOST_PAGES and number == int(number) else None


def _number(value: object) -> float:
    """NaN for what is none, which no comparison admits."""
    try:
        return float(value) if isinstance(value, (int, float, str)) else math.nan
    except ValueError:
        return math.nan
