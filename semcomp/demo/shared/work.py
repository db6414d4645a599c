"""What the demo computes: uploads in, results out.

Scores are taken on the arrays here, never on what a browser
component re-encoded, and an error a visitor can mend reaches them in the library's own words.
"""

import hashlib
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, cast

import gradio as gr
import numpy as np
import skimage.data
from numpy.typing import NDArray
from PIL import Image

from semcomp.allocation.planning import Allocation, read_levels
from semcomp.coding import bitstream
from semcomp.demo.hosting import memory, pictures
from semcomp.demo.hosting.settings import Settings
from semcomp.draw import level_grid
from semcomp.errors import (
    AllocationError,
    BitstreamError,
    FormatError,
    ImageError,
    MetricError,
    SemanticError,
    SizeError,
    WeightsError,
)
from semcomp.explanation import Explanation, explain
from semcomp.image import limit_side
from semcomp.metrics import MS_SSIM_MIN_SIDE, Original, psnr, weighted_mean
from semcomp.picture_file import check_size
from semcomp.pipeline import Compressed, TruncatedWarning, compress, decompress, info
from semcomp.semantics.maps import SemanticMap, subject_records, upsample_grey
from semcomp.semantics.subjects import MapKind, analyse

REGION = 128
"""Grey value of the map, 0..255, from which a place belongs to the important region."""

Picture = NDArray[np.uint8]
Step = Callable[[int, int], None]
"""Called with (iterations done, iterations in all)."""

_FOR_VISITORS: dict[type[Exception], str] = {
    ImageError: "This picture cannot be used",
    AllocationError: "This setting does not work",
    SemanticError: "This class cannot be used",
    BitstreamError: "This file cannot be decoded",
    WeightsError: "The model is missing",
    MetricError: "These pictures cannot be compared",
    SizeError: "This size does not work",
    FormatError: "This format does not work",
    MemoryError: "Not enough memory",
}


@contextmanager
def for_visitors(html: bool = True) -> Iterator[None]:
    """Turn errors that name problem and remedy into messages on the page.

    html: whether a browser shows them; programs get the plain text.
    """
    try:
        yield
    except tuple(_FOR_VISITORS) as error:
        title = next(text for kind, text in _FOR_VISITORS.items() if isinstance(error, kind))
        said = str(error) or "the picture is too large for this server; scale it down first"
        if isinstance(error, ImageError) and ";" not in said:
            said += "; try another file, or save the picture again as PNG or JPEG"
        message = sentence(said)
        if html:
            message = escape(message)
        raise gr.Error(message, title=title, print_exception=False) from error


def sentence(said: str) -> str:
    """An error's words as a sentence of its own."""
    return said[:1].upper() + said[1:] + "." * (said[-1] not in ".?!")


@cache
def samples() -> dict[str, Picture]:
    """Pictures that ship in scikit-image's wheel, by name; no network is used.

    A face, things, text and an animal; those first on which it pays to follow what is seen.
    """
    data: Any = skimage.data  # untyped
    return {
        "astronaut": data.astronaut(),
        "coffee": data.coffee(),
        "motorcycle": data.stereo_motorcycle()[0],
        "cat": data.chelsea(),
    }


def path_of(upload: Any) -> str:
    """Path of an upload as a component sends it. Raises ImageError if there is none."""
    path = upload.get("path") if isinstance(upload, dict) else upload
    if not path:
        raise ImageError("no picture yet: upload one or pick a sample")
    if not Path(path).is_file():
        raise ImageError("the upload is no longer kept here; upload the file again")
    return str(path)


def name_of(upload: Any) -> str:
    """An upload's own name, without its suffix."""
    given = upload.get("orig_name") or upload.get("path") if isinstance(upload, dict) else upload
    return Path(given or "picture").stem


def read_file(upload: Any) -> bytes:
    """An uploaded `.semc` file. Raises BitstreamError if there is none."""
    try:
        return Path(path_of(upload)).read_bytes()
    except ImageError as error:
        raise BitstreamError(str(error).replace("picture", "file")) from error


def read_picture(upload: Any, max_area: float = 0) -> tuple[Picture, list[str]]:
    """An upload as uint8 (H, W, 3), and what was done to it.

    max_area: of its height times width in pixels; larger pictures are reduced; 0: never. Raises
    ImageError for a file that is no picture, or one too large for this server now.
    """
    notes: list[str] = []
    picture = pictures.load(path_of(upload), Settings.read().max_pixels, notes.append)
    height, width = picture.shape[:2]
    smaller = picture
    if 0 < max_area < height * width:
        smaller = limit_side(picture, max(height, width) * math.sqrt(max_area / (height * width)))
    memory.check(*smaller.shape[:2])
    if smaller is not picture:
        notes.append(f"Reduced from {width} × {height} pixels first.")
    return smaller, notes


@dataclass(frozen=True)
class Wish:
    """Settings of a file, as `semcomp.compress` takes them.

    class_name: None for the most probable one. kind: of the map. without: what does not count of a
    map of people. format: of the file. max_bytes: the budget instead of the level, None for none.
    """

    level: float
    allocation: str
    class_name: str | None = None
    kind: str = "classifier"
    without: tuple[str, ...] = ()
    focus: float = 1.0
    format: str = "semc"
    max_bytes: int | None = None


