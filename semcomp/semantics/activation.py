"""Where a picture means something: classifier -> class activation map -> small grey map.

::

             ┌ short side 224 ─ classifier ─► f (C,h,w), α ─┬─ scores P_c = Σ α_u^c·G(f_u) ─► top 5
    image ───┤                                              │                     │ choose c
             └ short side 320 ─ classifier ─► f (C,h',w') ──┴─ H_c = Σ α_u^c·f_u ◄┘
                                                                    │ mean of both, min-max
                                                                    ▼
                                                       grey uint8 (h',w'), ten rows or more

The paper (§3.1, eq. 1-3) trains a VGG16-like network; the default here is EfficientNet-Lite0 with
ImageNet weights, which works offline. Both sit behind `Classifier`
(`semcomp.semantics.classifiers`), and both know objects the size that they were trained at: shown
a large picture as it is, they name it wrongly. A map may also be painted (`user_map`) or say
nothing (`uniform_map`): `semcomp.semantics.maps`.

``python -m semcomp.semantics.activation --check DIR`` measures the classifier on labelled pictures.
EfficientNet-Lite0 on one picture per ImageNet class, halved in size (short side mostly 160-190):
top-1 82.8%, top-5 96.0%; shown as they are 80.0% and 94.1%.
"""

import argparse
import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from semcomp.errors import ImageError, SemanticError
from semcomp.picture_file import decode, open_picture_file

from .classifiers import (
    DEFAULT_CLASSIFIER,
    Classifier,
    EfficientNetLite0,
    Features,
    Vgg16Gap,
    load_classifier,
)
from .maps import (
    CELL,
    ClassScore,
    SemanticMap,
    area_means,
    stretch,
    uniform_map,
    upsample_grey,
    user_map,
)

__all__ = [
    "Accuracy",
    "ClassScore",
    "Classifier",
    "EfficientNetLite0",
    "Features",
    "SemanticError",
    "SemanticMap",
    "Vgg16Gap",
    "analyse",
    "analysis_size",
    "check_accuracy",
    "class_activation",
    "find_class",
    "load_classifier",
    "look",
    "map_activation",
    "scores",
    "to_grey",
    "uniform_map",
    "upsample_grey",
    "user_map",
]

SIDES = (224, 320)
"""Short sides, in pixels, in which a classifier is shown a picture. The first, in which it was
trained, names the classes; the map is the mean of both. On 41 held-out training pictures with
hand-drawn boxes around their subjects, this map ranks a pixel inside above one outside in 89.8% of
all pairs and holds 2.14 times the average importance inside; the map of the whole picture as it is,
which was used before, 88.3% and 2.00 (standard errors of the differences: 1.7% and 0.06). On 43
pictures of CID22 with the detectors' boxes in their place neither is better. In the same trial 224
alone had 89.0% and 2.06, 448 alone 83.3% and 1.88; 448 or the whole picture as a third size added
nothing."""
FINEST = 16
"""Pixels per map value, each way, at least: finer maps of small pictures would cost bytes only."""
MAX_SIDE = 2048
"""Longest side, in pixels, that a classifier is shown: panoramas are shown smaller."""


