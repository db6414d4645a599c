"""What the first visitor of a large board would wait for, worked out before anybody comes.

A thread does it when the app starts, and again when the board has changed. Nobody depends on it:
who comes earlier gets the same answer from the same functions, only later.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

from leaderboard.analysis.curves import NoCurve
from leaderboard.store.errors import StoreError

from .boards import Boards, OpenStore, load_boards
from .events import Events
from .ranking import ranking
from .view import view_of

_LOG = logging.getLogger(__name__)
PAUSE = 3.0
"""Seconds between looks at the board; a look asks the database for one number."""


def keep_ready(folder: Path, store: OpenStore | None = None) -> threading.Event:
    """Keep a board's first page in memory, in the background, until the event is set."""
    stop = threading.Event()
    threading.Thread(target=_watch, args=(folder, store, stop), name="board", daemon=True).start()
    return stop


def make_ready(folder: Path, store: OpenStore | None = None) -> Boards:
    """Work out what the page shows at first, and the rankings by the other scores.

    Gives the boards as they were read. Raises StoreError, and OSError if files cannot be written.
    """
    import matplotlib

    # Gradio asks for it with the first event of all, which would wait for the import.
    matplotlib.get_backend()
    boards = load_boards(folder, store=store)
    events, browser = Events(folder, store), {"dark": False, "narrow": False}
    whole = events.switch("", browser)
    events.drawn(*_values(whole), browser)
    for board in boards.boards.values():
        view, _ = view_of({"dataset": board.name}, boards)
        for metric in board.metrics if view.anchor else ():
            try:
                ranking(board, metric, str(view.anchor))
            except NoCurve as error:  # the page says so too
                _LOG.debug("no ranking by %s: %s", metric, error)
    return boards


def _watch(folder: Path, store: OpenStore | None, stop: threading.Event) -> None:
    ready: Boards | None = None
    told = ""
    while not stop.is_set():
        try:
            found = load_boards(folder, store=store)
            if ready is None or found.boards is not ready.boards:
                ready = make_ready(folder, store)
        except (StoreError, OSError) as error:  # visitors are told by the page
            if told != str(error):
                told = str(error)
                _LOG.warning("the board's first page waits for its first visitor: %s", told)
        stop.wait(PAUSE)


def _values(whole: tuple[Any, ...]) -> list[Any]:
    """What the page would send back of the controls it is given."""
    return [getattr(each, "value", each) for each in whole[:13]]
