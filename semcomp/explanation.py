"""How one picture is compressed, as pictures and numbers: map, levels, every iteration.

::

    folder/map.png          the activation map over the picture (not for `uniform`)
    folder/levels.png       the iterations of every block
    folder/step-01.png ...  what the decoder shows after each iteration
    folder/picture.semc     the compressed file
    folder/explanation.json the numbers

Not called `explain`: a module of that name would hide the function `semcomp.explain`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from semcomp.allocation.levels import (
    block_importance,
    budget,
    default_floor,
    proportional_trace,
)
from semcomp.allocation.planning import Allocation, read_codes
from semcomp.allocation.rd_table import Progress
from semcomp.geometry import LEVELS
from semcomp.networks.runtime import decode_history
from semcomp.semantics.maps import ClassScore, SemanticMap, subject_records
from semcomp.semantics.subjects import MapKind

from . import draw, pipeline
from .coding import bitstream
from .files import check_writable
from .image import crop, load_image
from .metrics import psnr
from .pipeline import Compressed, Source
from .weights import load_model


@dataclass(frozen=True, eq=False)
class Explanation:
    """What `explain` found.

    compressed: the picture as `semcomp.compress` gives it. record: the content of
    `explanation.json`. pictures: file name -> what it shows; `map.png` and `levels.png` are
    drawings with a scale, the steps have the picture's size.
    """

    compressed: Compressed
    record: dict[str, Any]
    pictures: dict[str, Image.Image]


def explain(
    source: Source,
    folder: str | Path | None,
    level: float = 6,
    allocation: Allocation = "proportional",
    *,
    floor: int | None = None,
    model: str = "small",
    semantic_map: SemanticMap | MapKind | None = None,
    class_name: str | None = None,
    without: Collection[str] = (),
    focus: float = 1.0,
    notes: Sequence[str] = (),
    device: str | None = None,
    progress: Progress | None = None,
) -> Explanation:
    """Compress a picture and show each step; see `semcomp.compress` for the arguments.

    folder: where the files above are written; made if it is missing. None writes nothing.
    notes: how the source was read, where its reader may not expect it; the record has them, and
    what is noticed here.
    Everything shown is decoded from the compressed file. The pictures of all iterations are held
    in memory: 3 bytes per pixel and iteration.

    Raises what `semcomp.compress` raises, and OSError if a file cannot be written.
    """
    if folder is not None:
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        check_writable(folder / "explanation.json")
    said = list(notes)
    picture = load_image(source, told=said.append)
    height, width = picture.shape[:2]
    compressed = pipeline.compress(
        picture,
        level,
        allocation,
        floor=floor,
        model=model,
        semantic_map=semantic_map,
        class_name=class_name,
        without=without,
        focus=focus,
        device=device,
        progress=progress,
    )
    parsed = bitstream.parse(compressed.data)
    loaded = load_model(model, device)
    levels, codes = read_codes(loaded, parsed)
    history = decode_history(loaded.codec, codes, loaded.device)
    pictures: dict[str, Image.Image] = {}
    if compressed.semantic_map is not None:
        pictures["map.png"] = draw.overlay(
            picture, compressed.semantic_map.grey, compressed.semantic_map.subjects
        )
    pictures["levels.png"] = draw.level_grid(levels, height, width)
    steps = []
    for k, padded in enumerate(history, 1):
        decoded = crop(padded, height, width)
        pictures[f"step-{k:02}.png"] = Image.fromarray(decoded)
        quality = psnr(picture, decoded)
        steps.append(
            {
                "iteration": k,
                "blocks": int((levels >= k).sum()),
                "bytes": len(bitstream.truncate(compressed.data, k)),
                "psnr": round(quality, 4) if math.isfinite(quality) else None,
            }
        )
    files = [*pictures, "picture.semc", "explanation.json"]
    record = {
        "width": width,
        "height": height,
        "level": level,
        "allocation": allocation,
        "model": compressed.model,
        "model_id": parsed.header.model_id.hex(),
        "bytes": len(compressed.data),
        "bpp": compressed.bpp,
        "sizes": compressed.sizes,
        "map": _map_record(compressed.semantic_map),
        "levels": _levels_record(compressed, level, allocation, floor, focus),
        "steps": steps,
        "notes": said,
        "files": files,
    }
    if folder is not None:
        for name, drawing in pictures.items():
            drawing.save(folder / name)
        (folder / "picture.semc").write_bytes(compressed.data)
        text = json.dumps(record, indent=2, allow_nan=False)
        (folder / "explanation.json").write_text(text + "\n", encoding="utf-8")
    return Explanation(compressed, record, pictures)


def _map_record(semantic_map: SemanticMap | None) -> dict[str, Any] | None:
    """Where the map came from and what the classifier saw."""
    if semantic_map is None:
        return None

    def named(scores: tuple[ClassScore, ...]) -> list[dict[str, Any]]:
        return [{"class": s.name, "probability": s.probability} for s in scores]

    return {
        "source": semantic_map.source,
        "chosen": named(semantic_map.chosen),
        "top": named(semantic_map.top),
        "subjects": subject_records(semantic_map.subjects),
        "grey": semantic_map.grey.tolist(),
    }


def _levels_record(
    compressed: Compressed, level: float, allocation: Allocation, floor: int | None, focus: float
) -> dict[str, Any]:
    """How the levels are spread, and for `proportional` how they came about."""
    levels = compressed.levels
    record: dict[str, Any] = {
        "rows": levels.shape[0],
        "columns": levels.shape[1],
        "mean": float(levels.mean()),
        "lowest": int(levels.min()),
        "highest": int(levels.max()),
        "blocks_per_level": np.bincount(levels.ravel(), minlength=LEVELS).tolist(),
    }
    if allocation == "proportional" and compressed.semantic_map is not None:
        record["algorithm"] = {
            "budget": budget(level, levels.size),
            "floor": round(default_floor(level, focus), 2) if floor is None else floor,
        }
        if floor is not None:
            importance = block_importance(compressed.semantic_map.grey, *levels.shape)
            trace = proportional_trace(importance, level, floor)
            record["algorithm"] |= {
                "floor": trace.floor,
                "highest_before_cap": int(trace.before_cap.max()),
                "excess_per_round": list(trace.excess),
                "remainder": trace.remainder,
            }
    return record
