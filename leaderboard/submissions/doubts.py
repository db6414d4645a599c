"""What a maintainer should look at before an entry is approved; nothing here refuses anything.

`checks` refuses what cannot be true. What is told here can be true and seldom is: somebody else's
numbers, rates of something else than whole files, scores that no measurement gives together. The
limits lie well beyond every codec on this repository's own board (a test holds that).
"""

from __future__ import annotations

import math
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from leaderboard.analysis.curves import front, on_log_scale
from leaderboard.data.results import MEAN, METRICS, Results, ResultsError, Row, read_folder
from semcomp.errors import SemcompError
from semcomp.files import ASSETS

from .archives import open_archive, stream_member
from .checks import score_ceiling
from .layout import BITSTREAMS

if TYPE_CHECKING:
    from leaderboard.store.records import Entry

RESULTS = ASSETS / "results"
"""A folder per data set of the codecs that were measured here."""

_FEW_PICTURES = 8
"""Fewer pictures may agree by chance."""
_SAME_SHAPE = 0.005
"""Variation of the ratio to a codec's numbers, as part of these numbers' own. The closest two
different codecs, BPG with and without subsampled colours, have 0.014."""
_SPREAD = {"bytes": 0.05, "psnr": 0.2, "ssim": 0.3}
"""Least standard deviation over pictures: of log bytes, of dB. The board's own: 0.22, 0.35, 0.7."""
_PAIRS = (
    ("psnr", "ssim", 4, 34),
    ("psnr", "ms_ssim", 0, 33),
    ("psnr", "si_ssim", 3, 35),
    ("ms_ssim", "ssim", -4, 15),
    ("si_ssim", "ssim", -7, 10),
    ("si_ssim", "si_ssim_2", -4, 4),
)
"""Differences of two scores in dB; the board's own leave 3 dB and more at either end."""
_ABOVE = {"psnr": 4.0}
_ABOVE_OTHER, _ABOVE_PART = 5.0, 0.02
"""dB above everything that was measured here, in more than this part of the points; the published
learnt codecs stay below."""
_CLOSE_RATE, _CLOSE_BYTES = 0.002, 8
_CLOSE_POINTS, _CLOSE_PART = 3, 1 / 3
"""Points whose files differ by so little are one setting; so many of a picture are told of."""
_STEP, _STEP_PER_OCTAVE = 12.0, 15.0
"""dB of PSNR from a point to the next, and per doubling of the rate."""
_MARGIN = 1.0
"""dB under a ceiling of `checks`; the board's own keep 6."""
_TINY = 16
"""Bytes that hold an index rather than a picture."""
_SAMPLE = 1 << 14
_PACKED = 0.6
_ALIKE = 0.75
"""Part of a bitstream's size that zlib leaves, and of its bytes that are those of another's."""


def doubts_of(
    entry: Entry,
    results: Results | None,
    upload: Callable[[int], AbstractContextManager[Path]],
) -> tuple[str, ...]:
    """Everything about an entry that a maintainer should look at, a sentence each.

    results: None while there are none. upload: gives an entry's file, see `Store.upload`.
    """
    told: list[str] = []
    if results is not None:
        try:
            board = read_folder(RESULTS / Path(entry.dataset).name)
        except ResultsError:  # a data set that was not measured here
            board = []
        told += result_doubts(results, board)
    if entry.kind == "recomputed":
        try:
            with upload(entry.id) as path:
                told += bitstream_doubts(read_bitstreams(path))
        except SemcompError as error:
            told.append(f"Its bitstreams could not be looked at: {str(error).splitlines()[0]}")
    return tuple(told)


def result_doubts(results: Results, board: Sequence[Results]) -> Iterator[str]:
    """What is strange about results. board: of codecs that were measured here."""
    averaged = results.images == (MEAN,)
    for codec in board:
        yield from _borrowed_means(results, codec) if averaged else _borrowed(results, codec)
    yield from _small_spread(results)
    yield from _above_the_board(results, board)
    rows = results.rows
    for first, second, low, high in _PAIRS:
        apart = [(r, _db(r, first) - _db(r, second)) for r in rows]
        strange = [r for r, gap in apart if not (low <= gap <= high) and math.isfinite(gap)]
        if strange:
            both = " and ".join(f"{m} {getattr(strange[0], m):.4g}" for m in (first, second))
            yield f"Scores contradict each other in {_count(strange, rows)}: {both}."
    for metric in METRICS:
        left = [(r, score_ceiling(metric, r.bpp) - _db(r, metric)) for r in rows]
        near = [r for r, margin in left if margin < _MARGIN]
        if near:
            yield f"{metric} is just under what is believed at its rate in {_count(near, rows)}."
    yield from _strange_curves(results)
    tiny = [row for row in rows if row.bytes is not None and row.bytes <= _TINY]
    if tiny:
        yield f"A picture has {_TINY} bytes or fewer in {_count(tiny, rows)}: an index?"


