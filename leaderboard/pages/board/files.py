"""Files that the leaderboard's page hands out, in the folder that Gradio sweeps by their age."""

from __future__ import annotations

from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
from gradio.utils import get_upload_folder
from numpy.typing import NDArray
from PIL import Image

from semcomp.files import write_file


def text_file(name: str, text: str) -> str:
    """Path of a file to download."""
    data = text.encode("utf-8")
    path = _swept(data) / _safe(name)
    if not path.is_file():
        write_file(path, data)
    path.touch()  # the sweeper goes by age
    return str(path)


def picture_file(name: str, pixels: NDArray[np.uint8]) -> str:
    """Path of a picture's file, PNG. pixels: uint8 (H, W, 3)."""
    path = _swept(pixels.tobytes()) / f"{_safe(name)}.png"
    if not path.is_file():
        packed = BytesIO()
        Image.fromarray(pixels).save(packed, "PNG", compress_level=3)
        write_file(path, packed.getvalue())
    path.touch()
    return str(path)


def _swept(data: bytes) -> Path:
    folder = Path(get_upload_folder()) / sha256(data).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _safe(name: str) -> str:
    """A file's name; data sets and codecs are named by results files."""
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name)[:100].lstrip(".")
