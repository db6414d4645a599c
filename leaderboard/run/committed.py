"""What is computed and committed under `assets/`: each part made again, and where it differs.

::

    assets/results/DATASET/CODEC.json          run: every codec, every picture
    assets/WEIGHTS/card.json, CARD.md          the means of the results with these weights
    assets/studies/NAME.md, .csv, .png         from the results, or from files of their own
    assets/figures/rd.png                      from the results
    README.md, docs/results.md                 their tables, between the marks of `pages`

Training runs, published curves and the tour of the app are no part of this.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from leaderboard.data.datasets import Dataset
from leaderboard.data.results import Results, ResultsError, read_folder
from leaderboard.studies import QUICK
from semcomp.files import ASSETS, ROOT, write_file

SCORES = ("bpp", "psnr", "ms_ssim", "ssim", "si_ssim", "top_ssim")
"""Columns of a card's table."""
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

PAGES = tuple(path for name in ("README.md", "docs/results.md") if (path := ROOT / name).is_file())
"""What of the checkout shows tables; an installed package has none."""
_PLACE = re.compile(
    r"(<!-- (summary|brief|ranking|rates) (\S+)(?: (\S+))? -->)\n.*?(<!-- end -->)", re.DOTALL
)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")

Report = Callable[[str], None]


def results_folder(dataset: str) -> Path:
    """Where the results of a data set are committed."""
    return ASSETS / "results" / dataset


def remake(dataset: Dataset, jobs: int, report: Report) -> list[Path]:
    """Compute again all that is committed beside the results of `run`; returns what was written.

    jobs: processes, one picture each. Raises OSError where nothing can be written.
    """
    written = []
    for path, data in [*_cards(dataset.name), *_derived(dataset, jobs, report), *pages()]:
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
    every = len(dataset.pictures) == len(whole.pictures)
    for path, data in [*_cards(whole.name)]:
        yield path.relative_to(ASSETS), _file_differences(path, data)
    for path, data in pages():
        yield Path(path.name), _file_differences(path, data)
    for path, data in _derived(whole, jobs, report, every):
        yield path.relative_to(ASSETS), _file_differences(path, data)


def pages() -> Iterator[tuple[Path, bytes]]:
    """(path, content) of the pages with tables made from the results, each in its place::

        <!-- summary kodak -->            BD-rates by every score
        <!-- brief kodak -->              those of the codecs that are measured here and drawn,
                                          as far as they have any
        <!-- ranking kodak psnr -->       codecs by BD-rate
        <!-- rates kodak psnr,ms_ssim --> scores at equal rates
        ...
        <!-- end -->

    A data set without results leaves its place empty.
    """
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        yield path, _PLACE.sub(lambda place: _filled(*place.groups()), text).encode()


def _filled(mark: str, kind: str, dataset: str, metrics: str | None, end: str) -> str:
    """A place of a page with its table and, above it, what that shows."""
    from leaderboard.analysis import tables
    from leaderboard.analysis.curves import NoCurve
    from leaderboard.analysis.look import FURTHER, METRIC_NAMES, look_of
    from leaderboard.cli.report import SUMMARY, read_frames
    from leaderboard.data.datasets import TOGETHER, title_of

    folders = [results_folder(name) for name in dataset.split(TOGETHER)]
    if not all(folder.is_dir() for folder in folders):
        return f"{mark}\n{end}"
    frame = read_frames(folders, published=kind != "brief")[dataset]
    if kind == "brief":
        frame = frame[~frame["codec"].isin(FURTHER)]
    names = [name for name in (metrics or SUMMARY).split(",") if frame[name].notna().any()]
    title = title_of(dataset)
    against = f"BD-rate against {look_of(tables.ANCHOR).label} on {title}"
    try:
        if kind in ("summary", "brief"):
            heading = f"{against}, 95% intervals"
            bd = tables.summary(frame, names)
            if kind == "brief":
                bd = bd.dropna(subset=names, how="all")
            table = tables.summary_text(bd)
            if kind == "brief":
                table = table.drop(columns="kind")  # the same in every row
        elif kind == "ranking":
            heading = f"{against}, {METRIC_NAMES[names[0]]}"
            table = tables.as_text(tables.ranked(frame, names[0]))
        else:
            heading = f"Mean scores at equal rates on {title}"
            table = tables.as_text(tables.equal_rates(frame, names))
    except NoCurve as error:
        return f"{mark}\nNo table: {error}.\n{end}"
    return f"{mark}\n**{heading}**\n\n{tables.markdown(table)}\n{end}"