def bitstream_doubts(bitstreams: Mapping[tuple[str, str], bytes]) -> Iterator[str]:
    """What is strange about bitstreams (their first bytes suffice), by quality and picture."""
    count = len(bitstreams)
    empty = [key for key, data in bitstreams.items() if len(set(data)) == 1 and len(data) > 1]
    packed = [
        key
        for key, data in bitstreams.items()
        if len(data) >= 64 and len(zlib.compress(data)) < _PACKED * len(data)
    ]
    alike = []
    for one, other in pairwise(sorted(bitstreams)):
        if one[0] == other[0]:
            pair = [np.frombuffer(bitstreams[key], np.uint8) for key in (one, other)]
            size = min(map(len, pair))
            if size >= 4 and np.mean(pair[0][:size] == pair[1][:size]) > _ALIKE:
                alike.append(other)
    for keys, what in (
        (empty, "are one byte again and again"),
        (packed, "can be packed to much less"),
        (alike, "are mostly those of another picture"),
    ):
        if keys:
            quality, image = keys[0]
            yield f"{len(keys)} of {count} bitstreams {what}, first {image} at quality {quality}."


def read_bitstreams(path: Path) -> dict[tuple[str, str], bytes]:
    """The first bytes of an accepted archive's bitstreams, by quality and picture.

    Raises Rejected for one that cannot be read.
    """
    read = {}
    with open_archive(path) as archive:
        for member in archive.members:
            folder, *place = member.name.split("/")[-3:]
            if folder == BITSTREAMS and len(place) == 2 and not member.name.startswith("__MACOSX/"):
                data = next(stream_member(archive, member.name, member.size), b"")
                read[place[0], place[1].partition(".")[0]] = data[:_SAMPLE]
    return read


def _borrowed(results: Results, codec: Results) -> Iterator[str]:
    """Numbers that are those of a codec, but for a factor or (of scores) a constant."""
    images = [image for image in results.images if image in codec.images]
    equal: list[str] = []
    follow: list[str] = []
    for column in ("bytes", *METRICS) if len(images) >= _FEW_PICTURES else ():
        own, theirs = (_table(each, column, images) for each in (results, codec))
        if not (len(own) and len(theirs)):
            continue
        shape = _deviation(np.log(np.maximum(own, 1e-9)), np.log(np.maximum(theirs, 1e-9)))
        if column != "bytes":
            shape = np.minimum(shape, _deviation(own, theirs))
        like = shape < _SAME_SHAPE
        same = (like & np.isclose(own[:, None], theirs, rtol=3e-4).all(axis=2)).any(axis=1)
        for which, names in ((same, equal), (like.any(axis=1) & ~same, follow)):
            if which.any():
                names.append(f"{column} at {which.sum()}/{len(own)}")
    if equal:
        yield f"Equal to {codec.name}: {', '.join(equal)} qualities."
    if follow:
        columns = ", ".join(follow)
        yield f"In constant ratio or distance to {codec.name}: {columns} qualities."


def _borrowed_means(results: Results, codec: Results) -> Iterator[str]:
    """Means that are a codec's, but for rounding."""
    means = codec.means()
    count = 0
    for row in results.rows:
        for place, bpp in enumerate(means["bpp"]):
            scores = [(getattr(row, m), means[m][place], m) for m in METRICS]
            gaps = [
                abs(own - theirs) <= (0.006 if metric == "psnr" else 0.0006)
                for own, theirs, metric in scores
                if own is not None and theirs is not None
            ]
            count += bpp is not None and abs(row.bpp - bpp) <= 0.0006 and any(gaps)
    if count > 1:
        yield f"Equal to {codec.name}: {count} of {len(results.rows)} means."


