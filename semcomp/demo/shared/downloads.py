"""Files made for a visitor to download: in the folder that is swept, under plain names."""

import os
import re
import unicodedata
from hashlib import sha256
from pathlib import Path

from gradio.utils import get_upload_folder

from semcomp.files import write_file

LONGEST = 80
"""Characters of a file's name before its suffix."""


def save(data: bytes, stem: str, suffix: str) -> str:
    """Write a file where Gradio serves it from and sweeps it; returns its path.

    Two visitors who make the same file share it.
    """
    folder = Path(get_upload_folder()) / sha256(data).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{plain(stem)}{suffix}"
    try:
        os.utime(path)  # the sweeper goes by age
    except FileNotFoundError:
        write_file(path, data)
    return str(path)


def plain(stem: str) -> str:
    """A name any system takes as a file's: letters, digits, space, point, dash, underscore.

    Letters with the marks that belong to them: vowels of Hindi and Thai, accents, which are joined
    to their letter where there is a character for both.
    """
    kept = (
        c if c.isalnum() or c in " ._-" or unicodedata.category(c).startswith("M") else "\0"
        for c in unicodedata.normalize("NFC", stem)
    )
    name = re.sub("\0+", "-", "".join(kept)).strip(" .-")[:LONGEST]
    # File systems count bytes.
    return name.encode()[: 3 * LONGEST - 10].decode(errors="ignore").strip(" .-") or "picture"
