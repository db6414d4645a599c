"""A result on one picture: what came out, the numbers, the settings, and how to make it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from semcomp.allocation.planning import Plan
from semcomp.demo.sessions.runs import Choice
from semcomp.demo.sessions.session import Session
from semcomp.demo.shared import words, work
from semcomp.demo.shared.downloads import save
from semcomp.demo.shared.events import LIGHT
from semcomp.draw import IMPORTANCE, LEVEL
from semcomp.image import to_file
from semcomp.semantics.maps import SemanticMap, upsample_grey

from .opening import current

WIDTH, PAD = 1200, 40
_MAIN = (760, 620)
_SMALL = (320, 210)
_PAPER, _INK, _QUIET, _LINE = (250, 250, 249), (23, 27, 34), (92, 101, 116), (222, 224, 228)
_ACCENT = (15, 118, 110)


@dataclass(frozen=True, eq=False)
class Card:
    """What a card shows.

    picture: decoded, uint8 (H, W, 3). grey: importance, uint8 (h, w). levels: uint8 (Hb, Wb).
    numbers: (value, name) of the tiles. lines: settings. command: what makes the file again.
    """

    title: str
    picture: NDArray[np.uint8]
    grey: NDArray[np.uint8]
    levels: NDArray[np.uint8]
    numbers: Sequence[tuple[str, str]]
    lines: Sequence[str]
    command: str


def build_section() -> gr.Image:
    """A fold with a button that makes the card of the first tab's result; returns the card."""
    with gr.Accordion("Result card", open=False, elem_classes="after"):
        gr.HTML(
            '<p class="quiet">One picture to keep or to send: the result, its numbers, the '
            "settings, and the command that makes it again.</p>"
        )
        go = gr.Button("Make the card", elem_id="card-go")
        image = gr.Image(
            label="Result card",
            show_label=False,
            alt_text="The result with its numbers and settings",
            format="png",
            interactive=False,
            buttons=["download", "fullscreen"],
            elem_id="card",
        )
    go.click(make, None, image, **LIGHT)
    return image


def make(request: gr.Request) -> str:
    """The card of the result in the first tab, as a PNG file named after its picture."""
    session, choice = current(request)
    run = session.run(choice)
    if run is None:
        text = "There is no finished result yet: wait for it, then make the card."
        raise gr.Error(text, print_exception=False)
    with work.for_visitors():
        semantic_map = session.semantic_map(choice)
        command = words.command(session.name, choice, semantic_map, session.model_name)
        made = card(session, choice, run.plan, run.data, run.picture, semantic_map, command)
        return save(to_file(draw(made)), f"{session.name}-card", ".png")


