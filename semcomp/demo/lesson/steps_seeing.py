"""Steps 1 to 3: what a picture costs, what the classifier looks at, how much each block matters."""

import json
from collections.abc import Callable, Iterator
from html import escape

import numpy as np
from numpy.typing import NDArray

from semcomp.demo.shared.words import percent
from semcomp.draw import IMPORTANCE
from semcomp.geometry import BLOCK
from semcomp.image import data_url, to_file
from semcomp.semantics.activation import SIDES, to_grey, upsample_grey
from semcomp.semantics.classifiers import VGG16_GAP_FOLDER

from . import pictures
from .book import Book, Frame, Step, plural, times
from .charts import Axis, Bar, Line, bars, lines
from .pictures import layer, over, photo, photo_url, stage
from .study import PictureStudy

Floats = NDArray[np.float64]
LINE_SPEED = 1_000_000
"""Bits per second of the slow line in step 1's question."""
SPOTS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)
"""Shares of the blocks that step 3 lights up."""


def cost(study: PictureStudy) -> Step:
    """Step 1: a picture is numbers; three bytes for every pixel."""
    height, width = study.size
    raw, lossless = study.picture.nbytes, len(to_file(study.picture, "PNG", optimize=True))
    coded = len(study.semantic.data)
    chart = bars(
        "What the picture costs: every number, without loss, and by this codec",
        [
            Bar("every number as it is", raw, f"{raw:,} bytes", "var(--soft)"),
            Bar("PNG, nothing lost", lossless, f"{lossless:,} bytes", "var(--soft)"),
            Bar(f"this codec, level {study.level:g}", coded, f"{coded:,} bytes"),
        ],
    )
    rows, columns = height // BLOCK, width // BLOCK  # whole blocks only
    frames = []
    whole = study.picture
    views: list[tuple[pictures.Pixels, tuple[int, int]]] = []
    if rows and columns:
        at = divmod(int(np.argmax(study.relative[:rows, :columns])), columns)
        views = pictures.zooms(study.picture, at)
        whole = pictures.marked(whole, (8 * at[0], 8 * at[1], 8 * at[0] + 8, 8 * at[1] + 8))
    frames.append(
        Frame(
            "whole picture",
            photo(study.size, "The picture, its most important block framed", whole),
            chart,
            f"{width} × {height} pixels, {plural(study.blocks, 'block')} of 8 × 8. The small frame "
            "is where we go.",
            key=True,
        )
    )
    for i, (part, block) in enumerate(views):
        last = i == len(views) - 1
        url = data_url(pictures.with_numbers(part, block)) if last else photo_url(part)
        size = f"{part.shape[1]} × {part.shape[0]}"
        frames.append(
            Frame(
                f"{size} pixels",
                stage(study.size, f"{size} pixels", layer(url, "sharp")),
                chart,
                "Each pixel is three numbers from 0 to 255: red, green, blue. The frame holds one "
                f"block: 8 × 8 × 3 = <b>{plural(3 * BLOCK * BLOCK, 'number')}</b>."
                if last
                else f"{size} pixels are {plural(part.size, 'number')}.",
                key=last or i == len(views) // 2,
            )
        )
    seconds = [8 * size / LINE_SPEED for size in (raw, coded)]
    return Step(
        1,
        "Move closer until the picture falls apart into numbers.",
        Book("Move closer", tuple(frames), base=""),
        (
            r"\text{bytes} = W \times H \times 3",
            r"\text{bits per pixel} = \frac{8 \times \text{bytes of the file}}{W \times H}",
        ),
        f"W and H are width and height. Here {width} × {height} × 3 = {raw:,} bytes, which is 24 "
        f"bits per pixel. The codec's file has {8 * coded / (width * height):.3f}.",
        "On a line of one million bits per second, how long does the picture take as plain "
        "numbers, and how long as the codec's file?",
        f"8 × {raw:,} bits take {seconds[0]:.1f} seconds, 8 × {coded:,} bits take "
        f"{seconds[1]:.2f} seconds: the file is {times(raw / coded)} times smaller. PNG loses "
        f"nothing and still needs {percent(lossless / raw)} of the plain numbers.",
    )


def looking(study: PictureStudy) -> Step:
    """Step 2: the class activation map, feature by feature."""
    bias = float(study.seen.bias[study.class_index])
    name = study.semantic_map.chosen[0].name
    frames = tuple(_sums(study))
    top = ", ".join(f"{escape(t.name)} {percent(t.probability)}" for t in study.semantic_map.top)
    rows, columns = study.activation.shape
    return Step(
        2,
        f"Add up the features that speak for or against “{name}”: the warm places say where the "
        "score comes from.",
        Book(
            "Add features, strongest first",
            frames,
            start=min(4, len(frames) - 1),
            base=data_url(pictures.grey(study.picture)),
        ),
        (
            r"P_c = \sum_u \alpha_u^c \cdot G(f_u)",
            r"R_c = \frac{\exp(P_c)}{\sum_i \exp(P_i)}",
            r"H_c = \sum_u \alpha_u^c \cdot f_u",
        ),
        f"f<sub>u</sub> is a feature's map, G its average, α its weight for class c. P is the "
        f"score (here with a fixed term of {bias:+.2f}), R the probability, H the map. Every frame "
        "is drawn from its lowest value, dark, to its highest, bright. The five likeliest of "
        f"{len(study.seen.alpha):,} classes: {top}.",
        f"The sum has {rows} × {columns} values. Why so few?",
        "The network sees the picture in the size of those it learnt from, and halves it five "
        "times on its way: one value stands for 32 × 32 pixels. It says roughly where something "
        "is, never where its edge is.",
    )


