"""Components that several tabs have: pictures, samples to choose from, choices."""

from collections.abc import Mapping
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image, ImageOps

from semcomp.demo.sessions.runs import PEOPLE
from semcomp.semantics.maps import SemanticMap

from . import words, work

ALLOCATIONS = [
    ("Uniform: the same everywhere", "uniform"),
    ("Proportional: follows importance", "proportional"),
    ("Rate-distortion: importance, and what a bit buys", "rd"),
]
OFFERED = ("jpeg", "avif", "heic", "webp")
"""Ordinary formats with a button of their own."""
AREAS = [
    ("Reduce to 0.8 megapixels", 800_000),
    ("Reduce to 3 megapixels", 3_000_000),
    ("Full size, slow", 0),
]
"""What larger pictures are reduced to: pixels in all, so that panoramas keep their height."""
AREA = AREAS[0][1]


def upload(label: str, value: Any = None, **kwargs: Any) -> gr.Image:
    """A picture from the visitor; its file is read by `semcomp.image`, not by the component."""
    sources: Any = ["upload", "webcam", "clipboard"]
    return gr.Image(
        value, label=label, type="filepath", format="png", sources=sources, buttons=[], **kwargs
    )


def thumbnails(samples: Mapping[str, np.ndarray], elem_id: str) -> gr.Gallery:
    """Sample pictures, uint8 (H, W, 3) by name, small and in a row to choose from."""
    return gr.Gallery(
        [
            (ImageOps.fit(Image.fromarray(sample), (160, 160)), name)
            for name, sample in samples.items()
        ],
        label="Sample pictures",
        show_label=False,
        container=False,
        columns=len(samples),
        height="auto",
        allow_preview=False,
        object_fit="cover",
        format="png",
        buttons=[],
        interactive=False,
        elem_id=elem_id,
    )


def pick(row: gr.Gallery) -> Any:
    """The sample picture of `thumbnails` that was clicked last.

    row: the component as it stands when the request leaves; see `events.LAST`. Gradio gives it to
    listeners whose parameter is annotated as one.
    """
    at = row.selected_index
    return gr.skip() if at is None else list(work.samples().values())[at]


def class_choices(
    semantic_map: SemanticMap, focus: str | None = None, people: SemanticMap | None = None
) -> dict[str, Any]:
    """The five likeliest classes as choices of a radio; `focus` or the likeliest chosen.

    people: the map of all that people look at, then the first choice.
    """
    offered = [(f"{c.name} · {words.percent(c.probability)}", c.name) for c in semantic_map.top]
    if people is not None:
        offered.insert(0, (words.people_choice(people), PEOPLE))
    return gr.update(choices=offered, value=focus or semantic_map.chosen[0].name)
