"""Codec × picture × quality -> results files, from points that are measured once and kept.

::

    codecs, data set ─► points wanted ─┬─ known: OUT/points ──────────────┐
                                       └─ workers ─► OUT/points, at once ─┴─► OUT/CODEC.json

A run can be killed at any moment and started again: what was finished is known then.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from leaderboard.codecs import Codec
from leaderboard.data.datasets import Dataset, Picture
from leaderboard.data.results import (
    Results,
    ResultsError,
    Row,
    quality_order,
    read_results,
    write_results,
)
from semcomp.errors import SemcompError

from .cache import CacheError, PointCache
from .progress import Progress
from .provenance import identity, joined, made_by
from .workers import InThisProcess, LocalWorkers, Outcome, Task, Workers

__all__ = ["CacheError", "EvaluationError", "Failure", "evaluate"]


@dataclass(frozen=True)
class Failure:
    """A point that could not be measured, and why."""

    codec: str
    image: str
    quality: float
    reason: str

    def __str__(self) -> str:
        return f"{self.codec}, {self.image}, quality {self.quality}: {self.reason}"


class EvaluationError(SemcompError, RuntimeError):
    """Some points failed, or none could be tried.

    failures: which and why. results: those of the points that did not fail, which are written.
    """

    def __init__(
        self, message: str, failures: Sequence[Failure] = (), results: Sequence[Results] = ()
    ) -> None:
        super().__init__(message)
        self.failures = tuple(failures)
        self.results = tuple(results)


@dataclass
class _Point:
    """One point: its key in the cache, and what is known of it."""

    codec: Codec
    picture: Picture
    quality: float
    key: dict[str, Any]
    known: dict[str, Any] | None


def evaluate(
    codecs: Sequence[Codec],
    dataset: Dataset,
    out: Path,
    *,
    jobs: int = 1,
    ray: str | None = None,
    qualities: Sequence[float] | None = None,
    progress: Callable[[dict[str, int], int], Progress] | None = None,
) -> list[Results]:
    """Measure codecs on a data set and write `OUT/CODEC.json` for each.

    jobs: processes on this machine; 0 measures in this one. ray: address of a Ray cluster to use in
    their place (see `leaderboard.run.ray_workers`). qualities: in place of each codec's own grid.
    progress: makes the `Progress` that is told of every point; None for silence.

    Returns the results of the points asked for, in the order of the codecs. The files also keep the
    rows that an earlier run has written of the same data set with the same codec, code and metrics,
    so that measuring one picture again loses no other.

    Raises EvaluationError after everything else is done and written if points have failed, or at
    once on Ctrl-C, CacheError and ResultsError where nothing can be written, WorkerError without
    workers.
    """
    cache = PointCache(out)
    points = _wanted(codecs, dataset, qualities, cache)
    failures: list[Failure] = []
    tasks = _tasks(points)
    if tasks:
        left = {c.name: sum(len(t.qualities) for t in tasks if t.codec is c) for c in codecs}
        bar = None if progress is None else progress(left, len(points) - sum(left.values()))
        try:
            failures = _measure(points, tasks, _workers(jobs, ray), cache, bar)
        except KeyboardInterrupt:
            known = sum(point.known is not None for point in points)
            raise EvaluationError(
                f"stopped: {known} of {len(points)} points are finished and kept in {out}; the "
                "same command goes on from there"
            ) from None
        finally:
            if bar is not None:
                bar.close()
    results = []
    for codec in codecs:
        mine = [point for point in points if point.codec is codec]
        if any(point.known for point in mine):
            results.append(_results(codec, dataset, mine))
            _write(results[-1], out / f"{codec.name}.json")
    if failures:
        raise EvaluationError(
            f"{len(failures)} of {len(points)} points failed; the others are kept",
            failures,
            results,
        )
    return results


def _wanted(
    codecs: Sequence[Codec],
    dataset: Dataset,
    qualities: Sequence[float] | None,
    cache: PointCache,
) -> list[_Point]:
    """All points asked for, with what the cache knows of them."""
    identities = {}
    for codec in codecs:
        try:
            identities[codec.name] = identity(codec)
        except (ValueError, ImportError, OSError) as error:
            raise EvaluationError(f"cannot use codec {codec.name}: {error}") from error
    points = []
    for picture in dataset.pictures:
        for codec in codecs:
            grid = codec.qualities if qualities is None else qualities
            for quality in dict.fromkeys(map(_plain, grid)):
                key = {**identities[codec.name], "quality": quality, "picture": picture.sha256}
                points.append(_Point(codec, picture, quality, key, cache.read(key)))
    return points


def _tasks(points: Sequence[_Point]) -> list[Task]:
    """What is to be measured, one task per picture and codec, in the order of the points."""
    groups: dict[tuple[str, str], list[_Point]] = {}
    for point in points:
        if point.known is None:
            groups.setdefault((point.picture.name, point.codec.name), []).append(point)
    tasks = []
    for group in groups.values():
        first = group[0]
        known = {k: v for k, v in first.key.items() if k not in ("quality", "picture")}
        tasks.append(Task(first.codec, first.picture, tuple(p.quality for p in group), known))
    return tasks


def _workers(jobs: int, ray: str | None) -> Workers:
    if ray is None:
        return LocalWorkers(jobs) if jobs else InThisProcess()
    from .ray_workers import RayWorkers

    return RayWorkers(ray)


def _measure(
    points: Sequence[_Point],
    tasks: Sequence[Task],
    workers: Workers,
    cache: PointCache,
    progress: Progress | None,
) -> list[Failure]:
    """Measure the tasks and keep every point at once; gives those that failed."""
    by_name = {(p.codec.name, p.picture.name, p.quality): p for p in points}
    made = {task.codec.name: made_by(task.codec) for task in tasks}
    failures = []
    with contextlib.closing(workers.run(tasks)) as outcomes:
        for outcome in outcomes:
            name = outcome.task.codec.name, outcome.task.picture.name, outcome.quality
            if outcome.point is None:
                failures.append(Failure(*name, outcome.problem or "no reason given"))
            else:
                _keep(cache, by_name[name], outcome, made[outcome.task.codec.name])
            if progress is not None:
                seconds = None if outcome.point is None else outcome.seconds
                progress.point(name[0], f"{name[1]} {name[2]}", seconds)
    return failures


def _keep(cache: PointCache, point: _Point, outcome: Outcome, made: dict[str, Any]) -> None:
    assert outcome.point is not None
    measured = {name: value for name, value in outcome.point.items() if name != "quality"}
    record = {**made, "device": outcome.device}
    cache.write(point.key, measured, record)
    point.known = {"point": measured, "made": record}


def _results(codec: Codec, dataset: Dataset, points: Sequence[_Point]) -> Results:
    """The results file's content from points, as far as they are known."""
    known = [(point, point.known) for point in points if point.known is not None]
    rows = [
        Row(**{**record["point"], "image": point.picture.name, "quality": point.quality})
        for point, record in known
    ]
    first = points[0].key
    provenance = {
        "kind": "recomputed",
        **{name: first[name] for name in ("version", "settings", "weights", "code", "metrics")},
        **joined([record["made"] for _, record in known]),
    }
    return Results(codec.name, codec.settings, dataset.name, tuple(rows), provenance)


def _write(results: Results, path: Path) -> None:
    """Write results, with the rows that the file has of the same making and these have not."""
    merged = results
    if path.exists():
        try:
            before = read_results(path)
        except ResultsError:  # damaged: the points are elsewhere
            before = None
        if before is not None and _same_making(before, results):
            merged = _merge(before, results)
    write_results(merged, path)


def _same_making(before: Results, now: Results) -> bool:
    names = ("kind", "version", "settings", "weights", "code", "metrics")
    return before.dataset == now.dataset and all(
        before.provenance.get(name) == now.provenance[name] for name in names
    )


def _merge(before: Results, now: Results) -> Results:
    new = {(row.image, row.quality) for row in now.rows}
    others = [row for row in before.rows if (row.image, row.quality) not in new]
    if not others:
        return now
    rows = sorted([*others, *now.rows], key=lambda row: (row.image, quality_order(row.quality)))
    provenance = joined([dict(before.provenance), dict(now.provenance)])
    return replace(now, rows=tuple(rows), provenance=provenance)


def _plain(quality: float) -> float:
    """20.0 as 20, so that one point has one key."""
    return int(quality) if math.isfinite(quality) and quality == int(quality) else quality
