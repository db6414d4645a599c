"""The leaderboard's controls: their choices and values as a view sets them, and what is typed.

A board may have thousands of submissions; a page that carried them all would open slowly. So a
list offers a few at a time, and follows what a visitor types into it.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice
from pathlib import Path
from typing import Any

import gradio as gr

from leaderboard.analysis.look import IN_THE_DEMO, METRIC_NAMES, look_of
from leaderboard.data.datasets import title_of
from semcomp.demo.shared.work import samples

from . import words
from .boards import Board, Boards, OpenStore, load_boards
from .pictures import AT_FIRST, MOST, has_pixels, runnable
from .view import View

MOST_LISTED = 50
"""Submissions that a list offers at a time."""


def controls_of(view: View, boards: Boards) -> tuple[Any, ...]:
    """The controls' new choices and values, the sample pictures, the codecs to decode."""
    board = boards.boards.get(view.dataset)
    metrics = [(METRIC_NAMES[metric], metric) for metric in (board.metrics if board else [])]
    everyone = board.codecs if board else []
    labels = _labels(board)
    own_codecs = [name for name in view.codecs if name in labels]
    complete = board.anchors if board else []
    drawn = [board.entries[n].token for n in view.codecs if n in board.entries] if board else []
    chosen = view.tokens.get(view.method, view.method) if view.method else ""
    can = runnable(board)
    own = has_pixels(view.dataset)
    return (
        gr.Dropdown(
            choices=[(title_of(name), name) for name in boards.boards], value=view.dataset or None
        ),
        gr.Dropdown(choices=metrics, value=view.metric if metrics else None),
        gr.Radio(value=view.scale),
        gr.CheckboxGroup(choices=[(labels[n], n) for n in everyone], value=own_codecs),
        gr.Dropdown(choices=[(labels[name], name) for name in complete], value=view.anchor),
        view.low,
        view.high,
        view.text,
        gr.Dropdown(choices=board.pictures if board else [], value=view.picture),
        view.target,
        view.page,
        submitted_of(board, drawn, value=drawn, visible=bool(board and board.entries)),
        methods_of(board, chosen, value=chosen or None),
        gr.Dropdown(choices=list(samples()), value=next(iter(samples())), visible=not own),
        "" if own else words.NO_PIXELS,
        gr.CheckboxGroup(
            choices=[(look_of(name).label, name) for name in can],
            value=[name for name in can if name in AT_FIRST][:MOST],
        ),
        f"{words.MADE}\n```sh\n{words.commands(board)}\n```" if board else words.MADE,
    )


def submitted_of(
    board: Board | None, chosen: list[str], text: str = "", **changes: Any
) -> gr.Dropdown:
    """The list of submissions to draw. chosen: tokens. text: what is typed into it."""
    choices = fitting(board, text, chosen) if board else []
    return gr.Dropdown(choices=choices, multiselect=True, **changes)


def methods_of(board: Board | None, chosen: str, text: str = "", **changes: Any) -> gr.Dropdown:
    """The list of codecs and submissions to read about. chosen: a name or a token."""
    typed = text.strip().casefold()
    own = [
        (label, name)
        for name, label in _labels(board).items()
        if typed in label.casefold() or name == chosen
    ]
    sent = fitting(board, text, [chosen] if chosen else []) if board else []
    return gr.Dropdown(choices=[*own, *sent], **changes)


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
        return board if board is not None and len(board.entries) > MOST_LISTED else None


def fitting(board: Board, text: str, chosen: Collection[str] = ()) -> list[tuple[str, str]]:
    """(name, token) of the submissions whose name contains a text, whatever its case.

    At most `MOST_LISTED`, names that begin with it first; then the chosen ones (tokens) that are
    not among them, without which a list could not show what it has.
    """
    wanted = text.strip().casefold()
    fits = (name for name in board.entries if wanted in name.casefold())
    some = list(islice(fits, 20 * MOST_LISTED))
    some.sort(key=lambda name: not name.casefold().startswith(wanted))
    names = some[:MOST_LISTED]
    for held in map(board.named, chosen):
        if held is not None and held in board.entries and held not in names:
            names.append(held)
    return [(name, board.entries[name].token) for name in names]


def text_of(value: Any) -> str:
    """A control's text as it was sent; empty for what is none."""
    return value if isinstance(value, str) else ""


def texts_of(value: Any) -> list[str]:
    """A control's texts as they were sent."""
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _labels(board: Board | None) -> dict[str, str]:
    """What the codecs of this repository are called, by their names."""
    labels = {name: look_of(name).label for name in (board.codecs if board else [])}
    for name in labels:
        if name in IN_THE_DEMO:
            labels[name] += f", {IN_THE_DEMO[name]}"
        if board and board.of(name).kind == "published":
            labels[name] += " (published)"
    return labels
