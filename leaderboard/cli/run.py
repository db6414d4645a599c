"""The commands that measure: `run`, `check` and `study`.

They import what they need themselves, so that ``--help`` is quick.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semcomp.files import ASSETS

from .arguments import DatasetName, Datasets, Images, split_images, split_names, split_numbers

if TYPE_CHECKING:
    from leaderboard.data.datasets import Dataset
    from leaderboard.data.results import Results
    from leaderboard.run.check import Difference

MOST_LINES = 20
"""Differences that `check` tells in full."""


def run(
    out: Annotated[
        Path | None,
        typer.Option(
            help="folder for CODEC.json and the finished points [default: assets/results/DATASET, "
            "and with no other choice all that is committed in assets is made again]",
            show_default=False,
        ),
    ] = None,
    dataset: Datasets = None,
    codecs: Annotated[
        str | None, typer.Option(help="names, separated by commas [default: all]")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="processes on this machine")] = 1,
    ray: Annotated[
        str | None, typer.Option(help="Ray cluster to use instead: auto, HOST:PORT or local")
    ] = None,
    images: Images = None,
    qualities: Annotated[
        str | None, typer.Option(help="in place of each codec's own, separated by commas")
    ] = None,
) -> None:
    """Measure codecs on pictures; a run that was stopped goes on where it was.

    Without --dataset on Kodak's and CID22's pictures; with --out or --images on Kodak's.
    """
    from leaderboard.codecs import CODECS
    from leaderboard.data.datasets import KODAK, OFFICIAL, load_dataset
    from leaderboard.run import committed
    from leaderboard.run.evaluate import evaluate
    from leaderboard.run.progress import Progress, say

    if out is None and dataset not in (None, *OFFICIAL):
        raise typer.BadParameter("name the folder for these pictures' results with --out")
    everything = all(not choice for choice in (out, codecs, images, qualities, dataset))
    names = list(CODECS) if codecs is None else split_names(codecs)
    unknown = [name for name in names if name not in CODECS]
    if unknown or not names:
        raise typer.BadParameter(
            f"no codec {', '.join(unknown) or 'named'}: use some of {', '.join(CODECS)}"
        )
    if ray is not None and jobs != 1:
        raise typer.BadParameter("give either --jobs or --ray")
    chosen = _datasets(dataset, out is not None or bool(images))
    sets = [load_dataset(each, split_images(images)) for each in chosen]
    for pictures in sets:
        folder = committed.results_folder(pictures.name) if out is None else out
        results = evaluate(
            [CODECS[name] for name in dict.fromkeys(names)],
            pictures,
            folder,
            jobs=jobs,
            ray=ray,
            qualities=None if qualities is None else _qualities(qualities),
            progress=Progress,
        )
        for result in results:
            rates = [row.bpp for row in result.rows]
            print(
                f"{folder / result.name}.json: {len(result.images)} pictures, "
                f"{len(result.qualities)} qualities, {min(rates):.3f} to {max(rates):.3f} bpp"
            )
    if everything:
        kodak = next(each for each in sets if each.name == KODAK)
        for path in committed.remake(kodak, jobs, say):
            print(path)


def check(
    results: Annotated[
        Path | None,
        typer.Option(
            help="folder of results files to verify [default: assets/results/DATASET, and with no "
            "--codecs the tables, studies and figures of Kodak in assets with it]",
            metavar="DIR",
            show_default=False,
        ),
    ] = None,
    dataset: Datasets = None,
    codecs: Annotated[
        str | None,
        typer.Option(
            help="names, separated by commas: only their results [default: all that have some]",
            show_default=False,
        ),
    ] = None,
    images: Images = None,
    jobs: Annotated[int, typer.Option(min=1, help="processes on this machine")] = 1,
    out: Annotated[
        Path | None,
        typer.Option(help="keep the recomputed points here, so that a stopped check goes on"),
    ] = None,
) -> None:
    """Recompute what is committed; exit code 1 if a file's bytes or a score differ.

    With --images, of the measurements those of the pictures named (Kodak's without --dataset).
    """
    from leaderboard.data.datasets import KODAK, load_dataset
    from leaderboard.run import committed
    from leaderboard.run.progress import say

    chosen = _datasets(dataset, results is not None or bool(images))
    if len(chosen) > 1:
        chosen = [name for name in chosen if committed.results_folder(name).is_dir()]
    committed_in = [committed.results_folder(Path(name).name) for name in chosen]
    stated = [_stated(results or folder, codecs) for folder in committed_in]
    sets = [load_dataset(name, split_images(images)) for name in chosen]
    wrong: list[object] = []
    for known, pictures in zip(stated, sets, strict=True):
        wrong += _recomputed(known, pictures, jobs, out)
        if results is None and codecs is None and pictures.name == KODAK:
            whole = load_dataset(KODAK)
            for path, lines in committed.compare(pictures, whole, jobs, say):
                print(f"{path}: made again, {len(lines)} differences")
                wrong += [f"{path}: {line}" for line in lines]
    for difference in wrong[:MOST_LINES]:
        print(f"  {difference}")
    if len(wrong) > MOST_LINES:
        print(f"  and {len(wrong) - MOST_LINES} more")
    if wrong:
        raise typer.Exit(1)


def _stated(folder: Path, codecs: str | None) -> list[Results]:
    """The results of a folder that are to be verified. Raises ResultsError."""
    from leaderboard.codecs import CODECS
    from leaderboard.data.results import ResultsError, read_folder

    stated = {each.name: each for each in read_folder(folder)}
    names = list(stated) if codecs is None else split_names(codecs)
    unknown = [name for name in names if name not in stated or name not in CODECS]
    if unknown or not names:
        raise ResultsError(
            f"cannot recompute {', '.join(unknown) or 'nothing'}: {folder} holds "
            f"{', '.join(stated)}, and the codecs are {', '.join(CODECS)}"
        )
    return [stated[name] for name in names]


def _recomputed(
    stated: Sequence[Results], pictures: Dataset, jobs: int, out: Path | None
) -> list[Difference]:
    """Where results differ when they are measured again; tells of each codec."""
    from leaderboard.run.check import differences, provenance_differences, recompute
    from leaderboard.run.progress import Progress

    with ExitStack() as stack:
        kept = out or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        recomputed = recompute(stated, pictures, kept, jobs, Progress)
    wrong: list[Difference] = []
    for before, each in zip(stated, recomputed, strict=True):
        here = differences(before, each)
        wrong += here
        print(f"{each.name}: {len(each.rows)} files recomputed, {len(here)} values differ")
        if here:
            for line in provenance_differences(before, each):
                print(f"  {line}")
    return wrong


def _datasets(named: str | None, one: bool) -> Sequence[str]:
    """The data sets of a command: the one named, else Kodak's if it is to be one, else all."""
    from leaderboard.data.datasets import KODAK, OFFICIAL

    if named is not None:
        return [named]
    return [KODAK] if one else OFFICIAL


def study(
    name: Annotated[
        str,
        typer.Argument(
            help="iterations, figure7, figure6, metric-agreement, floor, recognition, maps or "
            "transfer",
            metavar="NAME",
        ),
    ],
    out: Annotated[Path, typer.Option(help="folder to write into", metavar="DIR")],
    dataset: DatasetName = "kodak",
    results: Annotated[
        Path | None,
        typer.Option(
            help="results that figure7 and metric-agreement read "
            "[default: assets/results/DATASET if it is there]",
            metavar="DIR",
            show_default=False,
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="processes, one picture each")] = 1,
    images: Images = None,
) -> None:
    """Measure real files for one study: NAME.md, NAME.csv, NAME.html and NAME.png.

    Files that are no pictures are left out. `recognition` goes on where it was stopped.
    """
    from leaderboard.data.datasets import load_dataset
    from leaderboard.data.results import ResultsError
    from leaderboard.run.progress import say
    from leaderboard.studies import Context, find_study, write_study

    measure = find_study(name)
    chosen = split_images(images)
    loaded = load_dataset(dataset, chosen, say)
    committed = ASSETS / "results" / loaded.name
    if results is None and any(committed.glob("*.json")):
        results = committed
    outcome = measure(Context(loaded, results, jobs, say, out))
    try:
        for path in write_study(outcome, out):
            print(path)
    except OSError as error:
        raise ResultsError(
            f"cannot write into {out}: {error.strerror or error}; name a folder that can be written"
        ) from error


def _qualities(text: str) -> list[float]:
    """The qualities asked for; at least one."""
    numbers = split_numbers("qualities", text)
    if not numbers:
        raise typer.BadParameter("qualities are empty: name some, separated by commas")
    return numbers
