"""The tab that compresses a picture: its components, and which event each starts."""

from typing import Any

import gradio as gr
import numpy as np
from PIL import Image, ImageOps

from semcomp.demo import events, words, work
from semcomp.demo.components import ALLOCATIONS, MODEL, PRIVATE, shown, upload

SIDES = [("Reduce to 1024 pixels", 1024), ("Reduce to 2048 pixels", 2048), ("Full size, slow", 0)]


def build_tab(page: gr.Blocks) -> gr.DownloadButton:
    """Picture and settings, result, drawings; a phone shows them in the order of `look.CSS`."""
    with gr.Row(elem_id="bench"):
        with gr.Column(scale=4, min_width=300, elem_classes="side"):
            with gr.Column(elem_id="source"):
                picture, thumbnails = _picture_and_samples()
            with gr.Column(elem_id="settings"):
                level = gr.Slider(
                    1, 24, 8, step=0.25, label="Average level", info="More is sharper and larger."
                )
                allocation = gr.Radio(ALLOCATIONS, value="proportional", label="Who gets the bytes")
                focus = gr.Radio([], label="What should matter", info=words.FOCUS, elem_id="focus")
                seen_path = gr.State()  # of the picture whose classes these are
                go = gr.Button("Compress", variant="primary", elem_id="go")
                with gr.Accordion("Large pictures", open=False):
                    side = gr.Radio(SIDES, value=1024, show_label=False, container=False)
        with gr.Column(scale=7, min_width=300, elem_classes="side"):
            with gr.Column(elem_id="result"):
                both = gr.ImageSlider(
                    label="Original (left) and decoded (right)",
                    format="png",
                    interactive=False,
                    max_height=560,
                    buttons=["fullscreen"],
                    elem_id="both",
                )
                facts = gr.HTML(elem_id="facts")
                file = gr.DownloadButton("Download .semc", elem_id="file")
            with gr.Column(elem_id="why"):
                with gr.Row(elem_classes="pair"):
                    with gr.Column(min_width=0):
                        importance = shown("Importance", "Importance drawn over the picture")
                        said = gr.HTML()
                    with gr.Column(min_width=0):
                        levels = shown("Levels", "Level of every block, with its colour scale")
                        gr.HTML(words.LEVELS)
                with gr.Accordion("How to read this", open=False):
                    gr.Markdown(words.READING)
    seen: dict[str, Any] = {"fn": events.look, "inputs": [picture, side], **MODEL, **PRIVATE}
    seen |= {"outputs": [focus, seen_path, importance, said], "show_progress": "hidden"}
    chosen = [picture, level, allocation, focus, seen_path, side]
    ran: dict[str, Any] = {"fn": events.run, "inputs": chosen}
    ran |= {
        "outputs": [both, facts, file, importance, said, levels, focus, seen_path],
        **MODEL,
        **PRIVATE,
    }
    ran |= {"show_progress_on": both}
    page.load(**seen).success(**ran)
    looked = picture.input(trigger_mode="always_last", **seen)
    looked.success(**ran)
    looked.failure(lambda: None, None, picture, queue=False, **PRIVATE)  # no broken preview
    picked = thumbnails.select(events.pick, None, picture, queue=False, **PRIVATE)
    picked.success(**seen).success(**ran)
    changes = [go.click, level.release, allocation.input, focus.input, side.input]
    gr.on(changes, trigger_mode="always_last", **ran)
    return file


def _picture_and_samples() -> tuple[gr.Image, gr.Gallery]:
    samples = work.samples()
    picture = upload("Picture", next(iter(samples.values())), height=240, elem_id="picture")
    thumbnails = gr.Gallery(
        [(_thumbnail(sample), name) for name, sample in samples.items()],
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
        elem_id="samples",
    )
    return picture, thumbnails


def _thumbnail(picture: np.ndarray) -> Image.Image:
    return ImageOps.fit(Image.fromarray(picture), (160, 160))
