"""The tab that compresses several pictures into one ZIP with a summary table.

Every picture is a job of its own in the queue, so a long batch lets other visitors in between.
"""

from __future__ import annotations

from collections import OrderedDict
from html import escape
from threading import Lock
from typing import Any

import gradio as gr

from semcomp.demo.sessions.runs import PEOPLE, Choice
from semcomp.demo.sessions.visits import identity
from semcomp.demo.shared import words, work
from semcomp.demo.shared.components import ALLOCATIONS, AREA, AREAS, OFFERED
from semcomp.demo.shared.downloads import save
from semcomp.demo.shared.events import MODEL, PRIVATE, decode_on_gpu
from semcomp.demo.shared.static import static
from semcomp.errors import AllocationError, FormatError
from semcomp.formats.registry import WRITERS

from .jobs import MOST, Batch, BatchSettings, archive

SCORES, PICTURES = "scores", "pictures"
FORMATS = [(".semc", "semc"), *((WRITERS[name].label, name) for name in OFFERED)]
EXTRAS = [("Scores (decodes every file)", SCORES), ("Decoded pictures as PNG", PICTURES)]
MOST_BATCHES = 64
"""Batches under way, all visitors together; the oldest goes first."""
SCORE_COLUMNS = (
    ("PSNR", "psnr_db", ".2f"),
    ("MS-SSIM", "ms_ssim", ".4f"),
    ("SI-SSIM", "si_ssim", ".4f"),
)
"""Of the table: name, key of the row, format."""
EMPTY = '<p class="empty">A row for every picture appears here, and one ZIP with all files.</p>'


class Batches:
    """The batch of each visitor."""

    def __init__(self) -> None:
        self._of: OrderedDict[str, Batch] = OrderedDict()
        self._lock = Lock()

    def put(self, visitor: str, batch: Batch) -> None:
        """Start a visitor's batch; an earlier one of theirs stops."""
        with self._lock:
            self._of.pop(visitor, None)
            self._of[visitor] = batch
            while len(self._of) > MOST_BATCHES:
                self._of.popitem(last=False)

    def get(self, visitor: str) -> Batch | None:
        """A visitor's batch."""
        with self._lock:
            return self._of.get(visitor)

    def drop(self, visitor: str) -> None:
        """Forget a visitor's batch."""
        with self._lock:
            self._of.pop(visitor, None)


BATCHES = Batches()
"""The server's."""


def build_tab(page: gr.Blocks) -> None:
    """Fill the tab at hand."""
    with gr.Row():
        with gr.Column(scale=4, min_width=300):
            files = gr.File(
                label=f"Pictures, up to {MOST}",
                file_count="multiple",
                file_types=["image"],
                height=200,
                elem_id="batch-files",
            )
            level = gr.Slider(
                1, 24, 8, step=0.25, label="Average level", info="More is sharper and larger."
            )
            allocation = gr.Radio(ALLOCATIONS, value="proportional", label="Who gets the bytes")
            format_name = gr.Radio(
                FORMATS,
                value="semc",
                label="Files",
                info=words.BATCH_FORMAT,
                elem_id="batch-format",
            )
            extras = gr.CheckboxGroup(EXTRAS, value=[SCORES], label="Also")
            with gr.Accordion("Large pictures", open=False):
                area = gr.Radio(AREAS, value=AREA, show_label=False, container=False)
            go = gr.Button("Compress all", variant="primary", elem_id="batch-go")
        with gr.Column(scale=7, min_width=300):
            table = gr.HTML(
                EMPTY,
                css_template=static("batch.css"),
                apply_default_css=False,
                elem_id="batch-table",
            )
            with gr.Row(visible=False) as running:
                stop = gr.Button("Stop after this picture", elem_id="batch-stop")
            with gr.Row(visible=False) as ready:
                zip_file = gr.DownloadButton(
                    "Download the ZIP", variant="primary", elem_id="batch-zip"
                )
    turn = gr.State(0)  # grows with every picture that is to be compressed
    # Not past the queue: only answers from there tell the page that a state has changed.
    quick: dict[str, Any] = {"concurrency_limit": None, "preprocess": False, **PRIVATE}
    outputs: Any = [table, zip_file, running, ready, turn]
    settings = [files, level, allocation, format_name, extras, area, turn]
    go.click(begin, settings, outputs, **quick)
    turn.change(step, [turn], outputs, show_progress_on=table, **MODEL, **PRIVATE)
    stop.click(halt, None, None, **quick)
    page.unload(leave)


