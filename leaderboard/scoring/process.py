"""One upload scored in a process of its own, so that whoever waits for it can do other things.

Run by `ScoringProcess` as ``python -m leaderboard.scoring.process FD``: the request comes in over
that socket, and progress and the outcome go back. Both ends are this program, so they are pickled.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from leaderboard.data.datasets import Dataset
from leaderboard.data.results import Results
from leaderboard.submissions.method import Method
from semcomp.files import ROOT


@dataclass(frozen=True)
class Request:
    """What to score. path: of the upload. folder: of finished points. jobs, ray: see
    `rescore`."""

    path: Path
    method: Method
    dataset: Dataset
    folder: Path
    jobs: int = 0
    ray: str | None = None


@dataclass(frozen=True)
class PointsDone:
    """So many points of so many are scored."""

    done: int
    total: int


@dataclass(frozen=True)
class ScoringOutcome:
    """How it ended: with results, or with problems that the submitter can mend, or else with an
    error of this machine's own."""

    results: Results | None = None
    problems: tuple[str, ...] = ()
    error: str = ""


class ScoringProcess:
    """A process that scores one upload; `close` ends it, whatever it does."""

    def __init__(self, request: Request) -> None:
        """Start it. Raises OSError if this machine cannot."""
        ours, theirs = socket.socketpair()
        with theirs:
            paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "leaderboard.scoring.process", str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    env={**environment, "OMP_NUM_THREADS": "1"},
                )
            except OSError:
                ours.close()
                raise
        self._pipe = Connection(ours.detach())
        self._pipe.send(request)

    def next(self, seconds: float) -> PointsDone | ScoringOutcome | None:
        """What it says next, or None if it says nothing for so long."""
        try:
            if not self._pipe.poll(seconds):
                return None
            said: PointsDone | ScoringOutcome = self._pipe.recv()
        except (EOFError, OSError):
            code = self._process.wait()
            end = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            return ScoringOutcome(error=f"the scoring process ended with {end}: out of memory?")
        return said

    def close(self) -> None:
        """End it; what it has finished is kept on disk."""
        self._process.kill()
        self._process.wait()
        self._pipe.close()


def answer(request: Request, pipe: Connection) -> ScoringOutcome:
    """Score an upload, telling the pipe of every point."""
    from leaderboard.data.problems import Rejected
    from leaderboard.run.cache import CacheError
    from leaderboard.run.workers import WorkerError, use_one_thread
    from leaderboard.submissions.checks import row_problems
    from leaderboard.submissions.inspection import inspect
    from leaderboard.submissions.shape import DatasetShape
    from semcomp.errors import DatasetError

    from .rescore import FilesRejected, ScoringError, rescore
    from .submitted import read_sent

    use_one_thread()
    try:
        shape = DatasetShape.of(request.dataset)
        inspected = inspect(request.path, request.method, shape)
        results = rescore(
            inspected,
            partial(read_sent, request.path),
            request.dataset,
            request.folder,
            jobs=request.jobs,
            ray=request.ray,
            report=lambda done, total: pipe.send(PointsDone(done, total)),
        )
        implausible = row_problems(results.rows, shape)
    except Rejected as error:
        return ScoringOutcome(problems=tuple(str(each) for each in error.problems))
    except FilesRejected as error:
        return ScoringOutcome(problems=error.problems)
    except (CacheError, DatasetError, ScoringError, WorkerError, OSError) as error:
        return ScoringOutcome(error=f"{type(error).__name__}: {error}")
    if implausible:
        return ScoringOutcome(problems=tuple(map(str, implausible)))
    return ScoringOutcome(results)


def main(descriptor: int) -> None:
    """Serve one request."""
    # Ctrl-C reaches the whole group; who started this decides what becomes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Connection(descriptor) as pipe:
        pipe.send(answer(pipe.recv(), pipe))


if __name__ == "__main__":
    # Under its own name, so that what is pickled here is known at the other end.
    from .process import main as named_main

    named_main(int(sys.argv[1]))
