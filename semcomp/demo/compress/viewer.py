"""The viewer: two pictures under one divider, importance and levels beside them, all in step.

Its value is a plain dictionary made by `value_of`; the page's script draws it and triggers `select`
when the visitor asks for other pictures: `CHOICE` says which. It triggers `apply` when the visitor
switches a subject on or off: `LEFT_OUT` says which are off.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from semcomp.allocation.levels import block_importance
from semcomp.demo.sessions.session import Session
from semcomp.demo.shared import words
from semcomp.demo.shared.static import static
from semcomp.demo.shared.work import REGION
from semcomp.draw import IMPORTANCE, LEVEL, caption
from semcomp.image import data_url
from semcomp.semantics.maps import SemanticMap, Subject, subject_names, upsample_grey

from .sides import FIRST, ORIGINAL, OURS, Pair, Side

HEAT_SIDE = 384
"""Longest side of the importance drawing in pixels; the page stretches it."""
MOST_BLOCKS = 40_000
"""Largest grid whose numbers travel to the page for the pointer's readout."""

CHOICE = static("viewer_choice.js")
"""Script of a `select` listener: its first input becomes the keys left and right, "jpeg ours"."""
LEFT_OUT = static("subjects_left_out.js")
"""Script of an `apply` listener: names of the subjects that are switched off, a line each."""


def build_viewer(value: dict[str, Any]) -> gr.HTML:
    """The component; use it as a context for what stands below. value: from `empty_value`."""
    return gr.HTML(
        value,
        html_template=static("viewer.html"),
        js_on_load=static("viewer.js") + static("subjects.js"),
        apply_default_css=False,
        elem_id="viewer",
        container=False,
    )


def css() -> str:
    """The style sheet; its two scales are those of `semcomp.draw`."""
    sheet = static("viewer.css") + static("subjects.css")
    return sheet.replace("@IMPORTANCE@", _gradient(IMPORTANCE)).replace("@LEVEL@", _gradient(LEVEL))


def _gradient(table: NDArray[np.uint8]) -> str:
    stops = [table[i] for i in np.linspace(0, 255, 9).astype(int)]
    colours = ", ".join(f"rgb({r} {g} {b})" for r, g, b in stops)
    return f"linear-gradient(90deg, {colours})"


def empty_value(
    size: tuple[int, int], options: Sequence[tuple[str, str]], pair: Pair, text: str = ""
) -> dict[str, Any]:
    """The viewer without a picture.

    size: (height, width) of the one to come, so that nothing moves then. options: (key, label) of
    what can be put left and right. pair: what stands there at first. text: what is said meanwhile.
    """
    return {
        "key": "",
        "phase": "empty",
        "size": [size[1], size[0]],
        "options": [list(option) for option in options],
        "sides": [],
        "pair": list(pair),
        "captions": {"heat": "", "levels": ""},
        "note": text,
    }


def value_of(
    session: Session,
    sides: Sequence[Mapping[str, Any]],
    options: Sequence[tuple[str, str]],
    phase: str,
    note: str = "",
    share: float = 0.0,
    semantic_map: SemanticMap | None = None,
    levels: NDArray[np.uint8] | None = None,
    hint: str = "",
    spent: NDArray[np.float32] | None = None,
) -> dict[str, Any]:
    """Everything the page's script needs, in plain types.

    sides: left and right, from `picture_side` or `waiting_side`. phase: `running`, `preview` or
    `exact`. note: what the page says of it. share: of the work done, 0..1. semantic_map, levels:
    what the small views show; levels uint8 (Hb, Wb). hint: what is to be said of the map. spent:
    bits of every block, float32 (Hb, Wb), to be laid over our picture.
    """
    height, width = session.picture.shape[:2]
    value: dict[str, Any] = {
        "key": str(session.shelf.folder.name),
        "phase": phase,
        "size": [width, height],
        "options": [list(option) for option in options],
        "pair": list(FIRST),
        "sides": list(sides),
        "original": session.shelf.url(ORIGINAL, lambda: session.picture),
        "captions": {"heat": "", "levels": ""},
        "note": note,
        "share": share,
        "hint": hint,
    }
    if semantic_map is not None:
        grey = semantic_map.grey
        value["captions"]["heat"] = words.focus_text(semantic_map)
        value["heat"] = session.cache.once(
            "heat", lambda: heat(grey, height, width), grey.tobytes(), most=8
        )
        value["subjects"] = [
            _subject(name, subject, height, width)
            for name, subject in zip(
                subject_names(semantic_map.subjects), semantic_map.subjects, strict=True
            )
        ]
    if levels is not None:
        value["captions"]["levels"] = f"{levels.mean():.1f} of 24 on average"
        value["blocks"] = {
            **_drawn(levels),
            "width": 8 * levels.shape[1] / width,
            "height": 8 * levels.shape[0] / height,
        }
    if spent is not None:
        value["spent"] = _drawn(spent)
    if semantic_map is not None and levels is not None and levels.size <= MOST_BLOCKS:
        value["grid"] = _grid(levels, semantic_map.grey)
    return value


