"""The command `python -m leaderboard`: run, check, table, figures and study.

What is wrong with a file, an option or a point is told on stderr with exit code 1; a wrong command
line has exit code 2. The commands import what they need themselves, so that ``--help`` is quick.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from leaderboard.cli.arguments import DatasetName, Images, split_names, split_numbers
from leaderboard.cli.bench_board import bench_board
from leaderboard.cli.board import backup, export, import_, worker
from leaderboard.cli.check import check
from leaderboard.cli.report import figures, table
from leaderboard.cli.review import review
from leaderboard.cli.study import study
from leaderboard.cli.submit import submission, submit
from semcomp.cli.options import use_one_blas_thread
from semcomp.errors import SemcompError
from semcomp.files import ASSETS

app = typer.Typer(
    help="Benchmark of image codecs on rate, quality and semantic importance",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


app.command()(check)
app.command()(table)
app.command()(figures)
app.command()(study)
app.command()(export)
app.command("import")(import_)
app.command()(backup)
app.add_typer(review, name="review")
app.command()(submit)
app.command()(submission)
app.command()(worker)
app.command()(bench_board)


@app.callback()
def _commands() -> None:
    """Benchmark of image codecs on rate, quality and semantic importance."""


@app.command()
def run(
    out: Annotated[
        Path | None,
        typer.Option(
            help="folder for CODEC.json and the finished points [default: assets/results/kodak, "
            "and with no other choice all that is committed in assets is made again]",
            show_default=False,
        ),
    ] = None,
    dataset: DatasetName = "kodak",
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
    """Measure codecs on pictures; a run that was stopped goes on where it was."""
    from leaderboard.data.datasets import KODAK, load_dataset
    from leaderboard.data.results import ResultsError
    from leaderboard.run.evaluate import evaluate
    from leaderboard.run.progress import Progress, say

    from .codecs import CODECS
    from .run import committed

    if out is None and dataset != KODAK:
        raise typer.BadParameter("name the folder for these pictures' results with --out")
    everything = all(choice is None for choice in (out, codecs, images, qualities))
    names = list(CODECS) if codecs is None else split_names(codecs)
    unknown = [name for name in names if name not in CODECS]
    if unknown or not names:
        raise typer.BadParameter(
            f"no codec {', '.join(unknown) or 'named'}: use some of {', '.join(CODECS)}"
        )
    if ray is not None and jobs != 1:
        raise typer.BadParameter("give either --jobs or --ray")
    pictures = load_dataset(dataset, None if images is None else split_names(images))
    out = committed.results_folder(pictures.name) if out is None else out
    results = evaluate(
        [CODECS[name] for name in dict.fromkeys(names)],
        pictures,
        out,
        jobs=jobs,
        ray=ray,
        qualities=None if qualities is None else _qualities(qualities),
        progress=Progress,
    )
    for result in results:
        rates = [row.bpp for row in result.rows]
        print(
            f"{out / result.name}.json: {len(result.images)} pictures, "
            f"{len(result.qualities)} qualities, {min(rates):.3f} to {max(rates):.3f} bpp"
        )
    if everything:
        try:
            for path in committed.remake(pictures, jobs, say):
                print(path)
        except OSError as error:
            raise ResultsError(
                f"cannot write {error.filename or ASSETS}: {error.strerror or error}; "
                "the results are kept"
            ) from error


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line (None: this process's own); returns its exit code."""
    use_one_blas_thread()
    command = typer.main.get_command(app)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning  # type: ignore[assignment]
            command.main(None if argv is None else list(argv), prog_name="python -m leaderboard")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except SemcompError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        for failure in getattr(error, "failures", ()):
            print(f"  {failure}", file=sys.stderr)
        return 1
    return 0


def _show_warning(message: Warning | str, *_: object) -> None:
    """A warning as one line."""
    print(f"warning: {message}", file=sys.stderr)


def _qualities(text: str) -> list[float]:
    """The qualities asked for; at least one."""
    numbers = split_numbers("qualities", text)
    if not numbers:
        raise typer.BadParameter("qualities are empty: name some, separated by commas")
    return numbers


if __name__ == "__main__":
    sys.exit(main())
