"""The audit of the maps: does the ranking hold under a map that no codec has seen?

SI-SSIM is weighted by the map of EfficientNet-Lite0, which this project's codec allocates by. Here
all codecs are compared at equal bytes under EfficientNet-Lite2's map too, and inside and outside
the region that the second map calls important.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from leaderboard.run.measuring import CLASSIFIERS, TOP, Reference, reference
from semcomp.metrics import ssim_map, weighted_mean

from .base import Context, Panel, Study
from .equal_rates import NAMES, lines, means, out_of_reach, records

if TYPE_CHECKING:
    import pandas

RATES = (0.25, 0.5)
"""Bits per pixel at which the codecs are compared."""
_RANGE = f"{min(RATES):g} to {max(RATES):g} bpp"
_COLUMNS = ("SI-SSIM, first map", "SI-SSIM, second map", "SSIM inside", "SSIM outside")


def run(context: Context) -> Study:
    """Measure all pictures. Raises CodecError."""
    import pandas

    measured = context.each(measure)
    rows = pandas.DataFrame.from_records([row for rows, _ in measured for row in rows])
    agreements = [agreement for _, agreement in measured]
    table = means(rows, _COLUMNS)
    for column in _COLUMNS:
        places = table.groupby("bpp")[column].rank(ascending=False, method="min")
        table[f"rank, {column}"] = ["" if np.isnan(p) else f"{p:.0f}" for p in places]
    count = rows["image"].nunique()
    shared, correlation = np.mean(agreements, axis=0)
    panels = [_maps_panel(table), _regions_panel(table)]
    notes = [
        f"Means over {count} pictures at equal bytes, scores taken between the two files around "
        "the size.",
        f"The maps of {' and '.join(CLASSIFIERS)}: of the most important fifth of the pixels they "
        f"share {shared:.0%} (a fifth by chance), their rank correlation is {correlation:.2f}.",
        *_verdicts(table),
    ]
    return Study.of_panels(
        "maps",
        "The audit of the maps",
        table,
        panels,
        notes,
        {"bpp": 2},
    )


def measure(
    name: str, image: NDArray[np.uint8]
) -> tuple[list[dict[str, Any]], tuple[float, float]]:
    """One record per codec and rate of a picture, and how far its two maps agree."""
    original = reference(image)
    rows = records(name, original, NAMES, RATES, partial(_scores, original))
    return rows, _agreement(original)


def _important(original: Reference) -> NDArray[np.bool_]:
    """The most important pixels under the second map, (H, W)."""
    weights = original.weights[1]
    return weights > np.quantile(weights, 1 - TOP)


def _scores(original: Reference, decoded: NDArray[np.uint8]) -> dict[str, float]:
    similarity = ssim_map(original.image, decoded)
    inside = _important(original)
    values = (
        *(weighted_mean(similarity, weight) for weight in original.weights),
        # A constant map has no inside.
        float(similarity[inside].mean()) if inside.any() else np.nan,
        float(similarity[~inside].mean()),
    )
    return dict(zip(_COLUMNS, values, strict=True))


def _agreement(original: Reference) -> tuple[float, float]:
    """(share of the first map's most important fifth that is the second's too, Spearman's rank
    correlation) of the two maps over the pixels."""
    from scipy import stats

    first, second = original.weights
    tops = [weights > np.quantile(weights, 1 - TOP) for weights in (first, second)]
    shared = (tops[0] & tops[1]).sum() / max(1, tops[0].sum())
    # Every eighth pixel: the maps are smooth, and ranks of all of them take long.
    correlation = stats.spearmanr(first[::8, ::8].ravel(), second[::8, ::8].ravel()).statistic
    return float(shared), float(correlation)


def _verdicts(table: pandas.DataFrame) -> list[str]:
    notes = []
    for rate, own in table.groupby("bpp"):
        known = own.dropna(subset=list(_COLUMNS))
        orders = [
            " > ".join(known.sort_values(column, ascending=False)["codec"])
            for column in _COLUMNS[:2]
        ]
        if orders[0] == orders[1]:
            notes.append(f"At {rate:g} bpp both maps rank alike: {orders[0]}.")
        else:
            notes.append(
                f"At {rate:g} bpp the first map ranks {orders[0]}, the second {orders[1]}."
            )
        notes += out_of_reach(rate, own, known)
    return notes


def _maps_panel(table: pandas.DataFrame) -> Panel:
    first, second = _COLUMNS[:2]
    difference = table[second] - table[first]
    return Panel(
        f"SI-SSIM under both maps, {_RANGE}",
        "SI-SSIM, first map (the codec's own)",
        "second map minus first",
        lines(table.assign(difference=difference), first, "difference"),
    )


def _regions_panel(table: pandas.DataFrame) -> Panel:
    return Panel(
        f"Important fifth (second map), {_RANGE}",
        "SSIM outside",
        "SSIM inside",
        lines(table, _COLUMNS[3], _COLUMNS[2]),
        identity=True,
    )
