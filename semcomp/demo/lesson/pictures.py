"""The lesson's pictures: arrays in, small files as data URLs and HTML out. Pillow and NumPy.

Decoded pictures travel without loss, pixel for pixel. What has one value per block or per map cell
travels as one pixel each and is enlarged by the browser.
"""

from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from semcomp.draw import IMPORTANCE, LEVEL
from semcomp.geometry import BLOCK, ITERATIONS
from semcomp.image import data_url

Pixels = NDArray[np.uint8]
OVER = (245, 125, 21)
"""Colour of levels beyond the cap: from the other scale, so that they look out of place."""
BETTER, WORSE = (15, 118, 110), (200, 80, 20)
"""Ends of the scale of differences: teal where the first picture is better, orange where worse."""
MARKED = (255, 210, 60)


def photo_url(pixels: Pixels) -> str:
    """A photograph, uint8 (H, W, 3), as a data URL of lossless WebP: a third less than PNG."""
    return data_url(pixels, "WEBP", lossless=True, method=2)


def stage(shape: tuple[int, ...], alt: str, *layers: str, kind: str = "") -> str:
    """A box of the picture's proportions (H, W, ...) with layers over each other.

    kind: `based` shows the book's base below.
    """
    ratio = f"aspect-ratio: {shape[1]} / {shape[0]}"
    inner = "".join(layers)
    name = escape(alt, quote=True)
    return f'<div class="stage {kind}" role="img" aria-label="{name}" style="{ratio}">{inner}</div>'


def grey(picture: Pixels) -> Pixels:
    """A picture without its colours, uint8 (H, W): what colour maps are laid over."""
    result: Pixels = np.asarray(Image.fromarray(picture).convert("L"))
    return result


def layer(url: str, kind: str = "") -> str:
    """A layer of a stage. kind: `sharp` enlarges without smoothing, `mixed` lets the base through.

    It has no text of its own: the stage's says what is seen.
    """
    return f'<img src="{url}" alt="" class="{kind}">'


def photo(shape: tuple[int, ...], alt: str, pixels: Pixels) -> str:
    """A stage with a photograph, uint8 (H, W, 3)."""
    return stage(shape, alt, layer(photo_url(pixels)))


def over(shape: tuple[int, ...], alt: str, pixels: Pixels, kind: str = "sharp mixed") -> str:
    """A stage with colours, uint8 (h, w, 3) or (h, w, 4), over the book's base. kind: a layer's."""
    return stage(shape, alt, layer(data_url(pixels), kind), kind="based")


def heat(values: NDArray[Any], low: float, high: float, table: Pixels = IMPORTANCE) -> Pixels:
    """Values (h, w) in colours of a table (256, 3), low..high stretched over it, clipped."""
    place = np.clip((values.astype(np.float64) - low) / max(high - low, 1e-12), 0, 1)
    colours: Pixels = table[np.rint(place * 255).astype(np.intp)]
    return colours


def level_colours(levels: NDArray[Any]) -> Pixels:
    """Levels (hb, wb) in their colours, uint8 (hb, wb, 3); above 24 in the `OVER` colour."""
    colours = heat(levels, 0, ITERATIONS, LEVEL)
    colours[levels > ITERATIONS] = OVER
    return colours


def spotlight(mask: NDArray[np.bool_]) -> Pixels:
    """Darkness, uint8 (hb, wb, 4), everywhere but where the mask is True."""
    dark = np.zeros((*mask.shape, 4), np.uint8)
    dark[~mask] = (10, 12, 20, 215)
    return dark


def differences(values: NDArray[np.float64], most: float) -> Pixels:
    """Signed values (h, w) as colour whose opacity grows with size, uint8 (h, w, 4)."""
    strength = np.clip(np.abs(values) / max(most, 1e-12), 0, 1)
    result = np.empty((*values.shape, 4), np.uint8)
    result[..., :3] = np.where((values >= 0)[..., None], BETTER, WORSE)
    result[..., 3] = np.rint(235 * np.sqrt(strength))
    return result


