"""Steps 5 and 6: what one iteration adds, where the bytes went."""

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from semcomp.draw import LEVEL
from semcomp.image import data_url
from semcomp.metrics import psnr

from . import pictures
from .book import Book, Frame, Step, plural
from .charts import Axis, Bar, Line, columns, lines, stacked
from .pictures import layer, over, photo, stage
from .study import LATEST, PictureStudy

STOPS = (1, 2, 3, 4, 5, 6, 8, 10, 12)
"""Iterations that step 5 shows."""


def iterations(study: PictureStudy) -> Step:
    """Step 5: one iteration's bits, the picture after it, what is still missing.

    It shows the paper's own network, beside the curve of the codec of the other steps.
    """
    history = study.history
    decibels, quick = (
        [psnr(study.picture, decoded) for decoded in each]
        for each in (history, study.quick_history)
    )
    sizes = [len(chunk) for chunk in study.chunks]
    codes = study.recurrent.codes(LATEST)
    each = int(study.recurrent.model.tables.ends[1])  # bits of a block, in each iteration
    plain = study.blocks * each // 8
    finite = [value for value in decibels + quick if math.isfinite(value)] or [0.0]
    x = Axis(1, LATEST, "iterations", tuple((float(k), str(k)) for k in (1, 4, 8, 12)))
    low, high = math.floor(min(finite)), math.ceil(max(finite))
    step = max(1, round((high - low) / 4))
    y = Axis(low, high, "PSNR (dB)", tuple((float(v), str(v)) for v in range(low, high + 1, step)))
    curves = [
        Line(tuple((float(k), min(d, high)) for k, d in enumerate(values, 1)), colour, dash=dash)
        for values, colour, dash in ((quick, "var(--soft)", "4 3"), (decibels, "var(--cool)", ""))
    ]
    frames = []
    for k in STOPS:
        decoded = history[k - 1]
        bits = data_url(pictures.bit_planes(codes[k - 1][:each]))
        missing = data_url(pictures.residual(study.picture, decoded))
        rows, wide = study.shape
        side = (
            '<div class="small"><div>'
            + stage(
                (2 * (rows + 2), 4 * (wide + 2)), f"The bits of iteration {k}", layer(bits, "sharp")
            )
            + f'<p class="name">The {each} bits of every block</p></div><div>'
            + stage(study.size, f"What is missing after iteration {k}", layer(missing))
            + '<p class="name">Still missing, 4 × enlarged</p></div></div>'
        )
        chart = lines(
            "PSNR after every iteration",
            curves,
            x,
            y,
            marks=[(float(k), min(decibels[k - 1], high), "var(--warm)")],
            height=100,
        )
        quality = f"{decibels[k - 1]:.1f} dB" if math.isfinite(decibels[k - 1]) else "identical"
        frames.append(
            Frame(
                f"{plural(k, 'iteration')}",
                photo(study.size, f"The picture after {plural(k, 'iteration')}", decoded),
                side + chart,
                f"Iteration {k} sent {plural(plain, 'byte')} of bits in "
                f"<b>{plural(sizes[k - 1], 'byte')}</b>. The picture is now at {quality}; "
                "the dashed curve is the codec of the other steps.",
                key=k in (1, 4, 12),
            )
        )
    gain = [decibels[b - 1] - decibels[a - 1] for a, b in ((1, 4), (8, 12))]
    share = sum(sizes[:8]) / (8 * plain)
    return Step(
        5,
        "Turn the iterations up: the picture gets sharper, and what is missing gets fainter.",
        Book("Iterations, the same for every block", tuple(frames), start=3),
        (
            r"b_k = B(E_k(r_{k-1}))",
            r"\hat{x}_k = D_k(b_k)",
            r"r_k = x - \hat{x}_k",
        ),
        "x is the picture, r what is missing, b the bits; E encodes, B makes bits, D decodes. Here "
        "E and D are the paper's own networks, which remember earlier iterations; this project "
        "trained them at a quarter of the paper's width, and far shorter. The dashed curve is the "
        "codec of the other steps: a fixed transform for E, each bit of which says in which part "
        "of an interval a coefficient of the block lies, and one network for D, which makes the "
        "picture of all that was sent. PSNR is 10·log<sub>10</sub>(255² / mean squared error).",
        f"Each iteration has {plural(each * study.blocks, 'bit')}. Why does the file not need as "
        "many?",
        f"Bits that can be guessed cost less than one bit. The first 8 iterations took "
        f"{share:.0%} of their plain size. And the gain fades: iterations 2 to 4 brought "
        f"{gain[0]:.1f} dB, 9 to 12 {gain[1]:.1f} dB.",
    )


