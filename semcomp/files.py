"""Writing files whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: a failure leaves what was there before.

    Raises OSError. Things that are no plain files, like /dev/null, are written into as they are.
    """
    path = Path(os.path.realpath(path))  # a link stays a link
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    partial = path.with_name(f".semcomp-{os.getpid()}.partial")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
