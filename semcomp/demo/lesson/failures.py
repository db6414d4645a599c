"""Where the map fails: pictures shown to the classifier, judged by rules, the failures kept.

Every case says beforehand what a person sees in it or where it is; whether the classifier fails is
then measured, with whatever classifier is installed. Pictures come with scikit-image or are made
here from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from semcomp.allocation.levels import block_importance
from semcomp.demo.shared.words import percent
from semcomp.draw import IMPORTANCE
from semcomp.geometry import padded_size
from semcomp.image import data_url, limit_side, load_image
from semcomp.semantics.activation import SemanticMap, analyse, upsample_grey

from .book import fold, times
from .pictures import Pixels, layer, marked, photo_url, stage

SIDE = 320
"""Longest side of a case's picture."""
UNEVEN = 1.5
"""A picture of nothing fails if its map gives one block more than this many times the average."""


@dataclass(frozen=True, eq=False)
class Case:
    """A picture and what a person says of it.

    picture: uint8 (H, W, 3). title: what a person sees. names: parts of class names that would be
    right; empty if the place is what counts. place: (top, left, bottom, right) as shares of the
    picture, of what matters; None if the name is what counts, or nothing does. why: the reason.
    """

    picture: Pixels
    title: str
    why: str
    names: tuple[str, ...] = ()
    place: tuple[float, float, float, float] | None = None
    nothing: bool = False


@dataclass(frozen=True, eq=False)
class Verdict:
    """What the classifier made of a case, and whether that is a failure.

    report: the numbers in words, as HTML.
    """

    case: Case
    semantic_map: SemanticMap
    failed: bool
    report: str
    box: tuple[int, int, int, int] | None = None


