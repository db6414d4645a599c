"""The leaderboard for programs: its endpoints, over the same boards as the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from leaderboard.analysis.curves import NoCurve
from leaderboard.store.errors import StoreError

from .boards import OpenStore, load_boards
from .ranking import as_records, ranking
from .view import view_of

NO_ANCHOR = "No codec has all pictures, so there is nothing to compare with."


class Api:
    """The endpoints over one folder of results and, where `store` gives one, what was submitted."""

    def __init__(self, folder: Path, store: OpenStore | None = None) -> None:
        self.folder, self.store = folder, store

    def table(self, dataset: str, metric: str, anchor: str) -> dict[str, Any]:
        """The leaderboard's table: rank, BD-rate with interval and overlap, speed, kind of result.

        dataset, metric (psnr, ms_ssim, ssim, si_ssim, si_ssim_2, ssimulacra2, lpips), anchor: a
        codec's name; empty for the page's defaults. Numbers that do not exist are null, and note
        says why.
        """
        boards = load_boards(self.folder, store=self.store)
        view, lost = view_of({"dataset": dataset, "metric": metric, "anchor": anchor}, boards)
        board = boards.boards.get(view.dataset)
        if board is None or lost:
            raise _error(f"no {' and no '.join(lost)}" if lost else " ".join(boards.problems))
        if view.anchor is None:
            raise _error(NO_ANCHOR)
        try:
            table = ranking(board, view.metric, view.anchor)
        except (NoCurve, StoreError) as error:
            raise _error(str(error)) from error
        return {
            "dataset": view.dataset,
            "metric": view.metric,
            "anchor": view.anchor,
            "problems": list(boards.problems),
            "ranking": as_records(table),
        }

    def results(self, dataset: str, method: str) -> dict[str, Any]:
        """One codec's or submission's results, every picture's rows, in the shape of results files.

        dataset: empty for the first. method: its name on the board, or entry-NUMBER.
        """
        boards = load_boards(self.folder, store=self.store)
        view, lost = view_of({"dataset": dataset, "method": method}, boards)
        board = boards.boards.get(view.dataset)
        if board is None or lost or view.method is None:
            raise _error(f"no {' and no '.join(lost)}" if lost else "name a method of the board")
        try:
            return board.of(view.method).to_json()
        except StoreError as error:
            raise _error(str(error)) from error


def _error(text: str) -> gr.Error:
    return gr.Error(text, print_exception=False)
