"""The tab where a visitor paints what matters and sees who pays for it, at equal bytes."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Iterator
from html import escape
from typing import Any

import gradio as gr
import numpy as np

from semcomp.demo.compress import result_card
from semcomp.demo.compress.opening import WAITING, current
from semcomp.demo.inspect.inspection import mean_grey
from semcomp.demo.inspect.picture_cache import CACHE, ORIGINAL, PictureSet, frame
from semcomp.demo.sessions.runs import Choice
from semcomp.demo.sessions.session import Session
from semcomp.demo.sessions.visits import VISITS, identity
from semcomp.demo.shared import work
from semcomp.demo.shared.downloads import save
from semcomp.demo.shared.events import LIGHT, MODEL, PRIVATE, decode_on_gpu
from semcomp.demo.shared.static import static
from semcomp.draw import IMPORTANCE
from semcomp.geometry import BLOCK
from semcomp.image import to_file
from semcomp.pipeline import info

from . import flip, painting
from .painting import GAINED, LOST, UNCHANGED, Area

ALLOCATIONS = [
    ("Proportional: follows the painting", "proportional"),
    ("Rate-distortion: the painting, and what a bit buys", "rd"),
]
BEFORE, AFTER, PAID = 0, 1, 2
EMPTY = "Paint, then press the button: before, after, and who paid."


def build_tab(page: gr.Blocks, tab: gr.Tab) -> None:
    """Fill the tab at hand; opening it brings the picture of the first tab."""
    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            canvas = build_canvas()
            allocation = gr.Radio(ALLOCATIONS, value="proportional", label="Who gets the bytes")
            go = gr.Button("Compress with this map", variant="primary", elem_id="paint-go")
        with gr.Column(scale=1, min_width=300):
            pictures = flip.build_flip("painted", EMPTY)
            report = gr.HTML(
                elem_id="paint-said",
                css_template=static("paint_table.css"),
                apply_default_css=False,
            )
            with gr.Row(visible=False) as downloads:
                file = gr.DownloadButton("Download .semc", elem_id="paint-file")
                map_file = gr.DownloadButton("The map as PNG", elem_id="paint-map")
                card = gr.DownloadButton("Result card", elem_id="paint-card")
    result = [pictures, report, file, map_file, card, downloads]
    tab.select(prepare, None, [canvas, *result], **LIGHT)
    go.click(
        compress,
        [canvas, allocation],
        result,
        show_progress_on=pictures,
        trigger_mode="once",
        **{**MODEL, "preprocess": True},
        **PRIVATE,
    )


def build_canvas() -> gr.HTML:
    """The empty canvas; its value comes from `prepare`, and goes back with the painted grid."""
    colours = base64.b64encode(IMPORTANCE.tobytes()).decode()
    return gr.HTML(
        None,
        html_template=static("canvas.html"),
        css_template=static("canvas.css"),
        js_on_load=static("radios.js") + static("canvas.js").replace("@IMPORTANCE@", colours),
        server_functions=[frame],
        apply_default_css=False,
        elem_id="canvas",
    )


def prepare(request: gr.Request) -> tuple[Any, ...]:
    """The picture of the first tab and the classifier's map of it; a painting stays if it fits.

    Where it does not, what was made of the former picture goes: canvas, and results as `compress`
    gives them.
    """
    owner, nothing = f"{identity(request)}/canvas", (None, "", None, None, None)
    if VISITS.awaits(identity(request)):
        CACHE.drop(owner)
        return {"text": WAITING}, *nothing, gr.Row(visible=False)
    with work.for_visitors():
        session, choice = current(request)
        last = CACHE.of(owner)
        height, width = session.picture.shape[:2]
        rows, columns = -(-height // BLOCK), -(-width // BLOCK)
        grey = mean_grey(session.semantic_map(choice).grey, *session.encoder.shape)[:rows, :columns]
        grid = base64.b64encode(np.rint(255 * grey).astype(np.uint8).tobytes()).decode()
        if last is not None and last.name == session.name and last.data == grid.encode():
            return tuple(gr.skip() for _ in range(7))
        pictures = PictureSet(session.name, grid.encode())
        pictures.add(ORIGINAL, session.picture)
        canvas = {
            "token": CACHE.put(owner, pictures),
            "width": width,
            "height": height,
            "block": BLOCK,
            "rows": rows,
            "columns": columns,
            "grid": grid,
            "start": grid,
        }
        return canvas, *nothing, gr.Row(visible=False)


def compress(
    value: Any,
    allocation: str,
    request: gr.Request,
    progress: gr.Progress = gr.Progress(),  # noqa: B008 - gradio finds it in the signature
) -> Iterator[tuple[Any, ...]]:
    """Compress the picture under the painted map, into as many bytes as the first tab's file."""
    with work.for_visitors():
        session, choice = current(request)
        height, width = session.picture.shape[:2]
        rows, columns = -(-height // BLOCK), -(-width // BLOCK)
        text = value.get("grid") if isinstance(value, dict) else None
        grid = painting.read_grid(text, rows, columns)
        semantic_map = painting.painted_map(grid, height, width)
        if allocation == "rd":
            session.measure(lambda done, total: progress((done, total), desc="Measuring"))
        if session.run(choice) is None:
            for done, total, _ in session.decode(choice, decode_on_gpu):
                progress((done, total), desc="Before", unit="iterations")
        before = session.finished(choice)
        painted = painting.fit_map(session, allocation, semantic_map, len(before.data))
        gained = session.spent(painted.plan.levels) - session.spent(before.plan.levels)
        pictures = flip.Flip(f"{identity(request)}/painted", session.name, width, height)
        pictures.put(ORIGINAL, "Original", "Original picture", session.picture)
        pictures.put(BEFORE, "Before", "Decoded before painting", before.picture)
        paid, limit = painting.robbed(session.picture, gained)
        colours = [f"rgb{colour}" for colour in (LOST, UNCHANGED, GAINED)]
        scale = (f"lost {limit:.0f} bits a block", f"gained {limit:.0f}", colours)
        picture = session.picture
        for done, total, picture in session.decode_plan(painted.plan, decode_on_gpu):
            progress((done, total), desc="After", unit="iterations")
            if done in (1, 2, 4, 8, 16) and done < total:
                pictures.put(AFTER, "After", "Decoded after painting, so far", picture)
                yield pictures.value(AFTER), *(gr.skip() for _ in range(5))
        pictures.put(AFTER, "After", "Decoded after painting", picture)
        pictures.put(
            PAID, "Who paid", "Blocks that lost bits orange, that gained blue", paid, scale
        )
        levels = before.plan.levels, painted.plan.levels
        table = painting.areas(session, semantic_map, levels, (before.picture, picture))
        report = describe(choice, before.data, painted, table, gained)
        yield (
            pictures.value(AFTER),
            report,
            save(painted.data, f"{session.name}-painted", ".semc"),
            save(painting.map_png(semantic_map), f"{session.name}-map", ".png"),
            save(_card(session, painted, picture), f"{session.name}-card", ".png"),
            gr.Row(visible=True),
        )


def _card(session: Session, painted: painting.Painted, decoded: Any) -> bytes:
    """The result card of a painting, as PNG; its command reads the map that is offered too."""
    name, choice = session.name, painted.choice
    files = [f"{name}.png", f"{name}-painted.semc", f"{name}-map.png"]
    source, target, map_file = map(shlex.quote, files)
    card = result_card.card(
        session,
        choice,
        painted.plan,
        painted.data,
        decoded,
        painted.semantic_map,
        f"python -m semcomp compress {source} {target} --level {choice.level:g} "
        f"--allocation {choice.allocation} --map {map_file}",
    )
    return to_file(result_card.draw(card))


def describe(
    choice: Choice, before: bytes, painted: painting.Painted, table: list[Area], gained: Any
) -> str:
    """What painting changed, as a table and a sentence."""
    moved = float(np.maximum(gained, 0).sum()) / 8
    lost, won = int((gained < -0.5).sum()), int((gained > 0.5).sum())
    maps = [info(data)["sizes"]["map"] for data in (before, painted.data)]
    head = "".join(f"<th scope=col>{name}</th>" for name in ("", "bytes", "PSNR, dB", "SSIM"))
    rows = "".join(
        f"<tr><th scope=row>{escape(area.name)}</th><td>{_change(area.bytes, ',.0f')}</td>"
        f"<td>{_change(area.psnr, '.1f')}</td><td>{_change(area.ssim, '.3f')}</td></tr>"
        for area in table
    )
    return (
        f'<div class="facts" role="status"><table><tr>{head}</tr>{rows}</table>'
        f"<p>The whole file: {len(before):,} bytes before, {len(painted.data):,} after. About "
        f"{moved:,.0f} bytes moved: {won:,} blocks gained, {lost:,} paid. The map inside the file "
        f"takes {maps[0]:,} bytes before, {maps[1]:,} after. Average level {choice.level:g} "
        f"before, {painted.choice.level:g} after.</p></div>"
    )


def _change(pair: tuple[float, float], form: str) -> str:
    """Before and after."""
    before, after = (format(value, form) for value in pair)
    return f"<span>{before}</span> → <b>{after}</b>"
