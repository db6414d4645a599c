"""The demo in the browser: `python app.py`, or `build()` for the page without a server.

Only the tabs and the launch are here. The demo's tabs and endpoints stand in `semcomp.demo`, the
leaderboard's in `leaderboard`. Host and port come from GRADIO_SERVER_NAME and GRADIO_SERVER_PORT.
"""

import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported

from semcomp.demo import (  # isort: skip - before gradio, see events
    endpoints,
    look,
    tab_compress,
    tab_open,
    tab_score,
    words,
)

import gradio as gr

from leaderboard import page as leaderboard
from leaderboard.page_view import TAB

MAX_FILE_SIZE = "40mb"
KEEP_FILES = (600, 3600)
"""Seconds: how often uploads and results are swept, and how old they may become."""


def build(results: Path = leaderboard.FOLDER) -> gr.Blocks:
    """The page, ready to launch. results: folder of the leaderboard's."""
    page = gr.Blocks(
        title="Semantic image compression", analytics_enabled=False, delete_cache=KEEP_FILES
    )
    with page:
        gr.HTML(words.HEADER)
        with gr.Tabs(overflow_behavior="wrap") as tabs:
            with gr.Tab("Compress"):
                made = tab_compress.build_tab(page)
            with gr.Tab("Open a file"):
                tab_open.build_tab(made)
            with gr.Tab("Score"):
                tab_score.build_tab()
            with gr.Tab("Leaderboard", id=TAB):
                leaderboard.build_tab(page, tabs, results)
        gr.HTML(words.FOOTER)
        endpoints.build_endpoints()
    return page


def launch(page: gr.Blocks, **kwargs: Any) -> Any:
    """Serve the page; kwargs go to gradio. Returns what gradio's `launch` returns."""
    return page.queue(max_size=40, default_concurrency_limit=8).launch(
        theme=look.theme(),
        css=look.CSS + leaderboard.CSS,
        js=look.JS,
        head=look.HEAD,
        ssr_mode=False,
        run_history=False,
        max_file_size=MAX_FILE_SIZE,
        footer_links=["api", "settings"],
        **kwargs,
    )


if __name__ == "__main__":
    launch(build(), inbrowser=sys.stdout.isatty())
