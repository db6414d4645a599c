"""Small labelled pictures for tests."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image


def png(grey: int = 0, size: tuple[int, int] = (40, 30)) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, (grey, grey, grey)).save(stream, "PNG")
    return stream.getvalue()


def pictures_in(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(len(name)))
