"""What an importance map is, and the maps that need no classifier: painted and uniform.

NumPy and Pillow only. `semcomp.semantics.activation` adds the maps that a classifier makes, and
gives all the names below again.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from semcomp.errors import ImageError, SemanticError
from semcomp.picture_file import decode, deep_grey, open_picture, open_picture_file, upright

FloatT = TypeVar("FloatT", np.float32, np.float64)

CELL = 32
"""Pixels per map value, each way, unless asked otherwise: the stride of EfficientNet-Lite."""
MAX_MAP_PIXELS = 50_000_000
"""Largest painted map that is read."""


@dataclass(frozen=True)
class ClassScore:
    """One class and the probability (0..1) that the softmax over all classes gives it."""

    index: int
    name: str
    probability: float


@dataclass(frozen=True)
class Subject:
    """Something in a picture that people look at: the reason for a part of a map.

    kind: "face", "object", "text" or "class". label: what it is, or the words that were read.
    score: 0..1. box: left, top, right, bottom in pixels, the last two exclusive. counts: whether
    the map was made from it; False for one that was left out.
    """

    kind: str
    label: str
    score: float
    box: tuple[int, int, int, int]
    counts: bool = True


def subject_names(subjects: Sequence[Subject]) -> list[str]:
    """A name for each subject by which it can be told from the others: its label, with a number
    where several have the same: `face`, `person 1`, `person 2`, `SNOWMASS`."""
    labels = [subject.label for subject in subjects]
    return [
        f"{label} {labels[: i + 1].count(label)}" if labels.count(label) > 1 else label
        for i, label in enumerate(labels)
    ]


def subject_records(subjects: Sequence[Subject]) -> list[dict[str, Any]]:
    """Subjects with their names, in plain types."""
    named = zip(subject_names(subjects), subjects, strict=True)
    return [{"name": name, **asdict(subject)} for name, subject in named]


@dataclass(frozen=True, eq=False)
class SemanticMap:
    """Importance of the parts of a picture.

    grey:    uint8 (h, w), 0 (least) to 255 (most important); it spans the whole picture,
             whatever its size.
    top:     the five most probable classes, best first; empty if no classifier was asked.
    chosen:  the classes whose activation the map shows.
    source:  the classifier's name ("efficientnet-lite0", "vgg16-gap"), "people", "user" or
             "uniform".
    subjects: what a map of people was made from, surest first; empty for other maps.
    """

    grey: NDArray[np.uint8]
    top: tuple[ClassScore, ...]
    chosen: tuple[ClassScore, ...]
    source: str
    subjects: tuple[Subject, ...] = ()


def uniform_map(height: int, width: int) -> SemanticMap:
    """No opinion: all 255, ⌈height/32⌉ × ⌈width/32⌉, for a picture of height × width pixels."""
    grey = np.full((-(-height // CELL), -(-width // CELL)), 255, np.uint8)
    return SemanticMap(grey=grey, top=(), chosen=(), source="uniform")


def user_map(
    source: str | Path | bytes | NDArray[Any], height: int, width: int, *, cell: int = CELL
) -> SemanticMap:
    """A painted importance map for a picture of height × width pixels.

    source:  a picture file of any size, or its bytes, turned upright as its EXIF says (colours
             count by their luma, transparent parts as unimportant, deep grey is scaled down) or an
             array: (h, w) of bool (True = 255), integers 0..255 or floats 0..1; or (h, w, 3),
             (h, w, 4) of uint8. It is stretched over the picture.
    cell:    pixels per map value; finer than 32 costs more bytes in the file.

    Returns `grey` of ⌈height/cell⌉ × ⌈width/cell⌉ values, each the mean importance of its area.
    Values are taken as painted: no min-max, 255 is full importance. Raises SemanticError for a
    file that is no picture, values out of range, a shape that is no picture, or a bad size.
    """
    if cell < 1 or height < 1 or width < 1:
        raise SemanticError(f"cannot map {height}×{width} pixels in cells of {cell}: use 1 or more")
    painted = _from_array(source) if isinstance(source, np.ndarray) else _from_file(source)
    grey = np.rint(area_means(painted, -(-height // cell), -(-width // cell))).astype(np.uint8)
    return SemanticMap(grey=grey, top=(), chosen=(), source="user")


def effective_share(grey: NDArray[np.uint8]) -> float:
    """How much of a picture counts under a map, uint8 (h, w): (Σg)² / (n·Σg²), above 0 to 1.

    1 for a flat map; k/n where k of n values are equal and the others 0. All zero counts as flat.
    """
    values = grey.astype(np.float64)
    squares = values.size * float((values**2).sum())
    return float(values.sum()) ** 2 / squares if squares else 1.0


def upsample_grey(grey: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Stretch a map, uint8 (h, w), over height × width pixels, uint8 (height, width).

    Bilinear between the centres of the map's cells (align_corners=False), constant beyond the
    outer centres. For display and metrics; the codec itself computes importance in integers
    (`semcomp.allocation.levels.block_importance`).
    """
    values = stretch(grey.astype(np.float32), height, width)
    return np.rint(values, out=values).astype(np.uint8)


