"""Quality after every iteration at uniform levels, and where the gain levels off.

The paper (§4.2) runs 0 to 30 iterations over Kodak and stops at 24, where the curve has flattened.
Here a file has at most 24: the format and the weights end there. The pictures are those of one
decoding of the level-24 file, the bytes those of the real file of every level.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leaderboard.analysis.curves import decibels
from leaderboard.analysis.look import look_of
from leaderboard.codecs import CODECS
from leaderboard.codecs.base import open_session
from leaderboard.run.measuring import reference, score
from semcomp.allocation.planning import read_codes
from semcomp.coding import bitstream
from semcomp.image import crop
from semcomp.networks.runtime import decode_history
from semcomp.weights import find_model

from .base import BACKDROP, Context, Panel, Series, Study

if TYPE_CHECKING:
    import pandas

CODEC = "george"
LEVELS = tuple(range(1, 25))
_SCORES = ("psnr", "ms_ssim", "ssim", "si_ssim")
_LEVELLED = 0.99
"""Share of the gain in MS-SSIM after which a curve counts as level."""


def run(context: Context) -> Study:
    """Measure all pictures. Raises CodecError."""
    import pandas

    rows = pandas.DataFrame.from_records(list(chain(*context.each(measure))))
    table = rows.groupby("iteration")[["bpp", *_SCORES]].mean().reset_index()
    table["gain ms_ssim"] = table["ms_ssim"].diff()
    table["gain psnr"] = table["psnr"].diff()
    span = table["ms_ssim"].iloc[-1] - table["ms_ssim"].iloc[0]
    table["share of gain"] = (table["ms_ssim"] - table["ms_ssim"].iloc[0]) / span
    level = int(table.loc[table["share of gain"] >= _LEVELLED, "iteration"].iloc[0])
    last = table.iloc[-1]
    notes = [
        f"Means over {rows['image'].nunique()} pictures, {CODEC} (uniform levels), real files.",
        f"{_LEVELLED:.0%} of the gain in MS-SSIM is there after {level} of {LEVELS[-1]} "
        f"iterations; the last adds {last['gain ms_ssim']:.5f} MS-SSIM and "
        f"{last['gain psnr']:.2f} dB PSNR.",
        "A file has at most 24 iterations: the format and the weights end where the paper ended.",
    ]
    panels = [_panel(rows, table, "ms_ssim", "MS-SSIM"), _panel(rows, table, "psnr", "PSNR [dB]")]
    in_decibels = rows.assign(ms_ssim=decibels(rows["ms_ssim"]))
    means = table.assign(ms_ssim=decibels(table["ms_ssim"]))
    panels.insert(1, _panel(in_decibels, means, "ms_ssim", "MS-SSIM [dB]"))
    return Study.of_panels(
        "iterations",
        "Quality after every iteration",
        table,
        panels,
        notes,
        {"psnr": 2, "gain psnr": 2, "gain ms_ssim": 5, "share of gain": 3},
    )


def measure(name: str, image: NDArray[np.uint8]) -> list[dict[str, Any]]:
    """One record per iteration of a picture: image, iteration, bpp and all scores."""
    session = open_session(CODECS[CODEC], Image.fromarray(image))
    files = {level: session.encode(level) for level in LEVELS}
    original = reference(image)
    pixels = image.shape[0] * image.shape[1]
    return [
        {
            "image": name,
            "iteration": level,
            "bpp": 8 * len(files[level]) / pixels,
            **score(original, decoded),
        }
        for level, decoded in every_iteration(files[LEVELS[-1]]).items()
    ]


def every_iteration(data: bytes) -> dict[int, NDArray[np.uint8]]:
    """The picture after each iteration of a file, uint8 (H, W, 3)."""
    parsed = bitstream.parse(data)
    header = parsed.header
    model = find_model(header.model_id)
    _, codes = read_codes(model, parsed)
    history = decode_history(model.codec, codes, model.device)
    return {k: crop(shown, header.height, header.width) for k, shown in enumerate(history, 1)}


def _panel(rows: pandas.DataFrame, table: pandas.DataFrame, metric: str, label: str) -> Panel:
    """Every picture thin and grey, the mean on top."""
    look = look_of(CODEC)
    series = [
        Series(str(image), own["iteration"], own[metric], BACKDROP, width=1.0, in_legend=False)
        for image, own in rows.groupby("image")
    ]
    mean = Series(
        "mean of the pictures",
        table["iteration"].tolist(),
        table[metric].tolist(),
        look.colour,
        "lines+markers",
        3.0,
        symbol=look.symbol,
    )
    return Panel(label, "iterations", label, [*series, mean])
