"""Tar files for tests."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path


def tar_of(path: Path, *members: tuple[str, bytes | tarfile.TarInfo]) -> Path:
    """A .tar or .tar.gz of files (name, bytes) and of other things (name, TarInfo)."""
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as tar:
        for name, content in members:
            if isinstance(content, tarfile.TarInfo):
                tar.addfile(content)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path
