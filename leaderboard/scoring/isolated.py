"""Files of strangers, opened where they can do no harm: in a child process with hard limits.

The child (`leaderboard.scoring.bounded`) may use so much memory and processor time and no more,
knows no secrets, and is killed when its time is up; the next file gets a new one. What it sends
back is pixels and a little JSON, whose sizes are checked here: nothing is unpickled.
"""

from __future__ import annotations

import json
import math
import os
import selectors
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leaderboard.codecs.base import CodecError
from semcomp.errors import ImageError
from semcomp.files import ROOT
from semcomp.image import load_image

from .bounded import LENGTH, PICTURE, SEMC

__all__ = ["PICTURE", "SEMC", "Decoded", "Decoder", "IsolatedError", "Limits"]

START_SECONDS = 120.0
"""For starting a child, which loads libraries and weights; a busy machine takes long."""
MAX_HEAD = 4096
"""Bytes of an answer's JSON."""
CHUNK = 1 << 16
_KEPT_VARIABLES = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV"),
    *("SEMCOMP_CACHE_DIR", "XDG_CACHE_HOME", "SYSTEMROOT"),
)
"""What a child sees of the environment; tokens and the database's address are not among it."""
_MODES = {"L": 1, "RGB": 3, "RGBA": 4, "I;16": 2, "I;16B": 2, "I": 4, "F": 4}
"""Pillow's modes that a child may answer with, and their bytes per pixel."""


class IsolatedError(CodecError):
    """An uploaded file that cannot be opened within the limits; the message says what is wrong.

    breach: whether it took more than its share of memory or time, or broke the decoder.
    """

    def __init__(self, message: str, breach: bool = False) -> None:
        super().__init__(message)
        self.breach = breach


@dataclass(frozen=True)
class Limits:
    """Of one file: memory in bytes beyond what the decoder takes at its start, processor seconds,
    seconds by the clock."""

    memory: int = 512 << 20
    cpu_s: float = 60.0
    wall_s: float = 180.0


@dataclass(frozen=True, eq=False)
class Decoded:
    """pixels: uint8 (H, W, 3). sizes: of a `.semc` file's parts, as `semcomp.info` names them.
    cpu_s: processor seconds of the decoding."""

    pixels: NDArray[np.uint8]
    sizes: dict[str, int]
    cpu_s: float


class Decoder:
    """One child at a time for files of one kind; close it, or use it as a context manager.

    kind: `PICTURE` (PNG) or `SEMC`. Started when the first file comes.
    """

    def __init__(self, kind: str, limits: Limits | None = None) -> None:
        self.kind = kind
        self.limits = limits or Limits()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Decoder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def open(self, data: bytes, width: int, height: int) -> Decoded:
        """Decode a file whose picture must have this size.

        Raises IsolatedError for a file that is damaged, of another kind or size, or needs more than
        the limits; the decoder can be used again.
        """
        head = {"width": width, "height": height, "cpu_s": self.limits.cpu_s, "bytes": len(data)}
        child = self._started()
        deadline = time.monotonic() + self.limits.wall_s
        answer, payload = self._ask(child, head, data, deadline, width * height)
        if answer.get("memory"):
            raise IsolatedError(
                f"decoding it needs more than the {self.limits.memory >> 20} MiB of memory allowed",
                breach=True,
            )
        if "problem" in answer:
            raise IsolatedError(str(answer["problem"])[:300])
        return _decoded(answer, payload, width, height)

    def close(self) -> None:
        """End the child, whatever it does."""
        child, self._process = self._process, None
        if child is not None:
            child.kill()
            child.communicate()  # closes the pipes too

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            module = "leaderboard.scoring.bounded"
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", module, self.kind, str(self.limits.memory)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env=_environment(),
                    bufsize=0,
                )
            except OSError as error:
                raise CodecError(f"cannot start the decoder's process: {error}") from error
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe is not None
                os.set_blocking(pipe.fileno(), False)
            try:
                _Exchange(self._process, b"", time.monotonic() + START_SECONDS, 0).answer()
            except (TimeoutError, EOFError, ValueError) as error:
                self.close()
                raise CodecError(
                    "the decoder's process does not start: this machine may lack memory, or the "
                    "weights under assets are damaged"
                ) from error
        return self._process

    def _ask(
        self,
        child: subprocess.Popen[bytes],
        head: dict[str, Any],
        data: bytes,
        deadline: float,
        pixels: int,
    ) -> tuple[dict[str, Any], bytes]:
        text = json.dumps(head).encode()
        sent = LENGTH.pack(len(text)) + text + data
        try:
            return _Exchange(child, sent, deadline, pixels * max(_MODES.values())).answer()
        except TimeoutError as error:
            self.close()
            raise IsolatedError(
                f"decoding it took longer than the {self.limits.wall_s:g} s allowed", breach=True
            ) from error
        except EOFError as error:
            code = child.wait()
            self.close()
            raise IsolatedError(_end(code, self.limits), breach=True) from error
        except ValueError as error:
            self.close()
            raise IsolatedError(f"it broke the decoder: {error}", breach=True) from error


