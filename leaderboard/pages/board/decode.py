"""Pictures at equal bytes on the leaderboard's page, decoded in turn with the demo's networks."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from leaderboard.analysis.look import METRIC_NAMES, look_of
from leaderboard.codecs import CodecError
from semcomp.demo.shared.downloads import save
from semcomp.demo.shared.events import on_gpu
from semcomp.errors import DatasetError
from semcomp.image import to_file

from . import words
from .boards import load_boards
from .pictures import Made, find_picture, has_pixels, make
from .view import target_of


def decode(
    folder: Path, dataset: str, picture: str, target: Any, sample: str, codecs: list[str]
) -> Iterator[tuple[list[tuple[str, str]], str]]:
    """Pictures at equal bytes, growing by one codec after another, and what went wrong.

    Kodak's picture where this machine has it, else the sample picture.
    """
    board = load_boards(folder).boards.get(dataset or "")
    own = has_pixels(dataset or "")
    place, name = (dataset, picture) if own else ("", sample)
    try:
        pixels = find_picture(place, name or "")
        height, width = pixels.shape[:2]
        gallery = [(_saved(f"{name}-original", pixels), f"Original, {width} × {height} pixels")]
        yield gallery, ""
        rate = target if target_of(target) is not None else float("nan")
        missing: list[str] = []
        for made in make(place, name, rate, codecs or [], board if own else None):
            label = look_of(made.codec).label
            if made.decoded is None:
                missing.append(f"{label}: {made.reason}.")
            else:
                file = _saved(f"{name}-{made.codec}-{made.bytes}-bytes", made.decoded)
                gallery = [*gallery, (file, _caption(label, made, height * width))]
            yield gallery, words.notice(missing)
    except (CodecError, DatasetError) as error:
        text = str(error)
        raise gr.Error(escape(text[:1].upper() + text[1:] + "."), print_exception=False) from error


decode_on_gpu = on_gpu(decode)


def _saved(stem: str, pixels: NDArray[np.uint8]) -> str:
    return save(to_file(pixels, compress_level=3), stem, ".png")


def _caption(label: str, made: Made, pixels: int) -> str:
    scores = made.scores or {}
    told = ", ".join(
        f"{METRIC_NAMES[metric]} {value:.2f} dB"
        if metric == "psnr"
        else f"{METRIC_NAMES[metric]} {value:.4f}"
        for metric, value in scores.items()
        if value is not None and metric in ("psnr", "ms_ssim", "si_ssim")
    )
    rate = 8 * made.bytes / pixels
    return f"{label}: {made.bytes:,} bytes, {rate:.3f} bpp, quality {made.quality:g}. {told}"
