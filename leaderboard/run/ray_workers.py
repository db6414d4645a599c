"""Tasks on a Ray cluster. Ray comes with the extra `cluster`; nothing else needs it."""

from __future__ import annotations

import logging
import os
import socket
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from typing import Any

from semcomp.errors import DatasetError

from .workers import Answer, Outcome, Task, WorkerError, lost, use_one_thread, work

QUEUED_PER_CPU = 2
"""Tasks that wait at the cluster for every processor: their pictures take memory there."""
LOCAL = "local"
KNOCK_SECONDS = 10.0
STARTS = 3
"""Tries to start a cluster here: Ray gives it half a minute, which a busy machine may not meet."""


class RayWorkers:
    """One task per codec and picture on a cluster, one processor each.

    address: as `ray.init` takes it: `auto` or HOST:PORT of a running cluster, from one of its
    machines (with HOST:PORT Ray sends a token only if RAY_AUTH_MODE=token says so); `local` starts
    one on this machine for the run. Every machine needs the project installed, with the same
    libraries. Points come back one by one; nothing is written there.
    """

    def __init__(self, address: str) -> None:
        if address.startswith("ray://"):
            raise WorkerError(
                f"{address}: Ray's client protocol cannot hand points back one by one; run the "
                "command on a machine of the cluster with --ray auto"
            )
        self.address = address

    def run(self, tasks: Sequence[Task]) -> Generator[Outcome, None, None]:
        """See `Workers.run`."""
        ray = _connect(self.address)
        try:
            yield from _run(ray, tasks)
        finally:
            ray.shutdown()


def _connect(address: str) -> Any:
    """The module `ray`, connected."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ModuleNotFoundError as error:
        raise WorkerError("Ray is not installed: pip install 'semcomp[cluster]'") from error
    options: dict[str, Any] = {"include_dashboard": False} if address == LOCAL else {}
    left = STARTS if address == LOCAL else 1
    while True:
        left -= 1
        try:
            _knock(address)
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **options)
        # Ray raises all kinds, a plain Exception where its processes do not start in time.
        except Exception as error:
            ray.shutdown()
            if not left:
                raise _no_cluster(address, error) from error
        else:
            return ray


def _no_cluster(address: str, error: Exception) -> WorkerError:
    reason = " ".join(str(error).split())[:200]
    if address == LOCAL:
        return WorkerError(f"Ray does not start here ({reason}): use --jobs, or a running cluster")
    return WorkerError(
        f"no Ray cluster at {address!r} ({reason}): start one with ray start --head, or "
        "use --ray local or --jobs; where the cluster asks for a token, set RAY_AUTH_MODE=token"
    )


def _knock(address: str) -> None:
    """Raise OSError where nobody listens at HOST:PORT; Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), KNOCK_SECONDS).close()


def _run(ray: Any, tasks: Sequence[Task]) -> Generator[Outcome, None, None]:
    remote = ray.remote(num_cpus=1, num_returns="streaming", max_retries=0)(_remote)
    limit = max(1, QUEUED_PER_CPU * int(ray.cluster_resources().get("CPU", 1)))
    pending = deque(task for task in tasks if task.qualities)
    running: dict[Any, Task] = {}
    picture: tuple[str, Any] = ("", None)
    while pending or running:
        while pending and len(running) < limit:
            task = pending.popleft()
            if picture[0] != task.picture.sha256:
                try:
                    picture = task.picture.sha256, ray.put(task.picture.load())
                except DatasetError as error:
                    yield from lost(task, str(error))
                    continue
            running[remote.remote(task, picture[1])] = task
        ready, _ = ray.wait(list(running), num_returns=1)
        for answers in ready:
            task = running.pop(answers)
            try:
                answer = ray.get(next(answers))
            except StopIteration:
                continue
            except ray.exceptions.RayError as error:
                reason = str(error).split(". ")[0].split("\n")[0]
                problem = f"the Ray worker failed ({type(error).__name__}: {reason}): run again"
                yield Outcome(task, task.qualities[0], None, problem)
                rest = replace(task, qualities=task.qualities[1:])
                if rest.qualities:
                    pending.appendleft(rest)
                continue
            yield Outcome(task, *answer)
            rest = replace(task, qualities=task.qualities[1:])
            if rest.qualities:
                running[answers] = rest


def _remote(task: Task, image: Any) -> Iterator[Answer]:
    """A task in a process of the cluster."""
    use_one_thread()
    yield from work(task, image)
