"""Scores what is queued, one upload after another, for as long as it is left to.

Any number of workers may share a board, in the app, by ``python -m leaderboard worker`` or on other
machines: the store lends every job to one of them. A worker that dies is noticed when its lease
ends; points it had finished on this machine are not measured again.
"""

from __future__ import annotations

import math
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from leaderboard.data.datasets import Dataset, load_dataset
from leaderboard.store.database import Job, JobLost, Store, StoreError
from semcomp.demo.hosting.settings import Settings
from semcomp.errors import DatasetError
from semcomp.files import cache_folder

from .process import PointsDone, Request, ScoringOutcome, ScoringProcess
from .rescore import forget

LEASE_S = 120.0
POLL_S = 2.0
"""Seconds between looks at an empty queue."""
RENEW_S = 10.0
"""Longest time between signs of life; much less than a lease."""
NOTE_S = 1.0
"""Shortest time between notes of progress in the database."""
PURGE_S = 3600.0
"""Seconds between looks for files that are kept no longer."""
TROUBLE_S = 30.0
"""Seconds to wait when the database or the originals cannot be reached."""


@dataclass(frozen=True)
class _Work:
    """What a worker works with, see `run_worker`."""

    store: Store
    stop: threading.Event
    datasets: Callable[[str], Dataset]
    folder: Path
    jobs: int
    ray: str | None
    report: Callable[[str], object]


def run_worker(
    store: Store,
    *,
    stop: threading.Event | None = None,
    once: bool = False,
    ray: str | None = None,
    report: Callable[[str], object] = print,
    datasets: Callable[[str], Dataset] = load_dataset,
    folder: Path | None = None,
    jobs: int = 0,
) -> int:
    """Score queued entries until `stop` is set; returns how many were decided.

    once: return as soon as the queue is empty or a job cannot be done here. ray: address of a Ray
    cluster that does the work. jobs: processes per upload on this machine, 0 for the one that every
    upload gets anyway. report: told a line about every job. datasets: gives the originals of a data
    set by its name. folder: of finished points; default `scoring` of the cache folder.

    A job is finished, or failed with the problems that its submitter can mend. One that this
    machine cannot do (no originals, no memory) stays queued; the report says why.
    """
    stop = stop or threading.Event()
    folder = folder or cache_folder() / "scoring"
    work = _Work(store, stop, datasets, folder, jobs, ray, report)
    name = f"{socket.gethostname()}:{os.getpid()}:{threading.get_ident() % 100_000}"
    decided, purged = 0, -math.inf
    while not stop.is_set():
        wait = POLL_S
        try:
            if time.monotonic() - purged >= PURGE_S:
                purged = time.monotonic()
                _purge(work)
            job = store.claim(name, LEASE_S)
            if job is not None:
                done = _do(work, job)
                decided += done
                wait = 0.0 if done else TROUBLE_S
        except JobLost as error:
            report(str(error))
            wait = 0.0
        except StoreError as error:
            report(f"the board cannot be used, trying again: {error}")
            job, wait = None, TROUBLE_S
        if once and (job is None or wait):
            break
        stop.wait(wait)
    return decided


def _purge(work: _Work) -> None:
    """Let go of files of entries that were decided against. Raises StoreError."""
    days = Settings.read().upload_days
    gone = work.store.purge_uploads(days)
    if gone:
        files = "file" if gone == 1 else "files"
        work.report(f"{gone} {files} removed, decided against more than {days:g} days ago")


def _do(work: _Work, job: Job) -> bool:
    """Score a job; whether it is decided. Raises JobLost, StoreError."""
    entry = job.entry
    label = f"entry {entry.id}"
    try:
        dataset = work.datasets(entry.dataset)
    except DatasetError as error:
        work.store.release(job)  # no fault of the job's
        work.report(f"{label} waits, the originals of {entry.dataset} are not here: {error}")
        return False
    with work.store.upload(entry.id) as path:
        request = Request(path, entry.method, dataset, work.folder, work.jobs, work.ray)
        try:
            process = ScoringProcess(request)
        except OSError as error:
            work.store.release(job)
            work.report(f"{label} waits, no process can be started: {error}")
            return False
        try:
            outcome = _watch(work, job, process)
        finally:
            process.close()
    if outcome is None:
        work.store.release(job)
        work.report(f"{label} goes back to the queue, this worker stops")
        return False
    if outcome.error:
        # The lease is left to end, which counts as an attempt: an upload that breaks every worker
        # must not keep them busy for good.
        work.report(f"{label} could not be scored, it will be tried again: {outcome.error}")
        return False
    if outcome.results is None:
        work.store.fail(job, outcome.problems)
        forget(entry.digest, work.folder)
        work.report(f"{label} has {len(outcome.problems)} problems")
        return True
    work.store.finish(job, outcome.results)
    forget(entry.digest, work.folder)
    work.report(f"{label} is scored")
    return True


def _watch(work: _Work, job: Job, process: ScoringProcess) -> ScoringOutcome | None:
    """The outcome, or None if the worker has to stop first; notes progress, keeps the lease."""
    progress, noted, told = PointsDone(0, 0), time.monotonic(), PointsDone(0, 0)
    work.store.renew(job, 0, 0)
    while not work.stop.is_set():
        said = process.next(0.5)
        if isinstance(said, ScoringOutcome):
            return said
        if said is not None:
            progress = said
        age = time.monotonic() - noted
        if age >= RENEW_S or (progress != told and age >= NOTE_S):
            work.store.renew(job, progress.done, progress.total)
            noted, told = time.monotonic(), progress
    return None
