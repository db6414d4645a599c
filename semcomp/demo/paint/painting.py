"""A map painted by the visitor: the file of the same size it gives, and who paid for it."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from semcomp.allocation.planning import Allocation, Plan
from semcomp.demo.sessions.runs import Choice
from semcomp.demo.sessions.session import Session
from semcomp.errors import SemanticError
from semcomp.geometry import BLOCK
from semcomp.image import to_file
from semcomp.metrics import ssim_map, weighted_mean
from semcomp.semantics.maps import SemanticMap, upsample_grey, user_map

CLOSE = 0.004
"""How far below the budget a file may stay before another level is tried."""
HALF = 128
"""Grey from which a place counts as painted."""

# Orange for what was lost, blue for what was gained: apart with any colour vision.
LOST, UNCHANGED, GAINED = (230, 120, 20), (150, 150, 150), (40, 120, 235)


@dataclass(frozen=True, eq=False)
class Painted:
    """A painted map and the largest file within the budget that follows it.

    semantic_map: the map as painted. choice: allocation and the level found. plan: its levels.
    data: the file.
    """

    semantic_map: SemanticMap
    choice: Choice
    plan: Plan
    data: bytes


@dataclass(frozen=True)
class Area:
    """What a part of the picture got and how it looks, before and after painting.

    bytes: of codes, about. psnr: dB. ssim: mean over the part. Each (before, after).
    """

    name: str
    bytes: tuple[float, float]
    psnr: tuple[float, float]
    ssim: tuple[float, float]


def read_grid(text: Any, rows: int, columns: int) -> NDArray[np.uint8]:
    """A painted grid as the browser sends it, base64 of rows * columns grey values.

    Returns uint8 (rows, columns). Raises SemanticError for anything else.
    """
    try:
        data = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (binascii.Error, ValueError):
        data = b""
    if len(data) != rows * columns:
        raise SemanticError(
            f"the painting does not fit this picture of {columns} × {rows} blocks: "
            "open this tab again and paint once more"
        )
    return np.frombuffer(data, np.uint8).reshape(rows, columns)


def painted_map(grid: NDArray[np.uint8], height: int, width: int) -> SemanticMap:
    """Grey values uint8 (rows, columns), one per block, as a map of height x width pixels."""
    return user_map(grid, height, width, cell=BLOCK)


def map_png(semantic_map: SemanticMap) -> bytes:
    """The map as the PNG that `compress --map` reads: one pixel per block."""
    return to_file(semantic_map.grey)


def fit_map(session: Session, allocation: str, semantic_map: SemanticMap, budget: int) -> Painted:
    """The largest file of at most `budget` bytes that the map gives, found by trying levels.

    Raises SemanticError if even the lowest level takes more.
    """
    plan, data = session.encoder.largest_file(
        budget, cast(Allocation, allocation), semantic_map=semantic_map, step=0.01, close=CLOSE
    )
    if len(data) > budget:
        raise SemanticError(
            f"this painting needs at least {len(data):,} bytes, the budget is {budget:,}: "
            "choose a higher level in the first tab, or paint larger areas"
        )
    return Painted(semantic_map, Choice(plan.level, allocation), plan, data)


def areas(
    session: Session,
    semantic_map: SemanticMap,
    levels: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    pictures: tuple[NDArray[np.uint8], NDArray[np.uint8]],
) -> list[Area]:
    """The painted part, the rest and the whole picture, before and after.

    levels: uint8 (Hb, Wb) each. pictures: decoded, uint8 (H, W, 3) each. A part without a pixel
    is left out.
    """
    original = session.picture
    height, width = original.shape[:2]
    painted = upsample_grey(semantic_map.grey, height, width) >= HALF
    bits = [session.spent(each) for each in levels]
    rows, columns = bits[0].shape
    share = np.zeros((rows * BLOCK, columns * BLOCK))
    share[:height, :width] = painted
    share = share.reshape(rows, BLOCK, columns, BLOCK).mean((1, 3))
    errors = [((original.astype(np.float32) - each) ** 2).mean(2) for each in pictures]
    scores = [ssim_map(original, each) for each in pictures]

    def area(name: str, inside: NDArray[np.bool_], part: NDArray[Any]) -> Area:
        spent = [float((each * part).sum()) / 8 for each in bits]
        decibels = [_decibels(weighted_mean(each, inside)) for each in errors]
        similar = [weighted_mean(each, inside) for each in scores]
        return Area(
            name, (spent[0], spent[1]), (decibels[0], decibels[1]), (similar[0], similar[1])
        )

    whole = [area("The whole picture", np.ones_like(painted), np.ones_like(share))]
    if painted.any() and not painted.all():
        parts = area("What you painted", painted, share), area("The rest", ~painted, 1 - share)
        whole = [*parts, *whole]
    return whole


def _decibels(error: float) -> float:
    return float(10 * np.log10(255**2 / max(error, 1e-6)))


def robbed(
    picture: NDArray[np.uint8], gained: NDArray[np.floating[Any]]
) -> tuple[NDArray[np.uint8], float]:
    """Who gave and who got: the picture in grey, losers orange, winners blue.

    picture: uint8 (H, W, 3). gained: bits per block, (Hb, Wb) of the padded picture, negative
    where a block lost. Returns uint8 (H, W, 3), and the bits that the full colours stand for.
    """
    height, width = picture.shape[:2]
    limit = max(1.0, float(np.quantile(np.abs(gained), 0.99)))
    place = np.clip(gained / limit, -1, 1).repeat(BLOCK, 0).repeat(BLOCK, 1)
    place = place[:height, :width, None].astype(np.float32)
    grey = np.asarray(Image.fromarray(picture).convert("L"), np.float32)[..., None]
    colour = np.where(place < 0, np.array(LOST, np.float32), np.array(GAINED, np.float32))
    alpha = 0.85 * np.abs(place)
    mixed = (0.25 + 0.75 * grey / 255) * ((1 - alpha) * UNCHANGED[0] + alpha * colour * 1.15)
    return np.rint(mixed).clip(0, 255).astype(np.uint8), limit
