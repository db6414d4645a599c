"""Processes of this machine that measure tasks, each picture sent to them once.

::

    pending tasks ─► _Process (one per job) ─► outcomes
          ▲                │ dies
          └── what it had left, but for the point it was at
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection, wait

import numpy as np
from numpy.typing import NDArray

from semcomp.errors import DatasetError

from .workers import Outcome, Task, WorkerError, lost, use_one_thread, work


class LocalWorkers:
    """Processes of this machine, started afresh, each with one torch thread."""

    def __init__(self, jobs: int) -> None:
        if jobs < 1:
            raise WorkerError(f"{jobs} jobs: use one or more")
        self.jobs = jobs

    def run(self, tasks: Sequence[Task]) -> Generator[Outcome, None, None]:
        """See `Workers.run`."""
        pending = deque(task for task in tasks if task.qualities)
        # All at once: each takes seconds to load its libraries.
        processes = [_Process() for _ in range(min(self.jobs, len(pending)))]
        try:
            while pending or any(process.task for process in processes):
                for process in processes:
                    if process.idle:
                        yield from _give(process, pending, processes)
                for process in _ready(processes):
                    outcome, left = process.receive()
                    if outcome is not None:
                        yield outcome
                    if left is not None:  # it has died
                        processes.remove(process)
                        process.stop()
                        if left.qualities:
                            pending.appendleft(left)
                        if pending:
                            processes.append(_Process())
        finally:
            for process in processes:
                process.stop()


class _Process:
    """One worker process, its pipe, and what it has left to do."""

    def __init__(self) -> None:
        # Spawned, not forked: a forked copy of torch's thread pool hangs.
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        try:
            self._process.start()
        except OSError as error:
            raise WorkerError(f"cannot start a worker process: {error}") from error
        # With the other end held by the worker alone, its death is seen here at once.
        theirs.close()
        self._awake = False
        self.task: Task | None = None
        self.picture = ""

    @property
    def idle(self) -> bool:
        """Whether it waits for a task."""
        return self._awake and self.task is None

    @property
    def pipe(self) -> Connection:
        """Where its answers come from."""
        return self._pipe

    def start(self, task: Task, image: NDArray[np.uint8]) -> None:
        """Give it a task; for an idle process."""
        self.task, self.picture = task, task.picture.sha256
        # A process that is gone shows when its answer is read.
        with contextlib.suppress(OSError):
            self._pipe.send((task, image))

    def receive(self) -> tuple[Outcome | None, Task | None]:
        """(the next outcome if there is one, what is left of the task if the process has died).

        Raises WorkerError if it has died before it was ready.
        """
        try:
            answer = self._pipe.recv()
        except (EOFError, OSError):
            return self._died()
        if answer is None:
            self._awake = True
            return None, None
        task = self.task
        assert task is not None
        self.task = replace(task, qualities=task.qualities[1:])
        if not self.task.qualities:
            self.task = None
        return Outcome(task, *answer), None

    def stop(self) -> None:
        """End the process, whatever it does."""
        self._pipe.close()
        self._process.terminate()
        self._process.join()

    def _died(self) -> tuple[Outcome, Task]:
        self._process.join(10)
        code = self._process.exitcode
        if code is not None and code < 0:
            end = f"was killed by signal {-code} ({signal.Signals(-code).name})"
        else:
            end = f"ended with exit code {code}"
        hint = "out of memory? use fewer --jobs" if code == -signal.SIGKILL else "see its output"
        task = self.task
        if task is None:
            raise WorkerError(f"a worker process {end} while it was starting: {hint}")
        problem = f"the worker process {end}: {hint}, and run the command again"
        outcome = Outcome(task, task.qualities[0], None, problem)
        return outcome, replace(task, qualities=task.qualities[1:])


def _serve(pipe: Connection) -> None:
    """A worker process: tasks in, answers out, until the driver is gone."""
    # Ctrl-C reaches the whole group; the driver decides what becomes of its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    use_one_thread()
    try:
        pipe.send(None)
        while True:
            task, image = pipe.recv()
            for answer in work(task, image):
                pipe.send(answer)
    except (EOFError, OSError):  # the driver is gone
        return


def _ready(processes: Sequence[_Process]) -> list[_Process]:
    """Processes with something to say; waits for one unless all are idle."""
    pipes = [process.pipe for process in processes if not process.idle]
    speaking = wait(pipes) if pipes else []
    return [process for process in processes if process.pipe in speaking]


def _give(
    process: _Process, pending: deque[Task], processes: Sequence[_Process]
) -> Iterator[Outcome]:
    """Start an idle process on a task; yields what becomes of those that cannot be begun."""
    while pending:
        task = _next_task(pending, process, processes)
        try:
            image = task.picture.load()
        except DatasetError as error:
            yield from lost(task, str(error))
            continue
        process.start(task, image)
        return


def _next_task(pending: deque[Task], process: _Process, processes: Sequence[_Process]) -> Task:
    """Take a task of the picture that a process knows, else of one that nobody is at."""
    taken = {other.picture for other in processes if other.task is not None}
    for task in pending:
        if task.picture.sha256 == process.picture:
            break
    else:
        free = (task for task in pending if task.picture.sha256 not in taken)
        task = next(free, pending[0])
    pending.remove(task)
    return task