def stretch(values: NDArray[FloatT], height: int, width: int) -> NDArray[FloatT]:
    """Values (h, w) over height × width points, as `upsample_grey` places them."""
    for axis, size in ((0, height), (1, width)):
        length = values.shape[axis]
        position = np.clip((np.arange(size) + 0.5) * (length / size) - 0.5, 0, length - 1)
        low = np.floor(position).astype(np.intp)
        part = (position - low).astype(values.dtype).reshape((-1, 1) if axis == 0 else (1, -1))
        below = values.take(low, axis)
        step = values.take(np.minimum(low + 1, length - 1), axis)
        step -= below  # in place: at 24 megapixels each of these arrays is 100 MB
        step *= part
        values = np.add(below, step, out=below)
    return values


def _from_file(source: str | Path | bytes) -> NDArray[np.float32]:
    """Importance 0..255, float32 (h, w), painted in a picture file."""
    path = "given" if isinstance(source, bytes) else str(source)
    try:
        with (
            open_picture(BytesIO(source), MAX_MAP_PIXELS)
            if isinstance(source, bytes)
            else open_picture_file(source, MAX_MAP_PIXELS)
        ) as file:
            decode(file)
            deep = deep_grey(file)
            picture = upright(file).copy()
    except ImageError as error:
        raise SemanticError(f"cannot read the map {path}: {error}") from error
    if deep is not None:
        grey = deep if deep.ndim == 2 else np.where(deep[..., 1] > 0, deep[..., 0], 0)
        return grey.astype(np.float32) / np.float32(257)
    if picture.mode in ("I", "F"):
        raise SemanticError(f"the map {path} has 32-bit pixels: save it as 8-bit or 16-bit PNG")
    return _luma(picture)


def _from_array(array: NDArray[Any]) -> NDArray[np.float32]:
    """Importance 0..255, float32 (h, w), from an array as `user_map` describes it."""
    colour = array.ndim == 3 and array.shape[2] in (3, 4) and array.dtype == np.uint8
    if array.size == 0 or not (array.ndim == 2 or colour):
        raise SemanticError(
            f"a map is (h, w), or uint8 (h, w, 3) or (h, w, 4), not {array.dtype} {array.shape}"
        )
    if colour:
        return _luma(Image.fromarray(array))
    ceiling = 1.0 if array.dtype.kind in "bf" else 255.0
    # written so that NaN fails
    if array.dtype.kind not in "biuf" or not (array.min() >= 0 and array.max() <= ceiling):
        raise SemanticError(
            f"map values of type {array.dtype} must lie in 0..{ceiling:g}: "
            "use bool, integers 0..255 or floats 0..1"
        )
    return array.astype(np.float32) * np.float32(255.0 / ceiling)


def _luma(picture: Image.Image) -> NDArray[np.float32]:
    """BT.601 luma 0..255 over black, float32 (h, w)."""
    picture = picture.convert("RGBA")
    black = Image.new("RGBA", picture.size, (0, 0, 0, 255))
    return np.asarray(Image.alpha_composite(black, picture).convert("L"), np.float32)


def area_means(values: NDArray[FloatT], rows: int, columns: int) -> NDArray[FloatT]:
    """Means of values (h, w) over rows × columns equal areas."""
    down, across = _area_average(values.shape[0], rows), _area_average(values.shape[1], columns)
    return (down @ values @ across.T).astype(values.dtype, copy=False)


def _area_average(length: int, cells: int) -> NDArray[np.float32]:
    """Matrix (cells, length) that averages `length` samples over equal areas; rows sum to 1."""
    edges = np.arange(cells + 1)[:, None] * (length / cells)
    start = np.arange(length)
    overlap = np.minimum(edges[1:], start + 1) - np.maximum(edges[:-1], start)
    weights: NDArray[np.float32] = np.maximum(overlap * (cells / length), 0.0).astype(np.float32)
    return weights
