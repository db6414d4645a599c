"""What is still recognised: faces, words and class of the original, found in the decoded picture.

Beside found or lost stands what share of its score in the original a judge still gives: finding
hides how near a thing is to being lost.

The judges (`judges`) take no part in any codec. At a rate each codec's picture is that of its
largest file within the bytes. This project's files are also no larger than AVIF's and BPG's of the
same picture, whose quality steps are wider: what it gains is not gained by bytes.
"""

from __future__ import annotations

import base64
import hashlib
import inspect
from collections.abc import Mapping, Sequence
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leaderboard.analysis.bdrate import interval
from leaderboard.analysis.look import look_of
from leaderboard.codecs import CODECS, Codec
from leaderboard.codecs.base import open_session
from leaderboard.codecs.semcomp import SemcompCodec
from leaderboard.run.provenance import code_digest, codec_identity
from semcomp.errors import SemcompError

from . import judges
from .base import Context, Panel, Study
from .equal_rates import lines, means, out_of_reach, search_of

if TYPE_CHECKING:
    import matplotlib.figure
    import pandas

OTHERS = ("jpeg", "webp", "avif", "bpg")
OURS = ("george", "semantic-rd", "people-rd")
RIVALS = ("avif", "bpg")
"""Whose bytes this project's files do not exceed, and who is to be beaten."""
RATES = (0.4, 0.2, 0.1)
"""Bits per pixel; the highest first, for `rd` then measures its table once."""
CLOSE = 0.02
"""Share of the bytes that a file may stay below them where more would fit."""
CROP_RATE = 0.2
CROPS = 8
"""Pictures in the figure of crops."""
_WHOLE = {"all": ("low", "high"), "kept": ("kept low", "kept high")}
"""Shares over all things of a picture, and the names of their intervals' ends."""
_TITLES = {
    "all": "Everything still found",
    "kept": "Score kept",
    "face": "Faces still found",
    "word": "Words still found",
    "class": "Classes still found",
}
_HEADS = {"all": "everything", "face": "Faces", "word": "Words", "class": "Classes"}


def run(context: Context) -> Study:
    """Measure all pictures. Raises SemcompError: a judge is missing, or finds nothing in any."""
    import pandas

    measured = context.each(measure, key=identity())
    known = [each for each in measured if each["things"]]
    if not known:
        raise SemcompError(
            "the judges are sure of no face, word or class in these pictures: take others"
        )
    rows = pandas.DataFrame.from_records([row for each in known for row in _shares(each)])
    table = _table(rows)
    counts = {
        kind: sum(thing["kind"] == kind for each in measured for thing in each["things"])
        for kind in judges.KINDS
    }
    notes = [
        f"Shares of what independent judges found in {len(known)} originals of "
        f"{len(measured)} pictures and still find in the decoded picture, means over the pictures "
        "that have some; 95% bootstrap intervals over the pictures.",
        f"Found in the originals: {counts['face']} faces (YuNet, score {judges.SURE_FACE:g} or "
        f"more), {counts['word']} words (read alike by Tesseract and PP-OCRv6) and the class of "
        f"{counts['class']} pictures ({judges.CLASSIFIER}, probability {judges.SURE_CLASS:g} or "
        "more). Maps are steered by CenterFace, CenterNet, PP-OCRv6 and efficientnet-lite0.",
        "Every file is the codec's largest within the bytes, and this project's are no larger than "
        "AVIF's and BPG's of the same picture. `reached` is their mean.",
        *_verdicts(rows, table),
    ]
    shown = table.rename(columns=_HEADS)
    panels = [_panel(table, column) for column in _TITLES]
    digits = {"bpp": 2, "reached": 3}
    study = Study.of_panels("recognition", "What is recognised", shown, panels, notes, digits)
    study.further["crops"] = _crops(measured)
    return study


@cache
def codecs() -> Mapping[str, Codec]:
    """The codecs by name; `people-rd` is `semantic-rd` led by the map of people and things."""
    people = SemcompCodec("people-rd", "rd", semantic_map="people")
    return {**{name: CODECS[name] for name in (*OTHERS, *OURS[:-1])}, people.name: people}


