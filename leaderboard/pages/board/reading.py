"""For readers of the board: what its table says in a sentence, each picture's best codec, exports.

Everything is computed from the ranking at hand; nothing is written by hand but the citations.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from leaderboard.analysis import tables
from leaderboard.analysis.curves import NoCurve, on_log_scale
from leaderboard.analysis.look import METRIC_NAMES, look_of
from leaderboard.data.published import PUBLISHED, source_of
from leaderboard.studies import STUDIES
from semcomp.demo.shared.downloads import save
from semcomp.files import ASSETS

from .boards import Board
from .ranking import own_standings, ranking

if TYPE_CHECKING:
    import pandas

    from .view import View

PAPER = """@article{wang2019semantic,
  author  = {Wang and Han and Wang},
  title   = {An End-to-End Deep Learning Image Compression Framework Based on Semantic Analysis},
  journal = {Applied Sciences},
  volume  = {9},
  number  = {17},
  pages   = {3580},
  year    = {2019}
}
"""
"""What the method follows."""
ANOTHER = (
    "Another anchor can change the order: a BD-rate averages over the scores that both curves "
    "reach, and these differ from anchor to anchor."
)
_STUDIES = ASSETS / "studies"
_TEX = {c: f"\\{c}" for c in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": "--",
    "−": "$-$",
}


def lead_html(board: Board, metric: str, anchor: str) -> str:
    """Who leads by a metric, at which rates and how sure that is, and in which pictures.

    Raises NoCurve, StoreError.
    """
    table = ranking(board, metric, anchor)
    placed = table[table["rank"].notna()]
    if len(placed) < 2:
        return ""
    first, *others = list(placed.itertuples())
    name, than = _label(first), escape(look_of(anchor).label)
    told = f"By {METRIC_NAMES.get(metric, metric)}, <b>{name}</b> leads what was scored picture by "
    told += "picture here"
    if first.codec != anchor:
        word = "fewer" if first.bd_rate < 0 else "more"
        ends = sorted((abs(first.bd_low), abs(first.bd_high)))
        told += f": {abs(first.bd_rate):.0f}% {word} bytes than {than} for the same score"
        told += f" ({ends[0]:.0f} to {ends[1]:.0f})" if first.bd_low * first.bd_high > 0 else ""
    rivals = [_label(row) for row in others if row.rank_low <= 1]
    if first.rank_high <= 1:
        told += ". Its place is sure for pictures like these"
    else:
        told += f", but with other pictures it could be {' or '.join(rivals[:3]) or 'another'}"
    told += f".{_at_rates(board, metric)}"
    published = table[(table["kind"] == PUBLISHED) & (table["bd_rate"] < min(first.bd_rate, 0))]
    if len(published):
        best = next(published.itertuples())
        told += f" Published, not measured here: {_label(best)} states {-best.bd_rate:.0f}% fewer."
    return f'<p class="lead" role="status">{told}</p>' + _pictures(board, metric, anchor)


def _at_rates(board: Board, metric: str) -> str:
    """Who has the highest mean score at each of the tables' rates, runs of one codec together."""
    own = board.frame[board.frame["kind"] != PUBLISHED]
    scores = tables.equal_rates(own, [metric])
    runs: list[tuple[str, list[str]]] = []
    for rate in tables.RATES:
        column = scores[f"{metric} @ {rate:g}"]
        if column.notna().any():
            codec = str(scores["codec"].iloc[int(np.nanargmax(on_log_scale(metric, column)))])
            if not runs or runs[-1][0] != codec:
                runs.append((codec, []))
            runs[-1][1].append(f"{rate:g}")
    told = [
        f"{escape(look_of(codec).label)} at {rates[0]}"
        + (f" to {rates[-1]}" if len(rates) > 1 else "")
        for codec, rates in runs
    ]
    return f" Highest mean score: {', '.join(told)} bits per pixel." if told else ""


