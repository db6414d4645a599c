"""The endpoints /compress, /decompress, /explain and /score, for programs."""

import gradio as gr

from semcomp.demo import events
from semcomp.demo.components import ALLOCATIONS, MODEL, upload


def build_endpoints() -> None:
    """The API's endpoints, on components that are never shown."""
    with gr.Group(visible=False):
        picture, second = upload("Picture"), upload("Second picture")
        level = gr.Number(8, label="Average level, 1 to 24")
        allocation = gr.Radio([v for _, v in ALLOCATIONS], value="proportional", label="Allocation")
        class_name = gr.Textbox("", label="Class that should matter")
        side = gr.Number(1024, label="Longest side", precision=0)
        iterations = gr.Number(24, label="Iterations", precision=0)
        file, made = gr.File(label="File (.semc)"), gr.File(label="File (.semc)")
        first, other = (gr.Image(label=name, format="png") for name in ("Picture", "Levels"))
        record, trigger = gr.JSON(label="Record"), gr.Button()
    asked = [picture, level, allocation, class_name, side]
    for name, function, inputs, outputs in (
        ("compress", events.api_compress, asked, [made, record]),
        ("decompress", events.api_decompress, [file, iterations], [first, record]),
        ("explain", events.api_explain, asked, [first, other, record]),
        ("score", events.api_score, [picture, second], [record]),
    ):
        trigger.click(function, inputs, outputs, api_name=name, **MODEL)
