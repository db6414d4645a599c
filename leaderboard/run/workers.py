"""Who measures: this process, others of this machine (`local_workers`), or a Ray cluster's
(`ray_workers`).

All take the same tasks, one per codec and picture, and give every point back as soon as it is
measured. A point that fails says why and the rest goes on; a worker that dies costs the point it
was at, and another one takes what it had left. Only the driver writes files.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
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
