"""Several pictures in one place, one at a time: what differs jumps to the eye."""

from __future__ import annotations

from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from semcomp.demo.inspect.picture_cache import CACHE, PictureSet, frame
from semcomp.demo.shared.static import static

Scale = tuple[str, str, list[str]]
"""What the lowest and the highest colour mean, and the colours between, as CSS names them."""


def build_flip(elem_id: str, empty: str) -> gr.HTML:
    """An empty place for pictures; its value comes from `Flip.value`.

    empty: what it says until then.
    """
    return gr.HTML(
        None,
        html_template=static("flip.html").replace("@EMPTY@", empty),
        css_template=static("flip.css"),
        js_on_load=static("radios.js") + static("flip.js"),
        server_functions=[frame],
        apply_default_css=False,
        elem_id=elem_id,
    )


class Flip:
    """The pictures of one such place, in the cache under `owner`; sizes in pixels."""

    def __init__(self, owner: str, name: str, width: int, height: int) -> None:
        self._pictures = PictureSet(name, b"")
        self._token = CACHE.put(owner, self._pictures)
        self._size = width, height
        self._layers: dict[int, dict[str, Any]] = {}

    def put(
        self, k: int, label: str, alt: str, picture: NDArray[np.uint8], scale: Scale | None = None
    ) -> None:
        """Show a picture, uint8 (H, W, 3), under a label; again to replace it."""
        self._pictures.add(k, picture)
        stamp = self._layers.get(k, {"stamp": 0})["stamp"] + 1
        self._layers[k] = {"k": k, "label": label, "alt": alt, "stamp": stamp, "scale": scale}

    def value(self, first: int) -> dict[str, Any]:
        """The component's value. first: the picture it starts with."""
        width, height = self._size
        return {
            "token": self._token,
            "width": width,
            "height": height,
            "first": first,
            "layers": list(self._layers.values()),
        }
