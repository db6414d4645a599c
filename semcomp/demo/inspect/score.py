"""The tab that scores a decoded picture against its original."""

import gradio as gr

from semcomp.demo.shared import events, words
from semcomp.demo.shared.components import MODEL, PRIVATE, upload


def build_tab() -> None:
    """Fill the tab at hand."""
    with gr.Row():
        with gr.Column(min_width=300):
            reference = upload("Original", height=260, elem_id="score-original")
        with gr.Column(min_width=300):
            distorted = upload("Decoded, by any codec", height=260, elem_id="score-decoded")
    gr.HTML(words.SCORING)
    go = gr.Button("Score", variant="primary", elem_id="score")
    go.click(events.compare, [reference, distorted], gr.HTML(elem_id="scores"), **MODEL, **PRIVATE)
