"""Memory: what this server has in use, what it could still have, and what a job may take of it.

A job's arithmetic is linear in the pixels that its picture has or its file declares. So whether
there is memory for it is known before any work, and said; what is not there is not tried. If it
runs short all the same, because others take it, the job is stopped before the system ends the
server.

glibc keeps what was freed in one arena for every few threads, and jobs run in many: after an hour
the process would have several times what it needs. Few arenas, emptied after each job, keep it
flat.
"""

import ctypes
import sys
from pathlib import Path

from semcomp.errors import ImageError

JOB_BYTES = 400
"""Bytes of memory that a job takes for each pixel, at most: of 2 megapixels at level 24 compressing
takes 321, explaining 351, `rd` 275 and decoding 152."""

LEAST = 100 << 20
"""Bytes that have to be left while a job runs."""

_GROUP = Path("/sys/fs/cgroup")
_M_ARENA_MAX = -8
"""Of `mallopt`, see malloc.h."""
_ARENAS = 2


def bound() -> None:
    """Let this process's threads share few arenas; to be called before they start."""
    if (libc := _glibc()) is not None:
        libc.mallopt(_M_ARENA_MAX, _ARENAS)


def release() -> None:
    """Give freed memory back to the system: milliseconds."""
    if (libc := _glibc()) is not None:
        libc.malloc_trim(0)


def check(height: int, width: int) -> None:
    """Raise ImageError if there is not memory enough now for a job on so large a picture."""
    free = available()
    if free is not None and height * width * JOB_BYTES > free:
        raise ImageError(
            f"a picture of {height * width / 1e6:.1f} megapixels needs more memory than this "
            f"server has left ({free / JOB_BYTES / 1e6:.1f} megapixels' worth); scale it down "
            "first, or try again in some minutes"
        )


def short() -> str | None:
    """Why a job has to be stopped for want of memory, or None if there is enough."""
    free = available()
    if free is None or free >= LEAST:
        return None
    return (
        "This server has run out of memory. Reduce the picture, or try again in some minutes, "
        "when others are done."
    )


def used() -> float | None:
    """Megabytes of memory this process has in use now; None where the system does not say."""
    kilobytes = _fields("/proc/self/status").get("VmRSS")
    return None if kilobytes is None else round(kilobytes * 1024 / 1e6, 1)


def available() -> int | None:
    """Bytes this process could still have: what the machine has, or less where its container is
    allowed less. None where the system does not say."""
    kilobytes = _fields("/proc/meminfo").get("MemAvailable")
    if kilobytes is None:
        return None
    try:
        most = int((_GROUP / "memory.max").read_text(encoding="ascii"))
        taken = int((_GROUP / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):  # no container, or "max": no bound
        return 1024 * kilobytes
    freed = _fields(str(_GROUP / "memory.stat")).get("inactive_file", 0)  # given up when wanted
    return max(0, min(1024 * kilobytes, most - taken + freed))


def _fields(path: str) -> dict[str, int]:
    """The numbers of one of the kernel's lists, by name; empty where there is none."""
    try:
        lines = Path(path).read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return {}
    pairs = (line.replace(":", " ").split()[:2] for line in lines)
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def _glibc() -> ctypes.CDLL | None:
    """The C library where it has `mallopt` and `malloc_trim`."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "malloc_trim") else None
