"""The tab where researchers send results, follow what they sent, and maintainers review it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from leaderboard.data.datasets import title_of
from leaderboard.pages.context import BoardContext
from leaderboard.pages.review import tab as review_page
from leaderboard.submissions.method import LENGTHS
from leaderboard.submissions.shape import DatasetShape
from leaderboard.submissions.template import template_files
from semcomp.demo.hosting.settings import Settings
from semcomp.demo.shared.static import static
from semcomp.files import write_file

from . import words
from .events import FIELDS, SubmitEvents
from .submitting import SubmitApi

CSS = static("submit.css", "leaderboard.pages")
TAB = "submit"
"""The tab's id."""
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
QUICK: dict[str, Any] = {**PRIVATE, "queue": False, "show_progress": "hidden"}
"""Events that ask the store one thing."""
CHECKING: dict[str, Any] = {
    "concurrency_id": "submissions",
    "concurrency_limit": 2,
    "preprocess": False,
}
"""Events that read an upload; they never wait for a network, nor a network for them."""
TEMPLATES = {
    "csv": "Template: results (CSV)",
    "json": "Template: results (JSON)",
    "zip": "Template: ZIP, with a how-to",
}
"""Formats of the files to fill in, and their buttons."""
MOST_DIGITS = 20
AGAIN = 2.0
"""Seconds between looks at an entry that is being scored."""


def build_tab(page: gr.Blocks, context: BoardContext) -> None:
    """Fill the tab at hand, and add the endpoints /submit, /submission, /withdraw_submission."""
    events = SubmitEvents(context)
    with gr.Column(elem_id="submit", elem_classes="sub"), gr.Tabs() as tabs:
        with gr.Tab("Send results", id="send"):
            form, replacing = _send(page, events)
        with gr.Tab("My submission", id="mine"):
            _mine(events, tabs, form, replacing)
        with gr.Tab("Review", id="review"):
            review_page.build_panel(page, context)
    _endpoints(SubmitApi(context))


def _send(page: gr.Blocks, events: SubmitEvents) -> tuple[list[Any], list[Any]]:
    """The form's fields, and the fold with the receipt of the entry that is replaced."""
    gr.HTML(words.KINDS)
    shapes = events.context.shapes
    dataset = gr.Dropdown(
        [(f"{title_of(name)}, {len(each.images)} pictures", name) for name, each in shapes.items()],
        value=next(iter(shapes)),
        label="Pictures",
        info=words.PICTURES,
        elem_id="submit-dataset",
    )
    with gr.Row(elem_classes="files"):
        templates = [
            gr.DownloadButton(label, size="md", min_width=190, elem_id=f"template-{form}")
            for form, label in TEMPLATES.items()
        ]
    # Made anew for every visitor, because files handed out are swept by their age.
    gr.on(
        [page.load, dataset.change],
        partial(_templates, shapes),
        dataset,
        templates,
        **QUICK,
    )
    upload = gr.File(
        label=f"File: JSON, CSV or ZIP, at most {Settings.read().max_submission_mb} MB",
        file_types=[".json", ".csv", ".zip"],
        height=140,
        elem_id="submit-file",
    )
    form = _form(dataset)
    with gr.Accordion("This replaces an earlier entry of mine", open=False) as fold:
        replaces = gr.Textbox(
            label="Its receipt", max_length=200, elem_id="submit-replaces", autofocus=False
        )
    with gr.Row(elem_classes="tight"):
        check = gr.Button("Check only", elem_id="submit-check")
        go = gr.Button("Send", variant="primary", elem_id="submit-go")
    said = gr.HTML(elem_id="submit-said")
    receipt = gr.Textbox(
        label="Your receipt",
        info=words.KEEP,
        interactive=False,
        visible=False,
        buttons=["copy"],
        max_lines=1,
        elem_id="submit-receipt",
        elem_classes="sub-receipt",
    )
    gr.HTML(words.NEXT)
    upload.upload(events.arrived, [upload, *form], [said, *form], **CHECKING, **PRIVATE)
    check.click(events.check, [upload, *form], said, **CHECKING, **PRIVATE)
    go.click(
        events.send,
        [upload, *form, replaces],
        [said, receipt, upload, replaces],
        **CHECKING,
        **PRIVATE,
    )
    return form, [fold, replaces]


