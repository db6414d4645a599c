"""The child processes: each tries inputs of one target under limits, and the parent watches."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import random
import resource
import time
import traceback
import warnings
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path

from semcomp.errors import SemcompError

from .cases import Target

SECONDS = 20.0
"""What one input may take."""
MEMORY = 2 << 30
"""Bytes of memory a child may take beside what it has after its first input."""
START = 120.0
"""Seconds a child may take to import what it needs and to make its seeds."""


def fuzz(
    targets: Mapping[str, Target],
    seconds: float,
    out: Path,
    seed: int = 0,
    limit: float = SECONDS,
) -> dict[str, Path]:
    """Try every target for an equal share of the time; a line for each thing that went wrong.

    seconds: in all. out: folder for inputs. limit: seconds that one input may take.
    Returns the saved inputs by what went wrong; one of each kind.
    """
    problems: dict[str, Path] = {}
    for name, target in targets.items():
        ends, tried = time.monotonic() + seconds / len(targets), 0
        while time.monotonic() < ends:
            done, problem, data = _watch(target, seed + tried, ends, limit)
            tried += done
            if problem is not None:
                tried += 1
                problem = f"{name}: {problem}"
                if problem not in problems:
                    out.mkdir(parents=True, exist_ok=True)
                    path = out / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}"
                    path.write_bytes(data)
                    problems[problem] = path
                    print(f"{problem}\n  saved as {path}", flush=True)
        print(f"{name}: {tried} inputs", flush=True)
    return problems


def _watch(target: Target, seed: int, ends: float, limit: float) -> tuple[int, str | None, bytes]:
    """Run a child until the time is over or something goes wrong: (inputs passed, what, input)."""
    context = multiprocessing.get_context("spawn")  # a forked copy of torch's threads hangs
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(target, seed, theirs), daemon=True)
    child.start()
    theirs.close()
    passed, data, wait = -1, b"", START
    try:
        while time.monotonic() < ends or passed < 1:
            if not ours.poll(wait):
                return max(passed, 0), f"took longer than {wait:g} seconds", data
            said = ours.recv()
            if isinstance(said, str):
                return max(passed, 0), said, data
            passed, data, wait = passed + 1, said, limit
        return max(passed, 0), None, b""
    except EOFError as error:
        child.join()
        if passed < 0:
            raise RuntimeError("a child ended before its first input") from error
        return max(passed, 0), f"the process ended with {child.exitcode}", data
    finally:
        child.kill()
        child.join()
        ours.close()


def _child(target: Target, seed: int, pipe: Connection) -> None:
    """Send each input before it is tried, and the error if it was no SemcompError."""
    warnings.simplefilter("ignore")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libtiff has a line for each damage
    target.make(random.Random(seed))  # imports, and makes the seeds, before memory is limited
    size = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    most = size * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while True:
        data = target.make(random.Random(seed))
        pipe.send(data)
        try:
            target.tried(data)
        except SemcompError:
            pass
        except BaseException as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(place.filename).name}:{place.lineno}"
            pipe.send(f"{type(error).__name__} at {where}: {error}"[:300])
            return
        seed += 1
