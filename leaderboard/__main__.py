"""The command `python -m leaderboard`.

The commands import what they need themselves, so that ``--help`` is quick.
"""

from __future__ import annotations

import sys
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
from semcomp.cli.options import run_program

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


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line (None: this process's own); returns its exit code."""
    return run_program(app, "leaderboard", argv)


if __name__ == "__main__":
    sys.exit(main())
