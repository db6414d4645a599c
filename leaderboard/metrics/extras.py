"""Scores by other people's programs, for those who have them: Butteraugli, VMAF, ColorVideoVDP.

Nothing of the board needs them. A program that is missing is told with what to install.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from semcomp.errors import MetricError

TIMEOUT = 600.0
"""Seconds after which a program is given up."""
_VMAF = "[0:v]format=yuv444p[d];[1:v]format=yuv444p[r];[d][r]libvmaf=n_threads=1"
_NUMBER = r"(-?\d+(?:\.\d+)?)"


def extra_score(
    name: str, original: NDArray[np.uint8], decoded: NDArray[np.uint8]
) -> tuple[float, str]:
    """(score, what computed it) of a picture against its original, both uint8 (H, W, 3).

    name: of `EXTRAS`. Raises MetricError where the program is missing or gives no score.
    """
    if name not in EXTRAS:
        raise MetricError(f"no extra score {name!r}: there are {', '.join(EXTRAS)}")
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, f"{each}.png") for each in ("original", "decoded")]
        for file, pixels in zip(files, (original, decoded), strict=True):
            Image.fromarray(pixels).save(file, compress_level=1)
        return EXTRAS[name](*files)


def _butteraugli(original: Path, decoded: Path) -> tuple[float, str]:
    program = _program("butteraugli", "apt-get install butteraugli")
    said = _output([program, str(original), str(decoded)])
    return _found(rf"^{_NUMBER}", said), f"{program}; a distance, 1 is just noticeable"


def _vmaf(original: Path, decoded: Path) -> tuple[float, str]:
    try:
        from imageio_ffmpeg import get_ffmpeg_exe  # type: ignore[import-not-found]
    except ImportError:
        program = _program("ffmpeg", "pip install imageio-ffmpeg, or an ffmpeg with libvmaf")
    else:
        program = get_ffmpeg_exe()
    given = ["-hide_banner", "-nostdin", "-i", str(decoded), "-i", str(original)]
    said = _output([program, *given, "-lavfi", _VMAF, "-f", "null", "-"])
    return _found(rf"VMAF score: {_NUMBER}", said), "FFmpeg's libvmaf, its default model; up to 100"


def _cvvdp(original: Path, decoded: Path) -> tuple[float, str]:
    program = _program("cvvdp", "pip install cvvdp")
    display = "standard_fhd"
    given = ["-t", str(decoded), "-r", str(original), "-d", display, "--device", "cpu", "-q"]
    said = _output([program, *given])
    return _found(rf"{_NUMBER}\s*$", said), f"{program}, display {display}; JOD, up to 10"


EXTRAS: dict[str, Callable[[Path, Path], tuple[float, str]]] = {
    "butteraugli": _butteraugli,
    "vmaf": _vmaf,
    "cvvdp": _cvvdp,
}
"""By their names: files of original and decoded picture -> score, and what computed it."""


def _program(name: str, how: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise MetricError(f"{name} is not here: {how}")
    return found


def _output(command: Sequence[str]) -> str:
    """What a program says, on both streams. Raises MetricError where it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MetricError(f"{command[0]} cannot be used: {error}") from error
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()[-1]
        raise MetricError(f"{command[0]} has failed: {last}")
    return done.stdout + done.stderr


def _found(pattern: str, said: str) -> float:
    match = re.search(pattern, said, re.MULTILINE)
    if match is None:
        raise MetricError(f"no score in what the program says: {said[-200:]!r}")
    return float(match[1])
