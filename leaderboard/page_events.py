"""What happens on the leaderboard's tab: choices in, figure, tables, files and pictures out.

All events but `decode` only read results that are kept in memory, and leave the queue alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from semcomp.demo.events import on_gpu
from semcomp.demo.work import samples

from . import page_words as words
from . import tables
from .codecs import CodecError
from .curves import NoCurve
from .datasets import DatasetError
from .look import METRIC_NAMES, look_of
from .page_board import (
    Board,
    Boards,
    anchors,
    as_records,
    everything,
    load_boards,
    matching,
    points_at,
    ranking,
    rows_csv,
)
from .page_files import picture_file, text_file
from .page_look import dressed
from .page_pictures import AT_FIRST, MOST, Made, find_picture, has_pixels, make, runnable
from .page_view import TAB, View, is_link, target_of, view_of

Outputs = tuple[Any, ...]
Browser = dict[str, Any] | None
"""What the page's script says of the browser: `here` (address without query), `dark`, `narrow`."""

BROWSER_JS = """
() => ({
  here: window.location.origin + window.location.pathname,
  dark: document.body.classList.contains("dark"),
  narrow: window.innerWidth < 700,
})
"""


class Events:
    """The events over one folder of results.

    `controls` are, in this order, the values of a `View`: dataset, metric, scale, codecs, anchor,
    low, high, text, picture, target; the browser's record follows.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self, browser: Browser, request: gr.Request) -> Outputs:
        """The page as the link asks for it: browser, tabs, controls, everything shown."""
        query = dict(request.query_params)
        view, lost = view_of(query if is_link(query) else {}, self._boards())
        tab = gr.Tabs(selected=TAB) if is_link(query) else gr.skip()
        return browser, tab, *self._whole(view, lost, browser)

    def switch(self, dataset: str, browser: Browser) -> Outputs:
        """Another data set: controls, everything shown."""
        view, lost = view_of({"dataset": dataset or ""}, self._boards())
        return self._whole(view, lost, browser)

    def draw(self, *controls: Any) -> Outputs:
        """Notice, figure, and why codecs are not in it."""
        view, lost, browser = self._view(controls)
        return self._draw(view, lost, browser)

    def rank(self, *controls: Any) -> Outputs:
        """Table, and the files of what it shows: CSV, rows as CSV, everything as JSON."""
        view, _, browser = self._view(controls)
        return self._rank(view, browser)

    def look(self, *controls: Any) -> str:
        """Every codec in one picture at a rate."""
        view, lost, browser = self._view(controls)
        return self._look(view, lost, browser)

    def share(self, *controls: Any) -> str:
        """The link to what is chosen."""
        view, _, browser = self._view(controls)
        return _link(view, browser)

    def api(self, dataset: str, metric: str, anchor: str) -> dict[str, Any]:
        """The leaderboard's table: rank, BD-rate with interval and overlap, speed, kind of result.

        dataset, metric (psnr, ms_ssim, ssim, si_ssim, si_ssim_2), anchor: a codec's name; empty for
        the page's defaults. Numbers that do not exist are null, and note says why.
        """
        boards = self._boards()
        view, lost = view_of({"dataset": dataset, "metric": metric, "anchor": anchor}, boards)
        board = boards.boards.get(view.dataset)
        if board is None or lost:
            problem = f"no {' and no '.join(lost)}" if lost else " ".join(boards.problems)
            raise gr.Error(escape(problem), print_exception=False)
        table, problem = _ranking(board, view)
        if table is None:
            raise gr.Error(escape(problem), print_exception=False)
        return {
            "dataset": view.dataset,
            "metric": view.metric,
            "anchor": view.anchor,
            "problems": list(boards.problems),
            "ranking": as_records(table),
        }

    def _boards(self) -> Boards:
        return load_boards(self.folder)

    def _view(self, values: Sequence[Any]) -> tuple[View, list[str], Browser]:
        """The view of controls as they are, whatever a visitor made of them."""
        dataset, metric, scale, codecs, anchor, low, high, text, picture, target, browser = values
        query = {
            "dataset": dataset or "",
            "metric": metric or "",
            "scale": scale or "",
            "codecs": ",".join(codecs or ()) or "none",
            "anchor": anchor or "",
            "range": f"{low}-{high}",
            "filter": text or "",
            "picture": picture or "",
            "bpp": str(target),
        }
        return *view_of(query, self._boards()), browser

    def _whole(self, view: View, lost: list[str], browser: Browser) -> Outputs:
        return (
            *_controls(view, self._boards()),
            *self._draw(view, lost, browser),
            *self._rank(view, browser),
            self._look(view, [], browser),
            _link(view, browser),
        )

    def _draw(self, view: View, lost: list[str], browser: Browser) -> Outputs:
        boards = self._boards()
        told = words.notice(boards.problems, [text for text in lost if not text.startswith("bpp")])
        board = boards.boards.get(view.dataset)
        if board is None:
            return told, None, ""
        figure = _figure(board, view, _is(browser, "dark"), _is(browser, "narrow"))
        return told, figure, words.not_drawn(figure.layout.meta["left_out"])

    def _rank(self, view: View, browser: Browser) -> Outputs:
        board = self._boards().boards.get(view.dataset)
        if board is None:
            return "", None, None, None
        table, problem = _ranking(board, view)
        stem = f"{view.dataset}-{view.metric}"
        whole = everything(board, view.metric, view.anchor)
        files = (
            text_file(f"{view.dataset}-rows.csv", rows_csv(board)),
            text_file(f"{stem}.json", whole),
        )
        if table is None or view.anchor is None:
            return words.notice([problem]), None, *files
        shown = matching(table, view.text)
        made = words.ranking_html(shown, board, view.metric, view.anchor, _is(browser, "dark"))
        return made, text_file(f"{stem}-against-{view.anchor}.csv", tables.csv(shown)), *files

    def _look(self, view: View, lost: list[str], browser: Browser) -> str:
        board = self._boards().boards.get(view.dataset)
        if board is None or view.picture is None:
            return ""
        if any(text.startswith("bpp") for text in lost):
            return words.notice(["This rate is out of reach: choose 0.02 to 8 bits per pixel."])
        points = points_at(board, view.picture, view.target)
        return words.points_html(points, view.picture, view.target, _is(browser, "dark"))


def decode(
    folder: Path, dataset: str, picture: str, target: Any, sample: str, codecs: list[str]
) -> Iterator[tuple[list[tuple[str, str]], str]]:
    """Pictures at equal bytes, growing by one codec after another, and what went wrong.

    Kodak's picture where this machine has it, else the sample picture.
    """
    board = load_boards(folder).boards.get(dataset or "")
    own = has_pixels(dataset or "")
    place, name = (dataset, picture) if own else ("", sample)
    try:
        pixels = find_picture(place, name or "")
        height, width = pixels.shape[:2]
        shown = [(picture_file(f"{name}-original", pixels), f"Original, {width} × {height} pixels")]
        yield shown, ""
        rate = target if target_of(target) is not None else float("nan")
        missing: list[str] = []
        for made in make(place, name, rate, codecs or [], board if own else None):
            label = look_of(made.codec).label
            if made.decoded is None:
                missing.append(f"{label}: {made.reason}.")
            else:
                file = picture_file(f"{name}-{made.codec}-{made.bytes}-bytes", made.decoded)
                shown = [*shown, (file, _caption(label, made, height * width))]
            yield shown, words.notice(missing)
    except (CodecError, DatasetError) as error:
        text = str(error)
        raise gr.Error(escape(text[:1].upper() + text[1:] + "."), print_exception=False) from error


decode_on_gpu = on_gpu(decode)


def _caption(label: str, made: Made, pixels: int) -> str:
    scores = made.scores or {}
    told = ", ".join(
        f"{METRIC_NAMES[metric]} {value:.2f} dB"
        if metric == "psnr"
        else f"{METRIC_NAMES[metric]} {value:.4f}"
        for metric, value in scores.items()
        if value is not None and metric in ("psnr", "ms_ssim", "si_ssim")
    )
    rate = 8 * made.bytes / pixels
    return f"{label}: {made.bytes:,} bytes, {rate:.3f} bpp, quality {made.quality:g}. {told}"


def _controls(view: View, boards: Boards) -> Outputs:
    """The controls' new choices and values, the sample pictures, the codecs to decode."""
    board = boards.boards.get(view.dataset)
    metrics = [(METRIC_NAMES[metric], metric) for metric in (board.metrics if board else [])]
    everyone = board.codecs if board else []
    labels = {name: look_of(name).label for name in everyone}
    for name in everyone:
        if board and board.of(name).kind == "published":
            labels[name] += " (published)"
    complete = anchors(board) if board else []
    can = runnable(board)
    own = has_pixels(view.dataset)
    return (
        gr.Dropdown(choices=list(boards.boards), value=view.dataset or None),
        gr.Dropdown(choices=metrics, value=view.metric if metrics else None),
        gr.Radio(value=view.scale),
        gr.CheckboxGroup(choices=[(labels[n], n) for n in everyone], value=list(view.codecs)),
        gr.Dropdown(choices=[(labels[name], name) for name in complete], value=view.anchor),
        view.low,
        view.high,
        view.text,
        gr.Dropdown(choices=board.pictures if board else [], value=view.picture),
        view.target,
        gr.Dropdown(choices=list(samples()), value=next(iter(samples())), visible=not own),
        "" if own else words.NO_PIXELS,
        gr.CheckboxGroup(
            choices=[(look_of(name).label, name) for name in can],
            value=[name for name in can if name in AT_FIRST][:MOST],
        ),
        f"{words.MADE}\n```sh\n{words.commands(board)}\n```" if board else words.MADE,
    )


def _figure(board: Board, view: View, dark: bool, narrow: bool) -> Any:
    return _drawn(
        board, view.metric, view.codecs, view.low, view.high, view.log_scale, dark, narrow
    )


@lru_cache(maxsize=64)
def _drawn(
    board: Board,
    metric: str,
    codecs: tuple[str, ...],
    low: float,
    high: float,
    logs: bool,
    dark: bool,
    narrow: bool,
) -> Any:
    from .figures import rd_figure

    figure = rd_figure(board.frame, metric, codecs=codecs, rates=(low, high), log_scale=logs)
    return dressed(figure, dark, narrow)


def _ranking(board: Board, view: View) -> tuple[Any, str]:
    """(table, "") or (None, why there is none)."""
    if view.anchor is None:
        return None, "No codec has all pictures, so there is nothing to compare with."
    try:
        return ranking(board, view.metric, view.anchor), ""
    except NoCurve as error:
        return None, str(error)


def _link(view: View, browser: Browser) -> str:
    return f"{(browser or {}).get('here', '')}?{view.query()}"


def _is(browser: Browser, key: str) -> bool:
    return bool((browser or {}).get(key))
