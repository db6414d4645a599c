"""The demo in the browser: `python app.py`, or `build()` for the page without a server.

Here are the page and its endpoints /compress, /decompress, /explain and /score; what they do stands
in `semcomp.demo`. The leaderboard's tab and endpoint are made by `leaderboard.page`. Host and port
come from GRADIO_SERVER_NAME and GRADIO_SERVER_PORT.
"""

import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported

from semcomp.demo import events, look, words, work  # isort: skip - before gradio, see events

import gradio as gr
import numpy as np
from PIL import Image, ImageOps

from leaderboard import page as leaderboard
from leaderboard.page_view import TAB

MAX_FILE_SIZE = "40mb"
KEEP_FILES = (600, 3600)
"""Seconds: how often uploads and results are swept, and how old they may become."""
MODEL: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 1, "preprocess": False}
"""Events that run a network take turns; everything else is not made to wait for them."""
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
"""Events of the page, left out of the API's description."""
ALLOCATIONS = [
    ("Uniform: the same everywhere", "uniform"),
    ("Proportional: follows importance", "proportional"),
    ("Rate-distortion: importance, and what a bit buys", "rd"),
]
SIDES = [("Reduce to 1024 pixels", 1024), ("Reduce to 2048 pixels", 2048), ("Full size, slow", 0)]


def build(results: Path = leaderboard.FOLDER) -> gr.Blocks:
    """The page, ready to launch. results: folder of the leaderboard's."""
    page = gr.Blocks(
        title="Semantic image compression", analytics_enabled=False, delete_cache=KEEP_FILES
    )
    with page:
        gr.HTML(words.HEADER)
        with gr.Tabs(overflow_behavior="wrap") as tabs:
            with gr.Tab("Compress"):
                made = _compress_tab(page)
            with gr.Tab("Open a file"):
                _open_tab(made)
            with gr.Tab("Score"):
                _score_tab()
            with gr.Tab("Leaderboard", id=TAB):
                leaderboard.build_tab(page, tabs, results)
        gr.HTML(words.FOOTER)
        _endpoints()
    return page


def _compress_tab(page: gr.Blocks) -> gr.DownloadButton:
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
                        importance = _shown("Importance", "Importance drawn over the picture")
                        said = gr.HTML()
                    with gr.Column(min_width=0):
                        levels = _shown("Levels", "Level of every block, with its colour scale")
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
    picture = _upload("Picture", next(iter(samples.values())), height=240, elem_id="picture")
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


def _open_tab(made: gr.DownloadButton) -> None:
    with gr.Row():
        with gr.Column(scale=4, min_width=300):
            file = gr.File(label="File (.semc)", file_types=[".semc"], elem_id="open")
            again = gr.Button("Take the file just made", elem_id="again")
            iterations = gr.Slider(
                *(1, 24, 24),
                step=1,
                label="Stop after this many iterations",
                info="Every file holds all the coarser pictures too.",
            )
            levels = _shown("Levels", "Level of every block, with its colour scale")
        with gr.Column(scale=7, min_width=300):
            picture = _shown("Decoded picture", "Decoded picture", elem_id="decoded")
            facts = gr.HTML(elem_id="file-facts")
    ran: dict[str, Any] = {"fn": events.decode, "inputs": [file, iterations], **MODEL, **PRIVATE}
    ran |= {"outputs": [picture, facts, levels], "show_progress_on": picture}
    gr.on([file.upload, iterations.release], trigger_mode="always_last", **ran)
    copied = again.click(events.same_file, made, file, preprocess=False, queue=False, **PRIVATE)
    copied.success(**ran)


def _score_tab() -> None:
    with gr.Row():
        with gr.Column(min_width=300):
            reference = _upload("Original", height=260)
        with gr.Column(min_width=300):
            distorted = _upload("Decoded, by any codec", height=260)
    gr.HTML(words.SCORING)
    go = gr.Button("Score", variant="primary", elem_id="score")
    go.click(events.compare, [reference, distorted], gr.HTML(elem_id="scores"), **MODEL, **PRIVATE)


def _endpoints() -> None:
    """The API's endpoints, on components that are never shown."""
    with gr.Group(visible=False):
        picture, second = _upload("Picture"), _upload("Second picture")
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


def _upload(label: str, value: Any = None, **kwargs: Any) -> gr.Image:
    """A picture from the visitor; its file is read by `semcomp.image`, not by the component."""
    sources: Any = ["upload", "clipboard"]
    return gr.Image(
        value, label=label, type="filepath", format="png", sources=sources, buttons=[], **kwargs
    )


def _shown(label: str, alt: str, **kwargs: Any) -> gr.Image:
    buttons: Any = ["download", "fullscreen"]
    return gr.Image(
        label=label, alt_text=alt, format="png", interactive=False, buttons=buttons, **kwargs
    )


def _thumbnail(picture: np.ndarray) -> Image.Image:
    return ImageOps.fit(Image.fromarray(picture), (160, 160))


def launch(page: gr.Blocks, **kwargs: Any) -> Any:
    """Serve the page; kwargs go to gradio. Returns what gradio's `launch` returns."""
    return page.queue(max_size=40, default_concurrency_limit=8).launch(
        theme=look.theme(),
        css=look.CSS + leaderboard.CSS,
        js=look.JS,
        head=look.HEAD,
        ssr_mode=False,
        run_history=False,
        max_file_size=MAX_FILE_SIZE,
        footer_links=["api", "settings"],
        **kwargs,
    )


if __name__ == "__main__":
    launch(build(), inbrowser=sys.stdout.isatty())
