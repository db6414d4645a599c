"""The files a caller may name: uploads and results, which lie in this server's upload folder.

Gradio looks only at files that come with its own mark, `meta`, and only where a component converts
them; it fetches addresses whatever their size. Here no file that a request names, at whatever depth
and to whatever event, reaches Gradio or an event of ours unless it lies in that folder.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder


def guard(page: gr.Blocks) -> None:
    """Check what every event of a page is sent: all of them, queued or not, pass this one place."""
    preprocess = page.preprocess_data

    async def checked(fn: Any, inputs: list[Any], *args: Any, **kwargs: Any) -> Any:
        check(inputs)
        return await preprocess(fn, inputs, *args, **kwargs)

    page.preprocess_data = checked  # type: ignore[method-assign, assignment]


def check(data: Any) -> None:
    """Raise gr.Error if data name a file that is not in the upload folder.

    The words are the same whether there is such a file or not.
    """
    if any(kept(path) is None for path in paths(data)):
        raise gr.Error(
            "A file that was named was not uploaded to this server. Upload it, and name it by the "
            "path that the upload gives; neither other paths nor addresses are taken here.",
            title="This file cannot be used",
            print_exception=False,
        )


def kept(path: str | Path) -> Path | None:
    """Where a path leads, through links, if that is in the upload folder; None if it is not."""
    try:
        found = Path(path).resolve()
    except (OSError, RuntimeError, ValueError):  # links in a circle; a NUL; no text
        return None
    return found if found.is_relative_to(Path(get_upload_folder()).resolve()) else None


def paths(data: Any) -> Iterator[str]:
    """Every `path` of a file anywhere in an event's data, addresses among them."""
    if isinstance(data, dict):
        path = data.get("path")
        if isinstance(path, str) and path:
            yield path
        for value in data.values():
            yield from paths(value)
    elif isinstance(data, list | tuple):
        for value in data:
            yield from paths(value)
