"""The command `python -m semcomp`: compress, decompress, info, explain and train.

What is wrong with a file or an option is one line on stderr and exit code 1; a wrong command line
has exit code 2. The commands import what they need themselves, so that ``--help`` is quick.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from semcomp.cli.compress import compress, explain
from semcomp.cli.decompress import decompress, info
from semcomp.cli.load import load
from semcomp.cli.options import print_anything, use_one_blas_thread
from semcomp.cli.train import train_app

from .errors import SemcompError

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
    use_one_blas_thread()
    print_anything()
    command = typer.main.get_command(app)
    try:
        command.main(None if argv is None else list(argv), prog_name="python -m semcomp")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except (SemcompError, OSError) as error:
        print(f"error: {' '.join(_message(error).split())}", file=sys.stderr)
        return 1
    return 0


def _message(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


if __name__ == "__main__":
    sys.exit(main())
