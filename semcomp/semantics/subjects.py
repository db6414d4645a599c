"""Maps that see what people look at: faces, people, animals, things, text.

::

    picture ─┬─ CenterFace ──────────────► faces                  1.0 ┐
             ├─ CenterNet-MobileNetV3 ───► people, animals, things 0.6 │ highest ─► grey uint8
             ├─ PP-OCRv6 (RapidOCR) ─────► text that was read      0.9 │
             └─ classifier, two sizes ───► class activation map    0.4 ┘

A class activation map is blind to people: ImageNet has no class for them. Here each finding is a
`Subject` with its reason and its silhouette, and the map is the highest of all; any subject can be
left out. Where nothing is found the classifier's map stands alone.

The networks lie in `assets/detectors` (ONNX; origin, licence and hashes on the card there), those
for text come with the package `rapidocr`. All of them run on one thread, so the same picture gives
the same map on a machine, whatever else it does.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from semcomp.errors import SemanticError
from semcomp.files import ASSETS

from .activation import analyse as analyse_class
from .maps import SemanticMap, Subject, subject_names, upsample_grey

MapKind = Literal["people", "classifier"]
FOLDER = ASSETS / "detectors"
WEIGHTS = {"face": 1.0, "text": 0.9, "object": 0.6, "class": 0.4}
"""How much each kind of subject counts, as a share of full importance."""
CELL = 16
"""Pixels per map value: a face in a group has twenty to forty pixels."""
MOST_CELLS = 255
"""Most values on a side of the map: what the file format has room for."""
FACE_SCORE, OBJECT_SCORE, TEXT_SCORE = 0.6, 0.3, 0.8
"""Scores from which a finding counts."""
LETTERS = 2
"""Letters or digits that a text has at least: single ones are read into patterns."""
AROUND = 0.8
"""How much the ellipse around a silhouette counts, as a share of the silhouette."""
CUT_OUT = 4
"""Most objects whose silhouettes are cut out; in a crowd ellipses are as good."""
_FACE_SIDES = (1024, 512)  # long sides at which faces are looked for: small ones, large ones
_OBJECT_SIDE = 512  # what CenterNet was trained at
_TEXT_SIDE = 1600
_CUT_SIDE = 128  # GrabCut's time grows with the pixels; at 256 areas agree to 0.96 and take 4 times
_ELLIPSE_SIDE = 512

Picture = NDArray[np.uint8]


def analyse(
    picture: Picture,
    kind: MapKind = "classifier",
    *,
    class_name: str | None = None,
    text: bool = True,
    without: Collection[str] = (),
) -> SemanticMap:
    """The importance map of a picture.

    picture: uint8 (H, W, 3) RGB, from 1×1 pixels.
    kind: `classifier`, the class activation map of the paper, or `people`, fused with faces,
        people, animals, things and text.
    class_name: whose activation; None for the most probable class.
    text: whether to look for text, which takes most of the time. without: subjects that do not
        count, by name (`subject_names`), label or kind: "person 2", "person", "text".

    Raises SemanticError for a wrong array, an unknown class, kind or subject, and where a part of
    the detectors is missing or damaged.
    """
    check_kind(kind, without)
    activation = analyse_class(picture, class_name=class_name)
    if kind == "classifier":
        return activation
    subjects = find_subjects(picture, text)
    return fuse(picture, activation, subjects, find_areas(picture, subjects), without)


def check_kind(kind: str, without: Collection[str] = ()) -> None:
    """Raise SemanticError for a kind of map that there is not, or that has no subjects to leave."""
    if kind not in get_args(MapKind):
        raise SemanticError(f"no map of kind {kind!r}: use {' or '.join(get_args(MapKind))}")
    if kind != "people" and without:
        raise SemanticError("only a map of people has subjects that can be left out")


def find_subjects(picture: Picture, text: bool = True) -> tuple[Subject, ...]:
    """Faces, objects and, unless `text` is False, words of a picture, uint8 (H, W, 3)."""
    words = find_text(picture) if text else []
    return (*find_faces(picture), *find_objects(picture), *words)


def find_areas(picture: Picture, subjects: Sequence[Subject]) -> NDArray[np.float32]:
    """What subjects take of a picture, uint8 (H, W, 3): a share of every cell, (n, h, w) of 0..1.

    A cell is 16×16 pixels, more in pictures over 4,080 a side.
    """
    height, width = picture.shape[:2]
    cell = CELL * -(-max(height, width) // (CELL * MOST_CELLS))
    rows, columns = -(-height // cell), -(-width // cell)
    areas = np.zeros((len(subjects), rows, columns), np.float32)
    small, _ = _reduced(picture, _CUT_SIDE, 1)
    cut_out = sum(subject.kind == "object" for subject in subjects) <= CUT_OUT
    for subject, area in zip(subjects, areas, strict=True):
        area[:] = _averaged(_ellipse(subject, height, width), rows, columns)
        if subject.kind == "object" and cut_out:
            silhouette = _silhouette(small, subject, height / small.shape[0])
            if silhouette is not None:  # it may have missed a part, so the ellipse still counts
                area[:] = np.maximum(AROUND * area, _averaged(silhouette, rows, columns))
    return areas


def fuse(
    picture: Picture,
    activation: SemanticMap,
    subjects: Sequence[Subject],
    areas: NDArray[np.float32],
    without: Collection[str] = (),
) -> SemanticMap:
    """The map of a picture in which some subjects were found.

    activation: the class activation map. areas: from `find_areas`. without: see `analyse`. Returns
    a map with a value for every cell, or the class's map where nothing else counts; its `subjects`
    are all that were found, the class the last of them. Raises SemanticError for a subject in
    `without` that was not found.
    """
    height, width = picture.shape[:2]
    named = activation.chosen[0]
    everything = Subject("class", named.name, named.probability, (0, 0, width, height))
    *subjects, everything = _counted([*subjects, everything], without)
    if everything.counts and not any(subject.counts for subject in subjects):
        return replace(activation, subjects=(*subjects, everything))
    rows, columns = areas.shape[1:]
    importance = np.zeros((rows, columns), np.float32)
    if everything.counts:
        importance += np.float32(WEIGHTS["class"] / 255) * upsample_grey(
            activation.grey, rows, columns
        )
    for subject, area in zip(subjects, areas, strict=True):
        if subject.counts:
            importance = np.maximum(importance, WEIGHTS[subject.kind] * area)
    if not importance.any():  # everything was left out
        importance[:] = 1
    return replace(
        activation,
        grey=np.rint(255 * importance).astype(np.uint8),
        source="people",
        subjects=(*subjects, everything),
    )


def _counted(subjects: Sequence[Subject], without: Collection[str]) -> list[Subject]:
    """The subjects, those left out marked. Raises SemanticError for what is not among them."""
    names = subject_names(subjects)
    called = [
        {name.casefold(), each.label.casefold(), each.kind}
        for name, each in zip(names, subjects, strict=True)
    ]
    unwanted = {name.strip().casefold(): name for name in without}
    for key, name in unwanted.items():
        if not any(key in call for call in called):
            raise SemanticError(
                f"there is no {name!r} in this picture to leave out: found {', '.join(names)}"
            )
    return [
        replace(each, counts=call.isdisjoint(unwanted))
        for each, call in zip(subjects, called, strict=True)
    ]


def find_faces(picture: Picture) -> list[Subject]:
    """Faces, the surest first (CenterFace, Xu et al. 2019)."""
    boxes = []
    for side in _FACE_SIDES:
        if side != _FACE_SIDES[0] and max(picture.shape[:2]) <= side // 2:
            continue
        image, (down, across) = _reduced(picture, side, 32)
        heat, scale, offset = _run("centerface", image, ["heat", "scale", "offset"])
        for y, x in zip(*np.nonzero(heat[0] >= FACE_SCORE), strict=True):
            high, wide = 2 * np.exp(scale[:, y, x])  # half of each: 4 pixels per value
            middle = 4 * (y + offset[0, y, x] + 0.5), 4 * (x + offset[1, y, x] + 0.5)
            box = (middle[1] - wide, middle[0] - high, middle[1] + wide, middle[0] + high)
            boxes.append((float(heat[0, y, x]), _box(box, across, down, picture)))
    return [Subject("face", "face", score, box) for score, box in _apart(boxes, 0.3)]


def find_objects(picture: Picture) -> list[Subject]:
    """People, animals and things of COCO's 80 classes, the surest first (CenterNet, Zhou 2019)."""
    image, (down, across) = _reduced(picture, _OBJECT_SIDE, 32)
    heat, reach = _run("centernet", image, ["heat", "box"])
    names = _labels()
    high, wide = heat.shape[1:]
    padded = np.pad(heat, ((0, 0), (1, 1), (1, 1)))
    around = [padded[:, y : y + high, x : x + wide] for y in range(3) for x in range(3)]
    peaks = (heat >= OBJECT_SCORE) & (heat == np.maximum.reduce(around))
    found: dict[str, list[tuple[float, tuple[int, int, int, int]]]] = {}
    for c, y, x in zip(*np.nonzero(peaks), strict=True):
        left, top, right, bottom = reach[:, y, x]
        box = (4 * x - left, 4 * y - top, 4 * x + right, 4 * y + bottom)
        at = _box(box, across, down, picture)
        found.setdefault(names[c], []).append((float(heat[c, y, x]), at))
    result = [
        Subject("object", name, score, box)
        for name, boxes in found.items()
        for score, box in _apart(boxes, 0.5)
    ]
    return sorted(result, key=lambda subject: -subject.score)


