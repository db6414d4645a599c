"""The command `python -m semcomp`: compress, decompress, info, explain and train.

The commands import what they need themselves, so that ``--help`` is quick.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from semcomp.cli.compress import compress, explain
from semcomp.cli.decompress import decompress, info
from semcomp.cli.load import load
from semcomp.cli.options import run_program
from semcomp.cli.train import train_app

app = typer.Typer(
    help="Semantic image compression: a codec that spends its bits where a picture means something",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.command()(compress)
app.command()(decompress)
app.command()(info)
app.command()(explain)
app.command()(load)
app.add_typer(train_app, name="train")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line (None: this process's own); returns its exit code."""
    return run_program(app, "semcomp", argv)


if __name__ == "__main__":
    sys.exit(main())
