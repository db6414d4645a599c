"""The tab that opens a `.semc` file: every iteration of it, every block, a cut at any place."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from semcomp.coding import bitstream
from semcomp.demo.sessions.visits import identity
from semcomp.demo.shared import words, work
from semcomp.demo.shared.events import AT_ONCE, MODEL, PRIVATE, decode_on_gpu
from semcomp.errors import DamagedIterationError

from . import blocks
from .inspection import inspect_file

EMPTY = "Open a .semc file: it holds all the coarser pictures too."


def build_tab(button: gr.DownloadButton) -> None:
    """Fill the tab at hand. button: the one that holds the file of the first tab."""
    with gr.Row():
        with gr.Column(scale=4, min_width=300):
            file = gr.File(label="File (.semc)", file_types=[".semc"], height=120, elem_id="open")
            again = gr.Button("Take the file just made", elem_id="again")
        with gr.Column(scale=7, min_width=300):
            facts = gr.HTML(elem_id="file-facts")
    panel = blocks.build_panel("opened", EMPTY)
    ran: dict[str, Any] = {"fn": open_file, "inputs": [file], **MODEL, **PRIVATE}
    ran |= {"outputs": [panel, facts], "show_progress_on": panel}
    # What stands there of another file goes first: this one may be damaged.
    empty: dict[str, Any] = {"fn": lambda: (None, ""), "outputs": [panel, facts], **AT_ONCE}
    file.clear(**empty)
    copied = again.click(same_file, button, file, preprocess=False, queue=False, **PRIVATE)
    for given in (file.upload(**empty), copied.success(**empty)):
        given.success(trigger_mode="always_last", **ran)


def same_file(file: Any) -> str | None:
    """The file of the first tab, for this one."""
    return file.get("path") if file else None


def open_file(
    upload: Any,
    request: gr.Request,
    progress: gr.Progress = gr.Progress(),  # noqa: B008 - gradio finds it in the signature
) -> Iterator[tuple[Any, ...]]:
    """Take an uploaded file apart and decode it, iteration by iteration."""
    with work.for_visitors():
        data, problem = whole_part(work.read_file(upload))
        facts = words.file_html(work.file_facts(data), problem)
        inspection = inspect_file(data)
        owner = f"{identity(request)}/opened"
        for value in blocks.present(inspection, owner, work.name_of(upload), decode_on_gpu):
            progress((value["ready"], inspection.iterations), desc="Decoding", unit="iterations")
            yield value, facts


def whole_part(data: bytes) -> tuple[bytes, str]:
    """The file up to its first damaged iteration, and what is wrong with the rest.

    Raises BitstreamError where nothing can be decoded.
    """
    try:
        bitstream.parse(data)
    except DamagedIterationError as error:
        if not error.whole:
            raise
        return bitstream.truncate(data, error.whole), f"{str(error).split(':')[0].capitalize()}."
    return data, ""
