"""What is computed and committed under `assets/`: each part made again, and where it differs.

::

    assets/results/DATASET/CODEC.json          run: every codec, every picture
    assets/results/WEIGHTS/DATASET*.json       the codec's own benchmark, setting by setting
    assets/WEIGHTS/card.json, CARD.md          the means of DATASET.json
    assets/studies/NAME.md, .csv, .png         from the results, or from files of their own
    assets/figures/rd.png                      from the results

What a file was measured with (levels, allocations) is read from the file itself. Training runs,
published curves and the tour of the app are no part of this.
"""

from __future__ import annotations

import json
import math
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from leaderboard.data.datasets import Dataset
from leaderboard.data.results import ResultsError
from leaderboard.studies import QUICK
from semcomp.bench_rows import SCORES, Row, means, read_rows, write_card, write_rows
from semcomp.files import ASSETS, write_file

from .check import TOLERANCE

FIGURE = Path("figures") / "rd.png"
FIGURE_METRICS = ("ms_ssim", "si_ssim")
FIGURE_RATES = (0.0, 1.2)
"""What the README's picture shows, in bits per pixel."""
VISIBLE = 64
"""Grey levels by which a pixel of a drawn picture may differ: fonts are smoothed a little otherwise
by another version of the library that draws."""

NEAR = 5e-4
"""How far a number of a study that measures files may be from the committed one: some 0.1%, as the
networks' sums round otherwise on another machine."""

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")

Report = Callable[[str], None]


def results_folder(dataset: str) -> Path:
    """Where the results of a data set are committed."""
    return ASSETS / "results" / dataset


def tables(dataset: str) -> list[Path]:
    """Files of the codec's own benchmark over a data set."""
    found = ASSETS.glob(f"results/*/{dataset}*.json")
    return sorted(path for path in found if (ASSETS / path.parent.name / "card.json").is_file())


def remake(dataset: Dataset, jobs: int, report: Report) -> list[Path]:
    """Compute again all that is committed beside the results of `run`; returns what was written.

    jobs: processes, one picture each. Raises OSError where nothing can be written.
    """
    from semcomp.weights import load_model

    written = []
    for path in tables(dataset.name):
        model = path.parent.name
        rows = _measured(path, dataset, jobs, report)
        loaded = load_model(model)
        write_rows(rows, path, loaded)
        written.append(path)
        if path.stem == dataset.name:
            write_card(rows, loaded, ASSETS / model)
            written += [ASSETS / model / name for name in ("card.json", "CARD.md")]
    for path, data in _derived(dataset, jobs, report):
        write_file(path, data)
        written.append(path)
    return written


def compare(
    dataset: Dataset, whole: Dataset, jobs: int, report: Report
) -> Iterator[tuple[Path, list[str]]]:
    """Every committed file beside the results of `run`, and what is otherwise when made again.

    dataset: the pictures to measure again, some or all of `whole`, over which the results are.
    Studies that measure files of their own are over all pictures, and made again only for all.
    Paths are relative to `assets`. Raises ResultsError for a file that is damaged.
    """
    for path in tables(whole.name):
        stated = _stated(path)
        found = _measured(path, dataset, jobs, report)
        yield path.relative_to(ASSETS), list(_row_differences(stated, found))
        if path.stem == whole.name:
            card = ASSETS / path.parent.name / "card.json"
            yield card.relative_to(ASSETS), _card_differences(card, stated)
    every = len(dataset.pictures) == len(whole.pictures)
    for path, data in _derived(whole, jobs, report, every):
        yield path.relative_to(ASSETS), _file_differences(path, data)


def _stated(path: Path) -> list[Row]:
    try:
        return read_rows(path)[1]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultsError(
            f"{path} is damaged ({type(error).__name__}: {error}): git checkout {path} gets it back"
        ) from error


def _measured(path: Path, dataset: Dataset, jobs: int, report: Report) -> list[Row]:
    """A file's rows measured again, for the pictures of `dataset`."""
    from semcomp.bench import ALLOCATIONS, bench

    stated = _stated(path)
    named = {row.allocation for row in stated}
    return bench(
        dataset.pictures[0].path.parent,
        levels=sorted({row.level for row in stated}),
        allocations=[name for name in ALLOCATIONS if name in named],
        equal_bytes=any(name.startswith("uniform=") for name in named),
        model=path.parent.name,
        images=[picture.path.name for picture in dataset.pictures],
        jobs=jobs,
        report=report,
    )