def find_text(picture: Picture) -> list[Subject]:
    """Words that were read, not only detected: detection alone marks many patterns (PP-OCRv6)."""
    image, (down, across) = _reduced(picture, _TEXT_SIDE, 1)
    if min(image.shape[:2]) < 16:
        return []
    read = text_reader()(np.ascontiguousarray(image[..., ::-1]))
    if read.txts is None or read.scores is None or read.boxes is None:
        return []
    result = []
    for text, score, corners in zip(read.txts, read.scores, read.boxes, strict=True):
        if score >= TEXT_SCORE and sum(c.isalnum() for c in text) >= LETTERS:
            (left, top), (right, bottom) = corners.min(0), corners.max(0)
            box = _box((left, top, right, bottom), across, down, picture)
            result.append(Subject("text", text, float(score), box))
    return result


def _box(
    box: tuple[float, float, float, float], across: float, down: float, picture: Picture
) -> tuple[int, int, int, int]:
    """A box of the reduced picture in pixels of the whole one, inside it."""
    height, width = picture.shape[:2]
    left, right = (min(max(round(v * across), 0), width) for v in (box[0], box[2]))
    top, bottom = (min(max(round(v * down), 0), height) for v in (box[1], box[3]))
    return left, top, max(right, left + 1), max(bottom, top + 1)


