"""One picture at equal bytes: every codec's largest file that is no larger than asked for.

The quality is searched for in real files, and what is shown is what the file decodes to, in turn
with the demo's networks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leaderboard.analysis.curves import rows_of
from leaderboard.analysis.look import METRIC_NAMES, look_of, score_text, setting_text
from leaderboard.codecs import CODECS, CodecError
from leaderboard.codecs.base import open_session
from leaderboard.data.datasets import TOGETHER
from leaderboard.data.official import SETS
from leaderboard.run.measuring import Reference, reference, score
from semcomp.demo.shared.downloads import save
from semcomp.demo.shared.events import on_gpu
from semcomp.demo.shared.work import samples
from semcomp.draw import IMPORTANCE, with_scale
from semcomp.errors import DatasetError
from semcomp.image import to_file
from semcomp.search import FileSearch

from . import words
from .boards import Board, load_boards
from .view import target_of

Pixels = NDArray[np.uint8]
AT_FIRST = ("jpeg", "bpg", "george", "semantic")
"""Codecs chosen at first; the slow ones wait to be asked for."""
TOLD = ("psnr", "ms_ssim", "si_ssim", "ssimulacra2", "lpips")
"""Scores below a picture."""
ERRORS = {"ssim": ("1 − SSIM", 0.6), "ssimulacra2": ("share of SSIMULACRA2's error", 80.0)}
"""Scores with a map of errors: what it shows, and the error at the end of its scale."""
MOST = 6
"""Codecs of one request: each takes a second to half a minute."""


@dataclass(frozen=True, eq=False)
class DecodedPicture:
    """A codec's picture, or why there is none.

    decoded: uint8 (H, W, 3), None with a `reason`. bytes: of the file, never more than the target.
    """

    codec: str
    decoded: Pixels | None = None
    quality: float = 0.0
    bytes: int = 0
    scores: dict[str, float | None] | None = None
    reason: str = ""


def runnable(board: Board | None) -> list[str]:
    """Codecs of a board that are installed here under their name; all if there is no board."""
    return [name for name in CODECS if board is None or name in board.codecs]


def has_pixels(dataset: str) -> bool:
    """Whether pictures of a data set are on this machine: those of official sets may be."""
    return any(_is_here(part, name) for part in _parts(dataset) for name in SETS[part].pixels)


def find_picture(dataset: str, name: str) -> Pixels:
    """Pixels of a sample picture (data set "") or of an official set's, uint8 (H, W, 3).

    Nothing is downloaded.

    Raises DatasetError.
    """
    if not dataset:
        if name not in samples():
            raise DatasetError(f"no sample picture {name!r}: there are {', '.join(samples())}")
        return samples()[name]
    for part in _parts(dataset):
        if _is_here(part, name):
            return SETS[part].pictures([name])[0].load()
    raise DatasetError(f"{name} is not on this server")


def _parts(dataset: str) -> list[str]:
    """The official sets that a data set is made of."""
    return [part for part in dataset.split(TOGETHER) if part in SETS]


def _is_here(dataset: str, name: str) -> bool:
    official = SETS[dataset]
    return name in official.pixels and (official.folder / f"{name}.png").is_file()


def make(
    dataset: str, name: str, bpp: float, codecs: Sequence[str], board: Board | None = None
) -> Iterator[DecodedPicture]:
    """The codecs' pictures one after another, in the order given.

    bpp: rate that no file exceeds. board: tells where to search, so that fewer files are made.
    Raises DatasetError for a picture that is not there, CodecError for other requests that cannot
    be served.
    """
    unknown = [codec for codec in codecs if codec not in CODECS]
    if unknown or not codecs:
        raise CodecError(f"choose codecs to decode, not {', '.join(unknown) or 'none'}")
    if len(codecs) > MOST:
        raise CodecError(f"choose at most {MOST} codecs at a time, not {len(codecs)}")
    if target_of(bpp) is None:
        raise CodecError("the target is no rate: choose 0.02 to 8 bits per pixel")
    pixels = find_picture(dataset, name)
    target = int(bpp * pixels.shape[0] * pixels.shape[1] / 8)
    for codec in codecs:
        yield _make(dataset, name, codec, target, _span(board, codec, name, target))


@lru_cache(maxsize=24)
def _make(
    dataset: str, name: str, codec_name: str, target: int, span: tuple[float, float] | None
) -> DecodedPicture:
    codec, pixels = CODECS[codec_name], find_picture(dataset, name)
    try:
        session = open_session(codec, Image.fromarray(pixels))
        ends = float(min(codec.qualities)), float(max(codec.qualities))
        step = getattr(codec, "search_range", (0, 0, 1))[2]
        for low, high in [*([span] if span else []), ends]:
            bracket = FileSearch(session.encode, low, high, step).around(target)
            if bracket.reached:
                break
        quality, data = bracket.below
        if len(data) > target:
            reason = f"the smallest file of its benchmark qualities has {len(data):,} bytes"
            return DecodedPicture(codec.name, reason=reason)
        decoded = np.asarray(codec.decode(data))
    except CodecError as error:
        return DecodedPicture(codec.name, reason=str(error))
    scores = score(_reference(dataset, name), decoded)
    return DecodedPicture(codec.name, decoded, quality, len(data), scores)


def _span(board: Board | None, codec: str, name: str, target: int) -> tuple[float, float] | None:
    """The neighbouring qualities of the benchmark between whose files the target lies."""
    if board is None or codec not in board.codecs:
        return None
    rows = rows_of(board.frame, codec)
    rows = rows[rows["image"] == name]
    if not all(isinstance(quality, (int, float)) for quality in rows["quality"]):
        return None
    below, above = rows[rows["bytes"] <= target], rows[rows["bytes"] > target]
    if below.empty or above.empty:
        return None
    low, high = float(below["quality"].max()), float(above["quality"].min())
    return (low, high) if low < high else None


@lru_cache(maxsize=1)  # a visitor asks for several codecs of one picture
def _reference(dataset: str, name: str) -> Reference:
    return reference(find_picture(dataset, name))


def error_map(original: Reference, decoded: Pixels, metric: str) -> Image.Image:
    """Where a score is lost, on a scale that is the same for all codecs. metric: of `ERRORS`."""
    if metric == "ssim":
        errors = 1 - original.original.compare(decoded, multiscale=False)[0]
    elif original.ssimulacra2 is not None:
        errors = original.ssimulacra2.error_map(decoded)
    else:
        raise CodecError("the picture is too small for SSIMULACRA2")
    title, top = ERRORS[metric]
    shown = IMPORTANCE[np.rint(255 * np.clip(errors / top, 0, 1)).astype(np.uint8)]
    ticks = [(0, "0"), (1, f"{top:g} and more")]
    return with_scale(Image.fromarray(shown), IMPORTANCE, title, ticks)


def decode(
    folder: Path,
    dataset: str,
    picture: str,
    target: Any,
    sample: str,
    codecs: list[str],
    shown: str = "pictures",
) -> Iterator[tuple[list[tuple[str, str]], str]]:
    """Pictures at equal bytes, growing by one codec after another, and what went wrong.

    The data set's picture where this machine has it, else the sample picture. shown: `pictures`, or
    one of `ERRORS` for maps of where that score is lost.
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
                drawn = made.decoded
                stem = f"{name}-{made.codec}-{made.bytes}-bytes"
                if shown in ERRORS:
                    stem += f"-{shown}-error"
                    drawn = np.asarray(error_map(_reference(place, name), drawn, shown))
                file = _saved(stem, drawn)
                gallery = [*gallery, (file, _caption(label, made, height * width))]
            yield gallery, words.notice(missing)
    except (CodecError, DatasetError) as error:
        text = str(error)
        raise gr.Error(escape(text[:1].upper() + text[1:] + "."), print_exception=False) from error


decode_on_gpu = on_gpu(decode)


def _saved(stem: str, pixels: Pixels) -> str:
    return save(to_file(pixels, compress_level=3), stem, ".png")


def _caption(label: str, made: DecodedPicture, pixels: int) -> str:
    scores = made.scores or {}
    told = ", ".join(
        f"{METRIC_NAMES[metric]} {score_text(metric, value)}{' dB' if metric == 'psnr' else ''}"
        for metric, value in scores.items()
        if value is not None and metric in TOLD
    )
    rate = 8 * made.bytes / pixels
    setting = setting_text(made.codec, made.quality)
    return f"{label}: {made.bytes:,} bytes, {rate:.3f} bpp, {setting}. {told}"
