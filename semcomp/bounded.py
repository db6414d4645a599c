"""The process that opens files of strangers: it can use little memory and time, and write no file.

Run by `semcomp.isolated` as ``python -m semcomp.bounded MODULE:PREPARE MEMORY FILES``. PREPARE is a
function that loads all that is needed and returns what answers a request; the limits are set after
it. One request at a time comes in and one answer goes out, both as a 4-byte length (big endian), a
JSON object and the bytes it announces.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import struct
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

Answer = Callable[[Mapping[str, Any], bytes], tuple[Mapping[str, Any], bytes]]
"""A request's JSON and bytes -> the answer's. What cannot be answered is said as `problem`."""
LENGTH = struct.Struct(">I")
LONGEST_PROBLEM = 300
"""Characters that a problem is cut to."""


def main(argv: list[str]) -> None:
    """Load what is needed, set the limits, answer until the input ends."""
    (module, _, name), memory, files = argv[0].partition(":"), int(argv[1]), int(argv[2])
    incoming, outgoing = sys.stdin.buffer, sys.stdout.buffer
    answer: Answer = getattr(importlib.import_module(module), name)()
    limit(memory, files)
    send(outgoing, {"ready": True})
    while (request := receive(incoming)) is not None:
        head, data = request
        limit_cpu(float(head["cpu_s"]))
        try:
            told, payload = answer(head, data)
        except MemoryError:
            told, payload = {"memory": True}, b""
        send(outgoing, told, payload)


def problem(text: object) -> tuple[Mapping[str, Any], bytes]:
    """The answer that says what is wrong with a file."""
    return {"problem": " ".join(str(text).split())[:LONGEST_PROBLEM]}, b""


def send(stream: BinaryIO, head: Mapping[str, Any], data: bytes = b"") -> None:
    """Write a message. head: in JSON's types."""
    text = json.dumps({**head, "bytes": len(data)}).encode()
    stream.write(LENGTH.pack(len(text)) + text)
    stream.write(data)
    stream.flush()


def receive(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """Read a message; None at the end of the input."""
    first = stream.read(LENGTH.size)
    if len(first) < LENGTH.size:
        return None
    head = json.loads(stream.read(LENGTH.unpack(first)[0]))
    return head, stream.read(head["bytes"])


def limit(memory: int, files: int) -> None:
    """Set what this process may never exceed.

    memory: bytes beyond those it has now. files: that may be open at a time; 0 for no file and no
    socket beside those that are open.
    """
    with contextlib.suppress(OSError):  # /proc is Linux's; elsewhere time alone is limited
        with open("/proc/self/statm", encoding="ascii") as statm:
            pages = int(statm.read().split()[0])
        most = pages * os.sysconf("SC_PAGE_SIZE") + memory
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    for name, most in (
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, files),
    ):
        resource.setrlimit(name, (most, most))


def limit_cpu(seconds: float) -> None:
    """End this process when it has used so many more processor seconds."""
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time() + seconds) + 1, hard))


if __name__ == "__main__":
    main(sys.argv[1:])