def analyse(
    image: NDArray[np.uint8],
    *,
    classifier: Classifier | None = None,
    class_name: str | None = None,
    blend: int = 1,
) -> SemanticMap:
    """Class activation map of a picture.

    image:       uint8 (H, W, 3) RGB, from 1×1 pixels; looked at in `analysis_size`.
    classifier:  default EfficientNet-Lite0.
    class_name:  whose map to show (see `find_class`); default: the most probable class.
    blend:       show the `blend` most probable classes together, each H_c weighted by its
                 probability: the map is of Σ_c R_c·H_c / Σ_c R_c.

    Returns a map of ten rows or columns, for EfficientNet-Lite, and as many columns or rows as the
    picture's shape asks for: 10 × 15 for 3:2; of a small picture one value per 16×16 pixels. Raises
    SemanticError for a wrong array, an unknown class, a `blend` out of range, or both a class and a
    blend.
    """
    classifier = load_classifier(DEFAULT_CLASSIFIER) if classifier is None else classifier
    names = classifier.class_names
    if not 1 <= blend <= len(names):
        raise SemanticError(f"blend is {blend}: choose from 1 to {len(names)} classes")
    if class_name is not None and blend > 1:
        raise SemanticError("give either a class or the number of classes to blend, not both")
    wanted = None if class_name is None else find_class(class_name, names)

    sights = look(image, classifier)
    probability = _softmax(scores(sights[0]))
    order = np.argsort(-probability, kind="stable")
    indices = [int(i) for i in order[:blend]] if wanted is None else [wanted]

    weights = probability[indices] / probability[indices].sum() if wanted is None else [1.0]
    activation = sum(
        (w * map_activation(sights, i) for w, i in zip(weights, indices, strict=True)),
        start=np.zeros(sights[-1].maps.shape[1:]),
    )
    rows, columns = (
        min(cells, -(-side // FINEST))
        for cells, side in zip(activation.shape, image.shape[:2], strict=True)
    )

    def score(index: int) -> ClassScore:
        return ClassScore(index, names[index], float(probability[index]))

    return SemanticMap(
        grey=to_grey(area_means(activation, rows, columns)),
        top=tuple(score(int(i)) for i in order[:5]),
        chosen=tuple(score(i) for i in indices),
        source=classifier.name,
    )


def look(image: NDArray[np.uint8], classifier: Classifier) -> tuple[Features, ...]:
    """What a classifier sees of a picture, uint8 (H, W, 3), in each of `SIDES`.

    Raises SemanticError for a wrong array.
    """
    return tuple(classifier.features(_prepare(image, side)) for side in SIDES)


def map_activation(sights: Sequence[Features], index: int) -> NDArray[np.float64]:
    """The mean of the maps of class `index` over what was seen, in the last one's resolution."""
    shape = sights[-1].maps.shape[1:]
    activations = [stretch(class_activation(seen, index), *shape) for seen in sights]
    mean: NDArray[np.float64] = np.mean(activations, axis=0)
    return mean


def scores(seen: Features) -> NDArray[np.float64]:
    """Scores P_c = Σ_u α_u^c·G(f_u) + bias_c before the softmax, float64 (classes,); eq. 1."""
    pooled = seen.maps.mean(axis=(1, 2), dtype=np.float64)
    result: NDArray[np.float64] = seen.alpha.astype(np.float64) @ pooled + seen.bias
    return result


def class_activation(seen: Features, index: int) -> NDArray[np.float64]:
    """Map H_c = Σ_u α_u^c·f_u of class `index`, float64 (h, w), of either sign; eq. 3.

    Its mean plus the class's bias is the class's score: the map says where the score comes from.
    """
    return np.tensordot(seen.alpha[index].astype(np.float64), seen.maps, axes=1)


def to_grey(activation: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Scale (h, w) from its minimum..maximum to uint8 0..255; a constant map becomes all 255.

    Nothing stands out in a constant map, so every part counts the same. Raises SemanticError if
    a value is not finite (a network whose training diverged).
    """
    if not np.isfinite(activation).all():
        raise SemanticError("the activation map is not finite: the classifier's weights are broken")
    low, high = float(activation.min()), float(activation.max())
    if high - low <= 1e-6 * max(abs(low), abs(high)):
        return np.full(activation.shape, 255, np.uint8)
    return np.rint((activation - low) * (255.0 / (high - low))).astype(np.uint8)


def find_class(query: str, names: Sequence[str]) -> int:
    """Index of the class meant by `query`: its name, a part of it that is unique, or its index.

    Case is ignored and "_" equals " ": "Tiger_Cat", "tiger cat" and "282" are the same class of
    ImageNet; "macaw" is enough where only one name contains it. Raises SemanticError with
    suggestions otherwise.
    """
    wanted = _fold(query)
    folded = [_fold(name) for name in names]
    if wanted in folded:
        return folded.index(wanted)
    if wanted.isdecimal():
        if int(wanted) < len(names):
            return int(wanted)
        raise SemanticError(f"no class {wanted}: indices go from 0 to {len(names) - 1}")
    partial = [i for i, name in enumerate(folded) if wanted and wanted in name]
    if len(partial) == 1:
        return partial[0]
    if partial:
        some = ", ".join(names[i] for i in partial[:8]) + (", ..." if len(partial) > 8 else "")
        raise SemanticError(f"{query!r} is part of {len(partial)} class names, choose one: {some}")
    close = difflib.get_close_matches(wanted, folded, n=5, cutoff=0.5)
    hint = ", ".join(names[folded.index(name)] for name in close)
    raise SemanticError(
        f"unknown class {query!r}; " + (f"did you mean: {hint}?" if hint else "nothing is similar")
    )


def analysis_size(height: int, width: int, side: int = SIDES[0]) -> tuple[int, int]:
    """Size (height, width) in which a classifier sees a picture: multiples of 32.

    The short side is `side`, the long one at most `MAX_SIDE`. Both are rounded to whole cells by
    stretching the picture, not by padding it, so that every map value covers the same share of the
    picture and no invented border adds to the scores.
    """
    scale = min(side / min(height, width), MAX_SIDE / max(height, width))
    rows, columns = (max(1, round(scale * length / CELL)) for length in (height, width))
    return rows * CELL, columns * CELL


class Accuracy(NamedTuple):
    """How many of `total` pictures had the right class first (`top1`), or among five (`top5`)."""

    top1: int
    top5: int
    total: int


def check_accuracy(folder: str | Path, *, classifier: Classifier | None = None) -> Accuracy:
    """Accuracy on pictures named "imagenet-SYNSET_NAME.*", one per class.

    Sorted by name they are in the order of the class indices; they are named as `analyse` names
    them. Raises SemanticError unless there is exactly one picture per class.
    """
    classifier = load_classifier(DEFAULT_CLASSIFIER) if classifier is None else classifier
    paths = sorted(Path(folder).glob("imagenet-*"))
    if len(paths) != len(classifier.class_names):
        raise SemanticError(
            f"{folder} has {len(paths)} pictures imagenet-*, but {classifier.name} knows "
            f"{len(classifier.class_names)} classes: one picture per class is needed"
        )
    top1 = top5 = 0
    for label, path in enumerate(paths):
        with open_picture_file(path) as file:
            decode(file)
            picture = np.asarray(file.convert("RGB"))
        seen = classifier.features(_prepare(picture, SIDES[0]))
        found = np.argsort(-scores(seen))[:5]
        top1 += int(found[0] == label)
        top5 += int(label in found)
    return Accuracy(top1, top5, len(paths))


def main(argv: Sequence[str] | None = None) -> int:
    """Command line of the check; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m semcomp.semantics.activation", description=main.__doc__
    )
    parser.add_argument("--check", metavar="DIR", required=True, help="pictures imagenet-*")
    parser.add_argument("--classifier", default=DEFAULT_CLASSIFIER, help="name or .safetensors")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args(argv)
    try:
        classifier = load_classifier(options.classifier, options.device)
        result = check_accuracy(options.check, classifier=classifier)
    except (SemanticError, ImageError) as error:
        parser.error(str(error))
    print(
        f"{classifier.name}: top-1 {result.top1 / result.total:.1%}, "
        f"top-5 {result.top5 / result.total:.1%} of {result.total} pictures"
    )
    return 0


def _prepare(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The picture in its `analysis_size`, uint8 (H, W, 3); checks what came in."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        raise SemanticError(
            f"a picture is uint8 RGB (height, width, 3), not {image.dtype} {image.shape}"
        )
    height, width = analysis_size(image.shape[0], image.shape[1], side)
    # Pillow's filters widen when they reduce, so large pictures do not alias
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))


def _softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(values - values.max())
    result: NDArray[np.float64] = powers / powers.sum()
    return result


def _fold(name: str) -> str:
    return name.strip().replace("_", " ").casefold()


if __name__ == "__main__":
    raise SystemExit(main())