def _apart(
    boxes: list[tuple[float, tuple[int, int, int, int]]], most: float
) -> list[tuple[float, tuple[int, int, int, int]]]:
    """The surest of boxes that overlap by more than `most` of their union."""
    result: list[tuple[float, tuple[int, int, int, int]]] = []
    for score, box in sorted(boxes, key=lambda each: -each[0]):
        if all(_overlap(box, other) <= most for _, other in result):
            result.append((score, box))
    return result


def _overlap(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> float:
    wide, high = (min(a[i + 2], b[i + 2]) - max(a[i], b[i]) for i in (0, 1))
    common = max(wide, 0) * max(high, 0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return common / (areas - common)


def _averaged(area: Picture, rows: int, columns: int) -> NDArray[np.float32]:
    """The share of every cell that an area, uint8 of 0 and 255, takes: float32 (rows, columns)."""
    image = Image.fromarray(area).resize((columns, rows), Image.Resampling.BOX)
    return np.asarray(image, np.float32) / np.float32(255)


def _ellipse(subject: Subject, height: int, width: int) -> Picture:
    """The ellipse in a subject's box (text: the box), 255 inside, on a picture of uint8 that is
    reduced to `_ELLIPSE_SIDE`."""
    scale = min(1.0, _ELLIPSE_SIDE / max(height, width))
    rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
    left, top, right, bottom = (scale * value for value in subject.box)
    y = (np.arange(rows)[:, None] + 0.5 - (top + bottom) / 2) / max((bottom - top) / 2, 0.5)
    x = (np.arange(columns) + 0.5 - (left + right) / 2) / max((right - left) / 2, 0.5)
    inside = np.maximum(abs(x), abs(y)) <= 1 if subject.kind == "text" else x * x + y * y <= 1.2
    return np.where(inside, 255, 0).astype(np.uint8)


def _silhouette(small: Picture, subject: Subject, factor: float) -> Picture | None:
    """What stands out inside a subject's box, uint8 255; None where that is hardly anything.

    GrabCut (Rother et al. 2004), from the box alone, on a picture reduced by a factor.
    """
    import cv2

    high, wide = small.shape[:2]
    left, top, right, bottom = (value / factor for value in subject.box)
    x, y = int(left), int(top)
    box = x, y, min(round(right), wide) - x, min(round(bottom), high) - y
    if min(box[2:]) < 4 or box[2] * box[3] > 0.95 * wide * high:
        return None
    mask = np.zeros((high, wide), np.uint8)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)
    try:
        cv2.grabCut(small, mask, box, *models, 3, cv2.GC_INIT_WITH_RECT)
    except cv2.error:  # too few colours to tell inside from outside
        return None
    inside = (mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)
    if inside.sum() < 0.15 * box[2] * box[3]:
        return None
    return np.where(inside, 255, 0).astype(np.uint8)


def _reduced(picture: Picture, side: int, multiple: int) -> tuple[Picture, tuple[float, float]]:
    """A picture with at most `side` pixels a side, both multiples of `multiple`, and how many of
    the whole picture's pixels one of its pixels has, down and across."""
    height, width = picture.shape[:2]
    scale = min(1.0, side / max(height, width))
    rows, columns = (
        max(multiple, round(value * scale / multiple) * multiple) for value in (height, width)
    )
    image = picture
    if (rows, columns) != (height, width):
        image = np.asarray(
            Image.fromarray(picture).resize((columns, rows), Image.Resampling.BILINEAR)
        )
    return np.ascontiguousarray(image), (height / rows, width / columns)


def _run(name: str, image: Picture, outputs: list[str]) -> list[NDArray[np.float32]]:
    """What a detector says of a picture, float32 (C, h, w) each."""
    batch = image.transpose(2, 0, 1)[None].astype(np.float32)
    return [answer[0] for answer in _session(name).run(outputs, {"images": batch})]


@cache
def _session(name: str) -> Any:
    """A detector's network. Raises SemanticError if it is missing or damaged."""
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise SemanticError(
            "maps of people need a package that is not installed: pip install onnxruntime, "
            "or ask for the classifier's map"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    path = FOLDER / f"{name}.onnx"
    try:
        return onnxruntime.InferenceSession(
            path.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
    except OSError as error:
        raise SemanticError(
            f"the detector {path} is missing: copy assets/detectors from the project, "
            "or ask for the classifier's map"
        ) from error
    except Exception as error:  # onnxruntime's own classes have no common base
        raise SemanticError(
            f"the detector {path} is damaged: copy it from the project again, "
            "or ask for the classifier's map"
        ) from error


@cache
def text_reader() -> Any:
    """RapidOCR's reader: BGR pixels -> `txts`, `scores`, `boxes`.

    Raises SemanticError if its package is missing.
    """
    try:
        from rapidocr import RapidOCR
    except ModuleNotFoundError as error:
        raise SemanticError(
            f"text is read by a package that is not installed ({error.name}): pip install "
            "rapidocr onnxruntime, or ask for a map without text"
        ) from error
    threads = "EngineConfig.onnxruntime"
    return RapidOCR(
        params={
            "Global.log_level": "error",
            "Global.use_cls": False,
            f"{threads}.intra_op_num_threads": 1,
            f"{threads}.inter_op_num_threads": 1,
        }
    )


@cache
def _labels() -> tuple[str, ...]:
    """COCO's 80 classes in the order of the network's channels."""
    return tuple((FOLDER / "coco.txt").read_text(encoding="utf-8").splitlines())
