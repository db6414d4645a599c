"""What the demo says: numbers and names as small pieces of HTML, and the page's fixed texts."""

import shlex
from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import Any
from urllib.parse import urlencode

from semcomp.demo.sessions.runs import Choice
from semcomp.semantics.maps import SemanticMap, Subject

HEADER = """
<header><h1>Semantic image compression</h1>
<p>A classifier finds what a picture is about. The codec spends its bytes there.</p></header>
"""
READING_PICTURE = "Reading the picture"
NO_PICTURE = "No picture yet: upload one, or pick a sample"
GONE = "Your picture is no longer on the server: add it again, or pick a sample"
NO_RESULT = "No result: press Compress to try again"
NOT_EXPECTED = "Expected size: after the first result"
LOOKING = "Asking the classifier what it sees"
LOOP = "Encoding: each iteration codes what the ones before have left"
PREVIEW = "Preview. The exact picture follows"
BATCH_FORMAT = (
    "All but .semc open everywhere: they follow the same map and take no more bytes than a .semc "
    "of this level would."
)
SAME_MAP = '<span class="quiet">The same map in a file that opens everywhere:</span>'
"""Before the formats' buttons."""
READING = """
**Importance** is how much each place counts: faces, text that was read, people, animals and
things, and what made the classifier name its class (its class activation map; alone if you choose a
class, as in the paper). **Focus** says how strongly the bytes follow it; scores are taken under the
map as drawn.
The outlined part is the important region: at least half of the highest importance. **Levels** say
how many times the codec refined each block of 8 × 8 pixels, from 0 to 24. **Where the bytes went**
lays the bits of every block over our picture. All are drawn in colours whose lightness alone tells
the order, from the lowest value that occurs to the highest.

**Bytes** count the whole file: header, map, codes and checks. **SI-SSIM** is SSIM weighted by the
map shown, taken on the original; **important region** is plain SSIM inside the outline. **MS-SSIM**
and **PSNR** weigh every place the same. All are taken on the decoded 8-bit picture. **Still says**
and **seen as**: the same classifier is shown the decoded picture, and may have changed its mind.

**At equal bytes:** every other codec is given the best setting whose file is no larger than ours;
a codec that cannot be that small takes part with its smallest file. *Ours, spread evenly* is the
same codec with every block at the same level: what allocation alone changes.

**Network:** ours reads once what all iterations have sent. The *paper's* is recurrent: every
iteration runs an encoder on what is still missing and a decoder that remembers, so a picture takes
half a minute. It is narrower than the authors' and saw little training: coarse, but the method as
published. The slider under *Inside* shows its iterations.

**A preview** takes a tenth of a second: the new bits through the codec's linear part, the network's
corrections from the last full run. The exact picture and its scores replace it within seconds.
"""
LINK = """
<p class="quiet">The link holds the settings and a sample's name. A picture of your own stays here:
whoever opens the link adds theirs.</p>
"""
COPIED = "It opens the page with these settings. A picture of your own is not in it."

SCORING = """
<p class="quiet">SI-SSIM counts each place by how much the classifier says it matters in the
original. Both pictures need the same size.</p>
"""
FOCUS = "What the classifier sees, likeliest first."
MATTERS = "All that people look at, or one class of the classifier, as in the paper."
STRENGTH = "How strongly bytes follow the map: 0 everywhere alike, 1 as it says, 2 only there."
OURS = "Ours"
"""Our own side of a comparison."""
ALLOCATIONS = {
    "uniform": "the same everywhere",
    "proportional": "bytes follow importance",
    "rd": "importance, and what a bit buys",
}
"""Who gets the bytes, in words."""


def footer(keep_minutes: int) -> str:
    """The page's last lines. keep_minutes: after which uploads go at the latest."""
    return (
        '<p class="quiet">Pictures you add and results made of them are deleted from the server '
        f"soon after you leave, at the latest after {keep_minutes} minutes. What you submit to the "
        "leaderboard stays until you withdraw it. The sample pictures come with scikit-image.</p>"
    )


def focus_text(semantic_map: SemanticMap) -> str:
    """What a map is of, as plain text: the class with its probability, or what was found."""
    if semantic_map.subjects:
        counted = [subject for subject in semantic_map.subjects if subject.counts]
        return "of " + (", ".join(captions(counted)) or "nothing: the same everywhere")
    named = (f"{c.name}, probability {percent(c.probability)}" for c in semantic_map.chosen)
    return "of " + "; ".join(named)


def people_choice(semantic_map: SemanticMap) -> str:
    """The choice of all that people look at, with what was found of it."""
    found = captions(semantic_map.subjects[:-1])
    return f"People and things · {', '.join(found[:4]) or 'none found, so the class'}"


