"""What happens on the leaderboard's tab: choices in, figure, tables and files out.

They only read results, most of them kept in memory, and leave the queue alone; decoding pictures is
in `pictures`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import gradio as gr

from leaderboard.analysis import tables
from leaderboard.analysis.curves import NoCurve
from leaderboard.blind.opinion import Opinion
from leaderboard.blind.ranks import Ranks
from leaderboard.data.results import dump, to_frame
from leaderboard.pages.blind.words import ranks_html
from leaderboard.store.errors import StoreError
from semcomp.demo.shared.downloads import save

from . import words
from .api import NO_ANCHOR
from .boards import Board, Boards, OpenStore, default_codecs, load_boards
from .controls import controls_of, text_of, texts_of
from .figure import figure_of
from .ranking import everything, matching, points_at, ranking, rows_csv
from .reading import exported, lead_html
from .view import PAGE, View, is_link, view_of

Outputs = tuple[Any, ...]
Browser = dict[str, Any] | None
"""What `static/browser.js` says: `here` (address without query), `dark`, `narrow`."""


class Events:
    """The events over one folder of results and, where `store` gives one, what was submitted.

    `controls` are, in this order, the values of a `View`: dataset, metric, scale, codecs, anchor,
    low, high, text, picture, target, page, submitted (codecs that are submissions), method; the
    browser's record follows. Submissions go by their tokens. opinion: what people's votes say.
    """

    def __init__(
        self, folder: Path, store: OpenStore | None = None, opinion: Opinion | None = None
    ) -> None:
        self.folder, self.store, self.opinion = folder, store, opinion

    def open(self, browser: Browser, request: gr.Request) -> Outputs:
        """The page as the link asks for it: browser, controls, all but what `drawn` gives."""
        query = dict(request.query_params)
        view, lost = view_of(query if is_link(query) else {}, self._boards())
        return browser, *self._whole(view, lost, browser)

    def switch(self, link: str, *controls: Any) -> Any:
        """Another data set, under what else is chosen, as far as that is there: everything.

        Nothing if `link`, which the page has, is of this data set: a list says that it has changed
        whenever it is left.
        """
        view, _, browser = self._view(controls)
        boards = self._boards()
        before, _ = view_of(dict(parse_qsl(urlsplit(text_of(link)).query)), boards)
        if before.dataset == view.dataset:
            return gr.skip()
        chosen = set(before.codecs) != set(default_codecs(boards.boards[before.dataset]))
        if not (chosen and view.codecs):
            view = replace(view, codecs=tuple(default_codecs(boards.boards[view.dataset])))
        return *self._whole(view, [], browser), *self._drawn(view, browser)

    def drawn(self, *controls: Any) -> Outputs:
        """Figure, why codecs are not in it, and every codec in one picture.

        They follow the table, which is there before the figure's own code has loaded.
        """
        view, _, browser = self._view(controls)
        return self._drawn(view, browser)

    def _drawn(self, view: View, browser: Browser) -> Outputs:
        told, figure, left_out = self._draw(view, [], browser)
        missing = left_out if figure is not None or not self._boards().boards else told
        return figure, missing, self._look(view, [], browser)

    def draw(self, *controls: Any) -> Outputs:
        """Notice, figure, and why codecs are not in it."""
        view, lost, browser = self._view(controls)
        return self._draw(view, lost, browser)

    def rank(self, *controls: Any) -> Outputs:
        """Table from its first page on, its pages (row, number), and the files of what it shows:
        CSV, rows as CSV, everything as JSON."""
        view, _, browser = self._view(controls)
        return self._rank(replace(view, page=1), browser)

    def narrow(self, link: str, *controls: Any) -> Outputs:
        """`rank` and the link. Nothing if `link`, which the page has, is to this very view: a text
        box says that it has changed, and once more when it is left."""
        view, _, browser = self._view(controls)
        if link == _link(view, browser):
            return (gr.skip(),) * 7
        view = replace(view, page=1)
        return *self._rank(view, browser), _link(view, browser)

    def turn(self, step: int, *controls: Any) -> Outputs:
        """Another page of the table: table, pages (row, number), link."""
        view, _, browser = self._view(controls)
        view = replace(view, page=max(1, view.page + step))
        table, row, number, *_ = self._rank(view, browser, files=False)
        return table, row, number, _link(view, browser)

    def lead(self, *controls: Any) -> Outputs:
        """What the table says in a sentence, and files: the table as LaTeX, citations as BibTeX."""
        view, _, _ = self._view(controls)
        board = self._boards().boards.get(view.dataset)
        if board is None:
            return "", None, None
        told = ""
        try:
            if view.anchor is not None:
                told = lead_html(board, view.metric, view.anchor)
            return told, *exported(board, view)
        except (NoCurve, StoreError):  # the table says why
            return "", None, None

    def save(self, *controls: Any) -> Outputs:
        """The files that hold the rows of the curves: rows as CSV, everything as JSON."""
        view, _, _ = self._view(controls)
        return self._files(view)

    def describe(self, *controls: Any) -> Outputs:
        """What is known of one method, and its results as JSON and CSV."""
        view, _, _ = self._view(controls)
        return self._describe(view)

    def look(self, *controls: Any) -> str:
        """Every codec in one picture at a rate."""
        view, lost, browser = self._view(controls)
        return self._look(view, lost, browser)

    def share(self, *controls: Any) -> str:
        """The link to what is chosen."""
        view, _, browser = self._view(controls)
        return _link(view, browser)

    def judged(self) -> str:
        """The ranks by people's votes, or how many it still takes."""
        if self.opinion is None:
            return ""
        try:
            return ranks_html(self.opinion.ranks())
        except StoreError as error:
            return words.notice([str(error)])

    def _eyes(self) -> Ranks | None:
        """What people's votes say, once there are enough."""
        try:
            ranks = None if self.opinion is None else self.opinion.ranks()
        except StoreError:  # the board's notice says so
            return None
        return ranks if ranks is not None and ranks.enough else None

    def _boards(self) -> Boards:
        return load_boards(self.folder, store=self.store)

    def _view(self, values: Sequence[Any]) -> tuple[View, list[str], Browser]:
        """The view of controls as they are, whatever a visitor made of them."""
        dataset, metric, scale, codecs, anchor, low, high, text, picture, target, *more = values
        page, submitted, method, browser = more
        query = {
            "dataset": text_of(dataset),
            "metric": text_of(metric),
            "scale": text_of(scale),
            "codecs": ",".join([*texts_of(codecs), *texts_of(submitted)]) or "none",
            "anchor": text_of(anchor),
            "range": f"{low}-{high}",
            "filter": text_of(text),
            "picture": text_of(picture),
            "bpp": str(target),
            PAGE: str(page or 1),
            "method": text_of(method),
        }
        return *view_of(query, self._boards()), browser if isinstance(browser, dict) else None

    def _whole(self, view: View, lost: list[str], browser: Browser) -> Outputs:
        boards = self._boards()
        return (
            *controls_of(view, boards),
            words.notice(boards.problems, lost),
            *self._rank(view, browser),
            *self._describe(view),
            _link(view, browser),
        )

    def _draw(self, view: View, lost: list[str], browser: Browser) -> Outputs:
        boards = self._boards()
        told = words.notice(boards.problems, [text for text in lost if not text.startswith("bpp")])
        board = boards.boards.get(view.dataset)
        if board is None:
            return told, None, ""
        try:
            figure = figure_of(board, view, _is(browser, "dark"), _is(browser, "narrow"))
        except StoreError as error:
            return words.notice([str(error)]), None, ""
        return told, figure, words.not_drawn(figure.layout.meta["left_out"])

    def _rank(self, view: View, browser: Browser, files: bool = True) -> Outputs:
        board = self._boards().boards.get(view.dataset)
        hidden = gr.Row(visible=False), 1
        if board is None:
            return "", *hidden, None, None, None
        table, problem = _ranking(board, view)
        saved = self._files(view) if files else (None, None)
        if table is None or view.anchor is None:
            return words.notice([problem]), *hidden, None, *saved
        rows = matching(table, view.text)
        pages = words.pages_of(len(rows))
        page = min(view.page, pages)
        dark = _is(browser, "dark")
        made = words.ranking_html(rows, board, view.metric, view.anchor, dark, page, self._eyes())
        number = gr.Number(value=page, maximum=pages, label=f"Page, 1 to {pages}")
        stem = f"{view.dataset}-{view.metric}-against-{view.anchor}"
        csv = _saved(stem, ".csv", tables.csv(rows.drop(columns="text"))) if files else None
        return made, gr.Row(visible=pages > 1), number, csv, *saved

    def _files(self, view: View) -> Outputs:
        board = self._boards().boards.get(view.dataset)
        if board is None:
            return None, None
        try:
            sent = bool(board.entries.keys() & set(view.codecs))
            rows = rows_csv(board if sent else board.alone, view.codecs if sent else ())
            whole = everything(board, view.metric, view.anchor, view.codecs)
        except StoreError:  # the curves' notice says so
            return None, None
        return (
            _saved(f"{view.dataset}-rows", ".csv", rows),
            _saved(f"{view.dataset}-{view.metric}", ".json", whole),
        )

    def _describe(self, view: View) -> Outputs:
        board = self._boards().boards.get(view.dataset)
        none = gr.DownloadButton(visible=False), gr.DownloadButton(visible=False)
        if board is None or view.method is None:
            return words.METHOD, *none
        try:
            results = board.of(view.method)
        except StoreError as error:
            return words.notice([str(error)]), *none
        stem = f"{view.dataset}-{view.method}"
        files = (
            _saved(stem, ".json", dump(results)),
            _saved(stem, ".csv", tables.csv(to_frame([results]))),
        )
        made = words.method_html(board, view.method)
        return made, *(gr.DownloadButton(value=file, visible=True) for file in files)

    def _look(self, view: View, lost: list[str], browser: Browser) -> str:
        board = self._boards().boards.get(view.dataset)
        if board is None or view.picture is None:
            return ""
        if any(text.startswith("bpp") for text in lost):
            return words.notice(["This rate is out of reach: choose 0.02 to 8 bits per pixel."])
        try:
            points = points_at(board, view.picture, view.target, view.codecs)
        except StoreError as error:
            return words.notice([str(error)])
        return words.points_html(points, view.picture, view.target, _is(browser, "dark"))


def _ranking(board: Board, view: View) -> tuple[Any, str]:
    """(table, "") or (None, why there is none)."""
    if view.anchor is None:
        return None, NO_ANCHOR
    try:
        return ranking(board, view.metric, view.anchor), ""
    except (NoCurve, StoreError) as error:
        return None, str(error)


def _saved(stem: str, suffix: str, text: str) -> str:
    return save(text.encode(), stem, suffix)


def _link(view: View, browser: Browser) -> str:
    return f"{(browser or {}).get('here', '')}?{view.query()}"


def _is(browser: Browser, key: str) -> bool:
    return bool((browser or {}).get(key))
