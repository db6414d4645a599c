"""Choosing among more submissions than a list offers: it follows what a visitor types into it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from .boards import Board, OpenStore, load_boards
from .controls import methods_of, submitted_of
from .search import MOST_FOUND, text_of, texts_of


class Choosing:
    """The events of both lists. dataset, chosen: what the page has now, whatever that is."""

    def __init__(self, folder: Path, store: OpenStore | None = None) -> None:
        self.folder, self.store = folder, store

    def curves(self, dataset: Any, chosen: Any, typed: Any = "") -> Any:
        """The submissions to draw that fit what is typed."""
        board = self._large(dataset)
        return submitted_of(board, texts_of(chosen), text_of(typed)) if board else gr.skip()

    def method(self, dataset: Any, chosen: Any, typed: Any = "") -> Any:
        """The methods to read about that fit what is typed."""
        board = self._large(dataset)
        if board is None:
            return gr.skip()
        # The box has the chosen one's name before anything is typed.
        text = "" if board.named(text_of(chosen)) == typed else text_of(typed)
        return methods_of(board, text_of(chosen), text)

    def _large(self, dataset: Any) -> Board | None:
        """A board whose submissions are not all in the lists; None for others."""
        board = load_boards(self.folder, store=self.store).boards.get(text_of(dataset))
        return board if board is not None and len(board.entries) > MOST_FOUND else None
