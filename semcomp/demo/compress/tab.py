"""The tab that compresses a picture: its components, and which event each starts."""

from collections.abc import Mapping
from typing import Any

import gradio as gr

from semcomp.demo.shared import events, words, work
from semcomp.demo.shared.components import ALLOCATIONS, LAST, MODEL, PRIVATE, thumbnails, upload

from . import expected, result_card, sides, viewer
from .equal_bytes import LEAST, MOST, STEP, Rival
from .events import CompressEvents
from .viewer_style import style

SIDES = [("Reduce to 1024 pixels", 1024), ("Reduce to 2048 pixels", 2048), ("Full size, slow", 0)]
QUICK: dict[str, Any] = {**PRIVATE, "queue": False, "show_progress": "hidden", "preprocess": False}
"""Events that answer from kept work."""
SLOW: dict[str, Any] = {**PRIVATE, "concurrency_id": "slow", "concurrency_limit": 2}
"""Events that compute without the network, beside it."""
COPY = """
async (link) => {
  try { await navigator.clipboard.writeText(link); }
  catch {  // a page without https
    const box = document.createElement("textarea");
    box.value = link; document.body.append(box); box.select();
    document.execCommand("copy"); box.remove();
  }
  return [link];
}
"""
HERE = "() => [window.location.origin + window.location.pathname]"


def css() -> str:
    """The tab's part of the page's style sheet."""
    return style() + expected.CSS


def build_tab(page: gr.Blocks, codecs: Mapping[str, Rival] | None = None) -> gr.DownloadButton:
    """Picture and settings, viewer, numbers; a phone shows them in the order of `look.CSS`.

    codecs: what can be put beside ours, by name. Returns the button that holds the `.semc` file.
    """
    acts = CompressEvents(codecs or {})
    with gr.Row(elem_id="bench"):
        with gr.Column(scale=4, min_width=300, elem_classes="side"):
            with gr.Column(elem_id="source"):
                picture, row = _picture_and_samples()
            with gr.Column(elem_id="settings"):
                level, line, budget, aim = _level()
                allocation = gr.Radio(
                    ALLOCATIONS,
                    value="proportional",
                    label="Who gets the bytes",
                    elem_id="allocation",
                )
                focus = gr.Radio([], label="What should matter", info=words.FOCUS, elem_id="focus")
                go = gr.Button("Compress", variant="primary", elem_id="go")
                with gr.Accordion("Large pictures", open=False):
                    side = gr.Radio(SIDES, value=1024, show_label=False, container=False)
        with gr.Column(scale=7, min_width=300, elem_classes="side"):
            first = next(iter(work.samples().values()))
            with viewer.build_viewer((first.shape[0], first.shape[1]), acts.shown.options) as shown:
                facts = gr.HTML(elem_id="facts", apply_default_css=False)
                with gr.Row(elem_id="files"):
                    file = gr.DownloadButton("Download .semc", elem_id="file", min_width=140)
                    png = gr.DownloadButton("Download PNG", elem_id="png", min_width=140)
                    copy = gr.Button("Copy link", elem_id="copy", min_width=140)
            result_card.build_section()
            with gr.Accordion("Link and command", open=False, elem_classes="after"):
                link = _copied("Link that restores these settings", "link")
                gr.HTML(words.LINK)
                command = _copied("The same file at a terminal", "command")
            with gr.Accordion("How to read this", open=False, elem_classes="after"):
                gr.Markdown(words.READING)
    seen = gr.State()  # of the picture whose classes are offered
    pair, asked = gr.State(sides.FIRST), gr.State()
    here = gr.Textbox(visible=False)  # not a state: the browser says it
    stands = gr.Textbox(visible=False)  # as well
    wanted = gr.State()  # what the uniform allocation is to be found for

    settings = [picture, level, allocation, focus, seen, side, pair]
    quick: dict[str, Any] = {"fn": acts.quick, "inputs": settings, "outputs": [shown, facts]}
    quick |= QUICK
    ran: dict[str, Any] = {"fn": acts.run, "inputs": [*settings, asked, here]}
    ran |= {"outputs": [shown, facts, file, png, focus, seen, link, command]}
    ran |= {**MODEL, **PRIVATE, "show_progress": "minimal", "show_progress_on": line}
    ran |= LAST
    last: dict[str, Any] = {**LAST, "show_progress": "hidden"}

    opened = page.load(
        acts.open,
        [here],
        [picture, level, allocation, asked, pair, here, shown, facts],
        js=HERE,
        **QUICK,
    )
    looked = picture.input(lambda: None, None, None, **QUICK)
    picked = row.select(events.pick, row, picture, **QUICK, **LAST)
    aimed = aim.click(acts.aim, [picture, budget, *settings[1:6]], level, **MODEL, **PRIVATE)
    typed = budget.submit(acts.aim, [picture, budget, *settings[1:6]], level, **MODEL, **PRIVATE)
    moved = gr.on(
        [level.input, level.release, allocation.input, focus.input],
        **quick,
        **LAST,
    )
    chosen = shown.select(
        acts.choose,
        [stands, here],
        [pair, shown, facts, link],
        js=viewer.CHOSEN,
        **QUICK,
        **LAST,
    )
    starts = (opened, picked, looked, aimed, typed, moved)
    runs = [start.success(**ran) for start in starts] + [gr.on([go.click, side.input], **ran)]
    for run in runs:
        run.failure(acts.clear, picture, picture, **QUICK)
        run.success(acts.expect, None, line, show_progress="hidden", **SLOW)
    for begun in (*runs, chosen):
        begun.success(acts.fill, [pair], [shown, facts, wanted], **last, **SLOW)
    wanted.change(acts.fill_george, [pair], [shown, facts], **last, **MODEL, **PRIVATE)
    # Through the queue: only from there a message reaches the page.
    copy.click(
        _copied_link,
        link,
        None,
        js=COPY,
        concurrency_limit=None,
        show_progress="hidden",
        **PRIVATE,
    )
    page.unload(acts.leave)
    return file


def _level() -> tuple[gr.Slider, gr.HTML, gr.Textbox, gr.Button]:
    level = gr.Slider(
        *(LEAST, MOST, 8),
        step=STEP,
        label="Average level",
        info="More is sharper and larger.",
        elem_id="level",
    )
    line = expected.build_expected()
    with gr.Row(elem_id="aim"):
        budget = gr.Textbox(
            label="Or a size the file may have",
            placeholder="12000 or 12 kB",
            max_lines=1,
            max_length=40,
            min_width=120,
            scale=2,
            elem_id="budget",
        )
        fit = gr.Button("Fit", min_width=64, scale=0, elem_id="fit")
    return level, line, budget, fit


def _copied_link(link: str) -> None:
    """Say that it is in the clipboard, and what it holds."""
    if link:
        gr.Info(words.COPIED, title="Link copied", duration=6)
    else:
        gr.Info("The link is there once the picture is.", title="A moment", duration=6)


def _copied(label: str, elem_id: str) -> gr.Textbox:
    return gr.Textbox(
        label=label, interactive=False, buttons=["copy"], max_lines=1, elem_id=elem_id
    )


def _picture_and_samples() -> tuple[gr.Image, gr.Gallery]:
    samples = work.samples()
    picture = upload("Picture", next(iter(samples.values())), height=200, elem_id="picture")
    return picture, thumbnails(samples, "samples")
