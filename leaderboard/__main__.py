"""The command `python -m leaderboard`: its commands, and how its errors are told.

What is wrong with a file, an option or a point is told on stderr with exit code 1; a wrong command
line has exit code 2. The commands import what they need themselves, so that ``--help`` is quick.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence

import typer

from leaderboard.cli.blind import blind
from leaderboard.cli.board import backup, export, import_, worker
from leaderboard.cli.report import figures, table
from leaderboard.cli.review import review
from leaderboard.cli.run import check, run, study
from leaderboard.cli.score import score
from leaderboard.cli.speed import speed
from leaderboard.cli.submit import submission, submit
from semcomp.cli.options import print_anything, use_one_blas_thread
from semcomp.errors import SemcompError

app = typer.Typer(
    help="Benchmark of image codecs on rate, quality and semantic importance",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


app.command()(run)
app.command()(check)
app.command()(table)
app.command()(figures)
app.command()(study)
app.command()(speed)
app.command()(score)
app.command()(export)
app.command("import")(import_)
app.command()(backup)
app.add_typer(review, name="review")
app.add_typer(blind, name="blind")
app.command()(submit)
app.command()(submission)
app.command()(worker)


@app.callback()
def _commands() -> None:
    """Benchmark of image codecs on rate, quality and semantic importance."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line (None: this process's own); returns its exit code."""
    use_one_blas_thread()
    print_anything()
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


if __name__ == "__main__":
    sys.exit(main())
