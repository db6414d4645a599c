"""The panel where a visitor clicks a block and scrubs through the iterations.

::

    Inspection --numbers--> panel's value (levels, importance, bits, cuts)   at once
        |                    ^
        +--decoder--> PictureCache --pictures and cut files, when the browser asks--> panel

Everything a click shows is drawn in the browser from these, so nobody waits for a queue.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator
from typing import Any

import gradio as gr
import numpy as np

from semcomp.coding import bitstream
from semcomp.demo.sessions.runs import Decode, decode_steps
from semcomp.demo.shared.static import static
from semcomp.draw import IMPORTANCE, LEVEL
from semcomp.errors import BitstreamError
from semcomp.geometry import BLOCK
from semcomp.metrics import psnr

from .inspection import Inspection, play
from .picture_cache import CACHE, GONE, ORIGINAL, PictureSet, frame, lookup

MAX_PIXELS = 2_500_000
"""Largest picture whose every iteration is shown."""


def build_panel(elem_id: str, empty: str) -> gr.HTML:
    """An empty panel; its value comes from `present`. empty: what it says until then."""
    script = static("radios.js") + static("blocks.js")
    for name, table in {"@IMPORTANCE@": IMPORTANCE, "@LEVEL@": LEVEL}.items():
        script = script.replace(name, _text(table.tobytes()))
    return gr.HTML(
        None,
        html_template=static("blocks.html").replace("@EMPTY@", empty),
        css_template=static("blocks.css"),
        js_on_load=script,
        server_functions=[frame, cut_file],
        apply_default_css=False,
        elem_id=elem_id,
    )


def present(
    inspection: Inspection, owner: str, name: str, decode: Decode = decode_steps
) -> Iterator[dict[str, Any]]:
    """The panel's value, again after every iteration that can be shown.

    owner: whose pictures these are, `session/panel`; their last ones are dropped. name: of the
    file.
    """
    pictures = PictureSet(name, inspection.data)
    token = CACHE.put(owner, pictures)
    value = {"token": token, "name": name, **numbers(inspection), "psnr": [], "ready": -1}
    if inspection.original is not None:
        pictures.add(ORIGINAL, inspection.original)
    height, width = inspection.size
    if height * width > MAX_PIXELS:
        yield {**value, "note": "Over 2.5 megapixels the single steps are not shown."}
        return
    for k, picture in play(inspection, decode):
        pictures.add(k, picture)
        if inspection.original is not None:
            decibels = psnr(inspection.original, picture)
            value["psnr"] = [*value["psnr"], decibels if math.isfinite(decibels) else None]
        value = {**value, "ready": k}
        pictures.complete = k == inspection.iterations
        CACHE.sweep()
        yield value


def numbers(inspection: Inspection) -> dict[str, Any]:
    """What the panel needs to speak of any block, in plain types.

    levels, importance: base64 of uint8, a value per block that is in the picture, raster order.
    bits: base64 of little-endian uint16, hundredths of a bit, block after block, as many as the
    block has iterations. raw: bits of a block before packing, after 0, 1, ... iterations. cuts:
    bytes of the file cut after 0, 1, ... iterations.
    """
    rows, columns = inspection.shown_blocks
    levels = np.minimum(inspection.levels, inspection.iterations)[:rows, :columns]
    bits = np.rint(100 * inspection.bits[:, :rows, :columns]).astype("<u2")
    coded = levels.ravel()[:, None] > np.arange(inspection.iterations)
    importance = inspection.importance
    if importance is not None:
        grey = np.rint(255 * importance[:rows, :columns]).astype(np.uint8)
    height, width = inspection.size
    return {
        "width": width,
        "height": height,
        "block": BLOCK,
        "rows": rows,
        "columns": columns,
        "iterations": inspection.iterations,
        "promised": inspection.header.iterations,
        "raw": inspection.model.tables.ends.tolist(),
        "levels": _text(levels.astype(np.uint8).tobytes()),
        "importance": None if importance is None else _text(grey.tobytes()),
        "bits": _text(bits.reshape(len(bits), -1).T[coded].tobytes()),
        "cuts": list(inspection.cuts),
        "original": inspection.original is not None,
        "note": "",
    }


def cut_file(query: list[Any]) -> dict[str, Any]:
    """For the browser: [token, k] -> the file cut after k iterations, or why there is none."""
    pictures, k = lookup(query)
    if pictures is None:
        return {"error": GONE}
    try:
        data = bitstream.truncate(pictures.data, max(0, k))
    except BitstreamError as error:
        return {"error": str(error)}
    return {"name": f"{pictures.name}-{max(0, k)}.semc", "data": _text(data)}


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
