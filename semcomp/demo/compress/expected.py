"""The line beside the level slider: how large the file will be, while the slider still moves."""

from typing import Any

import gradio as gr

from semcomp.demo.sessions.runs import Choice
from semcomp.demo.sessions.session import Session

CURVE = (1, 1.5, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24)
"""Levels whose expected bytes the page is told; it interpolates between them."""
SCRIPT = r"""
const line = element.querySelector("p"), wide = new Intl.NumberFormat("en");
const at = (points, level) => {
  const i = points.findIndex(([l]) => l >= level);
  if (i <= 0) return points[i < 0 ? points.length - 1 : 0][1];
  const [[l0, b0], [l1, b1]] = [points[i - 1], points[i]];
  return b0 + (b1 - b0) * (level - l0) / (l1 - l0);
};
const draw = () => {
  const told = props.value;
  if (!told || !told.curves) { line.textContent = told && told.text || ""; return; }
  const level = document.querySelector("#level input[type=number]");
  const kind = document.querySelector("#allocation input:checked");
  if (!level || !kind) return;
  const bytes = at(told.curves[kind.value] || told.curves.uniform, +level.value);
  const round = 10 ** Math.max(0, Math.floor(Math.log10(bytes)) - 2);
  line.textContent = `Expected: about ${wide.format(Math.round(bytes / round) * round)} bytes, ` +
    `${(8 * bytes / told.pixels).toFixed(3)} bits per pixel`;
};
watch("value", draw);
for (const name of ["input", "change"])
  document.addEventListener(name, (event) => {
    if (event.target.closest?.("#level, #allocation")) setTimeout(draw, 0);
  });
draw();
"""
CSS = """
#expected p { min-height: 1.4em; margin: 0; font-size: .9rem; font-weight: 600;
  font-variant-numeric: tabular-nums; color: var(--body-text-color); }
"""


def curves(session: Session, focus: str | None) -> dict[str, Any]:
    """The line's value for a picture: `{"pixels": n, "curves": {allocation: [[level, bytes]]}}`.

    focus: the class that matters, None for the most probable one.
    """
    found = {
        name: [[at, session.expected_bytes(Choice(at, name, focus))] for at in CURVE]
        for name in ("uniform", "proportional")
    }
    height, width = session.picture.shape[:2]
    return {"pixels": height * width, "curves": {**found, "rd": found["uniform"]}}


def build_expected() -> gr.HTML:
    """The line; its value comes from `curves`."""
    return gr.HTML(
        {"text": "Expected size: after the first result"},
        html_template='<p role="status"></p>',
        js_on_load=SCRIPT,
        apply_default_css=False,
        elem_id="expected",
    )