def _deviation(own: NDArray[np.float64], theirs: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much the difference varies over pictures, in parts of what `theirs` does."""
    varies: NDArray[np.float64] = np.std(own[:, None] - theirs, axis=2)
    varies /= np.maximum(np.std(theirs, axis=1), 1e-9)
    return varies


def _table(results: Results, column: str, images: Sequence[str]) -> NDArray[np.float64]:
    """A row of numbers for every quality that has them all, none of them perfect."""
    values: dict[object, dict[str, float]] = defaultdict(dict)
    for row in results.rows:
        number = getattr(row, column)
        if number is not None and math.isfinite(number if column == "bytes" else _db(row, column)):
            values[row.quality][row.image] = number
    full = [[own[i] for i in images] for own in values.values() if own.keys() >= set(images)]
    return np.array(full, np.float64).reshape(len(full), len(images))


def _small_spread(results: Results) -> Iterator[str]:
    if len(results.images) < _FEW_PICTURES:
        return
    for column, least in _SPREAD.items():
        table = _table(results, column, results.images)
        table = np.log(table) if column == "bytes" else on_log_scale(column, table)
        same = int((np.std(table, axis=1) < least).sum()) if len(table) else 0
        if same:
            yield f"{column}: hardly any spread over pictures at {same}/{len(table)} qualities."


def _above_the_board(results: Results, board: Sequence[Results]) -> Iterator[str]:
    for metric in METRICS:
        curves: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for codec in board:
            for row in codec.rows:
                if getattr(row, metric) is not None:
                    curves[row.image].append((row.bpp, _db(row, metric)))
            means = codec.means()
            for bpp, score in zip(means["bpp"], means[metric], strict=True):
                if bpp is not None and score is not None:
                    curves[MEAN].append((bpp, float(on_log_scale(metric, score))))
        best = {image: front(*zip(*points, strict=True)) for image, points in curves.items()}
        above = []
        for row in results.rows:
            score = _db(row, metric)
            if row.image not in best or not math.isfinite(score):
                continue
            rates, scores = best[row.image]
            if len(rates) and row.bpp <= rates[-1]:
                highest = float(np.interp(math.log(row.bpp), np.log(rates), scores))
                if score > highest + _ABOVE.get(metric, _ABOVE_OTHER):
                    above.append(row)
        if len(above) > _ABOVE_PART * len(results.rows):
            rows = _count(above, results.rows)
            yield f"{metric} is far above everything that was measured here in {rows}."


def _strange_curves(results: Results) -> Iterator[str]:
    """Points that are one setting, and steps that no setting makes; the worst picture of each."""
    pictures: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(results.rows, key=lambda row: row.bpp):
        pictures[row.image].append(row)
    crowded, steps = [], []
    for image, rows in pictures.items():
        close = sum(
            b.bpp - a.bpp <= _CLOSE_RATE * b.bpp
            or (b.bytes is not None and a.bytes is not None and b.bytes - a.bytes <= _CLOSE_BYTES)
            for a, b in pairwise(rows)
        )
        crowded.append((close, image, len(rows)))
        known = [row for row in rows if row.psnr is not None and math.isfinite(row.psnr)]
        for a, b in pairwise(known):
            step = _db(b, "psnr") - _db(a, "psnr")
            if step > max(_STEP, _STEP_PER_OCTAVE * math.log2(b.bpp / a.bpp)):
                steps.append((step, image, a.bpp, b.bpp))
    close, image, count = max(crowded)
    if close >= max(_CLOSE_POINTS, _CLOSE_PART * count):
        yield f"{close} of the {count} points of {image} have almost the rate of the one before."
    if steps:
        step, image, low, high = max(steps)
        yield (
            f"The PSNR of {image} leaps by {step:.1f} dB from {low:.4g} to {high:.4g} bpp "
            f"({len(steps)} in all)."
        )


def _db(row: Row, metric: str) -> float:
    """A score in dB; NaN where there is none."""
    value = getattr(row, metric)
    return math.nan if value is None else float(on_log_scale(metric, value))


def _count(some: Sequence[Row], rows: Sequence[Row]) -> str:
    first = some[0]
    where = f"first {first.image} at quality {first.quality}"
    return f"{len(some)} of {len(rows)} points ({where})"
