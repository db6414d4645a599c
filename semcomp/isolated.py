"""Files of strangers, opened where they can do no harm: in a child process with hard limits.

The child (`semcomp.bounded`) may use so much memory and processor time and no more, knows no
secrets, and is killed when its time is up; the next file gets a new one. What it sends back is
bytes and a little JSON, whose sizes are checked here: nothing is unpickled, and what they say is
for the caller to check.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

from semcomp.errors import SemcompError
from semcomp.files import ROOT

from .bounded import LENGTH, LONGEST_PROBLEM

if TYPE_CHECKING:
    from typing_extensions import Self

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
LOOK = 0.2
"""Seconds between two looks of a waiting thread at Python, where a stop may strike it."""


class IsolatedError(SemcompError, ValueError):
    """A file that cannot be opened within the limits; the message says what is wrong.

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


class Child:
    """One child process at a time; close it, or use it as a context manager.

    prepare: `module:function`, see `semcomp.bounded`. files: that may be open in it at a time.
    Started when the first file comes.
    """

    def __init__(self, prepare: str, limits: Limits | None = None, files: int = 0) -> None:
        self.prepare = prepare
        self.limits = limits or Limits()
        self._files = files
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def ask(
        self, head: Mapping[str, Any], data: bytes, most: int
    ) -> tuple[dict[str, Any], bytearray]:
        """The answer to a request about a file. most: bytes that the answer may have.

        Raises IsolatedError for a file that is damaged or needs more than the limits, SemcompError
        where no process can be started. Afterwards, whatever happened, the next file can be asked
        about.
        """
        child = self._started()
        deadline = time.monotonic() + self.limits.wall_s
        told = {**head, "cpu_s": self.limits.cpu_s, "bytes": len(data)}
        try:
            answer, payload = self._exchange(child, told, data, deadline, most)
        except BaseException:
            self.close()  # what it is at is nobody's any more
            raise
        if answer.get("memory"):
            raise IsolatedError(
                f"decoding it needs more than the {self.limits.memory >> 20} MiB of memory allowed",
                breach=True,
            )
        if "problem" in answer:
            raise IsolatedError(str(answer["problem"])[:LONGEST_PROBLEM])
        return answer, payload

    def close(self) -> None:
        """End the child, whatever it does."""
        child, self._process = self._process, None
        if child is not None:
            child.kill()
            child.communicate()  # closes the pipes too

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            limits = str(self.limits.memory), str(self._files)
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "semcomp.bounded", self.prepare, *limits],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env=_environment(),
                    bufsize=0,
                )
            except OSError as error:
                raise SemcompError(f"cannot start the decoder's process: {error}") from error
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe is not None
                os.set_blocking(pipe.fileno(), False)
            try:
                _Exchange(self._process, b"", time.monotonic() + START_SECONDS, 0).answer()
            except (TimeoutError, EOFError, ValueError) as error:
                self.close()
                raise SemcompError(
                    "the decoder's process does not start: this machine may lack memory, or the "
                    "weights under assets are damaged"
                ) from error
            except BaseException:
                self.close()
                raise
        return self._process

    def _exchange(
        self,
        child: subprocess.Popen[bytes],
        head: Mapping[str, Any],
        data: bytes,
        deadline: float,
        most: int,
    ) -> tuple[dict[str, Any], bytearray]:
        text = json.dumps(head).encode()
        sent = LENGTH.pack(len(text)) + text + data
        try:
            return _Exchange(child, sent, deadline, most).answer()
        except TimeoutError as error:
            raise IsolatedError(
                f"decoding it took longer than the {self.limits.wall_s:g} s allowed", breach=True
            ) from error
        except EOFError as error:
            raise IsolatedError(_end(child.wait(), self.limits), breach=True) from error
        except ValueError as error:
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

    def answer(self) -> tuple[dict[str, Any], bytearray]:
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
                for key, _ in selector.select(min(left, LOOK)):
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

    def _whole(self) -> tuple[dict[str, Any], bytearray] | None:
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
        return (head, got[start : start + size]) if len(got) >= start + size else None


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
    # Threads would take address space, of which a child has little, for arenas and stacks.
    one = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
    return {**kept, **one, "PYTHONPATH": os.pathsep.join(places)}
