"""The viewer's style sheet: one frame for the comparison, two small ones that move with it.

`--z`, `--x`, `--y` are zoom and place, `--split` the divider, `--px`, `--py` the pointer; the
script sets them on the component, so that every frame inside follows. The backdrop is dark in
both themes, so that pictures look the same in both.
"""

import numpy as np
from numpy.typing import NDArray

from semcomp.draw import IMPORTANCE, LEVEL


def style() -> str:
    """The style sheet as CSS; its two scales are those of `semcomp.draw`."""
    scales = f"""
#viewer {{ --heat: {_gradient(IMPORTANCE)}; --cool: {_gradient(LEVEL)}; }}
"""
    return scales + _CSS


def _gradient(table: NDArray[np.uint8]) -> str:
    stops = [table[i] for i in np.linspace(0, 255, 9).astype(int)]
    colours = ", ".join(f"rgb({r} {g} {b})" for r, g, b in stops)
    return f"linear-gradient(90deg, {colours})"


_CSS = """
#viewer { --z: 1; --x: 0%; --y: 0%; --split: 50%; --ratio: 1.5; padding: 0; }
#viewer .view-bar { display: flex; align-items: center; justify-content: space-between;
  gap: 8px; margin: 0 0 8px; flex-wrap: wrap; }
#viewer .view-bar.low { margin: 8px 0 0; justify-content: flex-start; }
#viewer .view-side { display: flex; align-items: center; gap: 6px; min-width: 0; flex: 1 1 0; }
#viewer .view-side.right { justify-content: flex-end; }
#viewer .view-side b, #viewer .view-tag::before { font-weight: 650; }
#viewer .view-side b { color: var(--body-text-color-subdued); }
#viewer select.pick { appearance: none; font: inherit; font-weight: 600; min-width: 0;
  max-width: 100%; color: var(--body-text-color); border-radius: 8px; padding: 6px 30px 6px 12px;
  border: 1px solid var(--border-color-primary); background-color: var(--block-background-fill);
  background-image: linear-gradient(45deg, transparent 50%, currentColor 50%),
    linear-gradient(-45deg, transparent 50%, currentColor 50%);
  background-size: 5px 5px; background-repeat: no-repeat;
  background-position: calc(100% - 17px) 55%, calc(100% - 12px) 55%; }
#viewer button { font: inherit; font-size: .85rem; font-variant-numeric: tabular-nums;
  color: var(--body-text-color); background: var(--block-background-fill); cursor: pointer;
  border: 1px solid var(--border-color-primary); padding: 5px 11px; min-height: 32px; }
#viewer button:hover:not(:disabled) { background: var(--background-fill-secondary); }
#viewer button:disabled { color: var(--body-text-color-subdued); opacity: .6; cursor: default; }
#viewer button.quiet-button { border-radius: 8px; }
#viewer button[hidden] { display: none; }
#viewer .view-zoom { display: inline-flex; }
#viewer .view-zoom button + button { border-left: 0; }
#viewer .view-zoom button:first-child { border-radius: 8px 0 0 8px; }
#viewer .view-zoom button:last-child { border-radius: 0 8px 8px 0; }
#viewer .view-zoom [data-do=full] { min-width: 62px; }
#viewer [data-do=jpeg] { border-color: var(--color-accent); font-weight: 600; }
#viewer button[aria-pressed=true]:is(*, :hover:not(:disabled)) {
  background: var(--primary-700); color: white; border-color: var(--primary-700); }
#viewer button:focus-visible, #viewer select:focus-visible, #viewer summary:focus-visible {
  outline: 3px solid var(--primary-500); outline-offset: 2px; }
#viewer .view-keys { font-size: .85rem; color: var(--body-text-color-subdued); }
#viewer .view-keys[open] { flex-basis: 100%; }
#viewer .view-keys summary { cursor: pointer; padding: 6px; }
#viewer .view-keys p { margin: 2px 0 0; line-height: 1.9; font-size: .85rem; }
#viewer kbd { font: inherit; border: 1px solid var(--border-color-primary); border-radius: 5px;
  padding: 1px 6px; background: var(--block-background-fill); color: var(--body-text-color); }

#viewer .view-stage { display: flex; justify-content: center; background: #14171c;
  border-radius: 10px; overflow: hidden; }
#viewer .view-frame { position: relative; overflow: hidden; aspect-ratio: var(--ratio);
  background: #14171c; user-select: none; -webkit-user-select: none; touch-action: pan-y; }
#viewer .view-frame.main { width: min(100%, calc(560px * var(--ratio))); cursor: ew-resize; }
#viewer.zoomed .view-frame, #viewer .zoomed .view-frame { touch-action: none; cursor: grab; }
#viewer .view-frame img { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0;
  border-radius: 0; max-width: none; transform-origin: 0 0; pointer-events: none;
  transform: translate(var(--x), var(--y)) scale(var(--z)); }
#viewer .layer img:not([data-ready]) { visibility: hidden; }
#viewer .pixels .layer img { image-rendering: pixelated; }
#viewer .layer { position: absolute; inset: 0; }
#viewer .layer[data-side="1"] { clip-path: inset(0 0 0 var(--split)); }
#viewer .layer[data-side="0"] { clip-path: inset(0 calc(100% - var(--split)) 0 0); }
#viewer .layer.waiting { background: #14171c; }
#viewer .layer.waiting img { visibility: hidden; }
#viewer .layer.waiting::after { content: attr(data-problem); position: absolute; inset: 0;
  left: var(--split); display: flex; align-items: center; justify-content: center; padding: 8%;
  text-align: center; color: #dee2e8; font-size: .95rem; line-height: 1.4; }
#viewer .layer.waiting[data-side="0"]::after { left: 0; right: calc(100% - var(--split)); }
#viewer .divider { position: absolute; top: 0; bottom: 0; left: var(--split); width: 44px;
  margin-left: -22px; cursor: ew-resize; touch-action: none; }
#viewer .divider::before { content: ""; position: absolute; left: 21px; top: 0; bottom: 0;
  width: 2px; background: white; box-shadow: 0 0 0 1px rgb(0 0 0 / .35); }
#viewer .divider span { position: absolute; left: 4px; top: calc(50% - 18px); width: 36px;
  height: 36px; border-radius: 50%; background: white; box-shadow: 0 1px 6px rgb(0 0 0 / .45); }
#viewer .divider:focus-visible { outline: none; }
#viewer .divider:focus-visible span { outline: 3px solid var(--primary-500); outline-offset: 2px; }
#viewer .divider span::before { content: "\\2039\\2009\\203A"; position: absolute; inset: 0;
  display: flex; align-items: center; justify-content: center; color: #0f172a; font-size: 20px;
  line-height: 1; padding-bottom: 3px; }
#viewer .solo .divider, #viewer.solo .divider { opacity: 0; pointer-events: none; }
#viewer .view-tag { position: absolute; bottom: 10px; padding: 3px 9px; border-radius: 7px;
  font-size: .8rem; font-weight: 600; color: white; background: rgb(15 23 42 / .78);
  pointer-events: none; max-width: 46%; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; }
#viewer .view-tag:empty { display: none; }
#viewer .view-tag.left { left: 10px; } #viewer .view-tag.right { right: 10px; }
#viewer .view-note { position: absolute; top: 10px; left: 50%; transform: translateX(-50%);
  margin: 0; padding: 4px 12px; border-radius: 99px; font-size: .82rem; font-weight: 600;
  color: white; background: rgb(15 23 42 / .82); pointer-events: none; white-space: nowrap;
  max-width: 94%; overflow: hidden; text-overflow: ellipsis; }
#viewer .view-note:empty { display: none; }
#viewer .viewer[data-phase=preview] .view-note { background: #92400e; }
#viewer .view-progress { position: absolute; left: 0; right: 0; bottom: 0; height: 4px;
  background: rgb(15 23 42 / .5); opacity: 0; transition: opacity .2s; }
#viewer .view-progress i { display: block; height: 100%; width: 0; background: #2dd4bf;
  transition: width .25s; }
#viewer [data-phase=running] .view-progress, #viewer [data-phase=preview] .view-progress {
  opacity: 1; }
#viewer .cross { position: absolute; left: var(--px); top: var(--py); width: 18px; height: 18px;
  margin: -9px 0 0 -9px; border: 2px solid white; border-radius: 50%; opacity: 0;
  box-shadow: 0 0 0 1px rgb(0 0 0 / .6), inset 0 0 0 1px rgb(0 0 0 / .6); pointer-events: none; }
#viewer .pointing .mini .cross { opacity: 1; }

#viewer .view-minis { display: grid; gap: var(--layout-gap); margin-top: 4px;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 260px), 1fr)); }
#viewer figure { margin: 0; min-width: 0; }
#viewer .mini-title { margin: 0 0 6px; font-size: .9rem; color: var(--body-text-color-subdued);
  overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
#viewer .mini-title b { color: var(--body-text-color); }
#viewer .mini { width: min(100%, calc(420px * var(--ratio))); border-radius: 8px;
  cursor: crosshair; }
#viewer .mini .grey { filter: grayscale(1) brightness(.9); }
#viewer .mini .heat { opacity: .68; }
#viewer .mini .blocks { position: absolute; inset: 0; transform-origin: 0 0;
  transform: translate(var(--x), var(--y)) scale(var(--z)); }
#viewer .mini .blocks img { transform: none; width: var(--w); height: var(--h);
  image-rendering: pixelated; }
#viewer .mini img:not([data-ready]) { visibility: hidden; }
#viewer .scale { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 3px 8px;
  font-size: .8rem; margin-top: 7px; color: var(--body-text-color-subdued);
  font-variant-numeric: tabular-nums; }
#viewer .scale > i { position: relative; flex: 0 0 100%; height: 8px; border-radius: 4px; }
#viewer .heat-scale > i { background: var(--heat); }
#viewer .level-scale > i { background: var(--cool); }
#viewer .level-scale b { position: absolute; top: -3px; width: 2px; height: 14px; margin-left: -1px;
  background: var(--body-text-color); box-shadow: 0 0 0 1px var(--body-background-fill); }
#viewer .scale .hover { color: var(--body-text-color); font-weight: 600; }
#viewer .view-minis .quiet { margin: 4px 0 0; }
@media (max-width: 700px) {
  #viewer .view-side b { display: none; }
  #viewer select.pick { padding-left: 10px; flex: 1 1 auto; }
  #viewer .view-zoom button { padding: 5px 9px; }
  #viewer .view-keys { display: none; }
}
@media (prefers-reduced-motion: reduce) { #viewer * { transition: none !important; } }
"""
