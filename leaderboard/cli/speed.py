"""The command `python -m leaderboard speed`: processor seconds of this codec beside others."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from .arguments import DatasetName

if TYPE_CHECKING:
    from PIL import Image

    from leaderboard.codecs.base import Codec

LEVELS = (8, 16)
OTHERS = ("avif", "jxl", "bpg")
GOALS = {
    ("george", 8): (0.3, 0.25),
    ("semantic", 8): (0.5, 0.25),
    ("semantic-rd", 8): (2.0, 0.25),
    ("george", 16): (None, 0.5),
    ("semantic", 16): (None, 0.5),
}
"""Seconds to encode and to decode 768x512 pixels that were aimed at."""
COMMAND_GOAL = 1.0
"""Seconds, by the clock, for the command on a small picture."""


class Timed(NamedTuple):
    """A line of the table. encode, decode: processor seconds. goal: the same, None for none."""

    name: str
    size: int
    encode: float
    decode: float
    goal: tuple[float | None, float | None] = (None, None)

    def __str__(self) -> str:
        cells = [self.name, f"{self.size:,}"]
        for seconds, goal in zip((self.encode, self.decode), self.goal, strict=True):
            cells += [f"{seconds:.3g}", "" if goal is None else f"{seconds / goal:.1f}"]
        return f"| {' | '.join(cells)} |"


def speed(
    dataset: DatasetName = "kodak",
    image: Annotated[str, typer.Option(help="the picture that is timed")] = "kodim23",
    repeats: Annotated[int, typer.Option(min=1, help="runs, of which the median counts")] = 5,
    lstm: Annotated[
        bool, typer.Option(help="the paper's network at full width, too: minutes, run once")
    ] = True,
) -> None:
    """Processor seconds of one core, other codecs at the bytes of `george` at level 8."""
    import torch
    from PIL import Image

    from leaderboard.data.datasets import load_dataset

    torch.set_num_threads(1)
    (chosen,) = load_dataset(dataset, [image]).pictures
    picture = Image.fromarray(chosen.load())
    print(f"{image}, {picture.width}x{picture.height}\n")
    print("| codec | bytes | encode, s | of the goal | decode, s | of the goal |")
    print("|---|---|---|---|---|---|")
    for line in _lines(picture, repeats, lstm):
        print(line, flush=True)
    wall = median(_command_seconds() for _ in range(repeats))
    print(
        f"\n`python -m semcomp compress` of a small picture: {wall:.2f} s by the clock,"
        f" {wall / COMMAND_GOAL:.1f} of the goal"
    )


def _lines(picture: Image.Image, repeats: int, lstm: bool) -> Iterator[Timed]:
    from leaderboard.codecs import CODECS

    size = len(CODECS["george"].encode(picture, LEVELS[0]))
    for level in LEVELS:
        for name in ("george", "semantic", "semantic-rd"):
            timed = _timed(name, CODECS[name], picture, level, repeats)
            yield timed._replace(
                name=f"{name}, level {level}", goal=GOALS.get((name, level), (None, None))
            )
    for name in OTHERS:
        codec = CODECS[name]
        quality = codec.qualities[0]
        for higher in codec.qualities[1:]:
            if len(codec.encode(picture, higher)) > size:
                break
            quality = higher
        timed = _timed(name, codec, picture, quality, repeats)
        yield timed._replace(name=f"{name}, quality {quality:g}")
    if lstm:
        yield _lstm(picture)


def _timed(name: str, codec: Codec, picture: Image.Image, quality: float, repeats: int) -> Timed:
    """Medians of so many runs after one that counts for nothing."""
    data = codec.encode(picture, quality)
    codec.decode(data)
    return Timed(
        name,
        len(data),
        median(_seconds(lambda: codec.encode(picture, quality)) for _ in range(repeats)),
        median(_seconds(lambda: codec.decode(data)) for _ in range(repeats)),
    )


def _lstm(picture: Image.Image) -> Timed:
    """The network of preset `paper` with random weights, without entropy coding: one run."""
    import numpy as np
    import torch

    from semcomp.geometry import BLOCK
    from semcomp.image import pad_image, to_tensor
    from semcomp.networks.codec import PRESETS
    from semcomp.networks.paper import build_codec
    from semcomp.networks.quantizer import QuantizerTables
    from semcomp.networks.runtime import decode_codes, encode_codes

    torch.manual_seed(0)
    codec = build_codec(PRESETS["paper"], QuantizerTables.binary()).eval().requires_grad_(False)
    padded = pad_image(np.asarray(picture))
    shape = padded.shape[0] // BLOCK, padded.shape[1] // BLOCK
    levels = np.full(shape, LEVELS[0])
    codes = np.zeros(0)

    def encode() -> None:
        nonlocal codes
        codes = encode_codes(codec, to_tensor(padded), levels)

    taken = _seconds(encode)
    decoding = _seconds(lambda: decode_codes(codec, codes, torch.device("cpu")))
    name = f"LSTMs of the paper, level {LEVELS[0]}, random weights"
    return Timed(name, codes.size // 8, taken, decoding)


def _seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _command_seconds() -> float:
    """A compression of 256x256 pixels, from the start of Python to its end, by the clock."""
    import numpy as np
    from PIL import Image

    with tempfile.TemporaryDirectory(prefix="semcomp-speed-") as folder:
        source = Path(folder) / "ramp.png"
        ramp = np.linspace(0, 255, 256 * 256 * 3).reshape(256, 256, 3).astype(np.uint8)
        Image.fromarray(ramp).save(source)
        command = ["compress", str(source), str(source.with_suffix(".semc"))]
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "semcomp", *command], check=True, stdout=subprocess.DEVNULL
        )
        return time.perf_counter() - started
