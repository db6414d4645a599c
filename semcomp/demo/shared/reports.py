"""Work that tells how far it is, turned into an iterator of what it tells."""

from collections.abc import Callable, Iterator
from queue import SimpleQueue
from threading import Thread
from typing import Any


def reports(work_on: Callable[[Callable[[int, int], None]], Any]) -> Iterator[tuple[int, int]]:
    """Run a function in a thread, giving the (done, total) it reports; its error is raised."""
    queue: SimpleQueue[Any] = SimpleQueue()

    def work_and_tell() -> None:
        try:
            work_on(lambda done, total: queue.put((done, total)))
            queue.put(None)
        except Exception as error:  # handed to the caller below
            queue.put(error)

    Thread(target=work_and_tell, daemon=True).start()
    while (report := queue.get()) is not None:
        if isinstance(report, Exception):
            raise report
        yield report
