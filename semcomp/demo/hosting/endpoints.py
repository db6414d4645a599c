"""The endpoints /compress, /decompress, /explain and /score, for programs and for MCP clients.

Both read what stands here: the function's name is the endpoint's and the tool's, its docstring the
description, and the components' labels and values are the parameters' names and defaults.

Gradio serves every endpoint as a tool, at `/gradio_api/mcp/`. `Tools` puts some things right: a
tool has its endpoint's name, whatever the function behind it is called; several results come back
as several, also when the client asks for no progress; a record is JSON, not Python; parameters of
any JSON are described as such; and no file stays behind.
"""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import gradio as gr
import gradio.mcp
from anyio.to_thread import run_sync
from PIL import Image

from semcomp.demo.shared import downloads, events, work
from semcomp.demo.shared.components import ALLOCATIONS, AREA, upload
from semcomp.demo.shared.events import MODEL
from semcomp.formats.registry import writer_for
from semcomp.semantics.subjects import MapKind

from . import files, pictures
from .uploads import Uploads

TOOLS = "tools"
"""Stands for the address of what MCP clients send within a call."""
Record = dict[str, Any]


def build_endpoints() -> None:
    """The API's endpoints, on components that are never shown."""
    with gr.Group(visible=False):
        picture, second = upload("Picture"), upload("Second picture")
        level = gr.Number(8, label="Average level, 1 to 24")
        allocation = gr.Radio([v for _, v in ALLOCATIONS], value="proportional", label="Allocation")
        class_name = gr.Textbox("", label="Class that should matter")
        area = gr.Number(AREA, label="Pixels in all", precision=0)
        kind = gr.Radio([*get_args(MapKind)], value="classifier", label="Kind of map")
        focus = gr.Number(1, label="Focus, 0 to 2")
        without = gr.Dropdown(
            [], value=[], multiselect=True, allow_custom_value=True, label="What does not count"
        )
        iterations = gr.Number(24, label="Iterations", precision=0)
        format = gr.Textbox("semc", label="Format")
        max_bytes = gr.Number(0, label="Greatest size in bytes", precision=0)
        file, made = gr.File(label="File (.semc)"), gr.File(label="File")
        first, other = (gr.Image(label=name, format="png") for name in ("Picture", "Levels"))
        record, trigger = gr.JSON(label="Record"), gr.Button()
    settings = [picture, level, allocation, class_name, area, kind, focus, without]
    endpoints: list[tuple[Callable[..., Any], list[Any], list[Any]]] = [
        (compress, [*settings, format, max_bytes], [made, record]),
        (decompress, [file, iterations], [first, record]),
        (explain, settings, [first, other, record]),
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
    max_area: int,
    map_kind: str,
    focus: float,
    without: list[str],
    format: str,
    max_bytes: int,
    progress: gr.Progress = gr.Progress(),  # noqa: B008 - gradio finds it in the signature
) -> tuple[str, Record]:
    """Compress a picture, giving the places that show its main object more bits than the rest.

    Args:
        picture: the picture, in any common format
        level: average number of iterations per block, 1 to 24: more is sharper and larger; the
            budget of a .semc without max_bytes
        allocation: who gets the bits: uniform, proportional (by importance) or rd (.semc only)
        class_name: what should matter, one of ImageNet's classes; empty for the likeliest one
        max_area: larger pictures are reduced to this many pixels in all first; 0 for never
        map_kind: what the map sees: the class (classifier), or faces, people, animals, things and
            text beside it (people)
        focus: how strongly the bits follow the map: 0 everywhere alike, 1 as it says, 2 only there
        without: what does not count of a map of people: names of subjects in the record ("person
            2"), all of a label ("person") or of a kind ("face", "object", "text", "class")
        format: semc, or one that opens everywhere and follows the same map: jpeg, webp, avif, heic
            or bpg
        max_bytes: make the largest file of at most this many bytes; 0 to go by the level, or by
            the usual quality of a format that is not semc
    Returns:
        The compressed file.
        A record: bytes, bits per pixel, PSNR, SSIM, SI-SSIM, MS-SSIM (null where one is not
        defined), level or quality, sizes of the file's parts, the five likeliest classes and what
        the map of people was made from (subjects).
    """
    area, most = _number("max_area", max_area), _number("max_bytes", max_bytes)
    wish = replace(
        _wish(level, allocation, class_name, map_kind, focus, without),
        format=_text("format", format) or "semc",
        max_bytes=int(most) if most else None,
    )
    with work.for_visitors(html=False):
        suffix = ".semc" if wish.format == "semc" else writer_for(wish.format).suffixes[0]
        seen, done = work.read_picture(picture, area)
        compressed, facts = work.make_result(seen, wish, _step(progress))
    facts["notes"] = done + facts["notes"]
    return downloads.save(compressed.data, work.name_of(picture), suffix), facts


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
    count = int(_number("iterations", iterations))
    with work.for_visitors(html=False):
        picture, _, facts = work.open_file(file, count, _step(progress))
    return picture, facts