def _cards(dataset: str) -> Iterator[tuple[Path, bytes]]:
    """(path, content) of the cards of all weights that results of the data set are of."""
    results = read_folder(results_folder(dataset))
    for path in sorted(ASSETS.glob("*/card.json")):
        try:
            card = json.loads(path.read_text(encoding="utf-8"))
            own = [each for each in results if each.provenance.get("weights") == card["sha256"]]
            if own:
                card["measured"] = _measured(own)
                yield path, (json.dumps(card, indent=2) + "\n").encode()
                yield path.with_name("CARD.md"), _card_page(card).encode()
        except (ValueError, KeyError, TypeError) as error:
            raise ResultsError(
                f"{path} is damaged ({type(error).__name__}: {error}): "
                f"git checkout {path} gets it back"
            ) from error


def _measured(results: list[Results]) -> dict[str, Any]:
    """A card's entry on results with its weights: means over the pictures at every level."""
    table = []
    for each in results:
        means = each.means()
        for i, level in enumerate(each.qualities):
            scores = {name: means[name][i] for name in SCORES if any(means[name])}
            table.append({"codec": each.name, "level": level, **scores})
    made = results[0].provenance
    return {
        "pictures": len(results[0].images),
        "sha256": made["weights"],
        "torch": made.get("libraries", {}).get("torch"),
        "device": made.get("device"),
        "table": table,
    }


def _card_page(card: Mapping[str, Any]) -> str:
    """A card as a page to read, in Markdown."""
    origin = card.get("origin")
    before = f", after {origin['steps']} steps, {origin['hours']} hours" if origin else ""
    measured = card["measured"]
    names = [name for name in SCORES if any(name in row for row in measured["table"])]
    lines = [f"| codec | level | {' | '.join(names)} |", "|---" * (len(names) + 2) + "|"]
    for row in measured["table"]:
        cells = [
            "" if row.get(name) is None else f"{row[name]:.{2 if name == 'psnr' else 4}f}"
            for name in names
        ]
        lines.append(f"| {row['codec']} | {row['level']:g} | {' | '.join(cells)} |")
    table = "\n".join(lines)
    note = f"\n- {card['note']}" if "note" in card else ""
    entropy = f"\n- Entropy tables: {card['entropy']}" if "entropy" in card else ""
    return f"""# Weights `{card["name"]}`

- SHA-256 over the parts: `{card["sha256"]}`; model id in files: `{card["sha256"][:8]}`
- License: {card["license"]}
- Training data: {card["data"]}
- Training: {card["steps"]} steps, {card["hours"]} hours on {card["options"]["device"]}{before};
  options
  `{json.dumps(card["options"])}`{note}{entropy}
- Commit: `{card["commit"]}`
- Validation on held-out training crops after k iterations, and under level maps:
{_validation_lines(card.get("validation", {}))}

Measured on {measured["pictures"]} pictures from real files (`python -m leaderboard run`); means
over the pictures; bpp counts the whole file.

{table}
"""


def _validation_lines(scores: Mapping[str, float]) -> str:
    """A list item per score, its levels in one line."""
    titles = {"psnr": "PSNR in dB", "ms_ssim": "MS-SSIM", "ssim": "SSIM", "map": "level maps"}
    lines = []
    for prefix, title in titles.items():
        values = ", ".join(
            f"{name.removeprefix(f'{prefix}_')}: {value:.{2 if 'psnr' in name else 4}f}"
            for name, value in scores.items()
            if name.startswith(f"{prefix}_")
        )
        lines += [f"  - {title}: {values}"] if values else []
    return "\n".join(lines)


def _derived(
    dataset: Dataset, jobs: int, report: Report, every: bool = True
) -> Iterator[tuple[Path, bytes]]:
    """(path, content) of the committed studies and figures. every: also those not in `QUICK`."""
    from leaderboard.analysis.figures import png, rd_chart
    from leaderboard.analysis.look import FURTHER
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
        frame = frame[~frame["codec"].isin(FURTHER)]
        yield ASSETS / FIGURE, png(rd_chart(frame, FIGURE_METRICS, rates=FIGURE_RATES))


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
