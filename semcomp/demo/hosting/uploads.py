"""How much visitors may store: the folder of uploads and results has a bound, each address a share.

Gradio takes uploads of any number and keeps them until they are old, so that a few of them could
fill the disk for everybody. Here every request is counted while it arrives, whether or not it says
how long it is, and refused in words. A photograph loses its metadata before anybody is told where
it lies. What an upload or a kill has left behind is swept by its age.
"""

import asyncio
import json
import os
import re
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path

from gradio.utils import get_upload_folder
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from semcomp.demo.shared import downloads

from . import pictures
from .files import in_upload_folder
from .limits import address_of
from .settings import Settings

MB = 1_000_000
_UPLOAD = "/upload"
_DATA_URL = 1.5
"""Longest request that is no upload: a file in it as `data:` has 4/3 of its bytes."""
_MADE_HERE = re.compile(r"[0-9a-f]{64}|shelf-[0-9a-f]{32}")
"""Folders of uploads and results; their names cannot be guessed."""
_ARRIVING = re.compile(r"tmp[0-9a-z_]{8}")
"""Files of uploads that are arriving, in the upload folder itself."""


class Uploads:
    """What lies in the upload folder, and whose it is; may be used from any thread."""

    def __init__(self, settings: Settings) -> None:
        """settings: the bounds, in all and of an address."""
        self._total = MB * settings.stored_mb
        self._share = MB * settings.visitor_mb
        self._lock = threading.Lock()
        self._of_address: defaultdict[str, dict[Path, int]] = defaultdict(dict)
        self._coming: defaultdict[str, int] = defaultdict(int)

    def admit(self, address: str, size: int) -> str | None:
        """Take so many bytes of an address on, until `release`; or say why not.

        What arrives counts before it is stored, so that uploads at one time share the room too.
        """
        with self._lock:
            kept = sum(size for path, size in _sizes(_folder()) if not _arriving(path))
            files = self._of_address.get(address, {})
            for path in [path for path in files if not path.is_file()]:
                del files[path]
            own = sum(files.values()) + self._coming[address]
            if size > self._share:
                return f"This is too large: uploads may have {self._share / MB:.0f} MB here."
            if own + size > self._share:
                return (
                    f"Uploads from your network take {own / MB:.0f} MB here already, and "
                    f"{self._share / MB:.0f} MB are allowed at a time. Close pages that you no "
                    "longer need, or try again later."
                )
            if kept + sum(self._coming.values()) + size > self._total:
                return (
                    "The server's folder of uploads is full. Nothing of yours is lost: try again "
                    "in some minutes."
                )
            self._coming[address] += size
            return None

    def release(self, address: str, size: int) -> None:
        """So many bytes that were taken on are stored now, or will not come."""
        with self._lock:
            self._coming[address] -= size
            for owner in [each for each, bytes_ in self._coming.items() if not bytes_]:
                del self._coming[owner]
            for owner in [each for each, files in self._of_address.items() if not files]:
                del self._of_address[owner]

    def save(self, address: str, data: bytes, stem: str, suffix: str) -> str:
        """Write an address's file without its metadata (`downloads.save`); its path.

        Raises ValueError if it is too much.
        """
        if said := self.admit(address, len(data)):
            raise ValueError(said)
        try:
            path = downloads.save(data, stem, suffix)
            self.keep(address, [Path(path)])
            pictures.strip(Path(path))
            return path
        finally:
            self.release(address, len(data))

    def keep(self, address: str, paths: list[Path]) -> None:
        """Count files as an address's, unless they are somebody's already."""
        with self._lock:
            for path in paths:
                if path.is_file() and not any(path in all_ for all_ in self._of_address.values()):
                    self._of_address[address][path] = path.stat().st_size


