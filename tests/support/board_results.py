"""Results for the tests of the leaderboard's page: the anchors' curves as if of 24 pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import gradio as gr

from leaderboard.data.official import SETS
from leaderboard.data.results import Results, Row, write_results
from leaderboard.pages.board.events import Events
from leaderboard.pages.board.view import View
from tests.support.anchor_curves import KODAK

SIZE = 768 * 512
WIDE = {"here": "http://page/", "dark": False, "narrow": False}
"""What the browser says of itself."""


def controls(view: View, submitted: Sequence[str] = (), method: str | None = None) -> list[Any]:
    """What the page sends for a view."""
    return [
        *(view.dataset, view.metric, view.scale, list(view.codecs), view.anchor),
        *(view.low, view.high, view.text, view.picture, view.target),
        *(view.page, list(submitted), method, WIDE),
    ]


def opened(events: Events) -> tuple[Any, ...]:
    """What a page without a link gets: the controls, then the rest."""
    return events.open(WIDE, cast(gr.Request, SimpleNamespace(query_params={})))[1:]


def spread(name: str, cost: float = 1.0, source: str | None = None) -> Results:
    """Results under Kodak's names whose pictures differ in rate by up to a factor of two."""
    rows = []
    for index, picture in enumerate(SETS["kodak"].pixels):
        factor = cost * 2 ** ((index - 11.5) / 23)
        for quality, (bpp, ms_ssim, si_ssim, psnr) in enumerate(KODAK[source or name], start=1):
            size = round(factor * bpp * SIZE / 8)
            rows.append(
                Row(
                    picture,
                    quality,
                    size,
                    round(8 * size / SIZE, 6),
                    *(None, None, None, None),
                    *(psnr, ms_ssim, si_ssim + 0.004, si_ssim, si_ssim - 0.002),
                    *(0.04 * cost, 0.02),
                )
            )
    provenance = {
        "kind": "recomputed",
        "version": f"{name} 1.0",
        "settings": "made for a test",
        "commit": "0123456789abcdef",
        "device": "a processor",
        "date": "2026-01-01",
    }
    return Results(name, f"{name}, made up", "kodak", tuple(rows), provenance)


def without(results: Results, picture: str) -> Results:
    """The results without a picture."""
    rows = tuple(row for row in results.rows if row.image != picture)
    return Results(results.name, "", results.dataset, rows, results.provenance)


def write_folder(folder: Path) -> Path:
    """A folder of results: two codecs as measured, two of ours made up, one incomplete."""
    folder.mkdir(parents=True, exist_ok=True)
    for results in (
        spread("jpeg"),
        spread("bpg"),
        spread("george", 1.2, "bpg"),
        spread("semantic", 1.1, "bpg"),
        without(spread("webp"), "kodim07"),
    ):
        write_results(results, folder / f"{results.name}.json")
    return folder