def spent(study: PictureStudy) -> Step:
    """Step 6: header, map, codes and checks; which blocks the bits went to."""
    height, width = study.size
    rows, wide = study.inside
    total = len(study.semantic.data)
    cuts = study.cut_sizes
    count = len(cuts) - 1
    spent_bits = np.concatenate([np.zeros((1, *study.shape)), np.cumsum(study.cost, 0)])
    top = float(np.quantile(spent_bits[-1], 0.995)) or 1.0
    chunk = [b.codes + b.checks - a.codes - a.checks for a, b in pairwise(cuts)]
    stops = [k for k in (0, 1, 2, 4, 6, 8, 12, 16, 20) if k < count] + [count]
    scale = pictures.scale_bar(LEVEL, "0 bits", f"{top:.0f} bits in a block")
    frames = []
    for k in stops:
        size = cuts[k]
        now = size.header + size.map + size.codes + size.checks
        parts = [
            Bar("header", size.header, f"{size.header:,}", "var(--ink)"),
            Bar("map", size.map, f"{size.map:,}", "var(--warm)"),
            Bar("codes", size.codes, f"{size.codes:,}"),
            Bar("checks", size.checks, f"{size.checks:,}", "var(--soft)"),
        ]
        chart = stacked(f"Bytes after {k} iterations", parts, total)
        per = columns(
            "Bytes of every iteration",
            chunk,
            title="bytes of each iteration",
            ticks=[(0, "1"), (count - 1, str(count))] if count > 1 else [(0, "1")],
            faint=[i >= k for i in range(count)],
            height=70,
        )
        grid = pictures.heat(spent_bits[k][:rows, :wide], 0, top, LEVEL)
        frames.append(
            Frame(
                "header and map" if k == 0 else f"{plural(k, 'iteration')}",
                over((8 * rows, 8 * wide), f"Bits spent on every block after {k} iterations", grid),
                chart + scale + per,
                f"<b>{now:,} bytes</b> so far"
                + (
                    ": the picture's size and the map of what matters, not one pixel yet."
                    if k == 0
                    else f", {8 * now / (height * width):.3f} bits per pixel. A file cut here is "
                    "a whole, coarser picture."
                    if k < count
                    else f", {8 * now / (height * width):.3f} bits per pixel: the whole file."
                ),
                key=k in (0, 4, count),
            )
        )
    last = cuts[-1]
    cheap, dear, same, many = _same_level(study, spent_bits[-1])
    return Step(
        6,
        "Let the file grow and see where its bytes go.",
        Book(
            "Iterations in the file",
            tuple(frames),
            start=len(frames) - 1,
            base=data_url(pictures.grey(study.picture)),
        ),
        (
            r"\text{file} = \text{header} + \text{map} + \sum_k \text{codes}_k + \text{checks}",
            r"\text{cost of a bit} = -\log_2 p",
        ),
        f"p is the probability that the decoder gives the bit before it reads it: a bit it "
        f"expects with p = 0.9 costs {-math.log2(0.9):.2f} bits, a surprise of p = 0.1 costs "
        f"{-math.log2(0.1):.2f}. The map takes {last.map / total:.1%} of this file.",
        "Two blocks have the same level. Do they cost the same?",
        f"No. Of the {many:,} blocks at level {same} the cheapest took {cheap:.0f} bits and the "
        f"dearest {dear:.0f}. Smooth blocks are easy to guess. Levels are what the algorithm hands "
        "out, bits are what the file pays.",
    )


def _same_level(study: PictureStudy, bits: NDArray[np.float64]) -> tuple[float, float, int, int]:
    """The level most blocks have: its cheapest and dearest cost in bits, the level, how many."""
    levels = study.semantic.plan.levels
    common = int(np.argmax(np.bincount(levels.ravel())))
    costs = bits[levels == common]
    return float(costs.min()), float(costs.max()), common, int(costs.size)