class Counted:
    """ASGI middleware that counts what requests bring, and refuses what is too much."""

    def __init__(self, app: ASGIApp, uploads: Uploads, file_mb: int) -> None:
        """app: what answers. file_mb: megabytes of the largest file that a tool may be sent."""
        self._app = app
        self._uploads = uploads
        self._longest = int(_DATA_URL * MB * file_mb) + MB

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["method"] not in ("POST", "PUT", "PATCH"):
            await self._app(scope, receive, send)
        elif scope["path"].rstrip("/").endswith(_UPLOAD):
            await self._upload(scope, receive, send)
        elif _declared(scope) > self._longest:
            await _too_large(scope, receive, send, self._said())
        else:
            await self._app(scope, self._counting(receive), send)

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        address, taken = address_of(Request(scope)) or "unknown", _declared(scope)
        if refused := await asyncio.to_thread(self._uploads.admit, address, taken):
            return await _too_large(scope, receive, send, refused)
        came, answer = 0, bytearray()

        async def counted() -> Message:
            nonlocal came, taken
            message = await receive()
            if message["type"] == "http.disconnect":  # Gradio would leave what has come
                raise MultiPartException("the upload was broken off")
            came += len(message.get("body", b""))
            if came > taken:  # it did not say how long it is
                more = max(MB, came - taken)
                if said := await asyncio.to_thread(self._uploads.admit, address, more):
                    raise MultiPartException(said)
                taken += more
            return message

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.body":
                answer.extend(message.get("body", b""))
                if not message.get("more_body"):  # nobody knows the files' names yet
                    paths = list(_named(bytes(answer)))
                    self._uploads.keep(address, paths)
                    await asyncio.to_thread(pictures.strip_all, paths)
            await send(message)

        try:
            await self._app(scope, counted, noted)
        finally:
            self._uploads.release(address, taken)

    def _counting(self, receive: Receive) -> Receive:
        came = 0

        async def counted() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > self._longest:
                raise ValueError(self._said())
            return message

        return counted

    def _said(self) -> str:
        return f"A request may have {self._longest / MB:.0f} MB: upload large files instead."


def sweep(folder: Path, seconds: float, own: Collection[Path] = ()) -> int:
    """Delete what has lain in an upload folder for longer; returns how many files.

    seconds: since a file was written or touched. own: files that belong to the page: they stay,
    and are touched, so that another server on the same folder leaves them too. Only names that
    this program gives are looked at: the folder may be one that others use.
    """
    gone, before = 0, time.time() - seconds
    for path in own:
        if path.is_relative_to(folder):
            with suppress(OSError):
                os.utime(path)
    shared = folder.resolve() == Path(tempfile.gettempdir()).resolve()
    for entry in list(os.scandir(folder)) if folder.is_dir() else ():
        path = Path(entry.path)
        if entry.is_dir(follow_symlinks=False) and _MADE_HERE.fullmatch(entry.name):
            for file, _ in list(_sizes(path)):
                gone += _removed_if_old(file, before)
            for below in [*(p for p in path.rglob("*") if p.is_dir()), path]:
                _remove_if_empty(below, before)
        elif _ARRIVING.fullmatch(entry.name) and path.is_file() and not shared:
            gone += _removed_if_old(path, before)
    return gone


def start_sweeping(seconds: float, own: Callable[[], Collection[Path]]) -> None:
    """`sweep` now, and again and again in the background. own: gives the page's files."""
    folder = _folder()

    def work() -> None:
        while True:
            with suppress(OSError):  # next time
                sweep(folder, seconds, own())
            time.sleep(min(seconds, 600))

    threading.Thread(target=work, name="sweeping", daemon=True).start()


def _folder() -> Path:
    return Path(get_upload_folder())


def _arriving(path: Path) -> bool:
    return path.parent == _folder() and _ARRIVING.fullmatch(path.name) is not None


def _sizes(folder: Path) -> Iterator[tuple[Path, int]]:
    """Every file below a folder, with its bytes."""
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            try:
                yield path, path.lstat().st_size
            except OSError:
                continue  # gone in this moment


def _removed_if_old(path: Path, before: float) -> bool:
    try:
        state = path.lstat()
        if max(state.st_mtime, state.st_ctime) >= before:
            return False
        path.unlink()
    except OSError:
        return False
    return True


def _remove_if_empty(folder: Path, before: float) -> None:
    """Remove an empty folder that nobody has just made to put a file there."""
    try:
        if folder.lstat().st_mtime < before and not any(folder.iterdir()):
            os.rmdir(folder)
    except OSError:
        return


def _declared(scope: Scope) -> int:
    """Bytes that a request says it brings; 0 if it does not say."""
    text = Request(scope).headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0


async def _too_large(scope: Scope, receive: Receive, send: Send, said: str) -> None:
    """Refuse in words; the server goes on taking what arrives, so that a browser hears them."""
    await PlainTextResponse(said, 413)(scope, receive, send)


def _named(answer: bytes) -> Iterator[Path]:
    """The files of Gradio's answer to an upload; nothing for another answer."""
    try:
        names = json.loads(answer)
    except ValueError:
        return
    for name in names if isinstance(names, list) else ():
        if isinstance(name, str) and in_upload_folder(name):
            yield Path(name)
