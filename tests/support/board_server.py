"""A board's pages as a process to be killed: `python -m tests.support.board_server`.

Arguments: FOLDER, for the pictures and results, URL of the database, PAUSE. It prints its address
when it is ready. With a PAUSE other than `-`, a submission prints it and waits for ever before
that step: `stored` (inside the transaction, before its commit) or `committed`.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from tests import ROOT

MARK = "board: "


class Server:
    """The process as the tests see it."""

    def __init__(self, folder: Path, url: str, pause: str = "-") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.board_server", str(folder), url, pause],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.address = self.line()

    def line(self) -> str:
        """What it says next, apart from what Gradio prints."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(MARK):
                return line.removeprefix(MARK).strip()
        raise EOFError("the server has ended")

    def kill(self) -> None:
        """End it at once, as a power cut does."""
        self._process.kill()
        self._process.wait()


def main(folder: Path, url: str, pause: str) -> None:
    """Serve until killed."""
    import app
    from leaderboard.pages.board import tab as board_page
    from leaderboard.pages.board.view import TAB
    from leaderboard.pages.submit import tab as submit_page
    from leaderboard.scoring import worker
    from leaderboard.store import entries
    from leaderboard.store.database import Store
    from tests.support.board_submissions import open_board, results_folder

    def waiting(function: Callable[..., Any]) -> Callable[..., Any]:
        def paused(*args: Any, **kwargs: Any) -> Any:
            made = function(*args, **kwargs)
            print(MARK + pause, flush=True)
            time.sleep(1000)
            return made

        return paused

    for name, owner, attribute in (
        ("stored", entries, "store_upload"),
        ("committed", Store, "add"),
    ):
        if name == pause:
            setattr(owner, attribute, waiting(getattr(owner, attribute)))
    worker.LEASE_S, worker.RENEW_S = 15.0, 3.0  # the next server does not wait long
    results = results_folder(folder / "results")
    (board,) = open_board(folder, url)
    blocks = gr.Blocks(analytics_enabled=False)
    with blocks, gr.Tabs():
        with gr.Tab("Leaderboard", id=TAB):
            board_page.build_tab(blocks, results, board.context.store)
        with gr.Tab("Submit", id=submit_page.TAB):
            submit_page.build_tab(blocks, board.context)
    board.context.start()
    _, address, _ = app.launch(blocks, prevent_thread_lock=True, quiet=True)
    print(MARK + address, flush=True)
    time.sleep(10_000)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
