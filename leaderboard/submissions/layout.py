"""Which member of an archive is what: pictures, bitstreams and files to decode by their folders.

::

    reconstructions/QUALITY/PICTURE.png  with  bitstreams/QUALITY/PICTURE.ANY     recomputed
    QUALITY/PICTURE.semc, or .jpg and the like: one of `scoring.formats`          re-decoded

All may lie in one folder more. `method.json` and a README may stand beside them; what operating
systems add by themselves is passed over.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from leaderboard.data.problems import Problem, Rejected, describe, refusal
from leaderboard.data.rows import Quality, read_quality
from leaderboard.scoring.formats import FORMATS, format_of

from .archives import Member
from .shape import DatasetShape, megabytes

METHOD_FILE = "method.json"
RECONSTRUCTIONS, BITSTREAMS = "reconstructions", "bitstreams"

_BESIDE = re.compile(r"(method\.json|readme(\.\w{1,8})?|how-to\.txt|licen[cs]e(\.\w{1,8})?)", re.I)
_NOISE = re.compile(r"(^|/)(__MACOSX/.*|\._[^/]*|\.DS_Store|Thumbs\.db|desktop\.ini)$", re.I)
_MOST_BESIDE = 16 << 20
"""Bytes of `_BESIDE` and `_NOISE` together; Macs add 4 KiB for each file, and these are stored."""
_QUALITY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+=-]{0,39}")
_SUFFIX = re.compile(r"[A-Za-z0-9_.-]{0,12}")
_NUMBER = re.compile(r"\d{1,15}(\.\d{1,15})?", re.ASCII)
_NESTED = re.compile(r".*\.(zip|7z|rar|tar|tgz|gz|bz2|xz|zst|jar|iso)", re.I)


@dataclass(frozen=True)
class Layout:
    """format: of the files where they are decoded here, else empty. bitstreams, reconstructions:
    members by picture and quality; of a format there are bitstreams alone.
    """

    format: str
    bitstreams: dict[tuple[str, Quality], Member]
    reconstructions: dict[tuple[str, Quality], Member]


def find_layout(members: Sequence[Member], shape: DatasetShape, qualities: int) -> Layout:
    """Sort the members of an archive. Raises Rejected for whatever has no place.

    qualities: how many a picture may have.
    """
    files = [member for member in members if not _NOISE.search(member.name)]
    format, root = _kind(files)
    problems: list[Problem] = []
    beside = sum(member.size for member in members if _NOISE.search(member.name))
    groups: dict[str, dict[tuple[str, Quality], Member]] = defaultdict(dict)
    for member in files:
        inner = member.name.removeprefix(root)
        if _BESIDE.fullmatch(inner):
            beside += member.size
            continue
        placed = _place(member, inner, format, shape)
        if isinstance(placed, Problem):
            problems.append(placed)
            continue
        group, image, quality = placed
        if (image, quality) in groups[group]:
            other = describe(groups[group][image, quality].name)
            expected = f"one file for the picture at this quality; there is {other} too"
            problems.append(Problem("file", image, describe(member.name), expected))
        groups[group][image, quality] = member
    reconstructions, bitstreams = groups[RECONSTRUCTIONS], groups[BITSTREAMS]
    if not format and not problems:
        problems += _unpaired(reconstructions, bitstreams)
    if not bitstreams and not reconstructions and not problems:
        problems.append(Problem("file", None, "no pictures", _expected(format, shape)))
    if beside > _MOST_BESIDE:
        value = f"{megabytes(beside)} in files beside pictures and bitstreams"
        value += " (__MACOSX, README and the like)"
        problems.append(Problem("file", None, value, f"at most {megabytes(_MOST_BESIDE)}"))
    counts = {quality for _, quality in bitstreams}
    if len(counts) > qualities:
        problems.append(Problem("quality", None, f"{len(counts)} of them", f"at most {qualities}"))
    if problems:
        raise Rejected(problems)
    return Layout(format, bitstreams, reconstructions)


def _kind(files: Sequence[Member]) -> tuple[str, str]:
    """The format of files to decode, empty for pairs of reconstructions and bitstreams, and the
    folder that everything lies in, `NAME/` or empty. Raises Rejected.
    """
    if any(m.name in ("[Content_Types].xml", "mimetype", "META-INF/MANIFEST.MF") for m in files):
        expected = "a results file as CSV or JSON (from a spreadsheet: save as CSV), or a ZIP"
        raise refusal("file", "an office document or program", expected)
    parts = [member.name.split("/") for member in files]
    pair = any(p[0] in (RECONSTRUCTIONS, BITSTREAMS) for p in parts) or any(
        p[1] in (RECONSTRUCTIONS, BITSTREAMS) for p in parts if len(p) > 2
    )
    found = [] if pair else [format_of(member.name) for member in files]
    formats = [each for each in FORMATS if each in found]
    if len(formats) > 1:
        names = " and ".join(FORMATS[each].name for each in formats)
        raise refusal("file", f"{names} files", "one format in an archive")
    format = formats[0] if formats else ""
    first = parts[0][0] if parts else ""
    common = all(len(p) > 1 and p[0] == first for p in parts)
    deep = max((len(p) for p in parts), default=0) > (2 if format else 3)
    return format, f"{first}/" if common and deep and first not in (
        RECONSTRUCTIONS,
        BITSTREAMS,
    ) else ""


def _place(
    member: Member, inner: str, format: str, shape: DatasetShape
) -> tuple[str, str, Quality] | Problem:
    """(group, picture, quality) of a file, or what is wrong with it."""
    parts = inner.split("/")
    group = BITSTREAMS
    if _NESTED.fullmatch(parts[-1]):
        expected = "the files themselves, not archives within the archive"
        return Problem("file", None, describe(member.name), expected)
    if not format and parts[0] in (RECONSTRUCTIONS, BITSTREAMS):
        group = parts.pop(0)
    elif not format:
        parts = []
    if len(parts) != 2:
        return Problem("file", None, describe(member.name), _expected(format, shape))
    folder, file = parts
    stem, dot, suffix = file.partition(".")
    if format and format_of(file) != format:
        expected = f"a {FORMATS[format].name} file"
        return Problem("file", None, describe(member.name), expected)
    if group == RECONSTRUCTIONS and suffix.casefold() != "png":
        expected = "a PNG, which keeps the decoder's pixels as they are"
        return Problem("file", None, describe(member.name), expected)
    if not _SUFFIX.fullmatch(suffix):
        expected = "a suffix of at most 12 letters and digits"
        return Problem("file", None, describe(member.name), expected)
    image = shape.find(stem) if dot else shape.find(file)
    if image is None:
        expected = f"a picture of {shape.name}: {shape.images[0]} to {shape.images[-1]}"
        return Problem("image", None, describe(member.name), expected)
    if not _QUALITY.fullmatch(folder):
        expected = "a folder named by a number or a short name (letters, digits, . _ + = -)"
        return Problem("quality", image, describe(folder), expected)
    if read_quality(folder) is None:  # not a number, infinite or huge
        return Problem("quality", image, describe(folder), "a number up to 1e9, or a short name")
    return group, image, _quality(folder)


def _quality(folder: str) -> Quality:
    """A number where the folder's name is one, else the name."""
    if not _NUMBER.fullmatch(folder):
        return folder
    return float(folder) if "." in folder and float(folder) % 1 else int(float(folder))


def _unpaired(
    reconstructions: dict[tuple[str, Quality], Member],
    bitstreams: dict[tuple[str, Quality], Member],
) -> list[Problem]:
    problems = []
    for image, quality in reconstructions.keys() - bitstreams.keys():
        expected = f"{BITSTREAMS}/{quality}/{image}.*: its size is the rate"
        problems.append(Problem(f"bitstream at quality {quality}", image, "nothing", expected))
    for image, quality in bitstreams.keys() - reconstructions.keys():
        expected = f"{RECONSTRUCTIONS}/{quality}/{image}.png: it is scored"
        problems.append(Problem(f"reconstruction at quality {quality}", image, "nothing", expected))
    return sorted(problems, key=str)


def _expected(format: str, shape: DatasetShape) -> str:
    if format:
        suffix = FORMATS[format].suffixes[0]
        return f"QUALITY/PICTURE.{suffix}, such as 6/{shape.images[0]}.{suffix}"
    return (
        "reconstructions/QUALITY/PICTURE.png with bitstreams/QUALITY/PICTURE.*, or "
        "QUALITY/PICTURE.semc (.jpg, .webp, .avif, .jxl, .heic, .bpg)"
    )
