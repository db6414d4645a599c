"""The tab that looks inside the file just made: block by block, iteration by iteration."""

from collections.abc import Iterator
from html import escape
from typing import Any

import gradio as gr

from semcomp.demo.compress.opening import WAITING, current
from semcomp.demo.sessions.runs import Choice, Run
from semcomp.demo.sessions.session import Session
from semcomp.demo.sessions.visits import VISITS, identity
from semcomp.demo.shared import words, work
from semcomp.demo.shared.events import LIGHT, MODEL, PRIVATE, decode_on_gpu

from . import blocks
from .inspection import inspect_run
from .picture_cache import CACHE

EMPTY = "A moment: the picture of the first tab is taken apart."


def build_tab(page: gr.Blocks, tab: gr.Tab) -> None:
    """Fill the tab at hand; opening it shows the result of the first tab."""
    about = gr.HTML('<p class="quiet">Click a block, or move the slider.</p>', elem_id="about")
    panel = blocks.build_panel("inside", EMPTY)
    missing = gr.State(0)  # grows when the result has to be decoded first
    tab.select(show, [missing], [panel, about, missing], **LIGHT)
    missing.change(decode, None, [panel, about], show_progress_on=panel, **MODEL, **PRIVATE)
    page.unload(leave)


def show(missing: int, request: gr.Request) -> Iterator[tuple[Any, ...]]:
    """Show a result that is there already; if it is not, ask for `decode`."""
    if VISITS.awaits(identity(request)):
        CACHE.drop(owner(request))
        yield {"text": WAITING}, "", gr.skip()
        return
    session, choice = current(request)
    run = session.run(choice)
    if run is None:
        CACHE.drop(owner(request))
        yield {"text": EMPTY}, describe(session, choice, None), missing + 1
        return
    last = CACHE.of(owner(request))
    if last is not None and last.complete and last.data == run.data and last.name == session.name:
        yield gr.skip(), gr.skip(), gr.skip()  # the visitor comes back to it
        return
    about = describe(session, choice, run)
    for value in blocks.present(inspect_run(session, run), owner(request), session.name):
        yield value, about, gr.skip()


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
        about = describe(session, choice, run)
        for value in blocks.present(inspect_run(session, run), owner(request), session.name):
            yield value, about


def owner(request: gr.Request) -> str:
    """Whose pictures these are in the cache."""
    return f"{identity(request)}/inside"


def leave(request: gr.Request) -> None:
    """Drop everything a visitor has in the cache."""
    CACHE.drop(identity(request))


def describe(session: Session, choice: Choice, run: Run | None) -> str:
    """What is looked at, as a line."""
    size = "" if run is None else f" · {len(run.data):,} bytes"
    return (
        f'<p class="quiet"><b>{escape(session.name)}</b> · average level {choice.level:g} · '
        f"{words.ALLOCATIONS[choice.allocation]}{size}. Click a block to see what "
        "it got and why; move the slider to see the file grow.</p>"
    )
