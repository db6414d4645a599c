"""The command `study`: one study over a data set, its figure and its table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from semcomp.files import ASSETS

from .arguments import DatasetName, Images, split_names

RESULTS = ASSETS / "results"


def study(
    name: Annotated[
        str,
        typer.Argument(
            help="iterations, figure7, figure6, metric-agreement, floor, survival or maps",
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
    """Measure real files for one study: NAME.md, NAME.csv, NAME.html and NAME.png."""
    from leaderboard.data.datasets import load_dataset
    from leaderboard.data.results import ResultsError
    from leaderboard.run.progress import say
    from leaderboard.studies import Context, find_study, write_study

    run = find_study(name)
    chosen = None if images is None else split_names(images)
    loaded = load_dataset(dataset, chosen)
    committed = RESULTS / loaded.name
    if results is None and any(committed.glob("*.json")):
        results = committed

    found = run(Context(loaded, results, jobs, say))
    try:
        for path in write_study(found, out):
            print(path)
    except OSError as error:
        raise ResultsError(
            f"cannot write into {out}: {error.strerror or error}; name a folder that can be written"
        ) from error
