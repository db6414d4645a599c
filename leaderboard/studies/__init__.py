"""The studies of the benchmark: each a module whose `run` measures real files and gives a `Study`.

`python -m leaderboard study NAME --out DIR` writes its figure (PNG and HTML) and its table
(Markdown and CSV).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable

from semcomp.errors import SemcompError

from .base import Context, Study, write_study

__all__ = ["QUICK", "STUDIES", "Context", "Study", "find_study", "write_study"]

STUDIES = {
    "iterations": "quality after every iteration, and where the gain levels off",
    "figure7": "rate-distortion curves of MS-SSIM and SI-SSIM (the paper's Figure 7)",
    "figure6": "pictures at equal bytes with two marked regions (the paper's Figure 6)",
    "metric-agreement": "SROCC, KROCC, PLCC and rMSE of SI-SSIM against SSIM",
    "floor": "the floor of `proportional`, from 0 (the paper's text) to the level itself",
    "recognition": "which faces, words and classes independent judges still find",
    "maps": "whether the ranking holds under another classifier's map, inside and outside",
    "transfer": "what the map is worth in JPEG, AVIF, HEIC, WebP and BPG",
}
"""Names and what they show."""
QUICK = ("figure7", "metric-agreement")
"""Those that read results; the others encode and decode every picture many times, for hours."""


def find_study(name: str) -> Callable[[Context], Study]:
    """The study of a name. Raises SemcompError for an unknown one."""
    if name not in STUDIES:
        raise SemcompError(f"no study {name!r}: use one of {', '.join(STUDIES)}")
    module = importlib.import_module(f".{name.replace('-', '_')}", __name__)
    run: Callable[[Context], Study] = module.run
    return run