def _sums(study: PictureStudy) -> Iterator[Frame]:
    """The map as a sum of ever more features, strongest first, and the score they make."""
    features, c = study.seen, study.class_index
    name = study.semantic_map.chosen[0].name
    alpha, bias = features.alpha[c].astype(np.float64), float(features.bias[c])
    parts = alpha * features.maps.mean(axis=(1, 2), dtype=np.float64)
    order = np.argsort(-np.abs(parts), kind="stable")
    running = bias + np.cumsum(parts[order])
    count = len(order)
    counts = [n for n in (1, 2, 3, 5, 10, 20, 50, 100, 200, 500) if n < count] + [count]
    small = max(study.size[0] // 4, 1), max(study.size[1] // 4, 1)
    points = tuple((float(np.log2(n)), float(running[n - 1])) for n in range(1, count + 1))
    low_score, high_score = min(bias, float(running.min())), float(running.max())
    x = Axis(
        0, float(np.log2(count)), "features added", tuple((np.log2(n), str(n)) for n in counts[::3])
    )
    y = Axis(low_score, high_score, f"score for {name}", _round_ticks(low_score, high_score))
    partial = np.zeros_like(study.activation)
    done = 0
    for n in counts:
        added = order[done:n]
        partial = partial + np.tensordot(
            alpha[added], features.maps[added].astype(np.float64), axes=1
        )
        done = n
        newest = int(order[n - 1])
        sums = IMPORTANCE[upsample_grey(to_grey(partial), *small)]
        own = features.maps[newest]
        mini = pictures.heat(own, 0.0, float(own.max()) or 1.0)
        weight = f"{alpha[newest]:+.3f}".replace("-", "−")
        chart = lines(
            f"Score for {name} with {n} of {count} features",
            [Line(points)],
            x,
            y,
            marks=[(float(np.log2(n)), float(running[n - 1]), "var(--warm)")],
            height=110,
        )
        answers = "Bright: it answers here." if own.any() else "It answers nowhere in this picture."
        box = stage(study.size, f"Where feature {newest} answers", layer(data_url(mini), "sharp"))
        side = (
            f'{chart}<div class="small">{box}<p class="name">The last one added: feature {newest}, '
            f"weight {weight}. {answers}</p></div>"
        )
        yield Frame(
            f"{plural(n, 'feature')}",
            over(study.size, f"Sum of {n} features over the picture", sums, "mixed"),
            side,
            f"{n:,} of {count:,} features added. The score for <b>{escape(name)}</b> is "
            f"{running[n - 1]:.1f}"
            + (
                "."
                if n < count
                else f": probability {percent(study.semantic_map.chosen[0].probability)}."
            ),
            key=n in (counts[0], count),
        )
    box = stage(
        study.size,
        "The map over the picture",
        layer(data_url(IMPORTANCE[upsample_grey(study.semantic_map.grey, *small)]), "mixed"),
        kind="based",
    )
    yield Frame(
        "both sizes",
        box,
        chart,
        f"The network looks once more, at a larger picture (short side {SIDES[1]} pixels instead "
        f"of {SIDES[0]}), in which it names things less well and places them better. The mean of "
        "both sums is the map.",
        key=True,
    )
    yield _by_the_paper(study, box, small)


def _by_the_paper(study: PictureStudy, usual: str, small: tuple[int, int]) -> Frame:
    """The map of the paper's own classifier, beside the usual one."""
    theirs = study.paper_map
    grey = upsample_grey(theirs.grey, *small)
    side = (
        f'<div class="small"><div>{usual}<p class="name">EfficientNet-Lite0, which the codec '
        "uses</p></div></div>"
    )
    top = theirs.top[0]
    card = json.loads((VGG16_GAP_FOLDER / "card.json").read_text("utf-8"))
    return Frame(
        "the paper's network",
        over(study.size, "Map of the paper's classifier", IMPORTANCE[grey], "mixed"),
        side,
        f"The paper's own classifier is VGG16 with average pooling. This project trained it, with "
        f"{percent(card['options']['width'])} of its channels, to imitate EfficientNet-Lite0 on "
        f"{card['training_pictures']:,} pictures; EfficientNet itself has seen over a million. It "
        f"would name this picture <b>{escape(top.name)}</b>, {percent(top.probability)}. This is "
        f"its map for “{escape(study.semantic_map.chosen[0].name)}”.",
        key=True,
    )


def importance(study: PictureStudy) -> Step:
    """Step 3: from map to blocks, and how unevenly importance is spread."""
    rows, columns = study.known_grey.shape
    block_rows, block_columns = study.shape
    height, width = study.size
    inside = study.inside  # the padding's blocks still count below
    relative = study.relative
    top = float(relative.max())
    ranked = np.sort(relative.ravel())[::-1]
    share = np.concatenate([[0.0], np.cumsum(ranked) / ranked.sum()])
    at = np.linspace(0, 1, len(share))
    curve = tuple(zip(at.tolist(), share.tolist(), strict=True))[:: max(1, len(share) // 80)]
    percents = tuple((v, f"{v:.0%}") for v in (0, 0.25, 0.5, 0.75, 1))
    x, y = Axis(0, 1, "share of the blocks", percents), Axis(0, 1, "their importance", percents)
    even = Line(((0, 0), (1, 1)), "var(--soft)", 1.4, "4 4")

    def chart(part: float | None) -> str:
        held = None if part is None else float(np.interp(part, at, share))
        return lines(
            "Share of the importance that the most important blocks hold",
            [even, Line((*curve, (1.0, 1.0)), "var(--warm)")],
            x,
            y,
            marks=[] if part is None or held is None else [(part, held, "var(--warm)")],
            height=140,
        )

    scale = pictures.scale_bar(IMPORTANCE, "0", f"{times(top)} × the average")
    grid = pictures.heat(relative[: inside[0], : inside[1]], 0, top)
    stretched = upsample_grey(study.known_grey, max(height // 4, 1), max(width // 4, 1))
    frames = [
        Frame(
            "the map",
            over(study.size, "The map's own values over the picture", IMPORTANCE[study.known_grey]),
            scale + chart(None),
            f"{rows} × {columns} values, rounded to 16 steps: the file carries exactly these, so "
            "that the decoder knows them too.",
        ),
        Frame(
            "stretched",
            over(study.size, "The map stretched over the picture", IMPORTANCE[stretched], "mixed"),
            scale + chart(None),
            "Stretched over the picture: every pixel has a grey value from 0 to 255.",
        ),
        Frame(
            "block by block",
            over((8 * inside[0], 8 * inside[1]), "Importance of every block", grid),
            scale + chart(None),
            f"Added up in each of {block_rows} × {block_columns} = {study.blocks:,} blocks. The "
            f"most important one counts {times(top)} times the average, the least "
            f"{times(float(relative.min()))} times.",
            key=True,
        ),
    ]
    frames += _spots(study, at, share, chart)
    fifth = float(np.interp(0.2, at, share))
    return Step(
        3,
        "See how few blocks hold most of the importance.",
        Book(
            "From the map to blocks, then light them up",
            tuple(frames),
            start=2,
            base=data_url(pictures.grey(study.picture)),
        ),
        (
            r"V_i = \sum_{(x,y) \in i} g(x,y)",
            r"L_i = \frac{V_i}{\sum_{j=1}^N V_j}",
        ),
        "g is the grey value at a pixel, V a block's sum, L its share; all shares add up to 1. "
        f"Here N = {study.blocks:,}, so the average share is 1/{study.blocks:,}.",
        "If every block mattered the same, how much would the top 20% hold?",
        f"20%: the dashed line. Here they hold {fifth:.0%}. The more the curve bends away from the "
        "dashed line, the more there is to gain from sharing unequally.",
    )


def _spots(
    study: PictureStudy, at: Floats, share: Floats, chart: Callable[[float | None], str]
) -> Iterator[Frame]:
    """The most important blocks alone. at, share: part of the blocks and what it holds, 0..1."""
    rows, columns = study.inside
    relative = study.relative
    order = np.argsort(-relative.ravel(), kind="stable")
    for part in SPOTS:
        lit = np.zeros(study.blocks, bool)
        lit[order[: round(part * study.blocks)]] = True
        mask = lit.reshape(study.shape)[:rows, :columns]
        held = float(np.interp(part, at, share))
        yield Frame(
            f"top {part:.0%}",
            over(
                (8 * rows, 8 * columns),
                f"The most important {part:.0%} of the blocks; the others are dark",
                pictures.spotlight(mask),
                "sharp",
            ),
            chart(part),
            f"The most important {part:.0%} of the blocks hold <b>{held:.0%}</b> of all "
            "importance.",
            key=part in (0.2, 0.5),
        )


def _round_ticks(low: float, high: float) -> tuple[tuple[float, str], ...]:
    """Three to six whole-number ticks between two values."""
    step = max(1, round((high - low) / 4))
    first = int(np.ceil(low / step)) * step
    return tuple((float(v), str(v).replace("-", "−")) for v in range(first, int(high) + 1, step))
