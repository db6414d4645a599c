"""The command `check`: recompute committed results and show any difference."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from .arguments import split_names

SHOWN = 20
"""Differences told in full."""


def check(
    results: Annotated[
        Path, typer.Option(help="folder of results files to verify", metavar="DIR")
    ] = Path("assets/results/kodak"),
    dataset: Annotated[str, typer.Option(help="kodak, or a folder of pictures")] = "kodak",
    codecs: Annotated[
        str | None, typer.Option(help="names, separated by commas [default: all that have results]")
    ] = None,
    images: Annotated[
        str | None, typer.Option(help="only these pictures, separated by commas")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="processes on this machine")] = 1,
    out: Annotated[
        Path | None,
        typer.Option(help="keep the recomputed points here, so that a stopped check goes on"),
    ] = None,
) -> None:
    """Recompute committed results; exit code 1 if a file's bytes or a score differ."""
    from .codecs import CODECS
    from .comparison import common_qualities, differences, provenance_differences
    from .datasets import load_dataset
    from .evaluate import evaluate
    from .progress import Progress
    from .results import ResultsError, read_folder

    stated = {each.name: each for each in read_folder(results)}
    names = list(stated) if codecs is None else split_names(codecs)
    unknown = [name for name in names if name not in stated or name not in CODECS]
    if unknown or not names:
        raise ResultsError(
            f"cannot recompute {', '.join(unknown) or 'nothing'}: {results} holds "
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
    wrong = []
    for each in found:
        here = differences(stated[each.name], each)
        wrong += here
        print(f"{each.name}: {len(each.rows)} files recomputed, {len(here)} values differ")
        if here:
            for line in provenance_differences(stated[each.name], each):
                print(f"  {line}")
    for difference in wrong[:SHOWN]:
        print(f"  {difference}")
    if len(wrong) > SHOWN:
        print(f"  and {len(wrong) - SHOWN} more")
    if wrong:
        raise typer.Exit(1)
