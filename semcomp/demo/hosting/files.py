"""The files of visitors: which ones a caller may name, where they come from, and when they go.

Uploads and results lie in this server's upload folder. Gradio looks only at files that come with
its own mark, `meta`, and only where a component converts them; it fetches addresses whatever their
size. Here no file that a request names, at whatever depth and to whatever event, reaches Gradio or
an event of ours unless it lies in that folder.

The folder is swept by age (`uploads`). Here a file also goes when the last visitor who used it has
left: closed the page, or the program's client. A short delay lets a phone that dropped its
connection for a moment keep its picture.
"""

import threading
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder
from pydantic import ValidationError

DELAY = 60.0
"""Seconds between a visitor's leaving and the deletion of that visitor's files."""


def guard(page: gr.Blocks) -> None:
    """Check what every event of a page is sent: all of them, queued or not, pass this one place."""
    preprocess = page.preprocess_data

    async def checked(fn: Any, inputs: list[Any], *args: Any, **kwargs: Any) -> Any:
        check(inputs)
        try:
            return await preprocess(fn, inputs, *args, **kwargs)
        except ValidationError as error:
            raise gr.Error(
                "What was sent is not in the form this event takes: upload a file, and name it by "
                "its path.",
                title="This cannot be used",
                print_exception=False,
            ) from error

    page.preprocess_data = checked  # type: ignore[method-assign, assignment]


def check(data: Any) -> None:
    """Raise gr.Error if data name a file that is not in the upload folder.

    The words are the same whether there is such a file or not.
    """
    if any(in_upload_folder(path) is None for path in named_paths(data)):
        raise gr.Error(
            "A file that was named was not uploaded to this server. Upload it, and name it by the "
            "path that the upload gives; neither other paths nor addresses are taken here.",
            title="This file cannot be used",
            print_exception=False,
        )


def in_upload_folder(path: str | Path) -> Path | None:
    """Where a path leads, through links, if that is in the upload folder; None if it is not."""
    try:
        target = Path(path).resolve()
    except (OSError, RuntimeError, ValueError):  # links in a circle; a NUL; no text
        return None
    return target if target.is_relative_to(Path(get_upload_folder()).resolve()) else None


def named_paths(data: Any) -> Iterator[str]:
    """Every `path` of a file anywhere in an event's data, addresses among them."""
    if isinstance(data, dict):
        path = data.get("path")
        if isinstance(path, str) and path:
            yield path
        for value in data.values():
            yield from named_paths(value)
    elif isinstance(data, list | tuple):
        for value in data:
            yield from named_paths(value)


class Files:
    """The files of each session; all methods may be called from any thread."""

    def __init__(self, page: gr.Blocks, delay: float = DELAY) -> None:
        """page: whose components' own files (samples, icons) are never deleted. delay: seconds."""
        self._page = page
        self._delay = delay
        self._lock = threading.Lock()
        self._of_session: defaultdict[str, set[Path]] = defaultdict(set)
        self._leaving: dict[str, threading.Timer] = {}

    def arrived(self, session: str | None, data: Any) -> None:
        """Note the files among an event's inputs; a visitor who asks for something has not left."""
        if session is not None and (leaving := self._leaving.pop(session, None)):
            leaving.cancel()
        self.note(session, data)

    def note(self, session: str | None, data: Any) -> None:
        """Note the files named in an event's inputs or outputs."""
        if session is None:
            return  # a call without a session: its files go by age
        files = {Path(path) for path in named_paths(data) if in_upload_folder(path)} - self.own()
        if files:
            with self._lock:
                self._of_session[session] |= files

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
        for path in alone - self.own():
            path.unlink(missing_ok=True)

    def own(self) -> set[Path]:
        """Files that belong to the page itself."""
        blocks = self._page.blocks.values()
        return {Path(path) for block in blocks for path in getattr(block, "keep_in_cache", ())}
