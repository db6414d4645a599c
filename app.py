"""The demo in the browser: `python app.py`, or `build()` for the page without a server.

Only the tabs and the launch are here. The demo's tabs and endpoints stand in `semcomp.demo`, the
leaderboard's in `leaderboard`. Host and port come from GRADIO_SERVER_NAME and GRADIO_SERVER_PORT,
limits from the variables in `semcomp.demo.hosting.settings`.
"""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # when numpy is: see semcomp.cli.options
# A folder of this program's and this user's own: what is old in it is swept.
os.environ.setdefault("GRADIO_TEMP_DIR", str(Path(tempfile.gettempdir(), f"semcomp-{os.getuid()}")))

from semcomp.demo.shared import events  # noqa: F401  # isort: skip - before gradio, see there

import gradio as gr

from leaderboard.pages.blind import tab as blind_page
from leaderboard.pages.board import tab as leaderboard
from leaderboard.pages.board.lesson_curves import lesson_curves
from leaderboard.pages.board.view import TAB
from leaderboard.pages.context import BoardContext
from leaderboard.pages.submit import tab as submit_page
from semcomp.demo.batch import tab as tab_batch
from semcomp.demo.compress import opening
from semcomp.demo.compress import tab as tab_compress
from semcomp.demo.hosting import endpoints, server
from semcomp.demo.hosting.settings import Settings
from semcomp.demo.inspect import open_file as tab_open
from semcomp.demo.inspect import score as tab_score
from semcomp.demo.inspect import tab as tab_inside
from semcomp.demo.lesson import tab as lesson
from semcomp.demo.paint import tab as tab_paint
from semcomp.demo.shared import look, words
from semcomp.errors import SemcompError

FIRST_PORT = 7860
"""What Gradio takes unless GRADIO_SERVER_PORT names a port; where it is taken, a later one."""


def build(results: Path = leaderboard.FOLDER, board: BoardContext | None = None) -> gr.Blocks:
    """The page, ready to launch.

    results: folder of the leaderboard's. board: what was submitted; None for what the environment
    names.
    Raises SettingsError if an environment variable makes no sense.
    """
    keep_minutes = Settings.read().keep_minutes
    oldest = 60 * keep_minutes
    page = gr.Blocks(
        title="Semantic image compression",
        analytics_enabled=False,
        delete_cache=(min(oldest, 600), oldest),  # seconds between sweeps, oldest age of a file
    )
    board = board or BoardContext()
    with page:
        endpoints.build_endpoints()  # first, so that no tab's event takes their names
        gr.HTML(words.HEADER)
        with gr.Tabs(overflow_behavior="wrap") as tabs:
            with gr.Tab("Compress", id="compress"):
                made = tab_compress.build_tab(page)
            with gr.Tab("Paint importance", id="paint") as paint:
                tab_paint.build_tab(page, paint)
            with gr.Tab("Look inside", id="inside") as inside:
                tab_inside.build_tab(page, inside)
            with gr.Tab("Batch", id="batch"):
                tab_batch.build_tab(page)
            with gr.Tab("Open a file", id="open"):
                tab_open.build_tab(made)
            with gr.Tab("Score", id="score"):
                tab_score.build_tab()
            with gr.Tab("Lesson", id="lesson") as lesson_tab:
                lesson.build_tab(lesson_tab, lesson_curves)
            with gr.Tab("Leaderboard", id=TAB):
                leaderboard.build_tab(page, results, board.store, board.opinion)
            with gr.Tab("Which is closer?", id=blind_page.TAB) as blind_tab:
                blind_page.build_tab(page, blind_tab, board)
            with gr.Tab("Submit", id=submit_page.TAB):
                submit_page.build_tab(page, board)
        gr.HTML(words.footer(keep_minutes))
        names = [tab.id for tab in tabs.children]

        def named_tab(request: gr.Request) -> Any:
            """Opens the tab that a link names: `?tab=submit`."""
            name = request.query_params.get("tab")
            return gr.Tabs(selected=name) if name in names else gr.skip()

        page.load(named_tab, None, tabs, queue=False, api_visibility="private")
    return page


def launch(page: gr.Blocks, board: BoardContext | None = None, **kwargs: Any) -> Any:
    """Serve the page; kwargs go to gradio. Returns what gradio's `launch` returns.

    board: the page's, for `/health` to look at.
    """
    settings = Settings.read()
    check_board = None if board is None else lambda: board.store().check()
    app_kwargs = server.prepare(page, settings, check_board)
    return page.launch(
        theme=look.theme(),
        css=look.CSS + tab_compress.css() + leaderboard.CSS + blind_page.CSS + submit_page.CSS,
        js=look.JS,
        head=look.HEAD + lesson.HEAD,
        ssr_mode=False,
        run_history=False,
        max_file_size=f"{max(settings.max_file_mb, settings.max_submission_mb)}mb",
        mcp_server=True,
        enable_monitoring=False,
        app_kwargs=app_kwargs,
        footer_links=["api", "settings"],
        **kwargs,
    )


if __name__ == "__main__":
    try:
        server.ready_machine()
        shared = BoardContext()
        opened = build(board=shared)
        shared.start(leaderboard.FOLDER)
        launch(opened, shared, inbrowser=sys.stdout.isatty(), prevent_thread_lock=True)
        if opened.server_port != FIRST_PORT and "GRADIO_SERVER_PORT" not in os.environ:
            print(f"port {FIRST_PORT} is taken: the page is at {opened.local_url}", file=sys.stderr)
        opening.start_warming()
        opened.block_thread()
    except SemcompError as error:
        sys.exit(f"error: {error}")