def begin(
    files: Any,
    level: float,
    allocation: str,
    format_name: str,
    extras: list[str],
    area: int,
    turn: int,
    request: gr.Request,
) -> Any:
    """Start a batch; the pictures themselves are compressed in `step`, one job each."""
    with work.for_visitors():
        if not files:
            raise AllocationError("no pictures yet: choose some files first")
        if len(files) > MOST:
            raise AllocationError(
                f"{len(files)} pictures are more than the {MOST} one batch may have: take "
                "some out, or use `python -m semcomp compress` on your own machine"
            )
        if format_name not in [name for _, name in FORMATS]:
            raise FormatError(
                f"no files are written as {format_name!r} here: choose a listed format"
            )
        choice = Choice(level, allocation, PEOPLE)
        settings = BatchSettings(choice, area, SCORES in extras, PICTURES in extras, format_name)
        started = Batch(list(files), settings)
        BATCHES.put(identity(request), started)
    return table_html(started), gr.skip(), gr.Row(visible=True), gr.Row(visible=False), turn + 1


def step(
    turn: int,
    request: gr.Request,
    progress: gr.Progress = gr.Progress(),  # noqa: B008 - gradio finds it in the signature
) -> Any:
    """Compress the next picture; after the last one, make the ZIP."""
    going = BATCHES.get(identity(request))
    if going is None:
        return tuple(gr.skip() for _ in range(5))
    if not going.done:
        name = f"Picture {len(going.items) + 1} of {len(going.uploads)}"
        progress(0, desc=name)
        with work.for_visitors():
            going.step(
                lambda done, total: progress((done, total), desc=name, unit="iterations"),
                decode_on_gpu,
            )
    if not going.done:
        return table_html(going), gr.skip(), gr.skip(), gr.skip(), turn + 1
    BATCHES.drop(identity(request))
    file = save(archive(going.items), "semcomp-batch", ".zip")
    return table_html(going), file, gr.Row(visible=False), gr.Row(visible=True), gr.skip()


def halt(request: gr.Request) -> None:
    """End a batch after the picture at hand; what is done stays."""
    going = BATCHES.get(identity(request))
    if going is not None:
        going.stopped = True


def leave(request: gr.Request) -> None:
    """Forget the batch of a visitor who has left."""
    BATCHES.drop(identity(request))


def table_html(going: Batch) -> str:
    """What is done so far: a sentence and a row for each picture."""
    total, done = len(going.uploads), len(going.items)
    good = [item for item in going.items if not item.problem]
    before = sum(item.row["upload_bytes"] for item in good)
    after = sum(item.row["bytes"] for item in good)
    summary = f"{done} of {total} pictures"
    if good:
        summary += f": {words.file_size(before)} became {words.file_size(after)}"
    if done > len(good):
        summary += f"; {done - len(good)} could not be used"
    names = ["Picture", "Pixels", "Bytes", "bpp"]
    scores = SCORE_COLUMNS if going.settings.scores else ()
    names += [name for name, _, _ in scores]
    head = "".join(f"<th scope=col>{name}</th>" for name in names)
    rows = []
    for item in going.items:
        row = item.row
        name = escape(row["picture"])
        if item.problem:
            said = escape(work.sentence(item.problem))
            cells = f'<td colspan="{len(names)}">{name}<small>{said}</small></td>'
        else:
            cells = f"<td>{name}</td>"
            cells += f"<td>{row['width']} × {row['height']}</td><td>{row['bytes']:,}</td>"
            cells += f"<td>{row['bits_per_pixel']:.3f}</td>"
            cells += "".join(
                f"<td>{'n/a' if row[key] == '' else format(row[key], form)}</td>"
                for _, key, form in scores
            )
        rows.append(f"<tr>{cells}</tr>")
    return (
        f'<p class="quiet" role="status">{summary}.</p>'
        '<div class="wrap" tabindex="0" role="region" aria-label="Results"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )
