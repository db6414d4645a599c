"""Frames for FFmpeg's encoders, with regions of interest: where the quantizer is to be finer."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .base import package

TIME_BASE = Fraction(1, 25)


def frame_of(picture: NDArray[np.uint8], label: str) -> Any:
    """A picture, uint8 (H, W, 3) sRGB, as PyAV's frame: 4:2:0, BT.601, 16..235.

    Raises FormatError where PyAV is not installed; label: of the format that needs it.
    """
    av = package("av", "av", label)
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
    frame = frame.reformat(format="yuv420p", dst_colorspace="ITU601", dst_color_range="MPEG")
    frame.pts, frame.time_base = 0, TIME_BASE
    return frame


def with_regions(frame: Any, offsets: NDArray[np.float64], side: int) -> Any:
    """The frame, telling its encoder by how much to change the quantizer of blocks.

    offsets: float (rows, columns) of blocks of `side` pixels, as FFmpeg's `addroi` has them: shares
    of the quantizer's range, below 0 for better quality. Blocks at 0 belong to no region.
    """
    import av

    graph = av.filter.Graph()
    last = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=TIME_BASE
    )
    for x, y, width, height, offset in _rectangles(offsets):
        box = f"x={side * x}:y={side * y}:w={side * width}:h={side * height}"
        region = graph.add("addroi", f"{box}:qoffset={offset:.5f}")
        last.link_to(region)
        last = region
    sink = graph.add("buffersink")
    last.link_to(sink)
    graph.configure()
    graph.push(frame)
    return graph.pull()


def _rectangles(offsets: NDArray[np.float64]) -> Iterator[tuple[int, int, int, int, float]]:
    """x, y, width and height of areas of one offset that is not 0: runs, and such runs below."""
    open_: dict[tuple[int, int, float], int] = {}  # x, width and offset of a run -> its first row
    for y in range(len(offsets) + 1):
        runs, x = set(), 0
        for offset, group in groupby(offsets[y] if y < len(offsets) else ()):
            width = len(list(group))
            if offset:
                runs.add((x, width, float(offset)))
            x += width
        for run in [run for run in open_ if run not in runs]:
            top = open_.pop(run)
            yield run[0], top, run[1], y - top, run[2]
        for run in runs:
            open_.setdefault(run, y)