def residual(original: Pixels, decoded: Pixels) -> Pixels:
    """What is still missing, uint8 (H, W): grey where nothing is, lightness errors times 4.

    In steps of 8 grey values: nobody sees them, and the file is half as large.
    """
    missing = original.astype(np.int32) - decoded
    luma = missing @ np.array([299, 587, 114]) / 1000
    grey: Pixels = (8 * np.rint(np.clip(128 + 4 * luma, 0, 248) / 8)).astype(np.uint8)
    return grey


def bit_planes(bits: NDArray[np.int8]) -> Pixels:
    """One iteration's bits (8, hb, wb) of -1, +1, 0 as 2 × 4 pictures: black, white, mid grey."""
    planes, rows, columns = bits.shape
    framed = np.full((2, 4, rows + 2, columns + 2), 200, np.uint8)
    framed[..., 1:-1, 1:-1] = (
        (bits.astype(np.int16) * 128 + 128).clip(0, 255).reshape(2, planes // 2, rows, columns)
    )
    grid = framed.transpose(0, 2, 1, 3)
    return np.ascontiguousarray(grid.reshape(2 * (rows + 2), 4 * (columns + 2)))


def zooms(picture: Pixels, block: tuple[int, int]) -> list[tuple[Pixels, tuple[int, int]]]:
    """Ever closer views of a block (row, column), all in the picture's proportions.

    Each is a part of the picture and where the block's top left pixel lies in it. The shorter side
    of the last one is the block's. The picture's sides have to be 8 pixels or more.
    """
    height, width = picture.shape[:2]
    short = BLOCK
    sides = []
    while short < min(height, width):
        sides.append(short)
        short *= 2
    views = []
    for short in reversed(sides):
        factor = short / min(height, width)
        size = max(BLOCK, round(height * factor)), max(BLOCK, round(width * factor))
        start = [
            min(max(BLOCK * place + BLOCK // 2 - side // 2, 0), whole - side)
            for place, side, whole in zip(block, size, (height, width), strict=True)
        ]
        part = picture[start[0] : start[0] + size[0], start[1] : start[1] + size[1]]
        views.append((part, (BLOCK * block[0] - start[0], BLOCK * block[1] - start[1])))
    return views


def with_numbers(pixels: Pixels, block: tuple[int, int]) -> Image.Image:
    """Pixels (h, w, 3) as squares of 60 with their red, green and blue values written in.

    block: row and column of the 8 × 8 pixels that a line is drawn around.
    """
    height, width, cell = *pixels.shape[:2], 60
    large = Image.fromarray(pixels).resize((width * cell, height * cell), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(large)
    font = ImageFont.load_default(size=cell * 0.27)
    for (row, column), light in np.ndenumerate(pixels @ np.array([0.299, 0.587, 0.114])):
        ink = "black" if light > 130 else "white"
        for line, value in enumerate(pixels[row, column]):
            at = (column * cell + cell / 2, row * cell + cell * (0.21 + 0.29 * line))
            draw.text(at, str(value), font=font, fill=ink, anchor="mm")
    top, left = block[0] * cell, block[1] * cell
    edge = (left, top, left + BLOCK * cell - 1, top + BLOCK * cell - 1)
    draw.rectangle(edge, outline=MARKED, width=4)
    return large


def marked(picture: Pixels, box: tuple[int, int, int, int]) -> Pixels:
    """A copy with a frame of two pixels around box (top, left, bottom, right)."""
    top, left, bottom, right = box
    result = picture.copy()
    for inset in range(2):
        rows = slice(top + inset, bottom - inset)
        columns = slice(left + inset, right - inset)
        result[rows, [left + inset, right - 1 - inset]] = MARKED
        result[[top + inset, bottom - 1 - inset], columns] = MARKED
    return result


def scale_bar(table: Pixels, low: str, high: str) -> str:
    """A colour scale with its two ends, as HTML."""
    stops = ", ".join("#" + bytes(table[i]).hex() for i in range(0, 256, 51))
    return (
        f'<div class="scale" style="background: linear-gradient(90deg, {stops})"></div>'
        f'<p class="ends"><span>{escape(low)}</span><span>{escape(high)}</span></p>'
    )