@events.on_gpu
def explain(
    picture: Any,
    level: float,
    allocation: str,
    class_name: str,
    max_area: int,
    map_kind: str,
    focus: float,
    without: list[str],
) -> tuple[Any, Any, Record]:
    """Show how a picture is compressed: what matters in it, and what each iteration adds.

    Args:
        picture: the picture, in any common format
        level: average number of iterations per block, 1 to 24
        allocation: who gets the bits: uniform, proportional (by importance) or rd
        class_name: what should matter, one of ImageNet's classes; empty for the likeliest one
        max_area: larger pictures are reduced to this many pixels in all first; 0 for never
        map_kind: what the map sees: the class (classifier), or faces, people, animals, things and
            text beside it (people)
        focus: how strongly the bits follow the map: 0 everywhere alike, 1 as it says, 2 only there
        without: what does not count of a map of people: names of subjects in the record ("person
            2"), all of a label ("person") or of a kind ("face", "object", "text", "class")
    Returns:
        The importance map drawn over the picture (nothing for uniform).
        The level of every block, drawn with its scale.
        A record of every step: blocks refined, bytes so far, quality so far.
    """
    area = _number("max_area", max_area)
    wish = _wish(level, allocation, class_name, map_kind, focus, without)
    with work.for_visitors(html=False):
        seen, done = work.read_picture(picture, area)
        made = work.explain_picture(seen, wish, done)
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
    with work.for_visitors(html=False):
        return work.score_uploads(picture, second_picture)


def _step(progress: gr.Progress) -> work.Step:
    return lambda done, total: progress((done, total), desc="Coding", unit="iterations")


def _wish(
    level: Any, allocation: Any, class_name: Any, map_kind: Any, focus: Any, without: Any
) -> work.Wish:
    """Parameters as settings. Raises gr.Error for those of another type."""
    names = [] if without is None else without
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _wrong("without", without, "a list of names")
    return work.Wish(
        _number("level", level),
        _text("allocation", allocation),
        _text("class_name", class_name) or None,
        _text("map_kind", map_kind) or "classifier",
        tuple(names),
        _number("focus", focus),
    )


def _number(name: str, value: Any) -> float:
    """A parameter that is a number. Raises gr.Error for anything else."""
    if isinstance(value, int | float) and math.isfinite(value):
        return value
    raise _wrong(name, value, "a number")


def _text(name: str, value: Any) -> str:
    """A parameter that is text; nothing is the empty text. Raises gr.Error for anything else."""
    if value is None or isinstance(value, str):
        return value or ""
    raise _wrong(name, value, "text")


def _wrong(name: str, value: Any, kind: str) -> gr.Error:
    given = json.dumps(value)[:60]
    return gr.Error(
        f"{name} has to be {kind}, not {given}.",
        title="This setting does not work",
        print_exception=False,
    )


class Tools(gradio.mcp.GradioMCPServer):
    """Gradio's MCP server with the changes that the module names."""

    def get_tool_to_endpoint(self) -> dict[str, str]:
        """Names of the tools, each with its endpoint; on a Space its name stands before them."""
        endpoints = super().get_tool_to_endpoint().values()
        return {self.tool_prefix + endpoint.strip("/"): endpoint for endpoint in endpoints}

    def get_input_schema(
        self, tool_name: str, parameters: dict[str, str] | None = None
    ) -> tuple[dict[str, Any], list[list[str | int]]]:
        """What a tool takes; Gradio writes "any JSON" as a type that no client can read."""
        schema, positions = super().get_input_schema(tool_name, parameters)
        for parameter in schema["properties"].values():
            if parameter.get("type") == {}:
                del parameter["type"]
        return schema, positions

    def convert_strings_to_filedata(self, value: Any, filedata_positions: Any) -> Any:
        """Files out of strings; what was sent as `data:` is swept like an upload, and cleaned.

        Checked here already: Gradio passes the rest on as a client that uploads what is named.
        """
        files.check(value)
        made = super().convert_strings_to_filedata(value, filedata_positions)
        paths = (path for path in files.named_paths(made) if "://" not in path)
        local = [Path(path) for path in paths if Path(path).is_file()]
        self.blocks.upload_file_set.update(map(str, local))
        self._count(local)
        pictures.strip_all(local)
        return made

    def _count(self, sent: list[Path]) -> None:
        """Count files among the uploads of all tools, whose addresses are not known here."""
        uploads: Uploads = self.blocks._queue.uploads  # type: ignore[attr-defined]
        if said := uploads.admit(TOOLS, 0):
            for path in sent:
                path.unlink(missing_ok=True)
            raise gr.Error(said, title="No room", print_exception=False)
        uploads.keep(TOOLS, sent)

    def get_image(self, file_path: str) -> Image.Image | None:  # type: ignore[override]
        """A result that is a picture: the components' PNG. Gradio would encode other files anew."""
        return super().get_image(file_path) if file_path.endswith(".png") else None

    async def _execute_tool_without_progress(self, job: Any) -> list[Any]:
        """All results of a finished job; `Job.result` gives a single one bare."""
        result = await run_sync(job.result)
        return list(result) if isinstance(result, tuple) else [result]

    def postprocess_output_data(self, data: Any, root_url: str) -> list[Any]:
        """Results as a client gets them: pictures, addresses of files, records as JSON."""
        made: list[Any] = []
        # An event that waits in no queue gives its JSON in a model of Gradio's.
        for output in (getattr(value, "root", value) for value in data):
            if isinstance(output, dict) and "meta" not in output:
                text = json.dumps(output, ensure_ascii=False)
                made.append(self.types.TextContent(type="text", text=text))
            elif output is not None:
                made += super().postprocess_output_data([output], root_url)
        return made


def install_tools() -> None:
    """Have Gradio serve its tools by `Tools`; it offers no other way to choose the class."""
    gradio.mcp.GradioMCPServer = Tools  # type: ignore[misc]
