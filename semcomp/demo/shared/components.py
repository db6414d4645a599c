"""Components and event settings that the tabs share."""

from collections.abc import Mapping
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image, ImageOps

MODEL: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 1, "preprocess": False}
"""Events that run a network take turns; everything else is not made to wait for them."""
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
"""Events of the page, left out of the API's description."""
LAST: dict[str, Any] = {"trigger_mode": "always_last"}
"""A click while the one before is being answered counts too; Gradio would drop it.

What was chosen has to be read from an input: Gradio (6.31) sends such a click with the data of the
one before, so a listener that takes `gr.EventData` would answer the older choice once more.
"""
ALLOCATIONS = [
    ("Uniform: the same everywhere", "uniform"),
    ("Proportional: follows importance", "proportional"),
    ("Rate-distortion: importance, and what a bit buys", "rd"),
]


def upload(label: str, value: Any = None, **kwargs: Any) -> gr.Image:
    """A picture from the visitor; its file is read by `semcomp.image`, not by the component."""
    sources: Any = ["upload", "webcam", "clipboard"]
    return gr.Image(
        value, label=label, type="filepath", format="png", sources=sources, buttons=[], **kwargs
    )


def shown(label: str, alt: str, **kwargs: Any) -> gr.Image:
    """A picture the page shows: PNG, never a lossy copy of it."""
    buttons: Any = ["download", "fullscreen"]
    return gr.Image(
        label=label, alt_text=alt, format="png", interactive=False, buttons=buttons, **kwargs
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