def captions(subjects: Sequence[Subject]) -> list[str]:
    """What was found in a picture, each kind once: `face × 2`, `person`, `text: SNOWMASS`."""
    labels = Counter(
        f"text: {each.label}" if each.kind == "text" else each.label for each in subjects
    )
    return [f"{label} × {count}" if count > 1 else label for label, count in labels.items()]


def side_html(facts: dict[str, Any], lines: list[str]) -> str:
    """The numbers of one codec's picture as tiles, with lines of text below."""
    tiles = [
        (file_size(facts["bytes"]), "whole file"),
        (f"{facts['bpp']:.3f}", "bits per pixel"),
        (f"{facts['percent']:.2f}%", "of raw pixels"),
        *score_tiles(facts),
        (number(facts["region_ssim"]), "important region"),
    ]
    return _tiles(tiles, [*lines, *facts["notes"]], smaller(facts["percent"]))


def smaller(percent: float) -> str:
    """A file's share of the raw pixels, as a headline."""
    if percent > 100:  # a handful of pixels
        return f"{times(percent / 100)} times as large as its pixels"
    return f"{times(100 / percent)} times smaller than its pixels"


def times(factor: float) -> str:
    """A factor for people: 115, 9.6, 1.04."""
    return f"{factor:,.0f}" if factor >= 10 else f"{factor:.1f}" if factor >= 2 else f"{factor:.2f}"


def against(size: int, other: int) -> str:
    """How a file's bytes differ from another's: `9% smaller`; empty below 1%."""
    factor = size / other
    if factor >= 2:
        return f"{times(factor)} times as large"
    percent = round(100 * abs(factor - 1))
    return f"{percent}% {'larger' if factor > 1 else 'smaller'}" if percent >= 1 else ""


def preview_html(expected: int | None, size: tuple[int, int]) -> str:
    """The numbers while a preview is shown: expected bytes, scores not yet."""
    pixels = size[0] * size[1]
    whole, rate, share, headline = "…", "…", "…", "…"
    if expected is not None:
        percent = 100 * expected / (3 * pixels)
        whole, rate = f"≈{file_size(expected)}", f"≈{8 * expected / pixels:.3f}"
        share, headline = f"≈{percent:.2f}%", f"About {smaller(percent)}"
    tiles = [(whole, "whole file"), (rate, "bits per pixel"), (share, "of raw pixels")]
    tiles += [("…", name) for name in ("MS-SSIM", "SI-SSIM", "PSNR, dB", "important region")]
    line = "Expected size; the exact one and the scores follow with the exact picture."
    return _tiles(tiles, [line], headline)


SCORES = (
    ("MS-SSIM", "ms_ssim", 4),
    ("SI-SSIM", "si_ssim", 4),
    ("Important region", "region_ssim", 4),
    ("PSNR, dB", "psnr", 2),
)
"""Scores of a comparison: name, key, decimals. Higher is better in all."""


def versus_html(
    columns: list[tuple[str, str, dict[str, Any]]],
    notes: list[str],
    more: Sequence[tuple[str, list[str], int | None]] = (),
) -> str:
    """Two codecs' numbers side by side as a table, the better score of each row in bold.

    columns: (name, setting, facts) of left and right, one of them ours at best. more: rows below
    the scores: head, cells, which one is better.
    """
    (one, _, left), (other, _, right) = columns
    sizes = left["bytes"], right["bytes"]
    differs = f"{one}, {said}" if (said := against(*sizes)) else ""
    if differs and one == OURS:
        differs = f"{other}, {against(*sizes[::-1])}"
    head = "".join(
        f'<th scope="col">{escape(name)}<small>{escape(setting)}</small></th>'
        for name, setting, _ in columns
    )
    rows = [
        ("Whole file, bytes", [f"{facts['bytes']:,}" for facts in (left, right)]),
        ("Bits per pixel", [f"{facts['bpp']:.3f}" for facts in (left, right)]),
        ("Of raw pixels", [f"{facts['percent']:.2f}%" for facts in (left, right)]),
    ]
    body = "".join(_row(name, cells) for name, cells in rows)
    for name, key, digits in SCORES:
        values = [left[key], right[key]]
        cells = [number(value, digits) for value in values]
        best = None
        if None not in values and cells[0] != cells[1]:
            best = int(values[1] > values[0])
        body += _row(name, cells, best)
    body += "".join(_row(*row) for row in more)
    share = 100 * left["bytes"] / right["bytes"]
    lines = [
        f"{one} takes {share:.1f}% of the bytes of {other}. The better score is marked.",
        *notes,
        *dict.fromkeys([*left["notes"], *right["notes"]]),
    ]
    rest = "".join(f"<p>{escape(line)}</p>" for line in lines)
    return (
        '<div class="facts versus" role="status"><p class="headline">'
        f"{escape(differs or 'At the same bytes')}</p>"
        f"<table><thead><tr><td></td>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>{rest}</div>"
    )


