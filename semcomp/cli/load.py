"""The command that tries a running demo with many visitors at once: load.

Every picture sent carries its own number as a pattern of dark and light squares. The file that
comes back is decoded here and its number read, so that a result which is somebody else's shows.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from semcomp.errors import SemcompError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CELLS = 4
"""Squares along a side of a picture: it carries CELLS² bits."""
POLL = 0.25
"""Seconds between two looks at a job's place in the queue."""

PATIENCE = 120.0
"""Seconds the server may take to answer, the wait in the queue not counted."""


@dataclass
class Report:
    """What happened to the requests; seconds from sending to the result, memory in megabytes."""

    visitors: int
    results: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    strangers: int = 0
    waited: int = 0
    furthest_back: int = 0
    seconds: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    took: float = 0.0

    @property
    def good(self) -> bool:
        """Whether every request got its own result or an answer in words, and some a result."""
        return bool(self.results) and not self.failed and not self.strangers

    def lines(self) -> list[str]:
        """The report for people."""
        sent = self.results + self.strangers + sum((self.refused + self.failed).values())
        lines = [
            f"{sent} requests of {self.visitors} visitors in {self.took:.0f} s: "
            f"{self.results} results, {sum(self.refused.values())} refused, "
            f"{sum(self.failed.values())} failed, {self.strangers} of somebody else",
            f"{self.waited} waited and were told their place, the furthest back at "
            f"{self.furthest_back + 1}",
        ]
        if self.seconds:
            slow = sorted(self.seconds)[int(0.95 * (len(self.seconds) - 1))]
            lines.append(
                f"seconds to a result: median {statistics.median(self.seconds):.1f}, "
                f"95% under {slow:.1f}, longest {max(self.seconds):.1f}"
            )
        if self.memory:
            quarter = self.memory[len(self.memory) // 4]
            lines.append(
                f"server's memory: {self.memory[0]:.0f} MB at the start, {quarter:.0f} MB after a "
                f"quarter, {self.memory[-1]:.0f} MB at the end, {max(self.memory):.0f} MB at most"
            )
        for word, texts in (("refused", self.refused), ("failed", self.failed)):
            lines += [f"{word} {count}: {text}" for text, count in texts.most_common(5)]
        return lines


def load(
    url: Annotated[str, typer.Argument(help="address of a running demo")],
    visitors: Annotated[int, typer.Option(min=1, max=500, help="how many at once")] = 20,
    requests: Annotated[int, typer.Option(min=1, max=60_000, help="how many in all")] = 200,
    side: Annotated[int, typer.Option(min=64, max=1024, help="pixels of a picture's side")] = 128,
    height: Annotated[
        int, typer.Option(min=0, max=1024, help="pixels it is high, 64 or more; 0: square")
    ] = 0,
    level: Annotated[float, typer.Option(help="average level, 1 to 24")] = 2.0,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Try a running demo with many visitors: results, refusals, waiting, memory, mix-ups."""
    try:
        import gradio_client  # type: ignore[import-untyped]  # noqa: F401
    except ImportError as error:
        raise SemcompError("load needs Gradio's client: pip install 'semcomp[demo]'") from error
    shape = (max(64, height) if height else side), side
    report = run(url, visitors, requests, shape, level)
    if as_json:
        print(json.dumps(asdict(report) | {"good": report.good}))
    else:
        print("\n".join(report.lines()))
    if not report.good:
        raise typer.Exit(1)


def run(url: str, visitors: int, requests: int, shape: tuple[int, int], level: float) -> Report:
    """Send `requests` pictures as `visitors` at once; each visitor sends one after the other.

    shape: pixels of a picture, height and width. Raises OSError if nothing answers at the address.
    """
    report, lock = Report(visitors), threading.Lock()
    numbers = iter(range(1, requests + 1))
    _note_memory(url, report)  # also: is anybody there?
    started = time.monotonic()

    def visit() -> None:
        from gradio_client import Client

        with tempfile.TemporaryDirectory() as folder:
            try:
                client = Client(
                    url,
                    verbose=False,
                    download_files=folder,
                    analytics_enabled=False,
                    httpx_kwargs={"timeout": PATIENCE},
                )
            except Exception as error:  # as below
                with lock:
                    report.failed[f"cannot open the demo: {type(error).__name__}: {error}"] += 1
                return
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    break
                _send(client, Path(folder), number, shape, level, report, lock)
                try:
                    _note_memory(url, report)
                except OSError as error:
                    with lock:
                        report.failed[f"/health: {error}"] += 1
            client.close()

    threads = [threading.Thread(target=visit) for _ in range(min(visitors, requests))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report.took = time.monotonic() - started
    return report


def _send(
    client: Any,
    folder: Path,
    number: int,
    shape: tuple[int, int],
    level: float,
    report: Report,
    lock: threading.Lock,
) -> None:
    """One request, and what became of it."""
    from gradio_client import handle_file
    from gradio_client.exceptions import AppError  # type: ignore[import-untyped]
    from gradio_client.utils import QueueError  # type: ignore[import-untyped]
    from PIL import Image

    from semcomp.pipeline import decompress

    path = folder / f"{number}.png"
    Image.fromarray(picture_of(number, *shape)).save(path)
    began, place = time.monotonic(), -1
    job = client.submit(
        handle_file(path), level=level, allocation="uniform", max_side=0, api_name="/compress"
    )
    while not job.done():
        rank = job.status().rank
        place = max(place, -1 if rank is None else rank)
        time.sleep(POLL)
    outcome, text = "results", ""
    try:
        file, _ = job.result()
        if number_in(decompress(Path(file).read_bytes())) != number:
            outcome = "strangers"
    except (QueueError, AppError) as error:
        outcome, text = "refused", str(error)
    except Exception as error:  # whatever else a server under load may do, it is counted
        outcome, text = "failed", f"{type(error).__name__}: {error}"
    with lock:
        report.waited += place >= 0
        report.furthest_back = max(report.furthest_back, place)
        if outcome in ("refused", "failed"):
            getattr(report, outcome)[text[:200]] += 1
        else:
            setattr(report, outcome, getattr(report, outcome) + 1)
            report.seconds.append(time.monotonic() - began)
    path.unlink()


def picture_of(number: int, height: int, width: int | None = None) -> NDArray[np.uint8]:
    """A picture uint8 (height, width, 3) whose squares, dark or light, are the bits of a number.

    number: 0 to 2 ** CELLS² − 1. width: as `height` if None. Some noise makes every picture one to
    be worked on.
    """
    import numpy as np

    width = height if width is None else width
    bits = [(number >> i) & 1 for i in range(CELLS**2)]
    squares = np.array(bits, np.uint8).reshape(CELLS, CELLS)
    high, wide = -(-height // CELLS), -(-width // CELLS)
    grey = 60 + 140 * squares.repeat(high, axis=0).repeat(wide, axis=1)[:height, :width]
    noise = np.random.default_rng(number).integers(-20, 21, (height, width, 3))
    pixels: NDArray[np.uint8] = (grey[..., None] + noise).astype(np.uint8)
    return pixels


def number_in(picture: Any) -> int:
    """The number a picture carries, from the mean brightness of its squares.

    picture: a Pillow image or an array (H, W, 3), as `picture_of` made it or decoded from that.
    """
    import numpy as np

    grey = np.asarray(picture, np.float64).mean(axis=2)
    squares = [
        square.mean() > 130
        for row in np.array_split(grey, CELLS, axis=0)
        for square in np.array_split(row, CELLS, axis=1)
    ]
    return sum(int(light) << i for i, light in enumerate(squares))


def _note_memory(url: str, report: Report) -> None:
    """What the server says of its own memory. Raises OSError if it says nothing."""
    with urllib.request.urlopen(f"{url.rstrip('/')}/health", timeout=PATIENCE) as answer:
        megabytes = json.load(answer).get("memory_mb")
    if megabytes is not None:
        report.memory.append(megabytes)