def identity() -> dict[str, Any]:
    """What decides the outcome of a picture, apart from its pixels."""
    return {
        "codec": "recognition",
        "codecs": [codec_identity(each) for each in codecs().values()],
        "judges": judges.versions(),
        "code": code_digest(Path(judges.__file__)),
        "measure": hashlib.sha256(inspect.getsource(measure).encode()).hexdigest()[:16],
        "rates": list(RATES),
        "close": CLOSE,
        "crops": CROP_RATE,
    }


def measure(name: str, image: NDArray[np.uint8]) -> dict[str, Any]:
    """A picture through all codecs: things of the original, and a row per codec and rate.

    Values are JSON's. things: kind, label, score and box. rows: codec, bpp, pixels, bytes, reached
    (a file within the bytes exists), found and kept, a truth value and a share of the judge's score
    per thing. shown: which thing is the surest word or face, None where there is neither. crops:
    that as PNG in base64, by codec, at `CROP_RATE`.
    """
    things = judges.things(image)
    shown = clearest(things)
    height, width = image.shape[:2]
    box = None if shown is None else crop_box(things[shown].box, width, height)
    crops = {} if box is None else {"original": _png(image, box)}
    least: dict[float, int] = {}  # bytes that this project's files may have
    rows = []
    for codec_name, codec in codecs().items() if things else ():
        session = open_session(codec, Image.fromarray(image))
        search = search_of(codec, session.encode)
        near = getattr(session, "quality_near", lambda size: None)
        for rate in RATES:
            most = round(rate * height * width / 8)
            if codec_name in OURS:
                most = least.get(rate, most)
            data = search.largest(most, near(most), CLOSE)[1]
            reached = len(data) <= most
            if codec_name in RIVALS and reached:
                least[rate] = min(least.get(rate, most), len(data))
            cropped = box is not None and rate == CROP_RATE
            seen = [judges.Seen(False, 0.0)] * len(things)
            if reached or cropped:
                decoded = np.asarray(codec.decode(data))
                if reached:
                    seen = judges.look_again(things, decoded)
                if box is not None and cropped:
                    crops[codec_name] = _png(decoded, box)
            rows.append(
                {
                    "codec": codec_name,
                    "bpp": rate,
                    "pixels": height * width,
                    "bytes": len(data),
                    "reached": reached,
                    "found": [each.found for each in seen],
                    "kept": [round(each.kept, 4) for each in seen],
                }
            )
    listed = [
        {"kind": each.kind, "label": each.label, "score": round(each.score, 4), "box": each.box}
        for each in things
    ]
    return {"image": name, "things": listed, "rows": rows, "shown": shown, "crops": crops}


def clearest(things: Sequence[judges.Thing]) -> int | None:
    """Which word or face its judge is surest of; None where there is neither."""
    local = [i for i, each in enumerate(things) if each.kind != "class"]
    return max(local, key=lambda i: (things[i].score, things[i].kind), default=None)


def crop_box(box: judges.Box, width: int, height: int) -> tuple[int, int, int, int]:
    """The square around a box, half as large again and at least 64 pixels, inside the picture."""
    left, top, right, bottom = box
    side = min(max(1.5 * max(right - left, bottom - top), 64.0), width, height)
    x = min(max((left + right - side) / 2, 0.0), width - side)
    y = min(max((top + bottom - side) / 2, 0.0), height - side)
    return round(x), round(y), round(x + side), round(y + side)


