"""What the codec sees, as pictures: the activation map over the image, the levels as a grid.

NumPy and Pillow only. Two colour maps, one for each quantity, so that nobody mistakes one for the
other: importance is warm (inferno), levels are cool (mako). In both, lightness alone tells the
order, so they read the same with any colour vision and in grey.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from semcomp.semantics.maps import Subject, upsample_grey

SHOWN_WIDTH = 960
"""Width in pixels of drawings, whatever the picture's; tall pictures are drawn narrower."""
_TALLEST, _NARROWEST = 2 * SHOWN_WIDTH, 320

# Eight equally spaced colours of matplotlib's inferno and seaborn's mako.
_WARM = ("000004", "280b54", "65156e", "9f2a63", "d44842", "f57d15", "fac127", "fcffa4")
_COOL = ("0b0405", "2e1e3c", "413d7b", "37659e", "348fa7", "40b7ad", "8ad9b1", "def5e5")
_PAPER, _INK = (17, 20, 27), (222, 226, 232)
_LINE = 0.8  # brightness of the lines between blocks
_MAP_SHARE = 0.6  # of the overlay; the rest is the picture in grey


def _table(anchors: Sequence[str]) -> NDArray[np.uint8]:
    """256 colours through equally spaced hexadecimal ones, uint8 (256, 3)."""
    points = np.array([[int(name[i : i + 2], 16) for i in (0, 2, 4)] for name in anchors])
    place, at = np.linspace(0, len(points) - 1, 256), np.arange(len(points))
    channels = [np.interp(place, at, points[:, c]) for c in range(3)]
    table: NDArray[np.uint8] = np.rint(np.stack(channels, axis=1)).astype(np.uint8)
    return table


IMPORTANCE = _table(_WARM)
"""Colours of importance 0..255, uint8 (256, 3)."""
LEVEL = _table(_COOL)
"""Colours of levels, 0 to the highest stretched over 0..255, uint8 (256, 3)."""


def overlay(
    image: NDArray[np.uint8], grey: NDArray[np.uint8], subjects: Sequence[Subject] = ()
) -> Image.Image:
    """A map over its picture: the picture in grey, the map in colour, a scale below.

    image: uint8 (H, W, 3). grey: uint8 (h, w), importance 0..255, spanning the picture. subjects:
    what was found in it, each that counts framed and named, but for the class, which is everywhere.
    """
    height, width = image.shape[:2]
    factor = min(SHOWN_WIDTH / width, _TALLEST / height)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)
    luma = np.asarray(small.convert("L"), np.float32)[..., None]
    colour = IMPORTANCE[upsample_grey(grey, size[1], size[0])].astype(np.float32)
    # The picture also modulates the colour, so that dark and bright parts stay apart in it.
    light = (1 - _MAP_SHARE) * luma + _MAP_SHARE * colour * (0.6 + 0.4 * luma / 255)
    mixed = Image.fromarray(np.rint(light).clip(0, 255).astype(np.uint8))
    frame(mixed, subjects, factor)
    return with_scale(mixed, IMPORTANCE, "importance", [(0.0, "low"), (1.0, "high")])


def frame(drawing: Image.Image, subjects: Sequence[Subject], factor: float) -> None:
    """Frame and name subjects on a drawing that is `factor` times as large as the picture."""
    pen, font = ImageDraw.Draw(drawing), ImageFont.load_default(14)
    for subject in subjects:
        if subject.kind == "class" or not subject.counts:
            continue
        left, top, right, bottom = (round(factor * value) for value in subject.box)
        pen.rectangle((left, top, right - 1, bottom - 1), outline=_INK, width=2)
        label = caption(subject)
        at = (left + 3, max(0, top - 19))
        pen.rectangle(pen.textbbox((at[0] + 2, at[1]), label, font), fill=_PAPER)
        pen.text((at[0] + 2, at[1]), label, _INK, font)


def caption(subject: Subject) -> str:
    """A subject in a few words: `face`, `person 0.87`, `text: SNOWMASS`."""
    if subject.kind == "text":
        return f"text: {subject.label}"
    return "face" if subject.kind == "face" else f"{subject.label} {subject.score:.2f}"


def level_grid(
    levels: NDArray[np.uint8], height: int, width: int, *, highest: int = 24
) -> Image.Image:
    """Every block's level as a coloured square, a scale with the mean below.

    levels: uint8 (Hb, Wb), 0..highest, one per 8x8 pixels of the padded picture.
    height, width: pixels of the picture itself; the padding is cut off.
    """
    side = max(1, min(SHOWN_WIDTH * 8 // width, _TALLEST * 8 // height))
    colours = LEVEL[np.rint(levels * (255.0 / highest)).astype(np.intp)]
    pixels = colours.repeat(side, axis=0).repeat(side, axis=1)
    if side >= 8:  # lines between blocks, where there is room for them
        pixels[side - 1 :: side] = pixels[side - 1 :: side] * _LINE
        pixels[:, side - 1 :: side] = pixels[:, side - 1 :: side] * _LINE
    seen = pixels[: max(1, height * side // 8), : max(1, width * side // 8)]
    mean = float(levels.mean())
    ticks = [(i / highest, str(i)) for i in range(0, highest + 1, 4)]
    grid = Image.fromarray(np.ascontiguousarray(seen))
    title = f"level, {mean:.1f} on average"
    return with_scale(grid, LEVEL, title, ticks, mark=mean / highest)


def with_scale(
    picture: Image.Image,
    table: NDArray[np.uint8],
    title: str,
    ticks: Sequence[tuple[float, str]],
    *,
    mark: float | None = None,
) -> Image.Image:
    """The picture with a colour scale under it: a title, a bar, ticks at 0..1 with their labels.

    mark: a place 0..1 on the bar to point at.
    """
    width = max(picture.width, _NARROWEST)
    text = max(9, width // 32)
    font = ImageFont.load_default(size=text)
    pad, bar = text, text
    strip = Image.new("RGB", (width, pad + 4 * text + bar), _PAPER)
    draw = ImageDraw.Draw(strip)
    draw.text((pad, pad * 0.6), title, font=font, fill=_INK)
    top = pad + int(1.3 * text)
    length = max(1, width - 2 * pad)
    gradient = table[np.linspace(0, 255, length).astype(np.intp)][None].repeat(bar, axis=0)
    strip.paste(Image.fromarray(gradient), (pad, top))
    for place, label in ticks:
        anchor = "la" if place == 0 else "ra" if place == 1 else "ma"
        at = pad + place * (length - 1)
        draw.text((at, top + bar + 0.4 * text), label, font=font, fill=_INK, anchor=anchor)
    if mark is not None:
        at = pad + min(max(mark, 0.0), 1.0) * (length - 1)
        half = 0.4 * text
        draw.polygon([(at - half, top - half), (at + half, top - half), (at, top + half)], _INK)
    result = Image.new("RGB", (width, picture.height + strip.height), _PAPER)
    result.paste(picture, ((width - picture.width) // 2, 0))
    result.paste(strip, (0, picture.height))
    return result
