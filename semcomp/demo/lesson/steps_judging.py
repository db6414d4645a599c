"""Step 7: two files of the same size, what the scores say of them, and what they hide."""

import math
from html import escape

import numpy as np

from semcomp.allocation.distortion import block_means
from semcomp.demo.shared.words import percent
from semcomp.geometry import BLOCK
from semcomp.image import data_url
from semcomp.metrics import ssim_map

from . import pictures
from .book import Book, Frame, Step, table
from .charts import Axis, Line, lines
from .pictures import over, photo
from .study import SECOND_CLASSIFIER, PictureStudy, Score, Version

WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""How much importance counts, from SSIM (0) to SI-SSIM (1)."""


def judging(study: PictureStudy, more: str = "") -> Step:
    """Step 7: SSIM against SI-SSIM. more: HTML that follows the step, such as the gallery."""
    same, ours = study.uniform, study.matched
    first, second = study.score(same.decoded), study.score(ours.decoded)
    listed = _scores(same, ours, first, second)
    frames = [
        Frame(
            "original",
            photo(study.size, "The original picture", study.picture),
            listed,
            "The original. Next: two files of it, equally large.",
        )
    ]
    for version, score in ((same, first), (ours, second)):
        frames.append(
            Frame(
                version.name.lower(),
                photo(study.size, f"{version.name}, decoded", version.decoded),
                listed,
                f"<b>{version.name}: {len(version.data):,} bytes.</b> Shown this, the classifier "
                f"says {escape(score.saw)} ({percent(score.probability)}).",
                key=True,
            )
        )
    frames += _weighed(study, first, second)
    fair = second.si_ssim_2 - first.si_ssim_2
    own = second.si_ssim - first.si_ssim
    return Step(
        7,
        "Two files of the same size: see who wins when every place counts the same, and who wins "
        "when importance counts.",
        Book(
            "Look at both, then let importance count more and more",
            tuple(frames),
            start=2,
            base=data_url(pictures.grey(study.picture)),
        ),
        (
            r"\text{SSIM}(x,y) = \frac{(2 \mu_x \mu_y + c_1)(2 \sigma_{xy} + c_2)}"
            r"{(\mu_x^2 + \mu_y^2 + c_1)(\sigma_x^2 + \sigma_y^2 + c_2)}",
            r"\text{SI-SSIM} = \frac{\sum_i g_i \cdot \text{SSIM}_i}{\sum_i g_i}",
        ),
        "μ is the mean around a pixel, σ² the variance, σ<sub>xy</sub> what the two pictures' "
        "variations have in common; 1 means the same. g is the map's grey value at pixel i. "
        "MS-SSIM repeats SSIM on smaller and smaller copies of the picture.",
        "SI-SSIM uses the very map that steered the bytes. Is that fair?",
        "Not quite: the method marks its own homework. So ask a second classifier for its map "
        f"({SECOND_CLASSIFIER}, which says {escape(study.second_map.top[0].name)}). Under the "
        f"method's own map, sharing by importance {_gains(own)}; under the other map it "
        f"{_gains(fair)}. And no map knows what <i>you</i> want to see: the gallery below shows "
        "where it fails.",
        more,
    )


def _weighed(study: PictureStudy, first: Score, second: Score) -> list[Frame]:
    """Where the two files differ, block by block, as importance counts more and more."""
    same, ours = (ssim_map(study.picture, each.decoded) for each in (study.uniform, study.matched))
    change = ours - same
    height, width = study.size
    rows, columns = -(-height // BLOCK), -(-width // BLOCK)
    edges = ((0, rows * BLOCK - height), (0, columns * BLOCK - width))
    weight = study.weight / max(float(study.weight.mean()), 1e-9)
    padded_change, padded_weight = (np.pad(a, edges, mode="edge") for a in (change, weight))
    most = float(np.quantile(np.abs(change), 0.98)) or 1e-6
    ends = [(first.ssim, first.si_ssim), (second.ssim, second.si_ssim)]
    values = [value for pair in ends for value in pair]
    low, high = math.floor(20 * min(values)) / 20, math.ceil(20 * max(values)) / 20
    if high - low < 0.05:
        high = low + 0.05
    x = Axis(0, 1, "how much importance counts", ((0, "0"), (0.5, "50%"), (1, "100%")))
    steps = np.linspace(low, high, 3)
    y = Axis(low, high, "score", tuple((float(v), f"{v:.3f}".rstrip("0")) for v in steps))
    colours = ("var(--soft)", "var(--cool)")
    drawn = [Line(((0.0, a), (1.0, b)), c) for (a, b), c in zip(ends, colours, strict=True)]
    frames = []
    for part in WEIGHTS:
        scores = [(1 - part) * a + part * b for a, b in ends]
        shares = (1 - part) + part * padded_weight
        changes = pictures.differences(block_means(padded_change * shares), most)
        marks = [(part, s, c) for s, c in zip(scores, colours, strict=True)]
        chart = lines("Scores of the two files", drawn, x, y, marks=marks, height=130)
        names = ("same for all", "by importance")
        winner = names[int(scores[1] > scores[0])]
        name = {0.0: "This is SSIM. ", 1.0: "This is SI-SSIM. "}.get(part, "")
        frames.append(
            Frame(
                f"importance {part:.0%}",
                over(
                    (rows * BLOCK, columns * BLOCK),
                    "Teal where sharing by importance is better, orange where it is worse",
                    changes,
                    "sharp",
                ),
                '<p class="name">Grey line: same for all. Coloured line: by importance.</p>'
                + chart,
                f"{name}Same for all {scores[0]:.4f}, by importance {scores[1]:.4f}: "
                f"<b>{winner}</b> wins. Teal: by importance is better there; orange: worse.",
                key=part in (0.0, 1.0),
            )
        )
    return frames


def _scores(same: Version, ours: Version, first: Score, second: Score) -> str:
    """All scores of the two files side by side."""

    def multi(score: Score) -> str:
        return "n/a" if score.ms_ssim is None else f"{score.ms_ssim:.4f}"

    def decibels(score: Score) -> str:
        return f"{score.psnr:.2f} dB" if math.isfinite(score.psnr) else "∞"

    return table(
        ("", same.name.lower(), ours.name.lower()),
        [
            ("bytes", f"{len(same.data):,}", f"{len(ours.data):,}"),
            ("PSNR", decibels(first), decibels(second)),
            ("MS-SSIM", multi(first), multi(second)),
            ("SSIM", f"{first.ssim:.4f}", f"{second.ssim:.4f}"),
            ("SI-SSIM", f"{first.si_ssim:.4f}", f"{second.si_ssim:.4f}"),
            ("SI-SSIM, other map", f"{first.si_ssim_2:.4f}", f"{second.si_ssim_2:.4f}"),
        ],
        "Higher is better; the most for SSIM is 1.",
    )


def _gains(difference: float) -> str:
    """What a difference of scores means, as a verb."""
    if abs(difference) < 0.00005:
        return "changes nothing"
    return f"{'gains' if difference > 0 else 'loses'} {abs(difference):.4f}"