def make_result(
    picture: Picture, wish: Wish, step: Step = lambda done, total: None
) -> tuple[Compressed, dict[str, Any]]:
    """A picture's file, and everything about it that is a number or a name, in plain types."""
    semantic_map = analyse(
        picture, cast(MapKind, wish.kind), class_name=wish.class_name, without=wish.without
    )
    compressed = compress(
        picture,
        wish.level,
        cast(Allocation, wish.allocation),
        semantic_map=semantic_map,
        focus=wish.focus,
        max_bytes=wish.max_bytes,
        format=wish.format,
        progress=lambda done, total, _: step(done, total),
    )
    facts = {
        "format": compressed.format,
        "bytes": len(compressed.data),
        "bpp": compressed.bpp,
        "ratio": picture.nbytes / len(compressed.data),
        **score(picture, np.asarray(compressed.reconstruction), semantic_map),
        "width": compressed.width,
        "height": compressed.height,
        "allocation": wish.allocation,
        "focus": wish.focus,
        "sizes": compressed.sizes,
        **classes(semantic_map),
    }
    if compressed.format != "semc":
        return compressed, facts | {"quality": compressed.quality}
    return compressed, facts | {
        "level": compressed.quality,
        "mean_level": float(compressed.levels.mean()),
        "model": compressed.model,
    }


def classes(semantic_map: SemanticMap) -> dict[str, Any]:
    """The five most probable classes, the one whose map it is, and subjects, in plain types."""
    return {
        "classes": [{"name": c.name, "probability": c.probability} for c in semantic_map.top],
        "chosen": [{"name": c.name, "probability": c.probability} for c in semantic_map.chosen],
        "subjects": subject_records(semantic_map.subjects),
    }


def score(reference: Picture, distorted: Picture, semantic_map: SemanticMap) -> dict[str, Any]:
    """PSNR, SSIM, SI-SSIM under the map, MS-SSIM; None where a score is not defined, and why.

    region_ssim is the mean SSIM where the map's importance is at least half of its highest, and
    region_share that region's share of the picture, 0..1.
    """
    height, width = reference.shape[:2]
    decibels = psnr(reference, distorted)
    scores, multi_scale = Original(reference).compare(distorted)
    weight = upsample_grey(semantic_map.grey, height, width)
    inside = weight >= REGION
    notes = []
    if multi_scale is None:
        notes.append(f"MS-SSIM is not defined under {MS_SSIM_MIN_SIDE} pixels a side.")
    if math.isinf(decibels):
        notes.append("The pictures are identical: PSNR is infinite.")
    return {
        "psnr": None if math.isinf(decibels) else decibels,
        "ssim": float(scores.mean(dtype=np.float64)),
        "si_ssim": weighted_mean(scores, weight),
        "region_ssim": float(scores[inside].mean(dtype=np.float64)) if inside.any() else None,
        "region_share": float(inside.mean()),
        "ms_ssim": multi_scale,
        "notes": notes,
    }


def open_file(
    upload: Any, iterations: int | None = None, step: Step = lambda done, total: None
) -> tuple[Image.Image, Image.Image, dict[str, Any]]:
    """Decode a `.semc` upload: picture, grid of levels, what the file says of itself."""
    data = read_file(upload)
    facts = file_facts(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TruncatedWarning)  # `file_html` says it in its place
        picture = decompress(
            data,
            iterations=iterations,
            progress=lambda done, total, _: step(done, total),
        )
    levels = read_levels(bitstream.parse(data).header)
    return picture, level_grid(levels, facts["height"], facts["width"]), facts


def file_facts(data: bytes) -> dict[str, Any]:
    """What a `.semc` file says of itself, before any work on it.

    Raises ImageError for one that says its picture is larger than this server takes, or
    has memory for now.
    """
    facts = info(data)
    check_size(facts["height"], facts["width"], Settings.read().max_pixels)
    memory.check(facts["height"], facts["width"])
    return facts


def explain_picture(picture: Picture, wish: Wish, notes: list[str]) -> Explanation:
    """Every step of a compression, see `semcomp.explain`."""
    return explain(
        picture,
        None,
        wish.level,
        cast(Allocation, wish.allocation),
        semantic_map=cast(MapKind, wish.kind),
        class_name=wish.class_name,
        without=wish.without,
        focus=wish.focus,
        notes=notes,
    )


def score_uploads(reference: Any, distorted: Any) -> dict[str, Any]:
    """Score an upload against its original, under the original's own map."""
    (first, _), (second, _) = read_picture(reference), read_picture(distorted)
    if first.shape != second.shape:  # before the classifier is asked for nothing
        raise MetricError(
            f"the pictures differ in size: {first.shape[1]} × {first.shape[0]} and "
            f"{second.shape[1]} × {second.shape[0]} pixels; score a picture against its original"
        )
    semantic_map = analyse(first)
    return {**score(first, second, semantic_map), **classes(semantic_map)}


def sample_name(picture: Picture) -> str | None:
    """Name of a sample picture, None for any other."""
    return _sample_hashes().get(digest(picture))


def digest(picture: Picture) -> str:
    """SHA-256 of a picture's size and pixels, in hex."""
    return hashlib.sha256(str(picture.shape).encode() + picture.tobytes()).hexdigest()


@cache
def _sample_hashes() -> dict[str, str]:
    return {digest(picture): name for name, picture in samples().items()}
