"""The tab "Which is closer?": rounds in the browser, ranks, raw votes and classes below.

::

    browser ── start, vote ──→ Visits ──→ store
            ←─ picture ─────── by a token that says nothing

The rounds are the component's own script; answers leave the queue alone.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from leaderboard.blind.ranks import ranks_of
from leaderboard.blind.tables import votes_csv
from leaderboard.blind.visits import Gone, Visits
from leaderboard.pages.context import BoardContext
from leaderboard.store.errors import StoreError
from leaderboard.store.votes import CODE
from semcomp.demo.hosting.limits import address_of
from semcomp.demo.shared.downloads import save
from semcomp.demo.shared.events import AT_ONCE
from semcomp.demo.shared.static import static
from semcomp.errors import SemcompError

from . import words

if TYPE_CHECKING:
    from leaderboard.store.database import Store

PACKAGE = "leaderboard.pages"
TAB = "blind"
"""The tab's id, and what `tab` of a link says; `class` of it is a class's code."""
CSS = static("blind_page.css", PACKAGE)


def build_tab(page: gr.Blocks, tab: gr.Tab, board: BoardContext) -> None:
    """Fill the tab at hand. board: its store keeps the votes, its folder has the pairs."""
    visits = Visits(board.blind_folder, board.store, board.opinion)
    gr.HTML(words.INTRO)
    gr.HTML(
        None,
        html_template=static("blind.html", PACKAGE),
        css_template=static("blind.css", PACKAGE),
        js_on_load=static("blind.js", PACKAGE),
        server_functions=_functions(visits),
        apply_default_css=False,
        elem_id="blind",
    )
    with gr.Accordion("What all eyes say", open=False):
        ranks = gr.HTML(elem_id="blind-ranks")
        votes = gr.DownloadButton("Raw votes (CSV)", size="md", elem_id="blind-votes")
        gr.Markdown(words.RULES)
    with gr.Accordion("For a class", open=False, elem_id="blind-class"):
        gr.HTML(words.CLASS)
        with gr.Row(equal_height=True):
            code = gr.Textbox(label="Class code", max_length=CODE, elem_id="blind-code")
            show = gr.Button("Show the class's result", size="md", min_width=160)
            new = gr.Button("Make a new code", size="md", min_width=160)
        said = gr.HTML(elem_id="blind-class-said")
    shown = _Shown(board, visits)
    tab.select(shown.everybody, None, [ranks, votes], **AT_ONCE)
    page.load(shown.linked, None, [code, said, ranks, votes], **AT_ONCE)
    gr.on([show.click, code.submit], shown.class_result, code, said, **AT_ONCE)
    new.click(shown.new_class, None, [code, said], **AT_ONCE)


def _functions(visits: Visits) -> list[Callable[..., Any]]:
    """What the component's script asks for; anything may come from there."""

    def start(data: Any, request: gr.Request) -> dict[str, Any]:
        """[class code or ""] -> a visit with its first round, or an error."""
        code = data[0] if isinstance(data, list) and data else ""
        try:
            begun = visits.start(address_of(request), _code_of(code) or None)
        except SemcompError as error:
            return {"error": _sentence(error)}
        return begun if begun["round"] else {"error": words.NOTHING}

    def vote(data: Any) -> dict[str, Any]:
        """[visit, round, left | right | none, seconds] -> what was what, and the next round."""
        match data:
            case [str(visit), int(number), str(choice), int(seconds) | float(seconds)]:
                pass
            case _:
                return {"gone": words.GONE}
        try:
            answer = visits.vote(visit, number, choice, seconds)
        except Gone:
            return {"gone": words.GONE}
        except StoreError as error:
            return {"error": f"Your answer is not stored: {error}. Answer again."}
        return {
            **words.answer_texts(answer),
            "round": answer["round"],
            "result": None if answer["result"] is None else words.result_texts(answer["result"]),
        }

    def picture(data: Any) -> dict[str, Any]:
        """[token] -> a picture."""
        token = data[0] if isinstance(data, list) and data else None
        found = visits.picture(token) if isinstance(token, str) else None
        if found is None:
            return {"gone": words.GONE}
        return {"picture": "data:image/webp;base64," + base64.b64encode(found).decode()}

    return [start, vote, picture]


class _Shown:
    """The events below the rounds."""

    def __init__(self, board: BoardContext, visits: Visits) -> None:
        self._board, self._visits = board, visits

    def everybody(self) -> tuple[Any, Any]:
        """The ranks, and the file of raw votes."""
        try:
            store = self._board.store()
            text = _votes_text(store, store.count_votes())
            return words.ranks_html(self._board.opinion.ranks()), save(
                text.encode(), "votes", ".csv"
            )
        except StoreError as error:
            return f'<p class="quiet" role="status">{escape(_sentence(error))}</p>', None

    def linked(self, request: gr.Request) -> tuple[Any, ...]:
        """As a link says: the class's code and result, and what `everybody` gives."""
        if request.query_params.get("tab") != TAB:
            return (gr.skip(),) * 4
        code = _code_of(request.query_params.get("class", ""))
        return code, self.class_result(code) if code else "", *self.everybody()

    def class_result(self, code: Any) -> str:
        """A class's ranks beside everybody's."""
        code = _code_of(code)
        try:
            if not self._board.store().is_class(code):
                return f'<p class="quiet" role="status">No class has the code {escape(code)}.</p>'
            mine = ranks_of(self._board.store().votes(code))
            link = f'<p class="quiet">For your class: <a href="?tab={TAB}&amp;class={code}">'
            return f"{link}open this page as {code}</a></p>" + words.ranks_html(
                self._board.opinion.ranks(), mine
            )
        except StoreError as error:
            return f'<p class="quiet" role="status">{escape(_sentence(error))}</p>'

    def new_class(self, request: gr.Request) -> tuple[Any, str]:
        """A new code, and its result so far."""
        try:
            code = self._visits.make_class(address_of(request))
        except StoreError as error:
            return gr.skip(), f'<p class="quiet" role="status">{escape(_sentence(error))}</p>'
        return code, self.class_result(code)


@lru_cache(maxsize=1)
def _votes_text(store: Store, _count: int) -> str:
    return votes_csv(store.votes())


def _code_of(text: Any) -> str:
    return text.strip().upper()[: 2 * CODE] if isinstance(text, str) else ""


def _sentence(error: Exception) -> str:
    text = str(error)
    return text[:1].upper() + text[1:] + "." * (text[-1:] not in (".", "!", "?"))
