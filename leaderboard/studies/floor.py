"""The floor of `proportional`: what every block gets before importance counts.

0 is the paper's text (unimportant blocks may vanish), the level itself is `uniform`. Every floor is
compared at the bytes of the uniform file of the same picture, so that only their place differs.
"""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leaderboard.analysis.curves import decibels
from leaderboard.codecs.base import open_session
from leaderboard.codecs.semcomp import SemcompCodec
from leaderboard.run.measuring import reference

from .base import Context, Panel, Series, Study
from .equal_rates import scores_at, search_of

if TYPE_CHECKING:
    import pandas

DEFAULT = round(2 / 3, 2)
"""Near what `semcomp.allocation.levels.default_floor` gives, of whole levels, at these levels."""
LEVELS = (6, 12)
"""Uniform levels whose bytes are the budget."""
SHARES = (0.0, 0.25, 0.5, DEFAULT, 0.8, 1.0)
"""Floors as shares of the average level."""
_COLOURS = {6: "#0072B2", 12: "#D55E00"}


class _Floored(SemcompCodec):
    """`proportional` whose floor is a share of the level, rounded down."""

    def __init__(self, share: float) -> None:
        super().__init__("semantic", "proportional")
        self.share = share

    def encode(self, image: Image.Image, quality: float) -> bytes:
        floor = int(self.share * quality)
        codec = SemcompCodec("semantic", "proportional", floor=floor)
        return open_session(codec, image).encode(quality)


def run(context: Context) -> Study:
    """Measure all pictures. Raises CodecError."""
    import pandas

    rows = pandas.DataFrame.from_records(list(chain(*context.each(measure))))
    scores = ["level", "bpp", "ms_ssim", "si_ssim", "si_ssim_2", "ssim", "psnr"]
    table = rows.groupby(["uniform level", "floor"])[scores].mean().reset_index()
    for metric in ("ms_ssim", "si_ssim"):
        last = table.groupby("uniform level")[metric].transform("last")
        table[f"{metric} to floor 1"] = table[metric] - last
    missed = rows.loc[~rows["reached"]]
    notes = [
        f"Means over {rows['image'].nunique()} pictures, all at the bytes of the uniform file: "
        "floor 0 is the paper's text, 1 all but uniform levels.",
        *_trade(table),
    ]
    if len(missed):
        notes.append(f"The bytes were out of reach {len(missed)} times; the nearest file counts.")
    panels = [_panel(table, "dB"), _panel(table, "")]
    return Study.of_panels(
        "floor",
        "The floor of `proportional` at equal bytes",
        table,
        panels,
        notes,
        {"floor": 2, "level": 2, "psnr": 2},
    )


def measure(name: str, image: NDArray[np.uint8]) -> list[dict[str, Any]]:
    """One record per budget and floor of a picture: what was used, and all scores."""
    picture, original = Image.fromarray(image), reference(image)
    uniform = SemcompCodec("george", "uniform")
    budgets = {level: len(uniform.encode(picture, level)) for level in LEVELS}
    records = []
    for share in SHARES:
        codec = _Floored(share)
        search = search_of(codec, partial(codec.encode, picture))
        for level, budget in budgets.items():
            match = search.around(budget, start=level)
            records.append(
                {
                    "image": name,
                    "uniform level": level,
                    "floor": share,
                    "level": match.nearest[0],
                    "bpp": 8 * budget / (image.shape[0] * image.shape[1]),
                    "reached": match.reached,
                    **scores_at(codec, match, original),
                }
            )
    return records


def _trade(table: pandas.DataFrame) -> list[str]:
    """What the default floor gives up and gains against the other two ends."""
    notes = []
    for level, own in table.groupby("uniform level"):
        rows = own.set_index("floor")
        zero, default, one = (rows.loc[share] for share in (0.0, DEFAULT, 1.0))
        notes.append(
            f"At the bytes of uniform level {level}: floor 0 to {DEFAULT} changes MS-SSIM by "
            f"{default['ms_ssim'] - zero['ms_ssim']:+.4f} and SI-SSIM by "
            f"{default['si_ssim'] - zero['si_ssim']:+.4f}; {DEFAULT} to 1 by "
            f"{one['ms_ssim'] - default['ms_ssim']:+.4f} and "
            f"{one['si_ssim'] - default['si_ssim']:+.4f}."
        )
    return notes


def _panel(table: pandas.DataFrame, unit: str) -> Panel:
    """SI-SSIM against MS-SSIM, a line from floor 0 to 1 for each budget."""
    scale = decibels if unit else np.asarray
    name = f" [{unit}]" if unit else ""
    series = []
    for level in LEVELS:
        own = table[table["uniform level"] == level]
        series.append(
            Series(
                f"bytes of uniform {level}",
                scale(own["ms_ssim"]).tolist(),
                scale(own["si_ssim"]).tolist(),
                _COLOURS[level],
                "lines+markers",
                texts=[f"{share:g}" for share in own["floor"]],
            )
        )
    return Panel(
        f"Floor 0 to 1{', in dB' * bool(unit)}", f"MS-SSIM{name}", f"SI-SSIM{name}", series
    )
