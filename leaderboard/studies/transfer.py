"""What the map is worth in ordinary files: every format with it and without, by one writer.

The formats are those of `semcomp.formats`; the map is the paper's, at focus 1. At equal bytes the
important fifth of the pixels gains what the rest loses, so each is measured by itself.
"""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn

from leaderboard.analysis.bdrate import bd_rate, interval
from leaderboard.analysis.curves import NoCurve, on_log_scale, score_at
from leaderboard.analysis.look import look_of
from leaderboard.run.measuring import Reference, reference
from leaderboard.run.provenance import code_digest
from semcomp.formats import registry
from semcomp.formats.registry import WRITERS, read, write
from semcomp.metrics import ssim_map, weighted_mean
from semcomp.semantics.activation import analyse

from .base import Context, Panel, Series, Study

if TYPE_CHECKING:
    import pandas

QUALITIES = {
    "jpeg": (8, 20, 40, 65, 85),
    "avif": (18, 34, 50, 66, 82),
    "heic": (20, 29, 38, 47, 56),
    "webp": (8, 20, 32, 42, 52),
    "bpg": (12, 17, 22, 27, 32),
}
"""About 0.1 to 2 bits per pixel, on each writer's own scale."""
MEASURES = {
    "si_ssim": "SI-SSIM",
    "si_ssim_2": "SI-SSIM (second map)",
    "ssim": "SSIM",
    "inside": "PSNR, important fifth",
    "outside": "PSNR, all else",
}
CAUSES = {
    "held": "the important fifth's share of the map",
    "detail": "the share of the detail that lies outside",
}
"""What may say in which pictures a map is worth much; both 0..1."""
_FINE = 16.0
"""A quantizer's step of medium quality, by which the detail of a block is counted."""


def run(context: Context) -> Study:
    """Measure all pictures. Raises FormatError."""
    import pandas

    writers = code_digest(Path(registry.__file__))
    key = {
        "codec": "transfer",
        "writers": writers,
        "qualities": {name: list(own) for name, own in QUALITIES.items()},
        "scores": [*MEASURES, *CAUSES],
    }
    measured = context.each(measure, key=key)
    points = pandas.DataFrame.from_records(list(chain(*(each["rows"] for each in measured))))
    causes = pandas.DataFrame.from_records(
        [{"image": each["rows"][0]["image"], **each["causes"]} for each in measured]
    ).set_index("image")
    effects = pandas.DataFrame.from_records(
        [_effect(key, own) for key, own in points.groupby(["format", "image"], sort=False)]
    )
    table = pandas.DataFrame.from_records(
        [
            _summary(name, measure, own)
            for name, own in effects.groupby("format", sort=False)
            for measure in MEASURES
        ]
    )
    notes = [
        f"Over {len(causes)} pictures, each writer with the paper's map against the same writer "
        "without one; 95% intervals over the pictures. Gains are at equal bytes.",
        *(_verdict(name, table) for name in QUALITIES),
        *_why(effects, causes),
    ]
    panels = [_gains_panel(effects), _held_panel(effects, causes)]
    digits = {column: 1 if "BD" in column else 2 for column in table.columns[2:]}
    return Study.of_panels(
        "transfer", "The map in files that open everywhere", table, panels, notes, digits
    )


def measure(name: str, image: NDArray[np.uint8]) -> dict[str, Any]:
    """rows: one record per format, quality, and with and without the map. causes: `CAUSES`."""
    original = reference(image)
    grey = analyse(image).grey
    inside = np.zeros(image.shape[0] * image.shape[1], bool)
    inside[original.tops[0]] = True
    inside = inside.reshape(image.shape[:2])
    rows = []
    for format_, qualities in QUALITIES.items():
        for led in (False, True):
            for quality in qualities:
                data = write(WRITERS[format_], image, quality, grey if led else None)
                rate = 8 * len(data) / (image.shape[0] * image.shape[1])
                key = {"format": format_, "image": name, "led": led, "bpp": rate}
                rows.append(key | _scores(original, inside, read(data)))
    return {"rows": rows, "causes": _causes(original, inside)}


def _causes(original: Reference, inside: NDArray[np.bool_]) -> dict[str, float]:
    """`CAUSES` by name."""
    weights = original.weights[0].astype(float)
    held = float(weights[inside].sum() / max(weights.sum(), 1.0))
    return {"held": held, "detail": _detail_outside(original.image, inside)}


def _scores(
    original: Reference, inside: NDArray[np.bool_], decoded: NDArray[np.uint8]
) -> dict[str, float]:
    """`MEASURES` in dB."""
    similarity = ssim_map(original.image, decoded)
    error = np.square(original.image.astype(np.float32) - decoded).mean(2)
    first, second = (weighted_mean(similarity, weights) for weights in original.weights)
    ssims = {"si_ssim": first, "si_ssim_2": second, "ssim": float(similarity.mean())}
    peaks = {"inside": error[inside].mean(), "outside": error[~inside].mean()}
    return {name: float(on_log_scale(name, score)) for name, score in ssims.items()} | {
        name: float(10 * np.log10(255**2 / each)) for name, each in peaks.items()
    }


