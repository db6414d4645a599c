"""Several pictures in one place, one at a time: what differs jumps to the eye."""

from __future__ import annotations

from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from semcomp.demo.shared import radio_script

from .blocks import frame
from .steps import SHELF, Steps

TEMPLATE = """
<div class="flip">
  <p class="empty">@EMPTY@</p>
  <div class="body" hidden>
    <div class="layers" role="radiogroup" aria-label="Picture shown"></div>
    <div class="stage"><img class="picture" alt=""></div>
    <div class="scale"><span class="low"></span><i class="bar"></i><span class="high"></span></div>
  </div>
</div>
"""
CSS = """
.flip { font-size: .9rem; color: var(--body-text-color); }
.empty { color: var(--body-text-color-subdued); padding: 2.5rem 1rem; text-align: center;
  border: 1px dashed var(--border-color-primary); border-radius: 8px; margin: 0; }
[hidden] { display: none !important; }
.layers { display: flex; flex-wrap: wrap; gap: 4px; margin-bottom: 8px; }
button { font: inherit; color: inherit; background: var(--block-background-fill);
  border: 1px solid var(--border-color-primary); border-radius: 8px; padding: .35rem .7rem;
  cursor: pointer; min-height: 38px; }
button:focus-visible { outline: 2px solid var(--color-accent); outline-offset: 2px; }
button[aria-checked=true] { background: var(--button-primary-background-fill);
  border-color: transparent; color: var(--button-primary-text-color); }
.stage { margin: 0 auto; line-height: 0; background: #11141b; border-radius: 8px;
  overflow: hidden; display: flex; align-items: center; justify-content: center; }
.picture { max-width: 100%; max-height: 100%; width: 100%; height: 100%; object-fit: contain;
  margin: 0; border-radius: 0; }
.scale { display: flex; align-items: center; gap: 8px; margin: 6px auto 0; font-size: .8rem;
  min-height: 1.4em; color: var(--body-text-color-subdued); visibility: hidden; }
.bar { flex: 1; height: 10px; border-radius: 3px; }
"""
SCRIPT = r"""
const find = (name) => element.querySelector("." + name);
let at = null;

const show = async (k) => {
  at.k = k;
  const layer = at.value.layers.find((one) => one.k === k);
  markRadio(find("layers"), k);
  const mine = at, key = `${k}/${layer.stamp}`;
  if (!at.frames.has(key)) {
    const answer = await server.frame([at.value.token, k]);
    if (!answer.picture) return;
    mine.frames.set(key, answer.picture);
  }
  if (at !== mine || at.k !== k) return;
  find("picture").src = mine.frames.get(key);
  find("picture").alt = layer.alt;
  const [low, high, colours] = layer.scale ?? ["", "", []];
  find("scale").style.visibility = layer.scale ? "visible" : "hidden";
  find("low").textContent = low; find("high").textContent = high;
  find("bar").style.background = `linear-gradient(90deg, ${colours.join(", ")})`;
};

const arrived = () => {
  const value = props.value;
  if (!value || !value.token) return;
  if (!at || at.value.token !== value.token) at = { value, frames: new Map(), k: value.first };
  at.value = value;
  find("empty").hidden = true; find("body").hidden = false;
  find("stage").style.aspectRatio = `${value.width} / ${value.height}`;
  const wide = Math.round(560 * value.width / value.height) + "px";
  find("stage").style.maxWidth = find("scale").style.maxWidth = wide;
  const box = find("layers"), had = box.querySelector(":focus")?.dataset.layer;
  radios(box, value.layers.map((layer) => [layer.k, layer.label]), show);
  if (had !== undefined) box.querySelector(`[data-layer="${had}"]`)?.focus();
  if (!value.layers.some((layer) => layer.k === at.k)) at.k = value.first;
  show(at.k);
};
watch("value", arrived);
arrived();
"""

Scale = tuple[str, str, list[str]]
"""What the lowest and the highest colour mean, and the colours between, as CSS names them."""


def build_flip(elem_id: str, empty: str) -> gr.HTML:
    """An empty place for pictures; its value comes from `Flip.value`.

    empty: what it says until then.
    """
    return gr.HTML(
        None,
        html_template=TEMPLATE.replace("@EMPTY@", empty),
        css_template=CSS,
        js_on_load=radio_script.SCRIPT + SCRIPT,
        server_functions=[frame],
        apply_default_css=False,
        elem_id=elem_id,
    )


class Flip:
    """The pictures of one such place, on the shelf under `owner`; sizes in pixels."""

    def __init__(self, owner: str, name: str, width: int, height: int) -> None:
        self._steps = Steps(name, b"")
        self._token = SHELF.put(owner, self._steps)
        self._size = width, height
        self._layers: dict[int, dict[str, Any]] = {}

    def put(
        self, k: int, label: str, alt: str, picture: NDArray[np.uint8], scale: Scale | None = None
    ) -> None:
        """Show a picture, uint8 (H, W, 3), under a label; again to replace it."""
        self._steps.add(k, picture)
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
