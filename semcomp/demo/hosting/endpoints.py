"""The endpoints /compress, /decompress, /explain and /score, for programs and for MCP clients.

Both read what stands here: the function's name is the endpoint's and the tool's, its docstring the
description, and the components' labels and values are the parameters' names and defaults.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from semcomp.demo.shared import downloads, events, work
from semcomp.demo.shared.components import ALLOCATIONS, upload
from semcomp.demo.shared.events import MODEL

Record = dict[str, Any]


def build_endpoints() -> None:
    """The API's endpoints, on components that are never shown."""
    with gr.Group(visible=False):
        picture, second = upload("Picture"), upload("Second picture")
        level = gr.Number(8, label="Average level, 1 to 24")
        allocation = gr.Radio([v for _, v in ALLOCATIONS], value="proportional", label="Allocation")
        class_name = gr.Textbox("", label="Class that should matter")
        side = gr.Number(1024, label="Longest side", precision=0)
        iterations = gr.Number(24, label="Iterations", precision=0)
        file, made = gr.File(label="File (.semc)"), gr.File(label="File (.semc)")
        first, other = (gr.Image(label=name, format="png") for name in ("Picture", "Levels"))
        record, trigger = gr.JSON(label="Record"), gr.Button()
    asked = [picture, level, allocation, class_name, side]
    endpoints: list[tuple[Callable[..., Any], list[Any], list[Any]]] = [
        (compress, asked, [made, record]),
        (decompress, [file, iterations], [first, record]),
        (explain, asked, [first, other, record]),
        (score, [picture, second], [record]),
    ]
    for function, inputs, outputs in endpoints:
        trigger.click(function, inputs, outputs, api_name=function.__name__, **MODEL)


@events.on_gpu
def compress(
    picture: Any,
    level: float,
    allocation: str,
    class_name: str,
    max_side: int,
    progress: gr.Progress = gr.Progress(),  # noqa: B008 - gradio finds it in the signature
) -> tuple[str, Record]:
    """Compress a picture, giving the places that show its main object more bits than the rest.

    Args:
        picture: the picture, in any common format
        level: average number of iterations per block, 1 to 24: more is sharper and larger
        allocation: who gets the bits: uniform, proportional (by importance) or rd
        class_name: what should matter, one of ImageNet's classes; empty for the likeliest one
        max_side: larger pictures are reduced to this many pixels first; 0 for never
    Returns:
        The compressed file (.semc).
        A record: bytes, bits per pixel, PSNR, SSIM, SI-SSIM, MS-SSIM (null where one is not
        defined), sizes of the file's parts, and the five likeliest classes.
    """
    with work.for_visitors():
        seen, done = work.read_picture(picture, max_side)
        result = work.make_result(seen, level, allocation, class_name or None, _step(progress))
    facts = {**result.facts, "notes": done + result.facts["notes"]}
    given = picture.get("orig_name") if isinstance(picture, dict) else None
    return downloads.save(result.compressed.data, Path(given or "picture").stem, ".semc"), facts


@events.on_gpu
def decompress(
    file: Any,
    iterations: int,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> tuple[Any, Record]:
    """Decode a compressed file (.semc) to a picture, in full or only its first iterations.

    Args:
        file: a .semc file, as compress returns it
        iterations: stop after this many, for a rougher picture; 24 for all there are
    Returns:
        The picture, as PNG.
        A record of what the file says of itself.
    """
    with work.for_visitors():
        picture, _, facts = work.open_file(file, int(iterations), _step(progress))
    return picture, facts


@events.on_gpu
def explain(
    picture: Any, level: float, allocation: str, class_name: str, max_side: int
) -> tuple[Any, Any, Record]:
    """Show how a picture is compressed: what matters in it, and what each iteration adds.

    Args:
        picture: the picture, in any common format
        level: average number of iterations per block, 1 to 24
        allocation: who gets the bits: uniform, proportional (by importance) or rd
        class_name: what should matter, one of ImageNet's classes; empty for the likeliest one
        max_side: larger pictures are reduced to this many pixels first; 0 for never
    Returns:
        The importance map drawn over the picture (nothing for uniform).
        The level of every block, drawn with its scale.
        A record of every step: blocks refined, bytes so far, quality so far.
    """
    with work.for_visitors():
        seen, _ = work.read_picture(picture, max_side)
        made = work.explain_picture(seen, level, allocation, class_name or None)
    return made.pictures.get("map.png"), made.pictures["levels.png"], made.record


@events.on_gpu
def score(picture: Any, second_picture: Any) -> Record:
    """Score a decoded picture against its original.

    Args:
        picture: the original
        second_picture: the decoded picture, of the same size, by any codec
    Returns:
        PSNR in decibels, SSIM, SI-SSIM (weighted by what matters in the original) and MS-SSIM;
        null where one is not defined, and why.
    """
    with work.for_visitors():
        return work.score_uploads(picture, second_picture)


def _step(progress: gr.Progress) -> work.Step:
    return lambda done, total: progress((done, total), desc="Coding", unit="iterations")
