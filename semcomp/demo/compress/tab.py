"""The tab that compresses a picture: its components, and which event each starts."""

from typing import Any

import gradio as gr

from semcomp.allocation.levels import MAX_FOCUS
from semcomp.demo.sessions.runs import offered_models
from semcomp.demo.shared import words, work
from semcomp.demo.shared.components import ALLOCATIONS, AREA, AREAS, OFFERED, thumbnails, upload
from semcomp.demo.shared.events import AT_ONCE, LAST, MODEL, PRIVATE
from semcomp.demo.shared.static import static
from semcomp.formats.registry import WRITERS

from . import expected, result_card, viewer
from .display import OPTIONS
from .equal_bytes import LEAST, MOST, STEP
from .events import CompressEvents
from .sides import FIRST

QUICK: dict[str, Any] = {**AT_ONCE, "preprocess": False}
"""Events that answer from what is there already."""
SLOW: dict[str, Any] = {**PRIVATE, "concurrency_id": "slow", "concurrency_limit": 2}
"""Events that compute without the network, beside it."""


def css() -> str:
    """The tab's part of the page's style sheet."""
    return viewer.css() + static("expected.css")


def build_tab(page: gr.Blocks) -> gr.DownloadButton:
    """Picture and settings, viewer, numbers; a phone has them in the order of `page.css`.

    Returns the button that holds the `.semc` file.
    """
    acts = CompressEvents()
    samples = work.samples()
    first = next(iter(samples.values()))
    gr.HTML('<a class="skip" href="#viewer">Skip to the result</a>', elem_classes="skips")
    with gr.Row(elem_id="bench"):
        with gr.Column(scale=3, min_width=300, elem_classes="side"):
            with gr.Column(elem_id="source"):
                picture = upload("Picture", first, height=200, elem_id="picture")
                row = thumbnails(samples, "samples")
            with gr.Column(elem_id="settings"):
                level, line, turn, budget, fit = _level()
                allocation = gr.Radio(
                    ALLOCATIONS,
                    value="proportional",
                    label="Who gets the bytes",
                    elem_id="allocation",
                )
                focus = gr.Radio(
                    [], label="What should matter", info=words.MATTERS, elem_id="focus"
                )
                strength = gr.Slider(
                    0,
                    MAX_FOCUS,
                    1,
                    step=0.1,
                    label="Focus",
                    info=words.STRENGTH,
                    elem_id="strength",
                )
                models = list(offered_models().items())
                model = gr.Radio(models, value=models[0][1], label="Network", elem_id="model")
                go = gr.Button("Compress", variant="primary", elem_id="go")
                with gr.Accordion("Large pictures", open=False):
                    area = gr.Radio(AREAS, value=AREA, show_label=False, container=False)
        with gr.Column(scale=8, min_width=300, elem_classes="side"):
            size = first.shape[0], first.shape[1]
            empty = viewer.empty_value(size, OPTIONS, FIRST)
            with viewer.build_viewer(empty) as comparison:
                facts = gr.HTML(elem_id="facts", apply_default_css=False)
                with gr.Row(elem_id="files"):
                    file = gr.DownloadButton("Download .semc", elem_id="file", min_width=140)
                    png = gr.DownloadButton("Download PNG", elem_id="png", min_width=140)
                    copy = gr.Button("Copy link", elem_id="copy", min_width=140)
                with gr.Row(elem_id="same-map"):
                    gr.HTML(words.SAME_MAP)
                    formats = [
                        gr.Button(WRITERS[name].label, size="sm", min_width=64, scale=0)
                        for name in OFFERED
                    ]
                    ordinary = gr.DownloadButton(
                        "Download", size="sm", visible=False, min_width=110, elem_id="ordinary"
                    )
            card = result_card.build_section()
            with gr.Accordion("Link and command", open=False, elem_classes="after"):
                link = _text_to_copy("Link that restores these settings", "link")
                gr.HTML(words.LINK)
                command = _text_to_copy("The same file at a terminal", "command")
            with gr.Accordion("How to read this", open=False, elem_classes="after"):
                gr.Markdown(words.READING)
    classes_of = gr.State()  # the picture whose classes are offered
    pair, asked = gr.State(FIRST), gr.State()
    without = gr.Textbox(visible=False)  # names of what is switched off, a line each
    here, last = gr.Textbox(visible=False), gr.Textbox(visible=False)  # the browser says these
    choice = gr.Textbox(visible=False)  # as well
    missing = gr.State()  # what the uniform allocation is to be found for

    result = [comparison, facts]
    shown = [*result, file, png]
    # in the order of `Controls`
    controls = [picture, level, allocation, focus, strength, without, classes_of, area, model]
    run: dict[str, Any] = {
        "fn": acts.run,
        "inputs": [pair, asked, here, *controls],
        "outputs": [*shown, focus, without, classes_of, asked, link, command, card],
        "show_progress": "minimal",
        "show_progress_on": turn,
        **MODEL,
        **PRIVATE,
        **LAST,
    }
    hidden: dict[str, Any] = {**LAST, "show_progress": "hidden"}

    opened = page.load(
        acts.open,
        [here, last],
        [picture, model, level, allocation, strength, asked, pair, here, *result, area],
        js=static("page_address.js"),
        **QUICK,
    )
    # All that belongs to a picture; with another picture it goes before that one is looked at.
    of_picture = [*run["outputs"], line]
    uploaded = gr.on([picture.input, area.input], acts.begin, picture, of_picture, **QUICK)
    renewed = model.input(acts.renew, picture, of_picture, **QUICK)
    picked = row.select(acts.pick, row, [picture, *of_picture], **QUICK, **LAST)
    aim = [budget, *controls]
    aimed = fit.click(acts.aim, aim, level, **MODEL, **PRIVATE)
    typed = budget.submit(acts.aim, aim, level, **MODEL, **PRIVATE)
    moves = [level.input, level.release, allocation.input, focus.input]
    moves += [strength.input, strength.release]
    moved = gr.on(moves, acts.quick, [pair, *controls], [*shown, card], **QUICK, **LAST)
    switched = comparison.apply(None, None, without, js=viewer.LEFT_OUT, **LAST).then(
        acts.quick, [pair, *controls], [*shown, card], **QUICK, **LAST
    )
    chosen = comparison.select(
        acts.choose,
        [choice, here],
        [pair, *result, link],
        js=viewer.CHOICE,
        **QUICK,
        **LAST,
    )
    formatted = [
        button.click(acts.choose_format, [button, here], [pair, *result, link], **QUICK, **LAST)
        for button in formats
    ]
    # A file of what was there before is not offered beside what comes.
    changes = [*moves, picture.input, area.input, model.input, row.select, comparison.apply]
    gr.on([*changes, budget.submit, fit.click], acts.no_ordinary, None, ordinary, **QUICK)
    starts = (opened, picked, uploaded, renewed, aimed, typed, moved, switched)
    runs = [start.success(**run) for start in starts]
    runs.append(go.click(**run))
    for ran in runs:
        ran.failure(acts.clear, picture, [picture, *of_picture], **QUICK)
        ran.success(acts.expect, None, line, show_progress="hidden", **SLOW)
    for begun in (*runs, chosen, *formatted):
        filled = begun.success(acts.fill, [pair], [*result, missing], **hidden, **SLOW)
        filled.success(acts.ordinary, [pair], ordinary, **QUICK, **LAST)
    missing.change(acts.fill_george, [pair], result, **hidden, **MODEL, **PRIVATE)
    # So that loading the page again brings back what was on it.
    link.change(None, [link, picture], None, js=static("remember.js"), **PRIVATE)
    # Through the queue: only from there a message reaches the page.
    copy.click(
        _say_link_is_copied,
        link,
        None,
        js=static("copy_link.js"),
        concurrency_limit=None,
        show_progress="hidden",
        **PRIVATE,
    )
    page.unload(acts.leave)
    return file


def _level() -> tuple[gr.Slider, gr.HTML, gr.HTML, gr.Textbox, gr.Button]:
    """Slider, the line with the expected size, room for the progress, a size to aim at, button."""
    level = gr.Slider(
        LEAST,
        MOST,
        8,
        step=STEP,
        label="Average level",
        info="More is sharper and larger.",
        elem_id="level",
    )
    line = expected.build_expected()
    turn = gr.HTML("", elem_id="turn")  # the place in the queue is told here, over no other text
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
    return level, line, turn, budget, fit


def _say_link_is_copied(link: str) -> None:
    """Say that it is in the clipboard, and what it holds."""
    if link:
        gr.Info(words.COPIED, title="Link copied", duration=6)
    else:
        gr.Info("The link is there once the picture is.", title="A moment", duration=6)


def _text_to_copy(label: str, elem_id: str) -> gr.Textbox:
    return gr.Textbox(
        label=label, interactive=False, buttons=["copy"], max_lines=1, elem_id=elem_id
    )
