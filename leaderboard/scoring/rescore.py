"""An upload's points scored here: from its pictures, or from what its files decode to here.

Rates are those of the bitstream files, with the side information that the submitter states for each
picture; scores are the benchmark's own (`run.measuring`), by its own workers, local or on Ray.
What is finished is kept on disk, so that a scoring that was stopped goes on where it was.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from leaderboard.data.datasets import Dataset, Picture
from leaderboard.data.results import Quality, Results, ResultsError, Row
from leaderboard.run.cache import PointCache
from leaderboard.run.provenance import identity, joined, made_by
from leaderboard.run.workers import InThisProcess, LocalWorkers, Outcome, Task, Workers
from leaderboard.submissions.inspection import Inspected, Point
from semcomp.errors import SemcompError

from .isolated import PICTURE, IsolatedError
from .submitted import Read, Submitted, close_decoders

MOST_PROBLEMS = 10
"""Files that may fail before the rest is left untried: each may take all its time."""

_PARTS = ("header_bytes", "map_bytes", "code_bytes", "checksum_bytes")

Report = Callable[[int, int], None]
"""Told of (points done, points in all)."""


class FilesRejected(SemcompError, ValueError):
    """Files of an upload that cannot be scored, each with its reason: the submitter's to mend."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class ScoringError(SemcompError, RuntimeError):
    """Scoring that failed for reasons of this machine's own; worth trying again."""


def rescore(
    inspected: Inspected,
    read: Read,
    dataset: Dataset,
    folder: Path,
    *,
    jobs: int = 1,
    ray: str | None = None,
    report: Report | None = None,
) -> Results:
    """Score all points of an archive that has been inspected.

    The side information that the submitter states belongs to every picture's rate; what is not
    stated counts as none, and the board shows that.

    read: gives the archive's files. dataset: the originals. folder: of finished points, see
    `forget`. jobs: processes on this machine; 0 works in this one. ray: address of a Ray cluster in
    their place.

    Raises FilesRejected with every file that cannot be scored, at most `MOST_PROBLEMS`;
    ScoringError where a worker failed (finished points are kept); WorkerError, CacheError,
    DatasetError.
    """
    wanted = _wanted(inspected, dataset)
    cache = PointCache(_own_folder(folder, inspected.digest))
    kind = inspected.format or PICTURE
    codec = Submitted(inspected.digest, kind, [], read)
    work = identity(codec)
    measured: dict[tuple[str, Quality], dict[str, Any]] = {}
    tasks, points = [], {}
    for picture, own in wanted:
        left = []
        for place, point in enumerate(own):
            points[picture.name, place] = point
            stored = cache.read(_key(work, inspected.digest, picture, point))
            if stored is None:
                left.append(float(place))
            else:
                measured[point.image, point.quality] = stored
        if left:
            # The upload's file is on this machine alone.
            own_read = read if ray is None else _carried(own, read)
            own_codec = Submitted(inspected.digest, kind, own, own_read)
            tasks.append(Task(own_codec, picture, tuple(left), work))
    if report is not None:
        report(len(measured), len(points))
    made = made_by(codec)
    problems: list[str] = []
    outcomes = _workers(jobs, ray).run(tasks)
    try:
        for outcome in outcomes:
            picture = outcome.task.picture
            point = points[picture.name, int(outcome.quality)]
            if outcome.point is None:
                problems.append(_problem(outcome, point))
                if len(problems) == MOST_PROBLEMS:
                    problems.append("the files after these were not tried")
                    break
                continue
            stored = {"point": outcome.point, "made": {**made, "device": outcome.device}}
            cache.write(_key(work, inspected.digest, picture, point), **stored)
            measured[point.image, point.quality] = stored
            if report is not None:
                report(len(measured), len(points))
    finally:
        outcomes.close()
        close_decoders()
    if problems:
        raise FilesRejected(problems)
    return _results(inspected, dataset.name, wanted, measured, work)


def _results(
    inspected: Inspected,
    dataset: str,
    wanted: list[tuple[Picture, list[Point]]],
    measured: Mapping[tuple[str, Quality], dict[str, Any]],
    work: Mapping[str, Any],
) -> Results:
    """Results of the points of an upload, all of which are measured. Raises FilesRejected."""
    side_bytes = inspected.method.side_information_bytes or 0
    rows = []
    for picture, own in wanted:
        height, width = picture.load().shape[:2]
        for point in own:
            score = measured[point.image, point.quality]["point"]
            rows.append(_row(point, score, side_bytes, height * width))
    provenance = {
        "kind": inspected.kind,
        "upload": inspected.digest,
        **{name: work[name] for name in ("version", "settings", "code", "metrics")},
        **joined([each["made"] for each in measured.values()]),
    }
    try:
        return Results(inspected.method.name, "", dataset, tuple(rows), provenance)
    except ResultsError as error:
        raise FilesRejected([str(error)]) from error


def forget(digest: str, folder: Path) -> None:
    """Remove the finished points of an upload whose results are stored elsewhere now."""
    shutil.rmtree(_own_folder(folder, digest), ignore_errors=True)


def _own_folder(folder: Path, digest: str) -> Path:
    return folder / digest[:32]


def _wanted(inspected: Inspected, dataset: Dataset) -> list[tuple[Picture, list[Point]]]:
    """Every picture of the data set that the upload has points of, with them."""
    own: dict[str, list[Point]] = {}
    for point in inspected.points:
        own.setdefault(point.image, []).append(point)
    strange = sorted(set(own) - {picture.name for picture in dataset.pictures})
    if strange or not own:
        raise FilesRejected([f"{name}: no picture of {dataset.name}" for name in strange or ["-"]])
    return [(each, own[each.name]) for each in dataset.pictures if each.name in own]


def _carried(points: Sequence[Point], read: Read) -> Read:
    """Gives the points' files, with their bytes in it."""
    names = [name for point in points for name in (point.bitstream, point.reconstruction) if name]
    return {name: read(name) for name in names}.__getitem__


def _key(work: Mapping[str, Any], digest: str, picture: Picture, point: Point) -> dict[str, Any]:
    """What decides the numbers of a point; the upload's hash stands for the bytes of its files."""
    return {
        **work,
        "upload": digest,
        "bitstream": point.bitstream,
        "reconstruction": point.reconstruction,
        "quality": point.quality,
        "picture": picture.sha256,
    }


def _problem(outcome: Outcome, point: Point) -> str:
    """Why a file cannot be scored. Raises ScoringError where that is not the file's fault."""
    reason = outcome.problem or "no reason given"
    label = f"{IsolatedError.__name__}: "
    if not reason.startswith(label):
        raise ScoringError(f"{point.image} at quality {point.quality}: {reason}")
    return f"{point.reconstruction or point.bitstream}: {reason.removeprefix(label)}"


def _row(point: Point, measured: dict[str, Any], side_bytes: int, pixels: int) -> Row:
    """A point's row; times are left out, since nothing was coded here by the method itself."""
    size = measured["bytes"] + side_bytes
    times = dict.fromkeys(("encode_s", "decode_s", "encode_wall_s", "decode_wall_s"))
    rate = round(8 * size / pixels, 6)
    parts = {} if not side_bytes else dict.fromkeys(_PARTS)
    columns = {**measured, **times, **parts, "bytes": size, "bpp": rate}
    return Row(**{**columns, "image": point.image, "quality": point.quality})


def _workers(jobs: int, ray: str | None) -> Workers:
    if ray is None:
        return LocalWorkers(jobs) if jobs else InThisProcess()
    from leaderboard.run.ray_workers import RayWorkers

    return RayWorkers(ray)