def card(
    session: Session,
    choice: Choice,
    plan: Plan,
    data: bytes,
    decoded: NDArray[np.uint8],
    semantic_map: SemanticMap,
    command: str,
) -> Card:
    """The card of a file. decoded: uint8 (H, W, 3), what it decodes to."""
    height, width = session.picture.shape[:2]
    scores = work.score(session.picture, decoded, semantic_map)
    bits = 8 * len(data) / (width * height)
    numbers = [
        (words.file_size(len(data)), "whole file"),
        (f"{bits:.3f}", "bits per pixel"),
        (f"{words.times(24 / bits)} : 1", "to raw pixels"),
        *words.score_tiles(scores),
    ]
    classes = semantic_map.chosen
    matters = words.focus_text(semantic_map).removeprefix("of ") if classes else "painted by hand"
    model = session.encoder.model
    return Card(
        title=session.name,
        picture=decoded,
        grey=semantic_map.grey,
        levels=plan.levels[: -(-height // 8), : -(-width // 8)],
        numbers=numbers,
        lines=(
            f"{width} x {height} pixels, {len(data):,} bytes",
            f"Average level {choice.level:g}, {words.ALLOCATIONS[choice.allocation]}"
            + ("" if choice.strength == 1 else f", focus {choice.strength:g}"),
            f"What matters: {matters}",
            f"Model {model.name}, SHA-256 {model.digest[:16]}",
        ),
        command=command,
    )


def draw(card: Card) -> Image.Image:
    """The card as a picture 1200 pixels wide, RGB."""
    main = _fitted(card.picture, _MAIN)
    rows, columns = card.levels.shape
    map_picture = Image.fromarray(IMPORTANCE[upsample_grey(card.grey, 8 * rows, 8 * columns)])
    level_picture = Image.fromarray(LEVEL[np.rint(card.levels * (255 / 24)).astype(np.intp)])
    side = WIDTH - 2 * PAD - main.width - PAD
    below = side < 220  # a picture that wide leaves no room beside it
    left = PAD if below else PAD + main.width + PAD
    room = WIDTH - PAD - left
    drawing = _Drawing(5000)
    top = drawing.text(PAD, 34, _plain(card.title), 34, _INK, WIDTH - 2 * PAD)
    top = 18 + drawing.text(PAD, top, "Semantic image compression", 20, _ACCENT, WIDTH)
    drawing.sheet.paste(main, (PAD, top))
    y = top + main.height + 24 if below else top
    y = drawing.tiles(left, y, room, card.numbers)
    y = _maps(drawing, left, y + 8, room, [(map_picture, "importance"), (level_picture, "levels")])
    y = max(y, top + main.height) + 22
    for line in card.lines:
        y = drawing.text(PAD, y, _plain(line), 21, _INK, WIDTH - 2 * PAD) + 4
    y = drawing.boxed(PAD, y + 12, WIDTH - 2 * PAD, _plain(card.command)) + PAD
    return drawing.sheet.crop((0, 0, WIDTH, y))


def _maps(
    drawing: _Drawing, left: int, y: int, room: int, maps: Sequence[tuple[Image.Image, str]]
) -> int:
    """Small drawings side by side, each with its name; returns where they end."""
    each = min(_SMALL[0], (room - 16) // 2)
    end = y
    for i, (picture, name) in enumerate(maps):
        factor = min(each / picture.width, _SMALL[1] / picture.height)
        size = max(1, round(picture.width * factor)), max(1, round(picture.height * factor))
        x = left + i * (each + 16)
        drawing.sheet.paste(picture.resize(size, Image.Resampling.NEAREST), (x, y))
        end = max(end, drawing.text(x, y + size[1] + 6, name, 17, _QUIET, each))
    return end


class _Drawing:
    """A tall sheet that is cut to what was used."""

    def __init__(self, height: int) -> None:
        self.sheet = Image.new("RGB", (WIDTH, height), _PAPER)
        self.pen = ImageDraw.Draw(self.sheet)

    def text(self, x: int, y: int, content: str, size: int, colour: Any, room: int) -> int:
        """Write, broken into lines where it does not fit; returns where it ends."""
        font = ImageFont.load_default(size=size)
        for line in _broken(content, font, room):
            self.pen.text((x, y), line, font=font, fill=colour)
            y += round(1.3 * size)
        return y

    def tiles(self, x: int, y: int, room: int, numbers: Sequence[tuple[str, str]]) -> int:
        """Numbers with their names, as many beside each other as there is room for."""
        columns = max(1, min(len(numbers), room // 150))
        each = room // columns
        for i, (value, name) in enumerate(numbers):
            left, top = x + (i % columns) * each, y + (i // columns) * 74
            self.text(left, top, _plain(value), 28, _INK, each)
            self.text(left, top + 36, name, 17, _QUIET, each)
        return y + -(-len(numbers) // columns) * 74

    def boxed(self, x: int, y: int, room: int, content: str) -> int:
        """Text in a frame; returns where the frame ends."""
        end = self.text(x + 16, y + 12, content, 19, _INK, room - 32) + 8
        self.pen.rounded_rectangle((x, y, x + room, end), 8, outline=_LINE, width=2)
        return end


def _broken(content: str, font: Any, room: int) -> list[str]:
    """Lines no wider than `room`; a word wider than that is broken as well."""
    lines, line = [], ""
    for word in content.split(" "):
        longer = f"{line} {word}".strip()
        if font.getlength(longer) <= room:
            line = longer
            continue
        if line:
            lines.append(line)
        while font.getlength(word) > room and len(word) > 1:
            fits = next(n for n in range(len(word), 0, -1) if font.getlength(word[:n]) <= room)
            lines.append(word[:fits])
            word = word[fits:]
        line = word
    return [*lines, line]


def _plain(content: str) -> str:
    """Text in the letters the built-in font has."""
    return content.replace("∞", "infinite").encode("latin-1", "replace").decode("latin-1")


def _fitted(picture: NDArray[np.uint8], box: tuple[int, int]) -> Image.Image:
    """The picture as large as the box allows; small ones grow with sharp edges."""
    height, width = picture.shape[:2]
    factor = min(box[0] / width, box[1] / height)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    how = Image.Resampling.NEAREST if factor >= 3 else Image.Resampling.LANCZOS
    return Image.fromarray(picture).resize(size, how)
