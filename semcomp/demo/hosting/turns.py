"""Gradio's queue, made to take turns between visitors and to keep the limits.

Gradio serves first come, first served, and goes on computing for visitors who have left. This queue
orders the model's jobs by `limits`, refuses in words, stops a job when its visitor is gone or its
time is over, whatever the job is at, and tells `files` which files passed through which session.

A job is stopped by an exception raised in its thread from outside, which strikes at its next line
of Python: nothing that runs has to report progress or to look whether it may go on. Python drops
the exception where that line is a finalizer's, so it is raised again until the job has ended.
"""

import asyncio
import inspect
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial, wraps
from typing import Any, Literal, cast

import gradio as gr
from fastapi import Request
from gradio.block_function import BlockFunction
from gradio.context import LocalContext
from gradio.data_classes import PredictBodyInternal
from gradio.queueing import Event, EventQueue, Queue
from gradio.server_messages import EventMessage, ProcessCompletedMessage

from semcomp.demo.shared.events import MODEL, Stop, spare_thread, stop_thread

from . import links, memory
from .files import Files, in_upload_folder, named_paths
from .limits import Limits, Waiting, address_of
from .uploads import Uploads

LEFT = "The visitor has left."
WATCH = 0.2
"""Seconds between two looks at a job that runs."""
AGAIN = 5.0
"""Seconds after which a job that was stopped and goes on is struck once more."""
STUCK = 120.0
"""Seconds after which a job that was stopped should have ended: at 24 megapixels the longest step
between two lines of Python takes five on one core."""
_MODEL = str(MODEL["concurrency_id"])
_Pushed = tuple[
    bool,
    str | list[dict[str, Any]],
    Literal["success", "error", "queue_full", "validator_error"],
]


class TurnQueue(Queue):
    """A queue in which visitors take turns; see the module."""

    def __init__(self, page: gr.Blocks, limits: Limits, files: Files, uploads: Uploads) -> None:
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
        self.uploads = uploads
        self._threads = Threads()
        for fn in page.fns.values():
            if fn.concurrency_id == _MODEL and fn.fn is not None:
                fn.fn = self._threads.stoppable(fn.fn)
        page._queue = self

    async def push(
        self, body: PredictBodyInternal, request: Request, username: str | None
    ) -> _Pushed:
        """Let a job join, or say why not."""
        fn = self.blocks.fns.get(cast(int, body.fn_index))
        settings = self.limits.settings
        if fn is not None and fn.concurrency_id == _MODEL:
            asking = _waiting(body.session_hash, request)
            if refusal := self.limits.refusal(asking, self.waiting()):
                # A program's client knows "queue full", the page shows the text.
                return False, refusal, "error" if _is_page(request) else "queue_full"
            for position, value in enumerate(body.data):
                # The server lets larger ones arrive, because archives for the board may be.
                if _size(value) > settings.max_file_mb * 1_000_000:
                    text = (
                        f"This file is too large: {settings.max_file_mb} MB is the most. "
                        "Scale it down first."
                    )
                    if _is_page(request):
                        return False, text, "error"
                    return False, [_invalid(fn, position, text)], "validator_error"
        if fn is not None and fn.api_visibility == "public":
            of_model = fn.concurrency_id == _MODEL
            most = settings.max_file_mb if of_model else settings.max_submission_mb
            try:
                save = partial(self.uploads.save, address_of(request))
                body.data = await links.fetch(body.data, most * 1_000_000, save)
            except links.LinkError as error:
                return False, [_invalid(fn, error.position, str(error))], "validator_error"
        self.files.arrived(body.session_hash, body.data)
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

    def stuck(self) -> bool:
        """Whether a job cannot be ended, so that nothing else will run."""
        return self._threads.stuck()

    async def process_events(
        self, events: list[Event], batch: bool, begin_time: float, fn: BlockFunction
    ) -> None:
        """Run a job, watch it, and count its time if it is the model's."""
        if fn.concurrency_id != _MODEL:
            return await super().process_events(events, batch, begin_time, fn)
        started = time.monotonic()
        watch = asyncio.create_task(self._watch(events, started))
        try:
            await super().process_events(events, batch, begin_time, fn)
        finally:
            watch.cancel()
            for event in events:
                self._threads.stop(event._id, LEFT)  # where the visitor cancelled it
                self.limits.ran(event.session_hash, time.monotonic() - started)
            memory.release()

    def send_message(self, event: Event, event_message: EventMessage) -> None:
        """Send it, and note the files in a result as this session's."""
        if isinstance(event_message, ProcessCompletedMessage):
            self.files.note(event.session_hash, event_message.output)
        super().send_message(event, event_message)

    async def _watch(self, events: list[Event], started: float) -> None:
        """Stop jobs that have run too long, leave no memory or whose visitor has left."""
        while True:
            await asyncio.sleep(WATCH)
            too_much = self.limits.too_long(time.monotonic() - started) or memory.short()
            for event in events:
                if reason := too_much if event.alive else LEFT:
                    self._threads.stop(event._id, reason)

    def _order(self) -> None:
        queue = self._model_queue()
        order = self.limits.turns(self.waiting(), self.running())
        if order != sorted(order):
            queue.queue[:] = [queue.queue[position] for position in order]
            self.broadcast_estimations(_MODEL)

    def _model_queue(self) -> EventQueue:
        return self.event_queue_per_concurrency_id.get(_MODEL) or EventQueue(_MODEL, 1)


