"""Events on a class, a sample or two uploads, and how functions borrow a GPU.

Uploads arrive as plain dictionaries (`preprocess=False`): the file is opened by `semcomp.image`
alone, whose checks are stricter than a component's. Events never change a property of a component
that holds files, because Gradio then loses track of that component's files and would keep them.
"""

from collections.abc import Callable
from typing import Any

try:
    import spaces  # lends a GPU on Hugging Face; it has to come before torch
except ImportError:
    spaces = None

import gradio as gr

from semcomp.semantics.activation import SemanticMap

from . import words, work


def on_gpu(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function on a borrowed GPU where `spaces` is installed, else as it is."""
    return function if spaces is None else spaces.GPU(duration=120)(function)


def choices(seen: SemanticMap, focus: str | None = None) -> dict[str, Any]:
    """The five likeliest classes as choices of a radio; `focus` or the likeliest chosen."""
    offered = [(f"{c.name} · {words.percent(c.probability)}", c.name) for c in seen.top]
    return gr.update(choices=offered, value=focus or seen.chosen[0].name)


def pick(row: gr.Gallery) -> Any:
    """The sample picture that was clicked last.

    row: the component as it stands when the request leaves; see `components.LAST`.
    """
    at = row.selected_index
    return gr.skip() if at is None else list(work.samples().values())[at]


@on_gpu
def compare(reference: Any, distorted: Any) -> str:
    """Score one picture against another."""
    with work.for_visitors():
        return words.score_html(work.score_uploads(reference, distorted))