class _Exchange:
    """One message to a child and one back, in bounded time and space."""

    def __init__(
        self, child: subprocess.Popen[bytes], sent: bytes, deadline: float, most: int
    ) -> None:
        assert child.stdin is not None and child.stdout is not None
        self._in, self._out = child.stdin.fileno(), child.stdout.fileno()
        self._sent, self._deadline, self._most = memoryview(sent), deadline, most
        self._received = bytearray()

    def answer(self) -> tuple[dict[str, Any], bytes]:
        """The answer's JSON and bytes.

        Raises TimeoutError at the deadline, EOFError when the child ends, ValueError for an answer
        that is none.
        """
        with selectors.DefaultSelector() as selector:
            selector.register(self._out, selectors.EVENT_READ)
            if self._sent:
                selector.register(self._in, selectors.EVENT_WRITE)
            while (whole := self._whole()) is None:
                left = self._deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                for key, _ in selector.select(left):
                    if key.fd == self._out:
                        self._read()
                    elif not self._write():
                        selector.unregister(self._in)
        return whole

    def _read(self) -> None:
        try:
            part = os.read(self._out, CHUNK)
        except BlockingIOError:
            return
        if not part:
            raise EOFError
        self._received += part

    def _write(self) -> bool:
        """Send some more; whether anything is left."""
        try:
            done = os.write(self._in, self._sent[:CHUNK])
        except BlockingIOError:
            return True
        except BrokenPipeError as error:
            raise EOFError from error
        self._sent = self._sent[done:]
        return bool(self._sent)

    def _whole(self) -> tuple[dict[str, Any], bytes] | None:
        """The answer if all of it is there."""
        got = self._received
        if len(got) < LENGTH.size:
            return None
        length = LENGTH.unpack(got[: LENGTH.size])[0]
        if length > MAX_HEAD:
            raise ValueError("its answer is too long")
        start = LENGTH.size + length
        if len(got) < start:
            return None
        head = json.loads(got[LENGTH.size : start])
        size = head.get("bytes") if isinstance(head, dict) else None
        if not isinstance(size, int) or not 0 <= size <= self._most:
            raise ValueError("its answer is too long")
        return (head, bytes(got[start : start + size])) if len(got) >= start + size else None


def _decoded(answer: dict[str, Any], payload: bytes, width: int, height: int) -> Decoded:
    """The picture of an answer, which is not trusted either."""
    mode, cpu_s = answer.get("mode"), answer.get("cpu_s")
    sizes = answer.get("sizes", {})
    right = (
        mode in _MODES
        and len(payload) == _MODES[mode] * width * height
        and isinstance(cpu_s, float)
        and 0 <= cpu_s < math.inf
        and isinstance(sizes, dict)
        and all(isinstance(size, int) and size >= 0 for size in sizes.values())
    )
    if not right:
        raise IsolatedError("it broke the decoder: its answer is no picture", breach=True)
    assert isinstance(mode, str) and isinstance(cpu_s, float)
    try:
        pixels = load_image(Image.frombytes(mode, (width, height), payload))
    except (ImageError, ValueError) as error:
        raise IsolatedError(f"its pixels cannot be used: {error}") from error
    return Decoded(pixels, sizes, cpu_s)


def _end(code: int, limits: Limits) -> str:
    """What an exit code says of a child that should have answered."""
    if code == -signal.SIGXCPU:
        return f"decoding it needs more than the {limits.cpu_s:g} processor seconds allowed"
    if code < 0:
        return f"it crashed the decoder (signal {signal.Signals(-code).name})"
    return f"it broke the decoder (exit code {code})"


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    places = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**kept, "PYTHONPATH": os.pathsep.join(places), "OMP_NUM_THREADS": "1"}
