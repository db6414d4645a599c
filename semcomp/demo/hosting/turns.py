"""Gradio's queue, made to take turns between visitors and to keep the limits.

Gradio serves first come, first served, and goes on computing for visitors who have left. This queue
orders the model's jobs by `semcomp.demo.hosting.limits`, refuses in words, stops a job at its next
progress report when its visitor is gone or its time is over, and tells
`semcomp.demo.sessions.privacy` which files passed through which session.
"""

import inspect
import time
from typing import Any, Literal, cast

import gradio as gr
from fastapi import Request
from gradio.block_function import BlockFunction
from gradio.data_classes import PredictBodyInternal
from gradio.helpers import TrackedIterable
from gradio.queueing import Event, EventQueue, Queue
from gradio.server_messages import EventMessage, ProcessCompletedMessage

from semcomp.demo.sessions.privacy import Files
from semcomp.demo.shared.events import MODEL

from . import links
from .address import address_of
from .limits import Limits, TooLong, Waiting
from .uploads import kept, paths

_MODEL = str(MODEL["concurrency_id"])
_Pushed = tuple[
    bool,
    str | list[dict[str, Any]],
    Literal["success", "error", "queue_full", "validator_error"],
]


class TurnQueue(Queue):
    """A queue in which visitors take turns; see the module."""

    def __init__(self, page: gr.Blocks, limits: Limits, files: Files) -> None:
        """Take the place of `page`'s own queue, with that queue's settings."""
        old = page._queue
        super().__init__(
            live_updates=old.live_updates,
            concurrency_count=old.max_thread_count,
            update_intervals=old.update_intervals,
            max_size=None,  # `limits` says when it is full, and in words
            blocks=page,
            default_concurrency_limit=old.default_concurrency_limit,
        )
        self.limits = limits
        self.files = files
        self._started: dict[str, float] = {}
        page._queue = self

    async def push(
        self, body: PredictBodyInternal, request: Request, username: str | None
    ) -> _Pushed:
        """Let a job join, or say why not."""
        fn = self.blocks.fns.get(cast(int, body.fn_index))
        if fn is not None and fn.concurrency_id == _MODEL:
            asking = _waiting(body.session_hash, request)
            if refusal := self.limits.refusal(asking, self.waiting()):
                # A program's client knows "queue full", the page shows the text.
                return False, refusal, "error" if _is_page(request) else "queue_full"
            most = self.limits.settings.file_mb
            for position, value in enumerate(body.data):
                # The server lets larger ones arrive, because archives for the board may be.
                if _size(value) > most * 1_000_000:
                    text = f"This file is too large: {most} MB is the most. Scale it down first."
                    if _is_page(request):
                        return False, text, "error"
                    return False, [_invalid(fn, position, text)], "validator_error"
        if fn is not None and fn.api_visibility == "public":
            settings = self.limits.settings
            most = settings.file_mb if fn.concurrency_id == _MODEL else settings.submission_mb
            try:
                body.data = await links.fetch(body.data, most * 1_000_000)
            except links.LinkError as error:
                return False, [_invalid(fn, error.position, str(error))], "validator_error"
        await self.files.arrived(body.session_hash, body.data)
        pushed = await super().push(body, request, username)
        self._order()
        return pushed

    def waiting(self) -> list[Waiting]:
        """The jobs that wait for the model."""
        return [_job(event) for event in self._model_queue().queue]

    def running(self) -> list[Waiting]:
        """The jobs the model works on."""
        jobs = (event for group in self.active_jobs if group for event in group)
        return [_job(event) for event in jobs if event.concurrency_id == _MODEL]

    async def process_events(
        self, events: list[Event], batch: bool, begin_time: float, fn: BlockFunction
    ) -> None:
        """Run a job and count its time."""
        started = time.monotonic()
        for event in events:
            self._started[event._id] = started
        try:
            await super().process_events(events, batch, begin_time, fn)
        finally:
            for event in events:
                self._started.pop(event._id, None)
                if event.concurrency_id == _MODEL:
                    self.limits.ran(event.session_hash, time.monotonic() - started)

    def set_progress(self, event_id: str, iterables: list[TrackedIterable] | None) -> None:
        """Called inside the job that reports progress: the place where it can be stopped."""
        super().set_progress(event_id, iterables)
        started = self._started.get(event_id)
        if started is None:
            return
        event = self.event_ids_to_events.get(event_id)
        if event is not None and not event.alive:
            raise gr.Error("The visitor has left.", title="Stopped", print_exception=False)
        try:
            self.limits.check_time(time.monotonic() - started)
        except TooLong as error:
            raise gr.Error(str(error), title="Stopped", print_exception=False) from error

    def send_message(self, event: Event, event_message: EventMessage) -> None:
        """Send it, and note the files in a result as this session's."""
        if isinstance(event_message, ProcessCompletedMessage):
            self.files.note(event.session_hash, event_message.output)
        super().send_message(event, event_message)

    def _order(self) -> None:
        queue = self._model_queue()
        order = self.limits.turns(self.waiting(), self.running())
        if order != sorted(order):
            queue.queue[:] = [queue.queue[position] for position in order]
            self.broadcast_estimations(_MODEL)

    def _model_queue(self) -> EventQueue:
        return self.event_queue_per_concurrency_id.get(_MODEL) or EventQueue(_MODEL, 1)


def _size(data: Any) -> int:
    """Bytes of the largest upload among an event's inputs, 0 if there is none."""
    named = filter(None, map(kept, paths(data)))
    return max((path.stat().st_size for path in named if path.is_file()), default=0)


def _invalid(fn: BlockFunction, position: int, text: str) -> dict[str, Any]:
    """What is wrong with the input at a position, as Gradio's clients know it."""
    known = inspect.signature(cast(Any, fn.fn)).parameters
    names = [name for name in known if name not in ("request", "profile")]  # Gradio's own
    return {
        "__type__": "validate",
        "is_valid": False,
        "message": text,
        "parameter_name": names[position] if position < len(names) else f"input {position + 1}",
    }


def _job(event: Event) -> Waiting:
    return _waiting(event.session_hash, event.request)


def _waiting(session: str | None, request: Request) -> Waiting:
    address = address_of(request) or "unknown"
    return Waiting(session or address, address)


def _is_page(request: Request) -> bool:
    return "sec-fetch-site" in request.headers  # sent by every browser, by no client library
