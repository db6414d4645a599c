"""What a training run shows: rows of a CSV file, and a line of progress."""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

Report = Callable[[str], None]


def append_row(path: Path, row: Mapping[str, float]) -> None:
    """Add a row to a CSV file; columns that it does not have yet are added to all its rows."""
    before = read_rows(path)
    columns = list(before[0]) if before else list(row)
    new = [name for name in row if name not in columns]
    if before and not new:
        with path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, columns, restval="").writerow(row)
        return
    partial = path.with_suffix(".partial")
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*columns, *new], restval="")
        writer.writeheader()
        writer.writerows([*before, dict(row)])
    partial.replace(path)


def read_rows(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file; none if there is no such file."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def duration(seconds: float) -> str:
    """42 s, 3 min 20 s, 2 h 05 min."""
    whole = round(max(seconds, 0))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


class Progress:
    """A bar that is redrawn on a terminal, and nothing elsewhere (the log has its own lines)."""

    WIDTH = 24

    def __init__(self, shown: bool) -> None:
        self.shown = shown and sys.stderr.isatty()
        self._next = 0.0
        self._drawn = 0

    def update(self, done: float, text: str, left: float) -> None:
        """done: 0..1; text: after the bar; left: seconds. Drawn at most twice a second."""
        now = time.monotonic()
        if not self.shown or now < self._next:
            return
        self._next = now + 0.5
        filled = round(self.WIDTH * min(max(done, 0.0), 1.0))
        bar = "#" * filled + "." * (self.WIDTH - filled)
        line = f"[{bar}] {done:4.0%}  {text}, {duration(left)} left"
        sys.stderr.write("\r" + line.ljust(self._drawn))
        sys.stderr.flush()
        self._drawn = len(line)

    def clear(self) -> None:
        """Make room for a line of the log."""
        if self._drawn:
            sys.stderr.write("\r" + " " * self._drawn + "\r")
            sys.stderr.flush()
            self._drawn = 0
