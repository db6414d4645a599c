"""A codec that notes every call and can be told to misbehave, and two pictures for it."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

from leaderboard.codecs import CodecError
from leaderboard.codecs.jpeg import JpegCodec
from leaderboard.data.datasets import Dataset, load_dataset
from leaderboard.data.results import Results, read_results
from leaderboard.run.evaluate import evaluate as evaluate_by

CAT = np.ascontiguousarray(data.chelsea()[40:208, 60:252])
CUP = np.ascontiguousarray(data.coffee()[100:268, 150:342])
ALL = [(image, quality) for image in ("cat", "cup") for quality in (10, 30, 60)]
"""Every point of a `Noted` codec on `pictures_in`."""
BRIGHT = f"{np.mean(CUP // 2 + 127):.3f} 30"
"""The call at which tricks are done."""

# Starting processes takes seconds: tests that are not about them do without.
evaluate = partial(evaluate_by, jobs=0)


class Noted(JpegCodec):
    """JPEG that notes its calls in a file, and does a `trick` at quality 30 of the cup."""

    qualities = (10, 30, 60)  # type: ignore[assignment]

    def __init__(self, folder: Path, name: str = "noted", trick: str = "") -> None:
        self.name = name
        self.folder = folder
        self.trick = trick

    def encode(self, image, quality):
        """Note the call, then do it."""
        if image.size != (64, 64):  # the warm-up
            with (self.folder / f"{self.name}.calls").open("a") as notes:
                print(f"{np.asarray(image).mean():.3f}", quality, os.getpid(), file=notes)
            if quality == 30 and np.asarray(image).mean() > CAT.mean():
                self._act()
        elif self.trick == "cold":
            raise CodecError("there is no warming up")
        return super().encode(image, quality)

    def decode(self, data):
        """A picture, of a wrong size perhaps."""
        picture = super().decode(data)
        return picture.crop((0, 0, 20, 20)) if self.trick == "size" else picture

    def _act(self):
        if self.trick == "error":
            raise CodecError("no such luck\nat all")
        if self.trick == "bug":
            raise ZeroDivisionError("divided by nothing")
        if self.trick == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.trick == "exit":
            os._exit(3)
        if self.trick == "slow":
            time.sleep(60)


def pictures_in(folder: Path) -> Dataset:
    """Two pictures in `pictures`: the cat, and a cup that is made brighter than it."""
    folder = folder / "pictures"
    folder.mkdir()
    Image.fromarray(CAT).save(folder / "cat.png")
    Image.fromarray(CUP // 2 + 127).save(folder / "cup.png")
    return load_dataset(folder)


def calls(folder: Path, name: str = "noted") -> list[str]:
    """Brightness and quality of every call, in order."""
    path = folder / f"{name}.calls"
    return [" ".join(line.split()[:2]) for line in path.read_text().splitlines()]


def keys(results: Results) -> list[tuple[str, float | str]]:
    """Picture and quality of every row."""
    return [(row.image, row.quality) for row in results.rows]


def check_failed(error, out, reasons):
    """One point of each named codec has failed, for its reason; all others are there."""
    assert {f.codec: (f.image, f.quality) for f in error.failures} == dict.fromkeys(
        reasons, ("cup", 30)
    )
    for failure in error.failures:
        assert reasons[failure.codec] in failure.reason
        assert str(failure).startswith(f"{failure.codec}, cup, quality 30: ")
    for each in error.results:
        expected = [key for key in ALL if each.name not in reasons or key != ("cup", 30)]
        assert keys(each) == keys(read_results(out / f"{each.name}.json")) == expected