class Threads:
    """Which thread works on which event, and a way to stop it there."""

    # What runs in a job's thread takes no lock: a stop may strike in the very moment in which it
    # does. Single operations on a dictionary are whole.

    def __init__(self) -> None:
        self._of_event: dict[str | None, int] = {}
        self._reasons: dict[str | None, str] = {}
        self._told: dict[str | None, float] = {}
        self._one_striker = threading.Lock()
        self._striking: str | None = None

    def stoppable(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, or the generator, of an event, made so that `stop` can end it."""
        if not inspect.isgeneratorfunction(function):
            return wraps(function)(lambda *args, **kwargs: self._run(function, *args, **kwargs))

        @wraps(function)
        def steps(*args: Any, **kwargs: Any) -> Iterator[Any]:
            iterator, end = function(*args, **kwargs), object()
            while (value := self._run(next, iterator, end)) is not end:
                yield value

        return steps

    def stop(self, event: str, reason: str) -> None:
        """Raise gr.Error with the reason in the event's job, if a thread is at it."""
        if event in self._of_event and event not in self._told:
            self._reasons[event], self._told[event] = reason, time.monotonic()
            self._strike(event)

    def stuck(self) -> bool:
        """Whether a job goes on long after it was stopped, without a line of Python."""
        before = time.monotonic() - STUCK
        return any(told < before for told in list(self._told.values()))

    def _strike(self, event: str) -> None:
        with self._one_striker:
            self._striking = event
            try:
                thread = self._of_event.get(event) if event in self._told else None
                if thread is not None:
                    stop_thread(thread)
            finally:
                self._striking = None
        if thread is None:  # it has ended
            self._forget(event)
            return
        again = threading.Timer(AGAIN, self._strike, [event])
        again.daemon = True
        again.start()

    def _forget(self, event: str | None) -> str | None:
        self._told.pop(event, None)
        return self._reasons.pop(event, None)

    def _run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        event = LocalContext.event_id.get()
        try:
            try:
                self._of_event[event] = threading.get_ident()
                return function(*args, **kwargs)
            finally:
                self._end(event)
        except Stop:  # it struck on the way out
            self._end(event)

    def _end(self, event: str | None) -> None:
        """Let no stop strike this thread from here on; raises gr.Error if one was meant to.

        It may have been dropped: the job ends as a stopped one all the same.
        """
        while True:
            try:
                self._of_event.pop(event, None)
                while event is not None and self._striking == event:
                    time.sleep(0.001)
                spare_thread(threading.get_ident())
                break
            except Stop:
                continue
        if (reason := self._forget(event)) is not None:
            raise gr.Error(reason, title="Stopped", print_exception=False) from None


def _size(data: Any) -> int:
    """Bytes of the largest upload among an event's inputs, 0 if there is none."""
    paths = filter(None, map(in_upload_folder, named_paths(data)))
    return max((path.stat().st_size for path in paths if path.is_file()), default=0)


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
