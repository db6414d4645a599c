"""How events run: their settings, the GPU they borrow, and the progress they report.

Uploads arrive as plain dictionaries (`preprocess=False`): the file is opened by `semcomp.image`
alone, whose checks are stricter than a component's. Events never change a property of a component
that holds files, because Gradio then loses track of that component's files and would keep them.
"""

import ctypes
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any

try:
    import spaces  # lends a GPU on Hugging Face; it has to come before torch
except ImportError:
    spaces = None

from semcomp.demo.sessions.runs import decode_steps
from semcomp.isolated import LOOK

MODEL: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 1, "preprocess": False}
"""Events that run a network take turns; everything else is not made to wait for them."""
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
"""Events of the page, left out of the API's description."""
AT_ONCE: dict[str, Any] = {**PRIVATE, "queue": False, "show_progress": "hidden"}
"""Events that answer from what is there already."""
LIGHT: dict[str, Any] = {**PRIVATE, "concurrency_id": "inspect", "concurrency_limit": 2}
"""Events that compute a little and run no network."""
LAST: dict[str, Any] = {"trigger_mode": "always_last"}
"""A click while the one before is being answered counts too; Gradio would drop it.

What was chosen has to be read from an input: Gradio (6.31) sends such a click with the data of the
one before, so a listener that takes `gr.EventData` would answer the older choice once more.
"""


def on_gpu(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function on a borrowed GPU where `spaces` is installed, else as it is."""
    return function if spaces is None else spaces.GPU(duration=120)(function)


decode_on_gpu = on_gpu(decode_steps)


class Stop(BaseException):
    """Ends a job; no `except Exception` on its way out takes it for one of the job's own."""


def stop_thread(thread: int) -> None:
    """Raise Stop in a thread, named by its identifier, at its next line of Python.

    Python drops it where that line belongs to a finalizer or a callback of the garbage collector.
    """
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(Stop))


def spare_thread(thread: int) -> None:
    """Take back a Stop that has not struck yet."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), None)


def reports(work_on: Callable[[Callable[[int, int], None]], Any]) -> Iterator[tuple[int, int]]:
    """Run a function in a thread, giving the (done, total) it reports; its error is raised.

    The thread is stopped when nobody asks for its reports any more.
    """
    queue: SimpleQueue[Any] = SimpleQueue()
    left = Event()

    def tell(done: int, total: int) -> None:
        if left.is_set():  # where the stop from outside was dropped
            raise Stop
        queue.put((done, total))

    def work_and_tell() -> None:
        try:
            work_on(tell)
            queue.put(None)
        except Stop:
            pass
        except Exception as error:  # handed to the caller below
            queue.put(error)

    thread = Thread(target=work_and_tell, daemon=True)
    try:
        thread.start()  # in here, for a stop may strike on its way back already
        while True:
            try:
                report = queue.get(timeout=LOOK)
            except Empty:
                continue  # a stop strikes a thread between two waits, not in one
            if report is None:
                return
            if isinstance(report, Exception):
                raise report
            yield report
    finally:
        left.set()
        if thread.is_alive() and thread.ident is not None:
            stop_thread(thread.ident)
