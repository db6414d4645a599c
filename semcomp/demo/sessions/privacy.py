"""Which files passed through which session, so that they can be deleted when it ends.

Gradio keeps uploads and results in one folder and sweeps them by age. Here a file also goes when
the last visitor who used it has left: closed the page, or the program's client. A short delay lets
a phone that dropped its connection for a moment keep its picture. Photographs lose their metadata
on arrival, see `semcomp.demo.sessions.metadata`.
"""

import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from semcomp.demo.hosting.uploads import kept, paths

from . import metadata

DELAY = 60.0
"""Seconds between a visitor's leaving and the deletion of that visitor's files."""


class Files:
    """The files of each session; all methods may be called from any thread."""

    def __init__(self, page: gr.Blocks, delay: float = DELAY) -> None:
        """page: whose components' own files (samples, icons) are never deleted. delay: seconds."""
        self._page = page
        self._delay = delay
        self._lock = threading.Lock()
        self._of_session: defaultdict[str, set[Path]] = defaultdict(set)
        self._leaving: dict[str, threading.Timer] = {}

    async def arrived(self, session: str | None, data: Any) -> None:
        """Note the files among an event's inputs; strip new ones of their metadata."""
        if session is not None and (leaving := self._leaving.pop(session, None)):
            leaving.cancel()  # a visitor who asks for something has not left
        new = self.note(session, data)
        if new:
            await asyncio.to_thread(metadata.strip_all, new)

    def note(self, session: str | None, data: Any) -> list[Path]:
        """Note the files named in an event's inputs or outputs; those no session had before."""
        if session is None:
            return []  # a call without a session: its files go by age
        found = {Path(path) for path in paths(data) if kept(path)}
        found -= self._own()
        if not found:
            return []
        with self._lock:
            known = set().union(*self._of_session.values())
            self._of_session[session] |= found
        return sorted(found - known)

    def left(self, session: str | None) -> None:
        """The session has ended: delete its files after the delay."""
        if session is None or session not in self._of_session:
            return
        timer = threading.Timer(self._delay, self.forget, [session])
        timer.daemon = True
        with self._lock:
            self._leaving[session] = timer
        timer.start()

    def forget(self, session: str) -> None:
        """Delete the files that no other session uses."""
        with self._lock:
            self._leaving.pop(session, None)
            mine = self._of_session.pop(session, set())
            alone = mine - set().union(*self._of_session.values())
        for path in alone - self._own():
            path.unlink(missing_ok=True)

    def _own(self) -> set[Path]:
        """Files that belong to the page itself."""
        blocks = self._page.blocks.values()
        return {Path(path) for block in blocks for path in getattr(block, "keep_in_cache", ())}


def watch_leaving(page: gr.Blocks, left: Callable[[str | None], None]) -> None:
    """Call `left` with the session's name when a visitor closes the page; inside `page`."""

    def leave(request: gr.Request) -> None:
        left(request.session_hash)

    page.unload(leave)
