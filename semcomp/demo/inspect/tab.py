"""The tab that looks inside the file just made: block by block, iteration by iteration."""

from collections.abc import Iterator
from html import escape
from typing import Any

import gradio as gr

from semcomp.demo.compress.events import decode_on_gpu
from semcomp.demo.sessions.runs import Choice, Run
from semcomp.demo.sessions.session import Session
from semcomp.demo.sessions.visits import SHARED, VISITS, identity
from semcomp.demo.shared import work
from semcomp.demo.shared.components import MODEL, PRIVATE

from . import blocks
from .inspection import inspect_run
from .steps import SHELF

QUICK: dict[str, Any] = {"concurrency_id": "inspect", "concurrency_limit": 2}
"""Events that compute a little and run no network."""
EMPTY = "A moment: the picture of the first tab is taken apart."
WHO = {
    "uniform": "the same everywhere",
    "proportional": "bytes follow importance",
    "rd": "importance, and what a bit buys",
}


def build_tab(page: gr.Blocks, tab: gr.Tab) -> None:
    """Fill the tab at hand; opening it shows the result of the first tab."""
    about = gr.HTML('<p class="quiet">Click a block, or move the slider.</p>', elem_id="about")
    panel = blocks.build_panel("inside", EMPTY)
    missing = gr.State(0)  # grows when the result has to be decoded first
    tab.select(show, [missing], [panel, about, missing], **QUICK, **PRIVATE)
    model = {name: setting for name, setting in MODEL.items() if name != "preprocess"}
    missing.change(decode, None, [panel, about], show_progress_on=panel, **model, **PRIVATE)
    page.unload(leave)


def current(request: gr.Request) -> tuple[Session, Choice]:
    """What the visitor looks at in the first tab, else the first sample as the page opens."""
    visit = VISITS.current(identity(request))
    if visit is not None:
        return visit.session, visit.choice
    name, sample = next(iter(work.samples().items()))
    return VISITS.get(SHARED, sample, name, shared=True), Choice()


def show(missing: int, request: gr.Request) -> Iterator[tuple[Any, ...]]:
    """Show a result that is there already; if it is not, ask for `decode`."""
    session, choice = current(request)
    run = session.run(choice)
    if run is None:
        yield gr.skip(), describe(session, choice, None), missing + 1
        return
    kept = SHELF.of(owner(request))
    if kept is not None and kept.complete and kept.data == run.data and kept.name == session.name:
        yield gr.skip(), gr.skip(), gr.skip()  # the visitor comes back to it
        return
    said = describe(session, choice, run)
    for value in blocks.present(inspect_run(session, run), owner(request), session.name):
        yield value, said, gr.skip()


def decode(
    request: gr.Request,
    progress: gr.Progress = gr.Progress(),  # noqa: B008 - gradio finds it in the signature
) -> Iterator[tuple[Any, ...]]:
    """Make the result, then show it."""
    with work.for_visitors():
        session, choice = current(request)
        for done, total, _ in session.decode(choice, decode_on_gpu):
            progress((done, total), desc="Decoding", unit="iterations")
        run = session.finished(choice)
        said = describe(session, choice, run)
        for value in blocks.present(inspect_run(session, run), owner(request), session.name):
            yield value, said


def owner(request: gr.Request) -> str:
    """Whose steps these are on the shelf."""
    return f"{identity(request)}/inside"


def leave(request: gr.Request) -> None:
    """Drop everything a visitor has on the shelf."""
    SHELF.drop(identity(request))


def describe(session: Session, choice: Choice, run: Run | None) -> str:
    """What is looked at, as a line."""
    size = "" if run is None else f" · {len(run.data):,} bytes"
    return (
        f'<p class="quiet"><b>{escape(session.name)}</b> · average level {choice.level:g} · '
        f"{WHO.get(choice.allocation, escape(choice.allocation))}{size}. Click a block to see what "
        "it got and why; move the slider to see the file grow.</p>"
    )
