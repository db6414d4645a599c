"""The tab that opens a `.semc` file and decodes it as far as asked."""

from typing import Any

import gradio as gr

from semcomp.demo import events
from semcomp.demo.components import MODEL, PRIVATE, shown


def build_tab(made: gr.DownloadButton) -> None:
    """Fill the tab at hand. made: the button that holds the file of the first tab."""
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
            levels = shown("Levels", "Level of every block, with its colour scale")
        with gr.Column(scale=7, min_width=300):
            picture = shown("Decoded picture", "Decoded picture", elem_id="decoded")
            facts = gr.HTML(elem_id="file-facts")
    ran: dict[str, Any] = {"fn": events.decode, "inputs": [file, iterations], **MODEL, **PRIVATE}
    ran |= {"outputs": [picture, facts, levels], "show_progress_on": picture}
    gr.on([file.upload, iterations.release], trigger_mode="always_last", **ran)
    copied = again.click(events.same_file, made, file, preprocess=False, queue=False, **PRIVATE)
    copied.success(**ran)
