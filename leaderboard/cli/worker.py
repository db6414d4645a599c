"""The command `python -m leaderboard worker`: score what was submitted, with or without a page."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import typer


def worker(
    once: Annotated[bool, typer.Option("--once", help="stop when the queue is empty")] = False,
    jobs: Annotated[int, typer.Option(min=1, help="processes per submission")] = 1,
    ray: Annotated[
        str | None, typer.Option(help="Ray cluster to use instead: auto, HOST:PORT or local")
    ] = None,
) -> None:
    """Score submitted files; stops on Ctrl-C and gives back what it was at.

    The board is that of SEMCOMP_DATABASE_URL or SEMCOMP_DATA_DIR. Several workers may share one.
    Files of entries that were rejected or failed are let go after SEMCOMP_UPLOAD_DAYS days (30).
    """
    from leaderboard.scoring.worker import run_worker
    from leaderboard.store.database import open_store

    if ray is not None and jobs != 1:
        raise typer.BadParameter("give either --jobs or --ray")
    store, stop = open_store(), threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        print(f"scoring what is queued in {store!r}", flush=True)
        decided = run_worker(
            store,
            stop=stop,
            once=once,
            ray=ray,
            jobs=0 if jobs == 1 else jobs,
            report=lambda line: print(line, flush=True),
        )
        print(f"{decided} submissions decided")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        store.close()
