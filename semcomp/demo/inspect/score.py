"""The tab that scores a decoded picture against its original."""

from typing import Any

import gradio as gr

from semcomp.demo.shared import words, work
from semcomp.demo.shared.components import upload
from semcomp.demo.shared.events import AT_ONCE, MODEL, PRIVATE, on_gpu


def build_tab() -> None:
    """Fill the tab at hand."""
    with gr.Row():
        with gr.Column(min_width=300):
            reference = upload("Original", height=260, elem_id="score-original")
        with gr.Column(min_width=300):
            distorted = upload("Decoded, by any codec", height=260, elem_id="score-decoded")
    gr.HTML(words.SCORING)
    go = gr.Button("Score", variant="primary", elem_id="score")
    scores = gr.HTML(elem_id="scores")
    for picture in (reference, distorted):  # scores of other pictures go
        picture.input(lambda: "", None, scores, **AT_ONCE)
    go.click(compare, [reference, distorted], scores, **MODEL, **PRIVATE)


@on_gpu
def compare(reference: Any, distorted: Any) -> str:
    """Score one picture against another."""
    with work.for_visitors():
        return words.score_html(work.score_uploads(reference, distorted))
