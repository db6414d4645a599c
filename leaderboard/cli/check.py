"""The command `check`: recompute what is committed and show any difference."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from .arguments import DatasetName, Images, split_names

SHOWN = 20
"""Differences told in full."""


def check(
    results: Annotated[
        Path | None,
        typer.Option(
            help="folder of results files to verify [default: assets/results/DATASET, and for "
            "kodak the tables, studies and figures in assets with it]",
            metavar="DIR",
            show_default=False,
        ),
    ] = None,
    dataset: DatasetName = "kodak",
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

    With --images, of the measurements those of the pictures named.
    """
    from leaderboard.codecs import CODECS
    from leaderboard.data.datasets import KODAK, load_dataset
    from leaderboard.data.results import ResultsError, read_folder
    from leaderboard.run import committed
    from leaderboard.run.comparison import common_qualities, differences, provenance_differences
    from leaderboard.run.evaluate import evaluate
    from leaderboard.run.progress import Progress, say

    stated_in = committed.results_folder(Path(dataset).name) if results is None else results
    stated = {each.name: each for each in read_folder(stated_in)}
    names = list(stated) if codecs is None else split_names(codecs)
    unknown = [name for name in names if name not in stated or name not in CODECS]
    if unknown or not names:
        raise ResultsError(
            f"cannot recompute {', '.join(unknown) or 'nothing'}: {stated_in} holds "
            f"{', '.join(stated)}, and the codecs are {', '.join(CODECS)}"
        )
    pictures = load_dataset(dataset, None if images is None else split_names(images))
    qualities = common_qualities([stated[name] for name in names])
    found = []
    with ExitStack() as stack:
        folder = out or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name in names:  # each with the qualities that its results state
            found += evaluate(
                [CODECS[name]],
                pictures,
                folder,
                jobs=jobs,
                qualities=qualities[name],
                progress=Progress,
            )
    wrong: list[object] = []
    for each in found:
        here = differences(stated[each.name], each)
        wrong += here
        print(f"{each.name}: {len(each.rows)} files recomputed, {len(here)} values differ")
        if here:
            for line in provenance_differences(stated[each.name], each):
                print(f"  {line}")
    if results is None and codecs is None and dataset == KODAK:
        whole = load_dataset(dataset)
        for path, lines in committed.compare(pictures, whole, jobs, say):
            print(f"{path}: made again, {len(lines)} differences")
            wrong += [f"{path}: {line}" for line in lines]
    for difference in wrong[:SHOWN]:
        print(f"  {difference}")
    if len(wrong) > SHOWN:
        print(f"  and {len(wrong) - SHOWN} more")
    if wrong:
        raise typer.Exit(1)
