"""What the commands share: options, the check of an output, JSON, how many threads."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from semcomp.files import check_writable

Device = Annotated[
    str | None,
    typer.Option(help="cpu or cuda [default: SEMCOMP_DEVICE, else a GPU if there is one]"),
]
Json = Annotated[bool, typer.Option("--json", help="print one JSON object instead of text")]


def check_target(target: Path, *sources: Path | None) -> None:
    """Raise OSError, before the work, where its result cannot be written or is an input."""
    for source in sources:
        if source is not None and target.exists() and source.exists() and target.samefile(source):
            raise OSError(f"{target} is the input itself: choose another name for the output")
    if target.is_dir():
        raise OSError(f"{target} is a folder: name a file in it")
    if not target.parent.is_dir():
        raise OSError(f"there is no folder {target.parent}: make it first")
    check_writable(target)


def print_json(record: dict[str, Any]) -> None:
    """Print an object on one line."""
    print(json.dumps(record, allow_nan=False))


def use_one_blas_thread() -> None:
    """One, unless the environment says otherwise; to be called before numpy is imported.

    The entropy coder's products are small. With more threads OpenBLAS, which waits for them by
    spinning, takes two to three times the processor time, and longer still beside other programs.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
