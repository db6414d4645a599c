"""Picture in, small file out, picture back: the whole system behind two functions.

::

    picture -> semantic map -> levels per block ->      codec      -> entropy coder -> file
                    |                ^                                                  |
                    +-- quantised ---+------ or the levels themselves ----------------> map section

The journey of one picture, module by module:

- `compress`: `image` reads and pads it; `encoder` takes it through `semantics.activation` (map),
  `allocation.planning` (levels), `networks.runtime` (codes), `coding.entropy` (bytes) and
  `coding.bitstream` (file).
- `decompress`: `coding.bitstream` takes the file apart, `weights` finds who wrote it,
  `allocation.planning` repeats the levels, `coding.entropy` decodes the codes, `networks.runtime`
  the picture, `image` crops it.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from semcomp.allocation.levels import growing_floor
from semcomp.allocation.planning import Allocation, check_setting, read_codes
from semcomp.allocation.rd_table import Progress
from semcomp.coding import bitstream
from semcomp.formats.base import Writer
from semcomp.formats.registry import largest_within, read, write, writer_for
from semcomp.semantics.maps import SemanticMap
from semcomp.semantics.subjects import MapKind, analyse

from .encoder import Compressed, PictureEncoder, decode_picture
from .errors import BitstreamError, FormatError
from .image import load_image
from .picture_file import MAX_PIXELS
from .search import check_fits
from .weights import find_model, load_model

__all__ = ["Compressed", "TruncatedWarning", "compress", "decompress", "info"]

Source = str | Path | bytes | BinaryIO | Image.Image | np.ndarray


class TruncatedWarning(UserWarning):
    """A file was cut short; what it still holds was decoded."""


def compress(
    image: Source,
    level: float = 6,
    allocation: Allocation = "proportional",
    *,
    floor: int | None = None,
    model: str = "small",
    semantic_map: SemanticMap | MapKind | None = None,
    class_name: str | None = None,
    without: Collection[str] = (),
    focus: float = 1.0,
    max_bytes: int | None = None,
    format: str = "semc",
    quality: float | None = None,
    exif: bytes = b"",
    device: str | None = None,
    progress: Progress | None = None,
) -> Compressed:
    """Compress a picture, into a `.semc` file or into an ordinary one that follows the same map.

    image: a file, bytes, PIL image or array; anything `semcomp.image.load_image` reads.
    level: average number of iterations per block, 0.1..24: the budget.
    allocation: `uniform`, `proportional` (the paper's Algorithm 1) or `rd`.
    floor: levels every block gets first (`proportional`); None for `default_floor`.
    semantic_map: `classifier` (None) for the class activation map, `people` for one that also sees
        faces, people, animals, things and text, or a map of one's own (`semcomp.analyse`,
        `semcomp.semantics.maps.user_map`).
    class_name: the class whose activation is the map; None for the most probable one.
    without: what does not count of the map `people`, by name, label or kind: "person 2", "person",
        "text"; see `semcomp.analyse`.
    focus: how strongly the bits follow the map: 0 everywhere alike, 1 as the map says, 2 only where
        it matters.
    max_bytes: the budget instead of a level or quality: the largest file of at most so many.
    format: an ordinary one, by name or ending (`semcomp.formats.registry.WRITERS`): files that open
        everywhere, here with the map, under `uniform` without. level, floor, model, device and
        progress have no part in it.
    quality: the budget in an ordinary format, on its own scale; None for its default.
    exif: what an ordinary file is to carry along, see `semcomp.picture_file.read_exif`.
    progress: told of the steps done, of how many, with the picture so far where there is one: of
        tiles that are encoded, of what `rd` measures, and of the reconstruction when it is asked
        for, every iteration of it, or the last alone where the weights decode in one pass.

    Raises ImageError, AllocationError, SemanticError, WeightsError, FormatError or SizeError, each
    naming the remedy.
    """
    check_setting(level, allocation, focus)
    if format != "semc":
        return _ordinary(
            image,
            writer_for(format),
            allocation,
            semantic_map,
            class_name,
            without,
            focus,
            (quality, max_bytes),
            exif,
        )
    if quality is not None or exif:
        raise FormatError(".semc has a level and no EXIF: choose another format, or leave them out")
    encoder = PictureEncoder(load_image(image), load_model(model, device))
    setting: dict[str, Any] = {
        "min_iterations": floor,
        "semantic_map": semantic_map,
        "class_name": class_name,
        "without": without,
        "focus": focus,
        "progress": progress,
    }
    if max_bytes is None:
        plan = encoder.plan(level, allocation, **setting)
    else:
        plan, data = encoder.largest_file(max_bytes, allocation, **setting)
        check_fits(len(data), max_bytes, ".semc")
    return encoder.compressed(plan, progress)


def _ordinary(
    image: Source,
    writer: Writer,
    allocation: Allocation,
    semantic_map: SemanticMap | MapKind | None,
    class_name: str | None,
    without: Collection[str],
    focus: float,
    budget: tuple[float | None, int | None],
    exif: bytes,
) -> Compressed:
    """As `compress`, in an ordinary format. budget: quality and size, one of them or neither."""
    if allocation == "rd":
        raise FormatError(f"`rd` is for .semc files: {writer.label} follows the map as it is")
    picture = load_image(image)
    if allocation == "uniform":
        semantic_map = None
    elif not isinstance(semantic_map, SemanticMap):
        kind = semantic_map or "classifier"
        semantic_map = analyse(picture, kind, class_name=class_name, without=without)
    grey = None if semantic_map is None else semantic_map.grey
    quality, max_bytes = budget
    if max_bytes is not None:
        quality, data = largest_within(writer, picture, max_bytes, grey, focus, exif)
    else:
        quality = writer.default_quality if quality is None else quality
        data = write(writer, picture, quality, grey, focus, exif)
    return Compressed(
        data=data,
        width=picture.shape[1],
        height=picture.shape[0],
        levels=np.zeros((0, 0), np.uint8),
        semantic_map=semantic_map,
        sizes={"picture": len(data)},
        model="",
        decode=lambda: read(data),
        format=writer.name,
        quality=quality,
    )


def decompress(
    data: bytes,
    *,
    iterations: int | None = None,
    device: str | None = None,
    progress: Progress | None = None,
) -> Image.Image:
    """Decode a `.semc` file; needs nothing but the file and the weights that wrote it.

    iterations: stop after this many; None for all. progress: told of them as in `compress`.
    A file cut short gives what it still holds and a TruncatedWarning.
    Raises BitstreamError for damaged or foreign files, WeightsError for a file of another model.
    """
    parsed = bitstream.parse(data, iterations=iterations)
    header = parsed.header
    _check_size(header)
    model = find_model(header.model_id, device)
    if not parsed.complete and len(parsed.chunks) < (
        header.iterations if iterations is None else min(iterations, header.iterations)
    ):
        warnings.warn(
            f"the file is cut: {len(parsed.chunks)} of {header.iterations} iterations are there; "
            "get the file again for the rest",
            TruncatedWarning,
            stacklevel=2,
        )
    _, codes = read_codes(model, parsed)
    return Image.fromarray(decode_picture(model, codes, (header.height, header.width), progress))


def info(data: bytes) -> dict[str, Any]:
    """What a `.semc` file says of itself, in plain types; decodes nothing."""
    parsed = bitstream.parse(data)
    header = parsed.header
    level = header.level_centi / 100
    grows = header.allocation is bitstream.AllocationKind.GROWING
    return {
        "width": header.width,
        "height": header.height,
        "model_id": header.model_id.hex(),
        "allocation": header.allocation.word,
        "level": level,
        "floor": round(growing_floor(level, header.floor), 2) if grows else header.floor,
        "iterations": header.iterations,
        "iterations_present": len(parsed.chunks),
        "bytes": len(data),
        "bpp": 8 * len(data) / (header.width * header.height),
        "sizes": parsed.sizes._asdict(),
        "bytes_per_iteration": [len(chunk) for chunk in parsed.chunks],
    }


def _check_size(header: bitstream.Header) -> None:
    if header.width * header.height > MAX_PIXELS:
        raise BitstreamError(
            f"the file declares {header.width}x{header.height} pixels, more than "
            f"{MAX_PIXELS // 10**6} million: refused"
        )
