"""What a maintainer should look at before an entry is approved; nothing here refuses anything.

`checks` refuses what cannot be true. What is told here can be true and seldom is: somebody else's
numbers, a name that looks like another's, bitstreams that are none. The limits lie well beyond
every codec on this repository's own board (a test holds that). What readers are told too is in
`flags`.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from leaderboard.analysis.curves import Curve, front, on_log_scale
from leaderboard.analysis.look import METRIC_NAMES
from leaderboard.data.results import MEAN, METRICS, Results, ResultsError, Row, read_folder
from leaderboard.scoring.formats import FORMATS, format_of_bytes
from leaderboard.store.models import ACTIVE
from semcomp.errors import SemcompError
from semcomp.files import ASSETS

from .archives import open_archive, stream_member
from .flags import FEW_PICTURES, flags_of, points_text, score_db, table_of
from .layout import BITSTREAMS
from .method import skeleton

if TYPE_CHECKING:
    from leaderboard.store.database import Entry, Store

RESULTS = ASSETS / "results"
"""A folder per data set of the codecs that were measured here."""

_SAME_SHAPE = 0.005
"""Variation of the ratio to a codec's numbers, as part of these numbers' own. BPG with and without
subsampled colours have 0.014; only HEIC and BPG, which are both x265's, come below."""
_ABOVE = {"psnr": 4.0, "ssimulacra2": 25.0}
_ABOVE_OTHER, _ABOVE_PART = 5.0, 0.02
"""dB (points of SSIMULACRA2) above everything that was measured here, in more than this part of a
submission's points; the published learnt codecs stay below."""
_CLOSE_RATE, _CLOSE_BYTES = 0.002, 8
_CLOSE_POINTS, _CLOSE_PART = 3, 1 / 3
"""Points whose files differ by so little are one setting; so many of a picture are told of."""
_STEP, _STEP_PER_OCTAVE = 12.0, 15.0
"""dB of PSNR from a point to the next, and per doubling of the rate."""
_TINY = 16
"""Bytes that hold an index rather than a picture."""
_SAMPLE = 1 << 14
_PACKED = 0.6
_ALIKE = 0.75
"""Part of a bitstream's size that zlib leaves, and of its bytes that are those of another's."""


def doubts_of(entry: Entry, results: Results | None, store: Store) -> tuple[str, ...]:
    """Everything about an entry that a maintainer should look at, a sentence each.

    results: None while there are none. store: that the entry is in.
    """
    told = list(name_doubts(entry, store.entries(ACTIVE, entry.dataset)))
    if results is not None:
        try:
            board = read_folder(RESULTS / Path(entry.dataset).name)
        except ResultsError:  # a data set that was not measured here
            board = []
        told += result_doubts(results, board)
    if entry.kind == "recomputed":
        try:
            with store.upload(entry.id) as path:
                told += bitstream_doubts(read_bitstreams(path))
        except SemcompError as error:
            told.append(f"Its bitstreams could not be looked at: {str(error).splitlines()[0]}")
    return tuple(told)


def name_doubts(entry: Entry, others: Sequence[Entry]) -> Iterator[str]:
    """Other entries whose name is this one's but for case, spaces or look-alike letters."""
    own = skeleton(entry.method.name)
    for other in others:
        if other.id in (entry.id, entry.replaces) or other.replaces == entry.id:
            continue
        if skeleton(other.method.name) == own:
            same = "is" if other.method.name == entry.method.name else "looks like"
            yield f"Its name {same} that of entry {other.id}, {other.method.name!r}."


def result_doubts(results: Results, board: Sequence[Results]) -> Iterator[str]:
    """What is strange about results. board: of codecs that were measured here."""
    averaged = results.images == (MEAN,)
    for codec in board:
        yield from _borrowed_means(results, codec) if averaged else _borrowed(results, codec)
    yield from flags_of(results)
    yield from _above_the_board(results, board)
    yield from _strange_curves(results)
    rows = results.rows
    tiny = [row for row in rows if row.bytes is not None and row.bytes <= _TINY]
    if tiny:
        yield f"A picture has {_TINY} bytes or fewer in {points_text(tiny, rows)}: an index?"


def bitstream_doubts(bitstreams: Mapping[tuple[str, str], bytes]) -> Iterator[str]:
    """What is strange about bitstreams (their first bytes suffice), by quality and picture."""
    count = len(bitstreams)
    formats = Counter(filter(None, map(format_of_bytes, bitstreams.values())))
    for format, some in formats.items():
        yield (
            f"{some} of {count} bitstreams are {FORMATS[format].name} files: sent alone, they are "
            "decoded here, which proves their rate."
        )
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
    for column in ("bytes", *METRICS) if len(images) >= FEW_PICTURES else ():
        own, theirs = (table_of(each, column, images) for each in (results, codec))
        if not (len(own) and len(theirs)):
            continue
        shape = _deviation(np.log(np.maximum(own, 1e-9)), np.log(np.maximum(theirs, 1e-9)))
        # SSIMULACRA2 falls below zero, where there is no ratio.
        shape[np.minimum.outer(np.min(own, axis=1), np.min(theirs, axis=1)) <= 0] = np.inf
        if column != "bytes":
            shape = np.minimum(shape, _deviation(own, theirs))
        like = shape < _SAME_SHAPE
        same = (like & np.isclose(own[:, None], theirs, rtol=3e-4).all(axis=2)).any(axis=1)
        for which, names in ((same, equal), (like.any(axis=1) & ~same, follow)):
            if which.any():
                names.append(f"{METRIC_NAMES.get(column, column)} at {which.sum()}/{len(own)}")
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
                abs(own - theirs) <= (0.006 if metric in ("psnr", "ssimulacra2") else 0.0006)
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


def _above_the_board(results: Results, board: Sequence[Results]) -> Iterator[str]:
    for metric in METRICS:
        curves: dict[str, list[Curve]] = defaultdict(list)
        for codec in board:
            points: dict[str, list[tuple[float, float]]] = defaultdict(list)
            for row in codec.rows:
                if getattr(row, metric) is not None:
                    points[row.image].append((row.bpp, score_db(row, metric)))
            means = codec.means()
            for bpp, score in zip(means["bpp"], means[metric], strict=True):
                if bpp is not None and score is not None:
                    points[MEAN].append((bpp, float(on_log_scale(metric, score))))
            for image, some in points.items():
                rates, scores = front(*zip(*some, strict=True))
                curves[image].append((np.log(rates), scores))
        above = []
        for row in results.rows:
            score = score_db(row, metric)
            highest = _highest(curves[row.image], math.log(max(row.bpp, 1e-9)))
            if math.isfinite(score) and score > highest + _ABOVE.get(metric, _ABOVE_OTHER):
                above.append(row)
        if len(above) > _ABOVE_PART * len(results.rows):
            name, rows = METRIC_NAMES[metric], points_text(above, results.rows)
            yield f"{name} is far above everything that was measured here in {rows}."


def _highest(curves: Sequence[Curve], rate: float) -> float:
    """The best of the codecs' scores at a rate; infinite where none has so high a rate.

    Below all of their rates it is the score at the lowest. Rates are logarithms.
    """
    reached = [curve for curve in curves if len(curve[0]) and rate <= curve[0][-1]]
    rate = max(rate, min((rates[0] for rates, _ in reached), default=math.inf))
    scores = [np.interp(rate, rates, scores) for rates, scores in reached if rates[0] <= rate]
    return float(max(scores, default=math.inf))


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
            step = score_db(b, "psnr") - score_db(a, "psnr")
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
