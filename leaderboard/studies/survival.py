"""Semantic survival: does a classifier still see the same in the decoded picture?

At equal bytes each codec's picture is shown to both classifiers: to EfficientNet-Lite0, which this
project's codec allocates by, and to EfficientNet-Lite2, which no codec has seen. What either says
of the original is taken for the truth; whether that is right does not matter here.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from leaderboard.run.measuring import CLASSIFIERS, Reference
from semcomp.semantics.activation import SemanticMap, analyse, load_classifier

from .base import Context, Panel, Study
from .equal_rates import NAMES, lines, means, out_of_reach, records

if TYPE_CHECKING:
    import pandas

RATES = (0.1, 0.2, 0.4)
"""Bits per pixel at which the codecs are compared: where classifiers begin to fail."""
_WHOSE = ("first", "second")
"""The classifiers' names in the columns."""
_COLUMNS = tuple(
    f"{what}, {whose}" for what in ("same class", "in the top 5", "probability") for whose in _WHOSE
)


def run(context: Context) -> Study:
    """Measure all pictures. Raises CodecError."""
    import pandas

    measured = context.each(measure)
    rows = pandas.DataFrame.from_records([row for rows, _ in measured for row in rows])
    table = means(rows, _COLUMNS)
    originals = np.mean([sure for _, sure in measured], axis=0)
    chance = 1.96 * 0.5 / len(measured) ** 0.5
    notes = [
        f"Shares of {len(measured)} pictures at equal bytes whose most probable class is still the "
        f"original's, so one picture is {1 / len(measured):.1%}; then the shares where it is among "
        "the five most probable, and its mean probability. Where the two files around the size "
        "disagree, the picture counts in part.",
        f"The classifiers: first {CLASSIFIERS[0]}, whose map the codec allocates by, second "
        f"{CLASSIFIERS[1]}. Of the originals their mean probability is {originals[0]:.3f} and "
        f"{originals[1]:.3f}.",
        f"Chance is large: the 95% interval of one half reaches {chance:.0%} to either side.",
        *_verdicts(table),
    ]
    panels = [
        _panel(table, f"Same class, {name} classifier", f"same class, {name}") for name in _WHOSE
    ]
    return Study.of_panels("survival", "Semantic survival", table, panels, notes, {"bpp": 2})


def measure(name: str, image: NDArray[np.uint8]) -> tuple[list[dict[str, Any]], tuple[float, ...]]:
    """One record per codec and rate of a picture, and how sure the classifiers are of it."""
    original = [analyse(image, classifier=load_classifier(each)) for each in CLASSIFIERS]
    # The pixels alone count here, so no weights.
    pixels = Reference(image, ())
    rows = records(name, pixels, NAMES, RATES, partial(survival, original))
    return rows, tuple(each.top[0].probability for each in original)


def survival(original: Sequence[SemanticMap], decoded: NDArray[np.uint8]) -> dict[str, float]:
    """What `CLASSIFIERS` still see of what they saw: 0 or 1, 0 or 1, and a probability of each.

    original: their maps of the original. decoded: uint8 (H, W, 3).
    """
    scores = {}
    for name, whose, before in zip(CLASSIFIERS, _WHOSE, original, strict=True):
        truth = before.top[0].index
        now = analyse(decoded, classifier=load_classifier(name), class_name=str(truth))
        scores[f"same class, {whose}"] = float(now.top[0].index == truth)
        scores[f"in the top 5, {whose}"] = float(truth in [each.index for each in now.top])
        scores[f"probability, {whose}"] = now.chosen[0].probability
    return {column: scores[column] for column in _COLUMNS}


def _verdicts(table: pandas.DataFrame) -> list[str]:
    notes = []
    for rate, own in table.groupby("bpp"):
        known = own.dropna(subset=list(_COLUMNS))
        column = f"same class, {_WHOSE[1]}"
        ordered = known.sort_values(column, ascending=False, kind="stable")
        shares = ", ".join(f"{row['codec']} {row[column]:.0%}" for _, row in ordered.iterrows())
        notes.append(f"At {rate:g} bpp the second classifier stays with its class in: {shares}.")
        notes += out_of_reach(rate, own, known)
    return notes


def _panel(table: pandas.DataFrame, title: str, column: str) -> Panel:
    """A line per codec over the rate."""
    percent = table.assign(percent=100 * table[column])
    return Panel(title, "bits per pixel", "pictures [%]", lines(percent, "bpp", "percent", 1.5))