def _shares(measured: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A picture's rows with the share found of each kind; NaN of kinds that it has not."""
    kinds = [thing["kind"] for thing in measured["things"]]
    rows = []
    for row in measured["rows"]:
        found = np.array(row["found"], float)
        shares = {"all": found, "kept": np.array(row["kept"], float)}
        for kind in judges.KINDS:
            shares[kind] = found[[k == kind for k in kinds]]
        own = {"image": measured["image"], "bpp": row["bpp"], "codec": row["codec"]}
        size = {"reached": row["reached"], "rate": 8 * row["bytes"] / row["pixels"]}
        parts = {k: float(v.mean()) if len(v) else np.nan for k, v in shares.items()}
        rows.append({**own, **size, **parts})
    return rows


def _table(rows: pandas.DataFrame) -> pandas.DataFrame:
    """A row per rate and codec: mean rate, shares, and the intervals of those over all things."""
    table = means(rows, ["rate", *_WHOLE, *judges.KINDS])
    for column, names in _WHOLE.items():
        bounds = []
        for rate, codec in zip(table["bpp"], table["codec"], strict=True):
            own = rows[(rows["bpp"] == rate) & (rows["codec"] == codec)].sort_values("image")
            values = own[column].dropna().to_numpy()
            known = own["reached"].all() and len(values)
            bounds.append(interval(values) if known else (None, None))
        at = table.columns.get_loc(column) + 1
        for name, values in zip(names, np.array(bounds, float).T, strict=True):
            table.insert(at, name, values)
            at += 1
    return table.rename(columns={"rate": "reached"})


def _verdicts(rows: pandas.DataFrame, table: pandas.DataFrame) -> list[str]:
    """At every rate the order, and the map of people against all others picture by picture."""
    notes = []
    for rate, own in table.groupby("bpp"):
        known = own.dropna(subset=["all"])
        for column, name in (("all", "found"), ("kept", "score kept")):
            low, high = _WHOLE[column]
            each = ", ".join(
                f"{row['codec']} {row[column]:.1%}"
                + ("" if np.isnan(row[low]) else f" [{row[low]:.0%}, {row[high]:.0%}]")
                for _, row in known.sort_values(column, ascending=False, kind="stable").iterrows()
            )
            notes.append(f"At {rate:g} bpp {name}: {each}.")
        notes += out_of_reach(rate, own, known)
        there = rows[(rows["bpp"] == rate) & rows["reached"]].set_index(["codec", "image"])
        for rival in (*RIVALS, *OURS[:-1]):
            if {rival, OURS[-1]} <= set(there.index.get_level_values("codec")):
                shares = there[list(_WHOLE)]
                gains = (shares.loc[OURS[-1]] - shares.loc[rival]).dropna()
                notes.append(
                    f"At {rate:g} bpp {OURS[-1]} less {rival} in the {len(gains)} pictures that "
                    f"both reach: found {_gain(gains['all'].to_numpy())}; score kept "
                    f"{_gain(gains['kept'].to_numpy())}."
                )
    return notes


def _gain(values: NDArray[np.float64]) -> str:
    """A mean difference over pictures with its interval, in words."""
    low, high = interval(values)
    if low is None or high is None:
        return f"{values.mean():+.1%}, one picture"
    sure = "more" if low > 0 else "less" if high < 0 else "no sure difference"
    return f"{values.mean():+.1%} [{low:+.1%}, {high:+.1%}], {sure}"


def _panel(table: pandas.DataFrame, column: str) -> Panel:
    """A line per codec over the rate."""
    percent = table.assign(percent=100 * table[column])
    drawn = lines(percent, "bpp", "percent", 1.5)
    return Panel(_TITLES[column], "bits per pixel", "mean share [%]", drawn)


def _crops(measured: Sequence[Mapping[str, Any]]) -> matplotlib.figure.Figure:
    """The surest words and faces, one a picture, under every codec at equal bytes."""
    from matplotlib.figure import Figure

    local = [each for each in measured if each["shown"] is not None]
    chosen = sorted(local, key=lambda each: -each["things"][each["shown"]]["score"])[:CROPS]
    names = ["original", *codecs()]
    rows = max(1, len(chosen))
    figure = Figure(figsize=(1.7 * len(names), 1.85 * rows), layout="constrained", dpi=130)
    axes = figure.subplots(rows, len(names), squeeze=False)
    for axis in axes.ravel():
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    for line, each in zip(axes, chosen, strict=False):
        line[0].set_ylabel(each["image"], fontsize=8)
        for axis, name in zip(line, names, strict=True):
            axis.imshow(np.asarray(Image.open(BytesIO(base64.b64decode(each["crops"][name])))))
            for row in each["rows"]:
                if (row["codec"], row["bpp"]) == (name, CROP_RATE):
                    says = "found" if row["found"][each["shown"]] else "lost"
                    axis.set_xlabel(says if row["reached"] else "too many bytes", fontsize=7)
    for axis, name in zip(axes[0], names, strict=True):
        label = name if name == "original" else look_of(name).label.replace(" (ours)", "")
        axis.set_title(label.replace(", ", ",\n"), fontsize=8)
    figure.suptitle(
        f"The word or face of each picture that its judge is surest of, {CROP_RATE:g} bpp",
        fontsize=9,
    )
    return figure


def _png(picture: NDArray[np.uint8], box: tuple[int, int, int, int]) -> str:
    stream = BytesIO()
    Image.fromarray(picture).crop(box).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode("ascii")