def _derived(
    dataset: Dataset, jobs: int, report: Report, every: bool = True
) -> Iterator[tuple[Path, bytes]]:
    """(path, content) of the committed studies and figures. every: also those not in `QUICK`."""
    from leaderboard.analysis.figures import png, rd_chart
    from leaderboard.cli.report import read_frame
    from leaderboard.studies import Context, find_study, write_study

    results = results_folder(dataset.name)
    for table in sorted(ASSETS.glob("studies/*.csv")):
        name = table.stem
        if not every and _measures(table):
            report(f"{name} takes all pictures: check without --images makes it again")
            continue
        study = find_study(name)(Context(dataset, results, jobs, report))
        with tempfile.TemporaryDirectory() as folder:
            for path in write_study(study, Path(folder)):
                if (ASSETS / "studies" / path.name).is_file():
                    yield ASSETS / "studies" / path.name, path.read_bytes()
    if (ASSETS / FIGURE).is_file():
        frame, _, _ = read_frame(results, True, None)
        yield ASSETS / FIGURE, png(rd_chart(frame, FIGURE_METRICS, rates=FIGURE_RATES))


def _row_differences(stated: Sequence[Row], found: Sequence[Row]) -> Iterator[str]:
    rows = {(row.image, row.allocation, row.level): row for row in stated}
    for row in found:
        name = f"{row.image}, {row.allocation} at level {row.level:g}"
        before = rows.get((row.image, row.allocation, row.level))
        if before is None:
            yield f"{name} is not stated"
            continue
        for column in ("bytes", "map_bytes", *SCORES):
            old, new = getattr(before, column), getattr(row, column)
            tolerance = TOLERANCE.get(column.removeprefix("top_"), 0.0)
            same = old == new or (math.isnan(old) and math.isnan(new))  # too small for MS-SSIM
            if not same and not math.isclose(old, new, rel_tol=1e-12, abs_tol=tolerance):
                yield f"{name}: {column} is stated as {old}, recomputed {new}"


def _card_differences(path: Path, rows: Sequence[Row]) -> list[str]:
    """Where a card's table is not that of the rows."""
    try:
        stated = json.loads(path.read_text(encoding="utf-8"))["measured"]["table"]
        whole = [set(record) >= set(SCORES) for record in stated]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultsError(f"{path} is damaged ({type(error).__name__}: {error})") from error
    expected = means(rows)
    if not all(whole) or len(stated) != len(expected):
        return ["its table is not that of the measured files"]
    return [
        f"{now['allocation']} at level {now['level']:g}: {name} is stated as {before[name]}, "
        f"the rows' mean is {value}"
        for before, now in zip(stated, expected, strict=True)
        for name, value in now.items()
        if before[name] != value and not math.isclose(before[name], float(value), rel_tol=1e-9)
    ]


def _measures(path: Path) -> bool:
    """Whether a file is of a study that measures its own files, not of one that reads results."""
    return path.parent.name == "studies" and path.stem not in QUICK


def _file_differences(path: Path, data: bytes) -> list[str]:
    """Where a file made again is not the committed one: pictures by their pixels, text by lines.

    Scores taken anew may move a little from machine to machine (`NEAR`).
    """
    if path.suffix == ".png":
        return _pixel_differences(path, data)
    stated = path.read_text(encoding="utf-8").splitlines()
    found = data.decode("utf-8").splitlines()
    lines = [
        f"line {number} is {before!r}, made again {now!r}"
        for number, (before, now) in enumerate(zip(stated, found, strict=False), 1)
        if before != now and not (_measures(path) and _alike(before, now))
    ]
    if len(stated) != len(found):
        lines.append(f"it has {len(stated)} lines, made again {len(found)}")
    return lines


def _alike(before: str, now: str) -> bool:
    """Whether two lines say the same but for numbers that are nearly equal."""
    if _NUMBER.split(before) != _NUMBER.split(now):
        return False
    stated, found = ([float(each) for each in _NUMBER.findall(line)] for line in (before, now))
    return np.allclose(stated, found, rtol=NEAR, atol=NEAR)


def _pixel_differences(path: Path, data: bytes) -> list[str]:
    stated, found = (
        np.asarray(Image.open(source).convert("RGB"), np.int16) for source in (path, BytesIO(data))
    )
    if stated.shape != found.shape:
        before, now = (f"{image.shape[1]}x{image.shape[0]}" for image in (stated, found))
        return [f"it has {before} pixels, drawn again {now}"]
    count = int((np.abs(stated - found).max(2) > VISIBLE).sum())
    return [f"{count} of its pixels are otherwise when drawn again"] if count else []
