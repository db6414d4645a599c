"""Who measures: this process, others of this machine, or a Ray cluster's (`ray_workers`).

All take the same tasks, one per codec and picture, and give every point back as soon as it is
measured. A point that fails says why and the rest goes on; a worker that dies costs the point it
was at, and another one takes what it had left. Only the driver writes files.

::

    pending tasks ─► _Process (one per job) ─► outcomes
          ▲                │ dies
          └── what it had left, but for the point it was at
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from leaderboard.codecs import Codec
from leaderboard.data.datasets import Picture
from semcomp.errors import DatasetError, SemcompError


class WorkerError(SemcompError, RuntimeError):
    """Workers that cannot be started or reached; the message says what to do."""


@dataclass(frozen=True)
class Task:
    """A codec and a picture, at the qualities that are still to be measured.

    identity: what the driver knows of the codec and the metrics; a worker must know the same.
    """

    codec: Codec
    picture: Picture
    qualities: tuple[float, ...]
    identity: dict[str, Any]


class Outcome(NamedTuple):
    """What came of one point: its columns, or the reason why there are none.

    seconds: by the clock, for encoding, decoding and scoring. device: the worker's processor.
    """

    task: Task
    quality: float
    point: dict[str, Any] | None
    problem: str | None
    seconds: float = 0.0
    device: str = ""


class Answer(NamedTuple):
    """An outcome as a worker sends it."""

    quality: float
    point: dict[str, Any] | None
    problem: str | None
    seconds: float
    device: str


class Workers(Protocol):
    """Something that measures tasks."""

    def run(self, tasks: Sequence[Task]) -> Generator[Outcome, None, None]:
        """Measure everything; one outcome per task and quality, in any order.

        Raises WorkerError where there are no workers.
        """


def work(task: Task, image: NDArray[np.uint8]) -> Iterator[Answer]:
    """Measure a task's points, in the worker. image: the picture, uint8 (H, W, 3)."""
    from .measuring import Sitting, warm_up
    from .provenance import processor

    device = processor()
    sitting: Sitting | None = None
    for quality in task.qualities:
        started = time.perf_counter()
        point, problem = None, None
        try:
            if sitting is None:
                _compare(task)
                warm_up(task.codec)
                sitting = Sitting(task.codec, image, task.picture.sha256)
            point = sitting.measure(quality)
        # A codec may raise anything, and one point's failure must not be another's.
        except Exception as error:
            problem = _reason(error)
        yield Answer(quality, point, problem, time.perf_counter() - started, device)


def use_one_thread() -> None:
    """Make this process compute in one thread: jobs, not threads, fill a machine."""
    import torch

    torch.set_num_threads(1)


class InThisProcess:
    """No workers: for a few quick points. A codec that crashes ends the run."""

    def run(self, tasks: Sequence[Task]) -> Generator[Outcome, None, None]:
        """See `Workers.run`."""
        for task in tasks:
            try:
                image = task.picture.load()
            except DatasetError as error:
                yield from lost(task, str(error))
                continue
            for answer in work(task, image):
                yield Outcome(task, *answer)


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


def lost(task: Task, problem: str) -> Iterator[Outcome]:
    """Outcomes of a task that cannot be begun."""
    for quality in task.qualities:
        yield Outcome(task, quality, None, problem)


def _compare(task: Task) -> None:
    """Raise WorkerError unless this process would measure what the driver expects."""
    from .provenance import identity

    # What the driver's copy remembers of its own libraries says nothing about these.
    getattr(task.codec, "__dict__", {}).pop("version", None)
    for name, here in identity(task.codec).items():
        there = task.identity[name]
        if here != there:
            raise WorkerError(
                f"the worker has another {name} ({here}) than the driver ({there}): install the "
                "same version of the project and its libraries on every machine, and leave the "
                "code alone during a run"
            )


def _reason(error: Exception) -> str:
    """One line for an error, with its kind unless it speaks for itself."""
    text = " ".join(str(error).split())
    kind = type(error).__name__
    return text if text and kind in ("CodecError", "WorkerError") else f"{kind}: {text}"
