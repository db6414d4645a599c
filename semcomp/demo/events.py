"""What happens on a click: the page's event functions and those behind the endpoints.

Uploads arrive as plain dictionaries (`preprocess=False`): the file is opened by `semcomp.image`
alone, whose checks are stricter than a component's. Events never change a property of a component
that holds files, because Gradio then loses track of that component's files and would keep them.
"""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

try:
    import spaces  # lends a GPU on Hugging Face; it has to come before torch
except ImportError:
    spaces = None

import gradio as gr
from gradio.utils import get_upload_folder

from semcomp.demo import words, work
from semcomp.semantic import SemanticMap


def on_gpu(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function on a borrowed GPU where `spaces` is installed, else as it is."""
    return function if spaces is None else spaces.GPU(duration=120)(function)


def _step(progress: gr.Progress) -> work.Step:
    return lambda done, total: progress((done, total), desc="Coding", unit="iterations")


def _file(result: work.Result, upload: Any) -> str:
    """The `.semc` file in the folder that is swept, named after the sample or the upload."""
    given = upload.get("orig_name") if isinstance(upload, dict) else None
    stem = work.sample_name(result.picture) or Path(given or "picture").stem
    data = result.compressed.data
    folder = Path(get_upload_folder()) / sha256(data).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem}.semc"
    path.write_bytes(data)
    return str(path)


def choices(seen: SemanticMap, focus: str | None = None) -> gr.Radio:
    """The five likeliest classes as choices; `focus` or the likeliest chosen."""
    offered = [(f"{c.name} · {words.percent(c.probability)}", c.name) for c in seen.top]
    return gr.Radio(choices=offered, value=focus or seen.chosen[0].name)


def pick(chosen: gr.SelectData) -> Any:
    """The sample picture that was clicked."""
    return list(work.samples().values())[chosen.index]


def same_file(made: Any) -> str | None:
    """The file of the first tab, for the second."""
    return made.get("path") if made else None


@on_gpu
def decode(
    upload: Any,
    iterations: int,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> Any:
    """Decode the file on the page, as far as the slider says."""
    if not upload:
        return gr.skip()
    with work.for_visitors():
        picture, levels, facts = work.open_file(upload, int(iterations), _step(progress))
    return picture, words.file_html(facts), levels


@on_gpu
def compare(reference: Any, distorted: Any) -> str:
    """Score one picture against another."""
    with work.for_visitors():
        return words.score_html(work.score_uploads(reference, distorted))


@on_gpu
def api_compress(
    picture: Any, level: float, allocation: str, class_name: str, max_side: int
) -> tuple[str, dict[str, Any]]:
    """Compress a picture: the .semc file, and its bytes, scores and classes.

    allocation: uniform, proportional or rd. class_name: what should matter; empty for the most
    probable class. max_side: larger pictures are reduced to this many pixels first; 0 for never.
    """
    with work.for_visitors():
        seen, done = work.read_picture(picture, max_side)
        result = work.make_result(seen, level, allocation, class_name or None)
    facts = {**result.facts, "notes": done + result.facts["notes"]}
    return _file(result, picture), facts


@on_gpu
def api_decompress(file: Any, iterations: int) -> tuple[Any, dict[str, Any]]:
    """Decode a .semc file: the picture as PNG, and what the file says of itself."""
    with work.for_visitors():
        picture, _, facts = work.open_file(file, int(iterations))
    return picture, facts


@on_gpu
def api_explain(
    picture: Any, level: float, allocation: str, class_name: str, max_side: int
) -> tuple[Any, Any, dict[str, Any]]:
    """Explain a compression: map over the picture, levels, and the record of every iteration."""
    with work.for_visitors():
        seen, _ = work.read_picture(picture, max_side)
        made = work.explain_picture(seen, level, allocation, class_name or None)
    return made.pictures.get("map.png"), made.pictures["levels.png"], made.record


@on_gpu
def api_score(reference: Any, distorted: Any) -> dict[str, Any]:
    """Score a picture against its original: PSNR, SSIM, SI-SSIM, MS-SSIM; null if undefined."""
    with work.for_visitors():
        return work.score_uploads(reference, distorted)