def picture_side(
    session: Session, side: Side, label: str, key: Any = None, tag: str = ""
) -> dict[str, Any]:
    """A side with its picture, or with the reason why there is none. key: of the shelf's file."""
    if side.picture is None:
        return waiting_side(side.key, label, side.problem)
    picture = side.picture
    url = session.shelf.url(side.key if key is None else key, lambda: picture)
    name = "Original picture" if side.key == ORIGINAL else f"Picture decoded by {label}"
    if side.key == OURS:
        name = "Decoded picture"
    return {"key": side.key, "label": label, "url": url, "alt": name, "tag": tag or label}


def waiting_side(key: str, label: str, text: str) -> dict[str, Any]:
    """A side without a picture, for now or for good."""
    return {"key": key, "label": label, "url": "", "alt": "", "tag": label, "problem": text}


def passing_side(picture: NDArray[np.uint8], label: str, phase: str) -> dict[str, Any]:
    """Our side while it changes: uint8 (H, W, 3), a preview or the iterations so far."""
    text = "preview" if phase == "preview" else "so far"
    return {
        "key": OURS,
        "label": label,
        # as a JPEG for a moment; what stays is a PNG
        "url": data_url(picture, "JPEG", quality=92, subsampling=0),
        "alt": f"Decoded picture, {text}",
        "tag": f"{label}, {text}",
    }


def _subject(name: str, subject: Subject, height: int, width: int) -> dict[str, Any]:
    """What the page frames and switches on and off: a place in shares of the picture."""
    left, top, right, bottom = subject.box
    return {
        "name": name,
        "text": caption(subject),
        "counts": subject.counts,
        "box": None
        if subject.kind == "class"
        else [left / width, top / height, right / width, bottom / height],
    }


def heat(grey: NDArray[np.uint8], height: int, width: int) -> str:
    """Importance in its colours with the important region outlined, for a picture of this size."""
    factor = min(1.0, HEAT_SIDE / max(height, width))
    rows, columns = max(1, round(height * factor)), max(1, round(width * factor))
    fine = upsample_grey(grey, rows, columns)
    inside = np.pad(fine >= REGION, 1, mode="edge")
    core = inside[1:-1, 1:-1]
    whole = inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:] & core
    colours = IMPORTANCE[fine].copy()
    colours[core & ~whole] = 255
    return data_url(colours)


def _drawn(values: NDArray[Any]) -> dict[str, Any]:
    """A value per block (Hb, Wb) as one pixel each, in colours from the lowest to the highest."""
    low, high, mean = float(values.min()), float(values.max()), float(values.mean())
    span = max(high - low, 1e-9)
    colours = LEVEL[np.rint((values - low) * (255 / span)).astype(np.intp)]
    return {
        "url": data_url(colours),
        "low": low,
        "high": high,
        "place": (mean - low) / span,  # of the mean, 0..1
    }


def _grid(levels: NDArray[np.uint8], grey: NDArray[np.uint8]) -> dict[str, Any]:
    """Level and importance (0..255 of the highest) of every block, for the pointer."""
    importance = block_importance(grey, *levels.shape).astype(np.float64)
    relative = np.rint(importance * (255 / max(float(importance.max()), 1.0))).astype(np.uint8)
    return {
        "shape": list(levels.shape),
        "levels": base64.b64encode(levels.tobytes()).decode(),
        "importance": base64.b64encode(relative.tobytes()).decode(),
    }
