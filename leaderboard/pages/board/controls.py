"""The leaderboard's controls as a view sets them: their choices and their values."""

from __future__ import annotations

from typing import Any

import gradio as gr

from leaderboard.analysis.look import METRIC_NAMES, look_of
from semcomp.demo.shared.work import samples

from . import words
from .boards import Board, Boards
from .pictures import AT_FIRST, MOST, has_pixels, runnable
from .search import found
from .view import View


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
        gr.Dropdown(choices=list(boards.boards), value=view.dataset or None),
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
    choices = found(board, text, chosen) if board else []
    return gr.Dropdown(choices=choices, multiselect=True, **changes)


def methods_of(board: Board | None, chosen: str, text: str = "", **changes: Any) -> gr.Dropdown:
    """The list of codecs and submissions to read about. chosen: a name or a token."""
    typed = text.strip().casefold()
    own = [
        (label, name)
        for name, label in _labels(board).items()
        if typed in label.casefold() or name == chosen
    ]
    sent = found(board, text, [chosen] if chosen else []) if board else []
    return gr.Dropdown(choices=[*own, *sent], **changes)


def _labels(board: Board | None) -> dict[str, str]:
    """What the codecs of this repository are called, by their names."""
    labels = {name: look_of(name).label for name in (board.codecs if board else [])}
    for name in labels:
        if board and board.of(name).kind == "published":
            labels[name] += " (published)"
    return labels