def _row(name: str, cells: list[str], best: int | None = None) -> str:
    data = "".join(
        f"<td{' class=best' if best == i else ''}>{escape(cell)}</td>"
        for i, cell in enumerate(cells)
    )
    return f'<tr><th scope="row">{escape(name)}</th>{data}</tr>'


def number(value: float | None, digits: int = 4) -> str:
    """A score, or what stands for one that is not defined."""
    return "n/a" if value is None else f"{value:.{digits}f}"


def itemised(size: int, parts: dict[str, int]) -> str:
    """A file's bytes and where they went."""
    return f"{size:,} bytes: " + ", ".join(f"{name} {part:,}" for name, part in parts.items())


def link(here: str, settings: dict[str, str]) -> str:
    """The address of the page at `here` with these settings."""
    return f"{here.split('?')[0].split('#')[0]}?{urlencode(settings)}"


def command(name: str, choice: Choice, semantic_map: SemanticMap, model: str = "small") -> str:
    """What makes the same file at a terminal. semantic_map: the choice's. model: of the weights."""
    parts = ["python -m semcomp compress", shlex.quote(f"{name}.png"), shlex.quote(f"{name}.semc")]
    parts.append(f"--level {choice.level:g} --allocation {choice.allocation}")
    if model != "small":  # the command's own
        parts.append(f"--model {model}")
    if choice.allocation == "uniform":
        return " ".join(parts)
    if semantic_map.subjects:
        left = (f" --without {shlex.quote(subject)}" for subject in choice.without)
        parts.append("--map people" + "".join(left))
    elif semantic_map.chosen[0].index != semantic_map.top[0].index:
        parts.append(f"--class {shlex.quote(semantic_map.chosen[0].name)}")
    if choice.strength != 1:
        parts.append(f"--focus {choice.strength:g}")
    return " ".join(parts)


def score_html(facts: dict[str, Any]) -> str:
    """The numbers of a comparison as tiles."""
    return _tiles([*score_tiles(facts), (f"{facts['ssim']:.4f}", "SSIM")], facts["notes"])


def score_tiles(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """(value, name) of the scores."""
    multi_scale, decibels = facts["ms_ssim"], facts["psnr"]
    return [
        ("n/a" if multi_scale is None else f"{multi_scale:.4f}", "MS-SSIM"),
        (f"{facts['si_ssim']:.4f}", "SI-SSIM"),
        ("∞" if decibels is None else f"{decibels:.2f}", "PSNR, dB"),
    ]


def file_html(facts: dict[str, Any], problem: str = "") -> str:
    """What a `.semc` file says of itself, as tiles. problem: what is wrong with it."""
    present, declared = facts["iterations_present"], facts["iterations"]
    sizes = ", ".join(f"{name} {size:,}" for name, size in facts["sizes"].items())
    lines = [
        f"{facts['width']} × {facts['height']} pixels, {facts['allocation']}, "
        f"{facts['bytes']:,} bytes: {sizes}. Model {facts['model_id']}."
    ]
    if present < declared:
        wrong = problem or "The file is cut."
        lines.insert(0, f"{wrong} {present} of {declared} iterations are there.")
    tiles = [
        (file_size(facts["bytes"]), "whole file"),
        (f"{facts['bpp']:.3f}", "bits per pixel"),
        (f"{facts['level']:g}", "average level"),
        (str(present), "iterations"),
    ]
    return _tiles(tiles, lines)


def file_size(size: int) -> str:
    """Bytes for people, in units of 1000."""
    if size < 1000:
        return f"{size} B"
    return f"{size / 1000:.1f} kB" if size < 1_000_000 else f"{size / 1e6:.2f} MB"


def percent(probability: float) -> str:
    """A probability for people: 22%, 3.0%, under 0.1%."""
    if probability < 0.001:
        return "under 0.1%"
    return f"{probability:.0%}" if probability >= 0.1 else f"{probability:.1%}"


def _tiles(tiles: list[tuple[str, str]], lines: list[str], headline: str = "") -> str:
    cells = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for value, name in tiles
    )
    above = f'<p class="headline">{escape(headline)}</p>' if headline else ""
    rest = "".join(f"<p>{escape(line)}</p>" for line in lines)
    return f'<div class="facts" role="status">{above}<dl>{cells}</dl>{rest}</div>'