def _detail_outside(image: NDArray[np.uint8], inside: NDArray[np.bool_]) -> float:
    """The share of about the bits that blocks of 8×8 outside take at one quality for all."""
    rows, columns = (side // 8 for side in inside.shape)
    grey = image[: 8 * rows, : 8 * columns].mean(2)
    blocks = grey.reshape(rows, 8, columns, 8).swapaxes(1, 2)
    coefficients = dctn(blocks, axes=(2, 3), norm="ortho")
    coefficients[..., 0, 0] = 0
    bits = np.log2(1 + np.abs(coefficients) / _FINE).sum((2, 3))
    own = inside[: 8 * rows, : 8 * columns].reshape(rows, 8, columns, 8).mean((1, 3))
    return float((bits * (1 - own)).sum() / max(bits.sum(), 1e-9))


def _effect(key: tuple[str, str], own: pandas.DataFrame) -> dict[str, Any]:
    """A picture in a format: BD-rates in per cent, and gains in dB at equal bytes (`+`)."""
    plain, led = own[~own["led"]], own[own["led"]]
    rates = [each["bpp"].to_numpy(float) for each in (plain, led)]
    low, high = max(r.min() for r in rates), min(r.max() for r in rates)
    at = np.geomspace(low, high, 33)[1:-1]
    effect: dict[str, Any] = {"format": key[0], "image": key[1]}
    for name in MEASURES:
        scores = [each[name].to_numpy(float) for each in (plain, led)]
        try:
            effect[name] = bd_rate(rates[0], scores[0], rates[1], scores[1]).percent
        except NoCurve:
            effect[name] = np.nan
        before, after = (score_at(r, s, at) for r, s in zip(rates, scores, strict=True))
        effect[f"{name}+"] = float(np.nanmean(after - before))
    return effect


def _summary(name: str, measure: str, own: pandas.DataFrame) -> dict[str, Any]:
    """A row of the table: means over the pictures and their intervals."""
    # BD-rates are averaged over log rates, as everywhere.
    logs = np.log1p(own[measure].to_numpy(float) / 100)
    gains = own[f"{measure}+"].to_numpy(float)
    rate, low, high = 100 * np.expm1(_mean(logs))
    gain, least, most = _mean(gains)
    return {
        "format": name,
        "measure": MEASURES[measure],
        "BD-rate [%]": rate,
        "BD-rate, low": low,
        "BD-rate, high": high,
        "gain [dB]": gain,
        "gain, low": least,
        "gain, high": most,
    }


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean and the ends of its interval, which a single picture has not."""
    return np.array([values.mean(), *interval(values)], float)


def _verdict(name: str, table: pandas.DataFrame) -> str:
    own = table[table["format"] == name].set_index("measure")
    rate, gain = own["BD-rate [%]"], own["gain [dB]"]
    return (
        f"{WRITERS[name].label}: {gain[MEASURES['inside']]:+.2f} dB in the important fifth, "
        f"{gain[MEASURES['outside']]:+.2f} dB elsewhere; at equal SI-SSIM "
        f"{rate[MEASURES['si_ssim']]:+.1f}% bytes, by the second map "
        f"{rate[MEASURES['si_ssim_2']]:+.1f}%."
    )


def _why(effects: pandas.DataFrame, causes: pandas.DataFrame) -> list[str]:
    """Where the map is worth nothing, and what goes with it."""
    means = effects.groupby("image")["si_ssim"].mean().sort_values()
    causes = causes.loc[means.index]
    notes = []
    if len(means) > 2:
        ranks = means.rank()
        found = [f"{ranks.corr(causes[key].rank()):+.2f} with {CAUSES[key]}" for key in CAUSES]
        notes.append(f"Rank correlation of the bytes at equal SI-SSIM: {', '.join(found)}.")
    ends = means if len(means) <= 6 else means.iloc[[0, 1, 2, -3, -2, -1]]
    named = [f"{i} ({v:+.1f}%, map {causes['held'][i]:.0%})" for i, v in ends.items()]
    notes.append(
        f"Mean over the formats, from most saved to least, and {CAUSES['held']} (a flat one's is "
        f"20%): {', '.join(named)}."
    )
    worthless = effects[effects["si_ssim"] >= 0].groupby("format", sort=False)["image"].agg(list)
    for name, images in worthless.items():
        some = ", ".join(images[:6]) + (" and more" if len(images) > 6 else "")
        notes.append(f"{WRITERS[str(name)].label} saves nothing in {len(images)}: {some}.")
    return notes


def _gains_panel(effects: pandas.DataFrame) -> Panel:
    """dB inside against dB outside, a point for every picture."""
    series = [
        _cloud(str(name), own["outside+"].tolist(), own["inside+"].tolist())
        for name, own in effects.groupby("format", sort=False)
    ]
    return Panel("At equal bytes", "all else [dB]", "important fifth [dB]", series)


def _held_panel(effects: pandas.DataFrame, causes: pandas.DataFrame) -> Panel:
    """Bytes at equal SI-SSIM against how much of the map its important fifth holds."""
    series = []
    for name, own in effects.groupby("format", sort=False):
        held = 100 * causes["held"].loc[own["image"]]
        series.append(_cloud(str(name), held.tolist(), own["si_ssim"].tolist()))
    return Panel(
        "A flat map is worth little",
        "the important fifth's share of the map [%]",
        "bytes at equal SI-SSIM [%]",
        series,
    )


def _cloud(name: str, x: list[float], y: list[float]) -> Series:
    look = look_of(f"{name}-semantic")
    return Series(WRITERS[name].label, x, y, look.colour, "markers", symbol=look_of(name).symbol)