def judge(case: Case) -> Verdict:
    """Show a case to the classifier and apply its rule."""
    semantic_map = analyse(case.picture)
    height, width = case.picture.shape[:2]
    rows, columns = (side // 8 for side in padded_size(height, width))
    importance = block_importance(semantic_map.grey, rows, columns)
    relative = importance / importance.mean()
    top = semantic_map.top[0]
    says = f"The classifier says <b>{escape(top.name)}</b> ({percent(top.probability)})"
    if case.nothing:
        most = float(relative.max())
        report = f"{says} and gives one block {times(most)} times the average importance."
        return Verdict(case, semantic_map, most > UNEVEN, report)
    if case.place is not None:
        box = _pixels(case.place, height, width)
        weight = upsample_grey(semantic_map.grey, height, width).astype(np.float64)
        inside = weight[box[0] : box[2], box[1] : box[3]].sum()
        held = float(inside / max(weight.sum(), 1e-9))
        area = (box[2] - box[0]) * (box[3] - box[1]) / (height * width)
        report = f"{says}. The frame covers {percent(area)} of the picture and gets "
        report += f"<b>{percent(held)}</b> of the importance."
        return Verdict(case, semantic_map, held < area, report, box)
    right = any(name in top.name.casefold() for name in case.names)
    return Verdict(case, semantic_map, not right, says + ".")


@cache
def verdicts() -> tuple[Verdict, ...]:
    """All cases, judged once per process."""
    return tuple(judge(case) for case in cases())


def gallery(verdicts: Sequence[Verdict]) -> str:
    """The failures as HTML, and in a sentence what was tried and did not fail."""
    failed = [verdict for verdict in verdicts if verdict.failed]
    fine = [verdict.case.title for verdict in verdicts if not verdict.failed]
    figures = "".join(_figure(verdict, number) for number, verdict in enumerate(failed, 1))
    tried = f"{len(verdicts)} pictures were tried just now, {len(failed)} failed."
    if fine:
        tried += f" These did not: {escape('; '.join(fine))}."
    text = (
        f"<p>{tried} Point at a picture, or tick its box, to see its map: bright counts most.</p>"
    )
    inner = f'{text}<div class="cases">{figures}</div>'
    return fold("Where the map fails: a gallery", inner, "gallery")


def _figure(verdict: Verdict, number: int) -> str:
    case = verdict.case
    picture = case.picture if verdict.box is None else marked(case.picture, verdict.box)
    height, width = picture.shape[:2]
    small = upsample_grey(verdict.semantic_map.grey, max(height // 4, 1), max(width // 4, 1))
    box = stage(
        picture.shape,
        f"{case.title}; map on demand",
        layer(photo_url(picture)),
        layer(data_url(IMPORTANCE[small]), "over"),
    )
    return (
        f'<figure class="case"><input type="checkbox" id="case-{number}">'
        f'<label for="case-{number}"> map</label>{box}<figcaption><b>{escape(case.title)}.</b> '
        f"{verdict.report} {escape(case.why)}</figcaption></figure>"
    )


def cases() -> list[Case]:
    """The pictures that are tried."""
    data: Any = skimage.data  # untyped
    cat, coffee = limit_side(data.chelsea(), SIDE), limit_side(data.coffee(), SIDE)
    grass = limit_side(load_image(data.grass()), SIDE)[: cat.shape[0]]
    small = limit_side(cat, 72)
    lost = grass.copy()
    lost[12 : 12 + small.shape[0], 16 : 16 + small.shape[1]] = small
    place = (12, 16, 12 + small.shape[0], 16 + small.shape[1])
    shares = tuple(v / lost.shape[i % 2] for i, v in enumerate(place))
    pair = np.concatenate([cat, _sized(coffee, cat.shape[0])], axis=1)
    border = cat.shape[1] / pair.shape[1]
    noted, corner = _with_note(cat)
    noise = np.random.default_rng(0).integers(0, 256, (208, SIDE, 3), np.uint8)

    def sample(name: str) -> Pixels:
        # the pixels as scikit-image's own functions give them, without the colour profile
        picture = Image.open(Path(skimage.data.__file__).with_name(name))
        return limit_side(load_image(np.asarray(picture)), SIDE)

    no_class = "None of the 1,000 classes fits, so it takes the likeliest wrong one."
    return [
        Case(cat, "A cat", "", names=("cat", "tabby", "lynx")),
        Case(coffee, "A cup of coffee", "", names=("espresso", "cup", "mug")),
        Case(
            limit_side(data.astronaut(), SIDE),
            "A woman's face",
            "No class is called person or face: what people look at first is nobody's business.",
            place=(0.1, 0.34, 0.36, 0.56),
        ),
        Case(sample("moon.png"), "The surface of the Moon", no_class, names=("moon", "crater")),
        Case(sample("coins.png"), "Old coins", no_class, names=("coin",)),
        Case(sample("retina.jpg"), "The inside of an eye", no_class, names=("eye", "retina")),
        Case(sample("hubble_deep_field.jpg"), "Galaxies", no_class, names=("galaxy", "star")),
        Case(
            sample("clock_motion.png"),
            "A clock, blurred by motion",
            "The right class exists, but blur makes another one likelier.",
            names=("clock",),
        ),
        Case(
            sample("rocket.jpg"),
            "A rocket on its pad",
            "It names the tower beside it. Bits go where that tower is.",
            names=("missile", "projectile", "rocket", "shuttle"),
        ),
        Case(
            sample("page.png"),
            "A page of a book",
            "Every line matters here, and what it calls the page does not help to read it.",
            names=("book", "page"),
        ),
        Case(
            pair,
            "A cat and a cup; look at the cup",
            "One class gets all the bits. Whoever came for the cup is out of luck.",
            place=(0, border, 1, 1),
        ),
        Case(
            noted,
            "A telephone number on a picture",
            "One wrong digit makes it worthless, but digits are no class.",
            place=corner,
        ),
        Case(
            lost,
            "A small cat in the grass",
            "The small cat is outvoted by the grass around it.",
            place=(shares[0], shares[1], shares[2], shares[3]),
        ),
        Case(
            np.full((208, SIDE, 3), 128, np.uint8),
            "Nothing: plain grey",
            "The map is stretched to its full range even where there is nothing to find.",
            nothing=True,
        ),
        Case(
            noise,
            "Noise",
            "It never says “I see nothing”. The likeliest class wins, however unlikely.",
            nothing=True,
        ),
    ]


def _with_note(picture: Pixels) -> tuple[Pixels, tuple[float, float, float, float]]:
    """The picture with a telephone number along its lower edge, and where that is."""
    height, width = picture.shape[:2]
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=height // 8)
    at = (width // 32, height - height // 4)
    draw.text(at, "call 555 0123", font=font, fill="white")
    left, top, right, bottom = draw.textbbox(at, "call 555 0123", font=font)
    corner = (top / height, left / width, min(bottom / height, 1.0), min(right / width, 1.0))
    return np.asarray(image), corner


def _sized(picture: Pixels, height: int) -> Pixels:
    """The picture at another height."""
    width = max(1, round(picture.shape[1] * height / picture.shape[0]))
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS))


def _pixels(
    place: tuple[float, float, float, float], height: int, width: int
) -> tuple[int, int, int, int]:
    """Shares of the picture as pixels: (top, left, bottom, right), not empty."""
    scaled: NDArray[np.float64] = np.array(place) * (height, width, height, width)
    top, left, bottom, right = np.rint(scaled).astype(int).tolist()
    return top, left, max(bottom, top + 1), max(right, left + 1)
