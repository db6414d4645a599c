"""How far a run is: one line that is drawn over itself on a terminal, else a line now and then."""

from __future__ import annotations

import math
import shutil
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import TextIO

from tqdm import tqdm

QUIET_SECONDS = 30.0
"""Between two lines where there is no terminal."""


class Progress:
    """Points done and left, and the time that the rest will take.

    left: points to measure, per codec. cached: points that were there already. Codecs differ in
    speed a hundredfold: the time left is reckoned from each codec's points so far.
    """

    def __init__(
        self, left: Mapping[str, int], cached: int = 0, stream: TextIO | None = None
    ) -> None:
        self._left = Counter(left)
        self._cached = cached
        self._failed = 0
        self._seconds: defaultdict[str, list[float]] = defaultdict(list)
        self._started = time.monotonic()
        self._said = -QUIET_SECONDS
        self._stream = sys.stderr if stream is None else stream
        self._live = self._stream.isatty()
        self._bar = tqdm(
            total=sum(left.values()),
            bar_format="[{bar:24}] {n_fmt}/{total_fmt} points{desc}",
            ascii=".#",
            file=self._stream,
            delay=math.inf,  # drawn when there is something to say, never by itself
            # Stated, because a terminal may say that it has no size.
            ncols=shutil.get_terminal_size((101, 20)).columns - 1 if self._live else None,
            nrows=20,
        )
        if self._bar.total:
            self._say("starting")

    def point(self, codec: str, label: str, seconds: float | None) -> None:
        """One point more. seconds: what it took to measure; None if it failed."""
        self._left[codec] -= 1
        if seconds is None:
            self._failed += 1
        else:
            self._seconds[codec].append(seconds)
        self._bar.n += 1
        self._say(f"{codec} {label}")

    def seconds_left(self) -> float | None:
        """Estimate for the points left; None before the first one."""
        known = [value for values in self._seconds.values() for value in values]
        if not known:
            return None
        overall = sum(known) / len(known)
        total = 0.0
        for codec, count in self._left.items():
            values = self._seconds.get(codec)
            total += count * (sum(values) / len(values) if values else overall)
        # Points side by side, and time that is no point's, show in the time so far.
        return total * (time.monotonic() - self._started) / max(sum(known), 1e-9)

    def close(self) -> None:
        """End the line."""
        if self._live and self._bar.total:
            print(file=self._stream, flush=True)
        self._bar.close()

    def _say(self, what: str) -> None:
        now = time.monotonic() - self._started
        last = self._bar.n == self._bar.total
        if not self._live and not last and now - self._said < QUIET_SECONDS:
            return
        self._said = now
        seconds = self.seconds_left()
        text = f", {self._cached} known" if self._cached else ""
        text += f", {self._failed} failed" if self._failed else ""
        text += "" if seconds is None else f", {tqdm.format_interval(seconds)} left"
        self._bar.set_description_str(f"{text} | {what}", refresh=False)
        if self._live:
            self._bar.refresh()
        else:
            print(self._bar, file=self._stream, flush=True)


def say(line: str) -> None:
    """A line of progress on stderr, beside what is printed on stdout."""
    print(line, file=sys.stderr)
