"""Other processes that use a board, for the tests: workers that claim, and writers that are killed.

`python -m tests.support.store_children` has loaded what it needs and reads requests, a JSON list a
line, for each of which it starts processes:

- `["claim", URL, N]`: N processes claim jobs at the same time until there are none; it prints the
  list of each one's entries.
- `["die", URL, FOLDER, OPERATION, POINT]`: a process carries out the operation and kills itself
  (SIGKILL) just before that statement of the transaction, or before its commit; it prints
  `"killed"`, or `"done"` if the operation ended first.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import event

from leaderboard.store import jobs
from leaderboard.store.database import Store, Vote, open_store
from tests import ROOT
from tests.support.store_samples import results, send


class Children:
    """The process that starts the others, as the tests see it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.store_children"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, *request: Any) -> Any:
        """Send a request and wait for its answer."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """Let the process end."""
        self._process.communicate()


def claim(url: str, number: int) -> list[list[int]]:
    """Entries that each of some processes got."""
    start_read, start_write = os.pipe()
    results_of = []
    for index in range(number):
        read, write = os.pipe()
        results_of.append(read)
        if os.fork() == 0:
            os.close(start_write)
            os.read(start_read, 1)  # until the others are there too
            store, found = open_store(url), []
            while (job := store.claim(f"worker {index}", 600)) is not None:
                found.append(job.entry.id)
            os.write(write, json.dumps(found).encode())
            os._exit(0)
        os.close(write)
    os.close(start_write)
    found_by = []
    for read in results_of:
        with os.fdopen(read) as answer:
            found_by.append(json.loads(answer.read()))
        os.wait()
    os.close(start_read)
    return found_by


def submit(store: Store, folder: Path) -> None:
    """Send something of several pieces."""
    send(store, folder, b"content" * 200_000, name="killed")


def replace(store: Store, folder: Path) -> None:
    """Approve the newest entry, which takes the place of another."""
    store.approve(max(entry.id for entry in store.entries(["pending"])), "me")


def finish(store: Store, folder: Path) -> None:
    """Score what waits."""
    job = store.claim("killed", 0)  # a lease that the next one need not wait for
    assert job is not None
    store.finish(job, results())


def vote(store: Store, folder: Path) -> None:
    """The first answer of a visit."""
    pair = Vote("kodak/kodim01", 0.2, "bpg", "semantic", "left", 2.5)
    store.add_vote(pair, None, 1, public=True, class_code=None)


OPERATIONS: dict[str, Callable[[Store, Path], None]] = {
    "submit": submit,
    "replace": replace,
    "finish": finish,
    "vote": vote,
}


def die(url: str, folder: str, operation: str, point: int) -> str:
    """What became of a process that was to be killed at a point."""
    child = os.fork()
    if child == 0:
        jobs.ATTEMPTS = 1000
        store = open_store(url)
        _kill_at(store, point)
        OPERATIONS[operation](store, Path(folder))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return "killed"
    return "done" if status == 0 else "failed"


def _kill_at(store: Store, point: int) -> None:
    left = [point]

    def count(*_: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(store._engine, "before_cursor_execute", count)
    event.listen(store._engine, "commit", count)


if __name__ == "__main__":
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(claim(*arguments) if name == "claim" else die(*arguments)), flush=True)