def _pictures(board: Board, metric: str, anchor: str) -> str:
    """Which codec needs the fewest bytes in each picture, of those measured here."""
    best: dict[str, tuple[float, str]] = {}
    for each in own_standings(board.alone, metric, anchor):
        if each.comparison is not None and each.kind != PUBLISHED:
            for image, percent in each.comparison.images.items():
                best[image] = min(best.get(image, (percent, each.codec)), (percent, each.codec))
    counts = Counter(codec for _, codec in best.values())
    some = ", ".join(f"{escape(look_of(c).label)} in {n}" for c, n in counts.most_common())
    images: dict[str, list[str]] = defaultdict(list)
    for image, (_, codec) in sorted(best.items()):
        images[codec].append(image)
    rows = "".join(
        f"<p><b>{escape(look_of(codec).label)}</b>: {escape(', '.join(images[codec]))}</p>"
        for codec, _ in counts.most_common()
    )
    told = f"Fewest bytes per picture: {some} of {len(best)}"
    return f"<details><summary>{told}</summary>{rows}</details>"


def _label(row: Any) -> str:
    return escape(look_of(row.codec, row.kind).label)


def latex(table: pandas.DataFrame, caption: str) -> str:
    """A ranking as a LaTeX table (booktabs)."""
    text = tables.as_text(table).drop(columns="note")
    lines = [" & ".join(map(_tex, text.columns)) + r" \\", r"\midrule"]
    lines += [" & ".join(map(_tex, row)) + r" \\" for row in text.itertuples(index=False)]
    body = "\n".join(lines)
    columns = "lll" + "r" * (text.shape[1] - 3)
    return (
        "% needs \\usepackage{booktabs}\n\\begin{table}\n\\centering\n"
        f"\\caption{{{_tex(caption)}}}\n\\begin{{tabular}}{{{columns}}}\n"
        f"\\toprule\n{body}\n\\bottomrule\n\\end{{tabular}}\n\\end{{table}}\n"
    )


def bibtex(board: Board) -> str:
    """The paper, and where every published row of a board comes from."""
    entries = [PAPER]
    for each in board.results:
        if each.kind == PUBLISHED:
            key = re.sub(r"\W", "", each.name)
            source = each.provenance["source"]
            entries.append(
                f"@misc{{{key},\n  title        = {{{_tex(each.provenance['reference'])}}},\n"
                f"  howpublished = {{\\url{{https://github.com/{source['repository']}}}}},\n"
                f"  note         = {{{_tex(source_of(each).split('; ', 1)[1])}}}\n}}\n"
            )
    return "\n".join(entries)


def _tex(value: object) -> str:
    return "".join(_TEX.get(character, character) for character in str(value))


def exported(board: Board, view: View) -> tuple[str | None, str]:
    """Files: the ranking as LaTeX (None where there is none), and the citations as BibTeX."""
    cited = save(bibtex(board).encode(), f"{view.dataset}-citations", ".bib")
    if view.anchor is None:
        return None, cited
    try:
        table = ranking(board, view.metric, view.anchor)
    except NoCurve:
        return None, cited
    name = METRIC_NAMES.get(view.metric, view.metric)
    than = look_of(view.anchor).label
    caption = f"BD-rate by {name} against {than}, {view.dataset}, {len(board.pictures)} pictures"
    stem = f"{view.dataset}-{view.metric}-against-{view.anchor}"
    return save(latex(table.drop(columns="text"), caption).encode(), stem, ".tex"), cited


def studies() -> list[tuple[str, str]]:
    """The committed studies: (what it shows, name)."""
    return [
        (f"{told[:1].upper()}{told[1:]}".replace("`", ""), name)
        for name, told in STUDIES.items()
        if (_STUDIES / f"{name}.md").is_file()
    ]


def study(name: object) -> tuple[str, str | None]:
    """A study's text and table as Markdown, and its figure if it has one; nothing for no name."""
    if name not in STUDIES:
        return "", None
    figure = _STUDIES / f"{name}.png"
    text = (_STUDIES / f"{name}.md").read_text(encoding="utf-8")
    return text, str(figure) if figure.is_file() else None
