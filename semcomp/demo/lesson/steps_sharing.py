"""Step 4: Algorithm 1 of the paper, round by round, with its numbers."""

import math
from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from semcomp.allocation.levels import uniform_levels
from semcomp.draw import LEVEL
from semcomp.geometry import ITERATIONS
from semcomp.image import data_url

from . import pictures
from .book import Book, Frame, Step, plural, table, times
from .charts import columns
from .pictures import layer, stage
from .study import PictureStudy

BEYOND = 36
"""Levels beyond this share the last column of the chart."""


def sharing(study: PictureStudy) -> Step:
    """Step 4: Algorithm 1, round by round, with its numbers."""
    walk, first = study.walk, study.walk.rounds[0]
    empty = int((walk.levels == 0).sum())
    name, at = _followed(study)[0]
    return Step(
        4,
        "Watch the iterations move from unimportant blocks to important ones, and what happens at "
        "24.",
        Book("Algorithm 1, step by step", tuple(_frames(study)), start=1),
        (
            r"\sum_{i=1}^N K_i = \bar{K} \times N",
            r"T_i = \lfloor L_i \times \bar{K} \times N \rfloor",
            r"K_i \le 24",
        ),
        f"K̄ is the average level, here {study.level:g}; T is a block's level before the cap. For "
        f"the {name} block L × N is {float(study.relative[at]):.3f}, so L × K̄ × N = "
        f"{float(walk.exact[at]):.2f}, rounded down to {int(first.shares[at])}. The excess of each "
        "round is shared by importance among the blocks below 24.",
        "Why has even the least important block a level in the last frame?",
        f"Because of the floor. Without it {plural(empty, 'block')} of this picture would not be "
        "coded at all and show a flat patch. The paper has no floor; this project measured one and "
        "kept it.",
    )


def _frames(study: PictureStudy) -> Iterator[Frame]:
    """The budget, the shares, every round of the cap, the last ones, and our floor."""
    walk, budget, level, n = study.walk, study.walk.trace.budget, study.level, study.blocks
    frame = partial(_frame, study)
    even = uniform_levels(level, *study.shape).astype(np.int64)
    yield frame(
        "the budget",
        even,
        f"{n:,} blocks × level {level:g} = <b>{budget:,} iterations</b> to hand out. The same "
        "for all would look like this.",
    )
    first = walk.rounds[0]
    beyond = int((first.shares > ITERATIONS).sum())
    yield frame(
        "by importance",
        first.shares,
        f"Each block gets its share, rounded down. The highest is <b>{first.shares.max()}</b>; "
        + (
            f"{plural(beyond, 'block')} would get more than 24 (orange)."
            if beyond
            else f"none is above 24. The first would be from an average of "
            f"{_first_capped(study):g} on."
        ),
        key=True,
    )
    before = first
    for number, now in enumerate(walk.rounds[1:], 1):
        cut = (
            f"cuts off <b>{plural(before.excess, 'iteration')}</b>, which the others share"
            if before.excess
            else "cuts off nothing: these blocks have exactly 24"
        )
        yield frame(
            f"cap, round {number}",
            now.shares,
            f"Nobody gets more than 24. Round {number} fills {plural(before.capped, 'block')} "
            f"and {cut}.",
            key=number == len(walk.rounds) - 1,
        )
        before = now
    left = walk.trace.remainder
    empty = int((walk.levels == 0).sum())
    yield frame(
        "the last ones",
        walk.levels.astype(np.int64),
        f"Rounding down left {plural(left, 'iteration')}: one each where most was rounded off. "
        f"All {budget:,} are used. {plural(empty, 'block')} got none.",
        key=not walk.trace.excess,
    )
    levels, floor = study.plan.levels, f"{study.floor:.3g}"
    none = int((levels == 0).sum())
    yield frame(
        f"with a floor of {floor}",
        levels.astype(np.int64),
        f"Our addition: every block gets {floor} on average first, and importance decides the "
        f"other {budget - round(study.floor * n):,}. Blocks with none: {none:,}.",
        key=True,
    )


def _frame(
    study: PictureStudy, label: str, levels: NDArray[np.int64], caption: str, key: bool = False
) -> Frame:
    """A page of the book: levels int64 (hb, wb) as a picture, how many there are, three blocks."""
    rows, wide = study.inside
    picture = stage(
        (8 * rows, 8 * wide),
        f"Levels of the blocks: {label}",
        layer(data_url(pictures.level_colours(levels[:rows, :wide])), "sharp"),
    )
    scale = pictures.scale_bar(LEVEL, "level 0", "24")
    over = np.minimum(levels, BEYOND).ravel()
    counts = np.bincount(over, minlength=BEYOND + 1).tolist()
    chart = columns(
        "How many blocks have each level",
        counts,
        title="blocks at each level (orange: beyond 24)",
        ticks=[(0, "0"), (8, "8"), (16, "16"), (24, "24"), (BEYOND, f"{BEYOND}+")],
        warm=[i > ITERATIONS for i in range(BEYOND + 1)],
        most=max(sorted(counts)[-2], 1) * 1.25,
        height=84,
    )
    listed = table(
        ("block", "importance", "level"),
        [
            (name, f"{times(float(study.relative[at]))} ×", f"{int(levels[at])}")
            for name, at in _followed(study)
        ],
    )
    return Frame(label, picture, scale + chart + listed, caption, key)


def _followed(study: PictureStudy) -> list[tuple[str, tuple[int, int]]]:
    """Three blocks to follow by name: the most important, the middle, the least important one."""
    rows, columns = study.inside
    relative = study.relative[:rows, :columns]
    order = np.argsort(-relative.ravel(), kind="stable")
    places = [0, len(order) // 2, len(order) - 1]
    names = ("most important", "middle", "least important")
    return [
        (name, (int(order[p]) // columns, int(order[p]) % columns))
        for name, p in zip(names, places, strict=True)
    ]


def _first_capped(study: PictureStudy) -> float:
    """Least average level, in tenths, at which a block's share passes 24."""
    return math.ceil(10 * (ITERATIONS + 1) / float(study.relative.max())) / 10
