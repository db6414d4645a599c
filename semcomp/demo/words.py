"""What the demo says: numbers and names as small pieces of HTML, and the page's fixed texts."""

from html import escape
from typing import Any

from semcomp.semantic import SemanticMap

HEADER = """
<header><h1>Semantic image compression</h1>
<p>A classifier finds what a picture is about. The codec spends its bytes there.</p></header>
"""
READING = """
**Importance** is the class activation map: which places made the classifier name this class.
**Levels** say how many times the codec refined each block of 8 × 8 pixels, from 0 to 24. Both are
drawn in colours whose lightness alone tells the order.

**Bytes** count the whole file: header, map, codes and checks. **SI-SSIM** is SSIM weighted by the
map shown, taken on the original; **MS-SSIM** and **PSNR** weigh every place the same. All are taken
on the decoded 8-bit picture.
"""
FOOTER = """
<p class="quiet">Uploads and results are deleted from the server after about an hour. The sample
pictures come with scikit-image.</p>
"""
SCORING = """
<p class="quiet">SI-SSIM counts each place by how much the classifier says it matters in the
original. Both pictures need the same size.</p>
"""
FOCUS = "What the classifier sees, likeliest first."
LEVELS = '<p class="quiet">Brighter blocks get more bytes.</p>'


def focus_html(semantic_map: SemanticMap) -> str:
    """What the map is a map of, as a caption."""
    named = ", ".join(
        f"<b>{escape(c.name)}</b> (probability {percent(c.probability)})"
        for c in semantic_map.chosen
    )
    return f'<p class="quiet">Brighter places speak for {named}.</p>'


def result_html(facts: dict[str, Any]) -> str:
    """The numbers of a result as tiles."""
    sizes = ", ".join(f"{name} {size:,}" for name, size in facts["sizes"].items())
    tiles = [
        (file_size(facts["bytes"]), "whole file"),
        (f"{facts['bpp']:.3f}", "bits per pixel"),
        (f"{facts['ratio']:.0f} : 1", "to raw pixels"),
        *score_tiles(facts),
    ]
    what = f"{facts['width']} × {facts['height']} pixels, {facts['bytes']:,} bytes: {sizes}."
    lines = [what, *facts["notes"]]
    return _tiles(tiles, lines)


def score_html(facts: dict[str, Any]) -> str:
    """The numbers of a comparison as tiles."""
    return _tiles([*score_tiles(facts), (f"{facts['ssim']:.4f}", "SSIM")], facts["notes"])


def score_tiles(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """(value, name) of the scores."""
    multi_scale, decibels = facts["ms_ssim"], facts["psnr"]
    return [
        ("n/a" if multi_scale is None else f"{multi_scale:.4f}", "MS-SSIM"),
        (f"{facts['si_ssim']:.4f}", "SI-SSIM"),
        ("∞" if decibels is None else f"{decibels:.2f} dB", "PSNR"),
    ]


def file_html(facts: dict[str, Any]) -> str:
    """What a `.semc` file says of itself, as tiles."""
    present, declared = facts["iterations_present"], facts["iterations"]
    sizes = ", ".join(f"{name} {size:,}" for name, size in facts["sizes"].items())
    lines = [
        f"{facts['width']} × {facts['height']} pixels, {facts['allocation']}, "
        f"{facts['bytes']:,} bytes: {sizes}. Model {facts['model_id']}."
    ]
    if present < declared:
        lines.insert(0, f"The file is cut: {present} of {declared} iterations are there.")
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


def _tiles(tiles: list[tuple[str, str]], lines: list[str]) -> str:
    cells = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for value, name in tiles
    )
    rest = "".join(f"<p>{escape(line)}</p>" for line in lines)
    return f'<div class="facts" role="status"><dl>{cells}</dl>{rest}</div>'
