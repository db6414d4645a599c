"""The leaderboard's tab inside the demo's page: its components, and which event each starts.

Events that only read results skip the queue, so that nobody waits for somebody else's picture;
decoding pictures takes its turn with the demo's networks.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from leaderboard.analysis.look import METRIC_NAMES
from leaderboard.blind.opinion import Opinion
from semcomp.demo.shared.static import static

from . import words
from .api import Api
from .boards import FOLDER, OpenStore
from .controls import Choosing
from .events import Events
from .pictures import ERRORS, decode_on_gpu
from .reading import ANOTHER, PAPER, studies, study
from .view import MAX_RATE, MAX_TEXT, MOST_SUBMITTED, TARGETS

__all__ = ["CSS", "FOLDER", "build_tab"]

CSS = static("board.css", "leaderboard.pages")
QUICK: dict[str, Any] = {
    "queue": False,
    "preprocess": False,  # `Events` checks what it is sent, for lists whose choices change too
    "show_progress": "hidden",
    "trigger_mode": "always_last",
    "api_visibility": "private",
}
"""Events that read what is in memory."""
SHOWN = [
    ("Decoded pictures", "pictures"),
    *((f"Where {METRIC_NAMES[metric]} is lost", metric) for metric in ERRORS),
]
SCALES = [("Decibels", "db"), ("Plain", "plain")]


def build_tab(
    page: gr.Blocks,
    folder: Path = FOLDER,
    store: OpenStore | None = None,
    opinion: Opinion | None = None,
) -> None:
    """Fill the tab at hand, whose id is `view.TAB`.

    page: whose loading reads the link. folder: of results. store: gives the store of submissions,
    None for none. See `boards.load_boards`. opinion: what people's votes say, None to leave it out.
    """
    events = Events(folder, store, opinion)
    browser_js = static("browser.js", "leaderboard.pages")
    with gr.Column(elem_id="board"):
        gr.HTML(words.INTRO)
        notice = gr.HTML(elem_id="board-notice")
        lead = gr.HTML(elem_id="board-lead")
        dataset, metric, scale, codecs, submitted, low, high, plot, left_out = _curves()
        anchor, text, table, pages, number, turns, files = _ranking()
        if opinion is not None:
            gr.HTML(words.JUDGED)
            page.load(events.judged, None, gr.HTML(elem_id="board-eyes"), **QUICK)
        method, described = _one_method()
        picture, target, points, sample = _one_picture(folder, dataset)
        link = gr.Textbox(
            label="Link to this view",
            interactive=False,
            buttons=["copy"],
            max_lines=1,
            elem_id="board-link",
        )
        with gr.Row(elem_classes="files"):
            exports = [
                gr.DownloadButton(label, size="md", min_width=150, elem_id=f"board-{name}")
                for label, name in (("Table (LaTeX)", "tex"), ("Citations (BibTeX)", "bib"))
            ]
        _studies()
        with gr.Accordion("How these numbers are made", open=False):
            made = gr.Markdown(words.MADE, elem_id="board-made")
        said, browser = gr.JSON(visible=False), gr.JSON(visible=False)
    controls: list[Any] = [dataset, metric, scale, codecs, anchor, low, high, text, picture, target]
    controls += [number, submitted, method]
    curves, paged = [notice, plot, left_out], [table, pages, number]
    ranks = [*paged, *files]
    outputs = [*controls, *sample, made, notice, *ranks, *described, link]
    inputs = [*controls, browser]
    drawn = [plot, left_out, points]
    opened = page.load(events.open, said, [browser, *outputs], js=browser_js, **QUICK)
    opened.success(events.drawn, inputs, drawn, **QUICK)
    switched = dataset.input(events.switch, [link, *inputs], [*outputs, *drawn], **QUICK)
    for read in (opened.success, switched.success, metric.input, anchor.input):
        read(events.lead, inputs, [lead, *exports], **QUICK)
    choosing = Choosing(folder, store)
    for each, find in ((submitted, choosing.curves), (method, choosing.method)):
        typed = static("typed.js", "leaderboard.pages").replace("@LIST@", str(each.elem_id))
        each.key_up(find, [dataset, each, said], each, js=typed, **QUICK)
        each.blur(find, [dataset, each], each, **QUICK)
    for triggers, function, changed in (
        ([metric, scale, codecs, submitted, low, high], events.draw, curves),
        ([metric, anchor], events.rank, ranks),
        ([submitted], events.save, files[1:]),
        ([picture, target, submitted], events.look, [points]),
        ([method], events.describe, described),
        ([each for each in controls[1:] if each not in (text, number)], events.share, [link]),
    ):
        changes = [change for each in triggers for change in _changes(each)]
        gr.on(changes, function, inputs, changed, **QUICK)
    gr.on(_changes(text), events.narrow, [link, *inputs], [*ranks, link], **QUICK)
    for step, changes in ((0, _changes(number)), (-1, [turns[0].click]), (1, [turns[1].click])):
        gr.on(changes, partial(events.turn, step), inputs, [*paged, link], **QUICK)
    _endpoint(Api(folder, store))


def _curves() -> tuple[Any, ...]:
    with gr.Row():
        dataset = gr.Dropdown([], label="Pictures", min_width=130, elem_id="board-dataset")
        metric = gr.Dropdown([], label="Score", min_width=130, elem_id="board-score")
        scale = gr.Radio(SCALES, value="db", label="Scale", min_width=230, elem_id="board-scale")
        low = _rate("From (bits per pixel)", 0, "board-low")
        high = _rate("To (bits per pixel)", 0, "board-high")
    plot = gr.Plot(show_label=False, label="Rate-distortion curves", elem_id="board-plot")
    left_out = gr.HTML()
    codecs = gr.CheckboxGroup([], label="Curves", elem_id="board-codecs")
    submitted = gr.Dropdown(
        [],
        label="Curves of submissions",
        info=f"{words.SEARCH} At most {MOST_SUBMITTED} at a time.",
        multiselect=True,
        max_choices=MOST_SUBMITTED,
        visible=False,
        elem_id="board-submitted",
    )
    return dataset, metric, scale, codecs, submitted, low, high, plot, left_out


def _ranking() -> tuple[Any, ...]:
    gr.HTML("<h2>Ranking</h2>")
    with gr.Row():
        anchor = gr.Dropdown(
            [], label="Compared with", info=ANOTHER, elem_id="board-anchor", min_width=220
        )
        text = gr.Textbox(
            label="Filter",
            placeholder="a method, its authors, published, incomplete",
            max_length=MAX_TEXT,
            elem_id="board-filter",
            min_width=220,
        )
    table = gr.HTML(elem_id="board-table")
    with gr.Row(visible=False, elem_classes="pages", equal_height=True) as pages:
        back = gr.Button("Previous page", size="md", min_width=110, elem_id="board-back")
        number = gr.Number(
            1, label="Page", minimum=1, precision=0, min_width=110, elem_id="board-page"
        )
        forth = gr.Button("Next page", size="md", min_width=110, elem_id="board-forth")
    with gr.Row(elem_classes="files"):
        files = [
            gr.DownloadButton(label, size="md", min_width=150, elem_id=f"board-{name}")
            for label, name in (
                ("Table (CSV)", "csv"),
                ("Rows of the curves (CSV)", "rows"),
                ("Table and curves (JSON)", "json"),
            )
        ]
    return anchor, text, table, pages, number, (back, forth), files


def _studies() -> None:
    """The paper and the committed studies, each read when it is asked for."""
    with gr.Accordion("The paper, and the studies", open=False, elem_id="board-studies"):
        gr.Code(PAPER, label="The paper (BibTeX)", interactive=False, lines=4)
        which = gr.Dropdown(
            studies(), value=None, label="Study", info=words.STUDY, elem_id="board-study"
        )
        text = gr.Markdown(elem_id="board-study-text")
        figure = gr.Image(show_label=False, label="Its figure", visible=False, interactive=False)
        which.input(_study, which, [text, figure], **QUICK)


def _study(name: Any) -> tuple[str, Any]:
    text, figure = study(name)
    return text, gr.Image(value=figure, visible=figure is not None)


def _one_method() -> tuple[Any, ...]:
    gr.HTML("<h2>One method</h2>")
    method = gr.Dropdown([], label="Method", info=words.SEARCH, elem_id="board-method")
    told = gr.HTML(words.METHOD, elem_id="board-about")
    with gr.Row(elem_classes="files"):
        files = [
            gr.DownloadButton(label, size="md", min_width=150, visible=False, elem_id=name)
            for label, name in (
                ("Its results (JSON)", "board-method-json"),
                ("Its rows (CSV)", "board-method-csv"),
            )
        ]
    return method, [told, *files]


def _one_picture(folder: Path, dataset: gr.Dropdown) -> tuple[Any, ...]:
    gr.HTML("<h2>One picture</h2>")
    with gr.Row():
        picture = gr.Dropdown([], label="Picture", elem_id="board-picture", min_width=220)
        target = _rate("Bits per pixel", TARGETS[0], "board-target", TARGETS[1])
    points = gr.HTML(elem_id="board-points")
    hint = gr.HTML()
    sample = gr.Dropdown([], label="Sample picture", elem_id="board-sample", visible=False)
    codecs = gr.CheckboxGroup(
        [], label="Decode at no more bytes than that", info=words.DECODE, elem_id="board-wanted"
    )
    go = gr.Button("Show the decoded pictures", variant="primary", elem_id="board-decode")
    shown = gr.Radio(
        SHOWN, value="pictures", label="Shown", info=words.ERRORS, elem_id="board-shown"
    )
    missing = gr.HTML()
    pictures = gr.Gallery(
        label="Decoded pictures at equal bytes",
        show_label=False,
        columns=2,
        height="auto",
        object_fit="contain",
        format="png",
        interactive=False,
        buttons=["download", "fullscreen"],
        elem_id="equal",
    )
    gr.on(
        [go.click, shown.input],
        partial(decode_on_gpu, folder),
        [dataset, picture, target, sample, codecs, shown],
        [pictures, missing],
        concurrency_id="model",
        concurrency_limit=1,
        api_visibility="private",
    )
    return picture, target, points, [sample, hint, codecs]


def _endpoint(api: Api) -> None:
    with gr.Group(visible=False):
        dataset, metric, anchor = (gr.Textbox("", label=n) for n in ("Data set", "Score", "Anchor"))
        gr.Button().click(
            api.table,
            [dataset, metric, anchor],
            gr.JSON(label="Ranking"),
            queue=False,
            api_name="leaderboard",
        )
        dataset, method = gr.Textbox("", label="Data set"), gr.Textbox("", label="Method")
        gr.Button().click(
            api.results,
            [dataset, method],
            gr.JSON(label="Results"),
            queue=False,
            api_name="leaderboard_results",
        )


def _changes(control: Any) -> list[Any]:
    """The events of a visitor's change, pasted text included; never those of values set here."""
    if isinstance(control, gr.Textbox | gr.Number):
        return [control.input, control.submit, control.blur]
    return [control.input]


def _rate(label: str, least: float, name: str, most: float = MAX_RATE) -> gr.Number:
    return gr.Number(
        label=label, minimum=least, maximum=most, step=0.05, min_width=120, elem_id=name
    )
