"""Files the page shows or offers; they live no longer than the work they belong to."""

import secrets
import shutil
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from hashlib import sha256
from pathlib import Path
from threading import Lock

import numpy as np
from gradio.utils import get_upload_folder
from numpy.typing import NDArray
from PIL import Image

from semcomp.files import write_file

MOST = 32
"""Files of a shelf; the ones not asked for longest go first."""


class Shelf:
    """A folder nobody can guess, under the one that is served; it goes when the shelf does."""

    def __init__(self) -> None:
        self.folder = Path(get_upload_folder()) / f"shelf-{secrets.token_hex(16)}"
        self._files: OrderedDict[Hashable, Path] = OrderedDict()
        self._lock = Lock()
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    def put(self, key: Hashable, make: Callable[[], NDArray[np.uint8]]) -> Path:
        """The PNG file of a picture uint8 (H, W, 3), made when the key is new."""
        with self._lock:
            path = self._files.get(key)
            if path is None or not path.is_file():
                self.folder.mkdir(parents=True, exist_ok=True)
                path = self.folder / f"{secrets.token_hex(8)}.png"
                # Fast rather than small: it is fetched once.
                Image.fromarray(make()).save(path, compress_level=1)
                self._files[key] = path
            self._files.move_to_end(key)
            while len(self._files) > MOST:
                self._files.popitem(last=False)[1].unlink(missing_ok=True)
            return path

    def save(self, data: bytes, name: str) -> Path:
        """A `.semc` file under the name that people see, beside the pictures."""
        folder = self.folder / sha256(data).hexdigest()[:16]
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.semc"
        write_file(path, data)
        return path

    def url(self, key: Hashable, make: Callable[[], NDArray[np.uint8]]) -> str:
        """Where the page finds `put`'s file, relative to itself."""
        return f"gradio_api/file={self.put(key, make)}"
