"""The commands `worker`, `export`, `import` and `backup`: they look after the board of submissions.

The board is the one that `SEMCOMP_DATABASE_URL` or `SEMCOMP_DATA_DIR` names. Like those of
`__main__.py` the commands import what they need themselves.
"""

from __future__ import annotations

import signal
import threading
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

import typer

from .arguments import opened_board

PATTERN = "board-*.zip"


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

    if ray is not None and jobs != 1:
        raise typer.BadParameter("give either --jobs or --ray")
    stop = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        with opened_board() as store:
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


def export(
    file: Annotated[Path, typer.Argument(help="ZIP to write", metavar="FILE", show_default=False)],
) -> None:
    """Write the whole board of submissions, without contacts, into a file that `import` reads."""
    with opened_board() as store:
        count = store.export_board(file)
    print(f"{file}: {count} entries, without contacts; still to be decided ones are in it")


def import_(
    file: Annotated[
        Path, typer.Argument(help="what export or backup wrote", metavar="FILE", show_default=False)
    ],
) -> None:
    """Fill a new board of submissions from a file; all of it is stored, or nothing."""
    with opened_board() as store:
        print(f"{store!r}: {store.import_board(file)} entries from {file}")


def backup(
    path: Annotated[
        Path,
        typer.Argument(
            help="ZIP to write, or a folder for one with today's date and time",
            metavar="PATH",
            show_default=False,
        ),
    ],
    keep: Annotated[
        int | None,
        typer.Option(
            min=1, help="in a folder, keep only so many of the newest backups", show_default=False
        ),
    ] = None,
) -> None:
    """Write the whole board of submissions, contacts too, while it runs; `import` reads it."""
    folder = path if path.is_dir() else None
    if keep is not None and folder is None:
        raise typer.BadParameter(f"--keep needs a folder, and {path} is none")
    if folder is not None:
        path = folder / f"board-{datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}.zip"
    with opened_board() as store:
        count = store.backup(path)
    print(f"{path}: {count} entries with their contacts, for maintainers only")
    if folder is not None and keep is not None:
        for old in sorted(folder.glob(PATTERN))[:-keep]:
            old.unlink()
            print(f"{old}: removed, older than the newest {keep}")