def _templates(shapes: Mapping[str, DatasetShape], dataset: Any) -> list[str]:
    """Paths of the files to fill in, for a data set."""
    shape = shapes[dataset if dataset in shapes else next(iter(shapes))]
    paths = []
    for form in TEMPLATES:
        # The first file: the page's form takes the place of method.json.
        name, data = next(iter(template_files(form, shape).items()))
        # Archives differ by their time, so the folder is named by what is in them.
        folder = Path(get_upload_folder()) / sha256(f"{form} {shape.name}".encode()).hexdigest()
        folder.mkdir(parents=True, exist_ok=True)
        write_file(folder / name, data)
        paths.append(str(folder / name))
    return paths


def _form(dataset: gr.Dropdown) -> list[Any]:
    """The method's description, in the order of `FIELDS`."""
    made: dict[str, Any] = {"dataset": dataset}

    def text(name: str, label: str, **kwargs: Any) -> None:
        made[name] = gr.Textbox(
            "",
            label=label,
            max_length=LENGTHS.get(name, MOST_DIGITS),
            min_width=240,
            elem_id=f"submit-{name}",
            **kwargs,
        )

    with gr.Row():
        text("name", "Name of the method")
        text("authors", "Authors")
    with gr.Row():
        text("link", "Paper or page (optional)", placeholder="https://")
        text("code", "Code (optional)", placeholder="https://")
    with gr.Row():
        text("licence", "Licence of the code (optional)")
        text("contact", "Contact e-mail (only the maintainers see it)")
    with gr.Row():
        # Text, because a number field shows 0 where nothing was entered.
        label = "Side information a decoder needs, bytes per picture"
        text("side_information_bytes", label, info=words.SIZE)
        text("model_bytes", "Weights of the decoder, bytes", info=words.SIZE)
    text("notes", "Notes (optional)", lines=2)
    with gr.Row():
        text("training_data", "Trained on (optional)")
        made["test_overlap"] = gr.Dropdown(
            words.OVERLAPS,
            value="",
            label="Test pictures among the training data",
            info=words.OVERLAP,
            min_width=240,
            elem_id="submit-test_overlap",
        )
    with gr.Row():
        text("timing", "Time and machine (optional)")
        text("earlier_versions", "Earlier versions tried on these pictures (optional)")
        text("macs_per_pixel", "Multiplications per pixel to decode (optional)")
    return [made[field] for field in FIELDS]


def _mine(events: SubmitEvents, tabs: gr.Tabs, form: list[Any], replacing: list[Any]) -> None:
    receipt = gr.Textbox(
        label="Receipt",
        info="As it was given when the results were sent.",
        max_length=200,
        elem_id="mine-receipt",
        elem_classes="sub-receipt",
    )
    with gr.Row():
        look = gr.Button("Look up", variant="primary", scale=0, min_width=200, elem_id="mine-look")
    said = gr.HTML(elem_id="mine-said")
    with gr.Row(visible=False, elem_classes="tight") as actions:
        renew = gr.Button("Send a new version", elem_id="mine-renew")
        withdraw = gr.Button("Withdraw", variant="stop", elem_id="mine-withdraw")
    with gr.Row(visible=False, elem_classes="tight") as asking:
        keep = gr.Button("Keep it", elem_id="mine-keep")
        really = gr.Button("Yes, withdraw it for good", variant="stop", elem_id="mine-really")
    again = gr.Timer(AGAIN, active=False)
    seen = gr.State("")  # what is shown, whatever is being typed meanwhile
    outputs = [seen, said, actions, asking, again]
    gr.on([look.click, receipt.submit], events.look_up, receipt, outputs, **QUICK)
    again.tick(events.look_up, seen, [seen, said, actions, gr.State(), again], **QUICK)
    really.click(events.withdraw, seen, outputs, **QUICK)
    renew.click(events.renew, seen, [tabs, *replacing, *form], **QUICK)
    for button, ask in ((withdraw, True), (keep, False)):
        button.click(
            lambda ask=ask: (gr.Row(visible=not ask), gr.Row(visible=ask)),
            None,
            [actions, asking],
            **QUICK,
        )


def _endpoints(api: SubmitApi) -> None:
    with gr.Group(visible=False):
        file = gr.File(label="File: JSON, CSV or ZIP")
        method = gr.JSON(label="Method")
        replaces = gr.Textbox("", label="Receipt of the entry it replaces")
        check_only = gr.Checkbox(False, label="Check only")
        receipt, record, trigger = gr.Textbox(label="Receipt"), gr.JSON(label="Entry"), gr.Button()
    trigger.click(
        api.submit,
        [file, method, replaces, check_only],
        record,
        api_name="submit",
        **CHECKING,
    )
    trigger.click(api.submission, receipt, record, api_name="submission", queue=False)
    trigger.click(api.withdraw, receipt, record, api_name="withdraw_submission", queue=False)
