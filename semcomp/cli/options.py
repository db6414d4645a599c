"""What the commands share: options, standard streams as files, JSON, and how a program runs."""

from __future__ import annotations

import io
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from semcomp.errors import SemcompError
from semcomp.files import check_writable, write_file

Device = Annotated[
    str | None,
    typer.Option(help="cpu or cuda [default: SEMCOMP_DEVICE, else a GPU if there is one]"),
]
Json = Annotated[bool, typer.Option("--json", help="print one JSON object instead of text")]


_STANDARD_OUTPUT = ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")


def is_standard_output(target: Path) -> bool:
    """Whether an output is the program's own, by `-` or by the system's names for it."""
    return str(target) in _STANDARD_OUTPUT


def input_of(source: Path) -> Path | BinaryIO:
    """What to read an input from: standard input for `-`."""
    return sys.stdin.buffer if str(source) == "-" else source


def write_result(target: Path, data: bytes) -> None:
    """`semcomp.files.write_file`, or into standard output. Raises OSError."""
    if is_standard_output(target):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        write_file(target, data)


def say(text: str, target: Path) -> None:
    """Print a line about an output: on stderr where stdout carries the output itself."""
    print(text, file=sys.stderr if is_standard_output(target) else sys.stdout)


@contextmanager
def progress_bar(doing: str) -> Iterator[Callable[[int, int, object], None] | None]:
    """A bar on stderr for what tells (done, in all, picture so far); None where no terminal is."""
    from tqdm import tqdm

    if not sys.stderr.isatty():
        yield None
        return
    with tqdm(desc=doing, leave=False, file=sys.stderr) as bar:

        def show(done: int, total: int, _: object) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show


def check_target(target: Path, *sources: Path | None) -> None:
    """Raise OSError, before the work, where its result cannot be written or is an input."""
    if is_standard_output(target):
        if sys.stdout.isatty():
            raise OSError("a terminal shows no picture files: name a file, or pipe the output on")
        return
    for source in sources:
        if source is not None and target.exists() and source.exists() and target.samefile(source):
            raise OSError(f"{target} is the input itself: choose another name for the output")
    if target.is_dir():
        raise OSError(f"{target} is a folder: name a file in it")
    if not target.parent.is_dir():
        raise OSError(f"there is no folder {target.parent}: make it first")
    check_writable(target)


def print_json(record: dict[str, Any], target: Path | None = None) -> None:
    """Print an object on one line; about an output, where `say` does."""
    text = json.dumps(record, allow_nan=False)
    print(text) if target is None else say(text, target)


def run_program(app: typer.Typer, package: str, argv: Sequence[str] | None = None) -> int:
    """Run a command line (None: this process's own) of `python -m PACKAGE`; returns its exit code.

    What is wrong with a file or an option is one line on stderr and exit code 1, with a line more
    for each of the error's `failures`; a wrong command line has exit code 2.
    """
    _use_one_blas_thread()
    _print_anything()
    command = typer.main.get_command(app)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning  # type: ignore[assignment]
            command.main(None if argv is None else list(argv), prog_name=f"python -m {package}")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except (SemcompError, OSError) as error:
        print(f"error: {' '.join(_message(error).split())}", file=sys.stderr)
        for failure in getattr(error, "failures", ()):
            print(f"  {failure}", file=sys.stderr)
        return 1
    return 0


def _message(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def _show_warning(message: Warning | str, *_: object) -> None:
    """A warning as one line."""
    print(f"warning: {message}", file=sys.stderr)


def _print_anything() -> None:
    """Have stdout and stderr write what their encoding lacks as `\\u` and a number.

    A terminal or a pipe of a code page like cp1252 would end a command in a traceback otherwise,
    after its work, at the first name in another script.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _use_one_blas_thread() -> None:
    """One, unless the environment says otherwise; numpy, which reads it, is not imported yet.

    The entropy coder's products are small. With more threads OpenBLAS, which waits for them by
    spinning, takes two to three times the processor time, and longer still beside other programs.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
