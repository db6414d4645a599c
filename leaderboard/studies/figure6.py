"""The paper's Figure 6: pictures at equal bytes near 0.75 bpp, and two marked regions of each.

The paper marks its regions by hand; here they are the two squares that the map of the original
calls most important, so that any picture can be used and none is picked for its result. MS-SSIM
needs 161 pixels a side, hence their size.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leaderboard.analysis.figures import TEXT
from leaderboard.analysis.look import look_of
from leaderboard.codecs import CODECS
from leaderboard.codecs.base import open_session
from leaderboard.run.measuring import reference
from semcomp.errors import SemcompError
from semcomp.metrics import MS_SSIM_MIN_SIDE, ms_ssim, region_ms_ssim, si_ssim

from .base import Context, Study
from .equal_rates import search_of

if TYPE_CHECKING:
    import matplotlib.figure
    import plotly.graph_objects

OURS = ("george", "semantic", "semantic-rd")
NAMES = ("jpeg", "bpg", *OURS, "george-paper", "semantic-paper")
RATE = 0.75
"""Bits per pixel; less in pictures whose uniform file of `CAP` has less."""
CAP = 20
"""Average level that no picture exceeds: near 24, where every block is full, nothing is left to
allocate."""
PICTURES = ("kodim20", "kodim03", "kodim15")
"""Taken of Kodak: a plane with letters on it, hats with letters, and a painted face with a
necklace, as in the paper. Of other data sets the first three."""
BOX = 176
"""Side of a region in pixels."""
_COLOURS = ("#0072B2", "#009E73")  # the paper's blue and green, told apart by all

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class _View:
    """One picture as one codec shows it; bytes None for the original."""

    label: str
    pixels: NDArray[np.uint8]
    bytes: int | None
    bpp: float
    whole: float
    regions: tuple[float, float]


@dataclass(frozen=True)
class Group:
    """A picture under all codecs, original first; its regions; the table's rows."""

    views: list[_View]
    boxes: tuple[Box, Box]
    rows: list[dict[str, Any]]


def run(context: Context) -> Study:
    """Encode, decode and score the pictures. Raises SemcompError for pictures too small."""
    import pandas

    pictures = context.dataset.pictures
    chosen = [each for each in pictures if each.name in PICTURES] or list(pictures[: len(PICTURES)])
    groups = context.each(measure, chosen)
    names = [each.name for each in chosen]
    table = pandas.DataFrame.from_records(
        [
            {"image": name, **row}
            for name, each in zip(names, groups, strict=True)
            for row in each.rows
        ]
    )
    notes = [
        "Every codec's file is the one nearest to the same number of bytes; regions are the two "
        f"squares of {BOX} pixels with the most importance in the original's map.",
        f"The size is {RATE:g} bpp, or that of the uniform file of level {CAP} if that is less.",
        *_winners(table),
    ]
    return Study(
        "figure6",
        f"Pictures at equal bytes near {RATE:g} bpp (the paper's Figure 6)",
        table,
        [_chart(name, each) for name, each in zip(names, groups, strict=True)],
        _still(groups),
        notes,
        {"quality": 2, "off": 2, "bpp": 3},
    )


def regions(weights: NDArray[np.uint8]) -> tuple[Box, Box]:
    """The two squares of `BOX` pixels with the most weight, apart where there is room for it.

    weights: (H, W). Boxes are (left, top, right, bottom). In pictures under `BOX` the side shrinks.
    """
    height, width = weights.shape
    side = min(BOX, height, width)
    sums = np.zeros((height + 1, width + 1))
    sums[1:, 1:] = weights.astype(np.float64).cumsum(0).cumsum(1)
    inside = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    boxes: list[Box] = []
    for _ in range(2):
        top, left = np.unravel_index(int(inside.argmax()), inside.shape)
        boxes.append((int(left), int(top), int(left) + side, int(top) + side))
        rows, columns = np.ogrid[: inside.shape[0], : inside.shape[1]]
        # Overlapping squares count less than any that do not.
        near = (abs(rows - top) < side) & (abs(columns - left) < side)
        inside = np.where(near, inside - 1e12, inside)
    return boxes[0], boxes[1]


def measure(name: str, image: NDArray[np.uint8]) -> Group:
    """A picture through all codecs at equal bytes. Raises SemcompError for one too small."""
    if min(image.shape[:2]) < MS_SSIM_MIN_SIDE:
        raise SemcompError(
            f"{name} has a side under {MS_SSIM_MIN_SIDE} pixels: take larger pictures"
        )
    original = reference(image)
    boxes = regions(original.weights[0])
    pixels = image.shape[0] * image.shape[1]
    picture = Image.fromarray(image)
    searches = {
        codec: search_of(CODECS[codec], open_session(CODECS[codec], picture).encode)
        for codec in NAMES
    }
    target = min(round(RATE * pixels / 8), len(open_session(CODECS[OURS[0]], picture).encode(CAP)))
    views = [_View("original", image, None, float("nan"), 1.0, (1.0, 1.0))]
    rows = []
    for codec, search in searches.items():
        quality, data = search.around(target).nearest
        decoded = np.asarray(CODECS[codec].decode(data))
        whole = ms_ssim(image, decoded)
        first, second = (region_ms_ssim(image, decoded, box) for box in boxes)
        bpp = 8 * len(data) / pixels
        label = look_of(codec).label.replace(" (ours)", "")
        views.append(_View(label, decoded, len(data), bpp, whole, (first, second)))
        rows.append(
            {
                "codec": codec,
                "quality": quality,
                "bytes": len(data),
                "off": 100 * (len(data) / target - 1),
                "bpp": bpp,
                "ms_ssim": whole,
                "si_ssim": si_ssim(image, decoded, original.weights[0]),
                "region 1": first,
                "region 2": second,
            }
        )
    return Group(views, boxes, rows)


def _winners(table: Any) -> list[str]:
    notes = []
    for image, own in table.groupby("image", sort=False):
        best = {
            column: own.loc[own[column].idxmax(), "codec"]
            for column in ("ms_ssim", "si_ssim", "region 1", "region 2")
        }
        text = ", ".join(f"{column} {codec}" for column, codec in best.items())
        notes.append(
            f"{image}, {own['bpp'].median():.3f} bpp, sizes {own['off'].min():+.1f} to "
            f"{own['off'].max():+.1f}% of it; best: {text}."
        )
    return notes


def _chart(name: str, group: Group) -> plotly.graph_objects.Figure:
    """The picture under every codec; zooming into one zooms into all."""
    from plotly.subplots import make_subplots

    views, boxes = group.views, group.boxes
    titles = [f"{each.label}<br>{_caption(each)}" for each in views]
    columns = 2  # readable on a phone
    rows = -(-len(views) // columns)
    figure = make_subplots(rows, columns, subplot_titles=titles, vertical_spacing=0.06)
    for index, each in enumerate(views):
        row, column = index // columns + 1, index % columns + 1
        figure.add_image(source=_data_uri(each.pixels), row=row, col=column, hoverinfo="skip")
        for box, colour in zip(boxes, _COLOURS, strict=True):
            figure.add_shape(
                type="rect",
                **dict(zip(("x0", "y0", "x1", "y1"), box, strict=True)),
                line={"color": colour, "width": 2},
                row=row,
                col=column,
            )
    figure.update_xaxes(visible=False, matches="x")
    # At any width the picture stays under its title.
    figure.update_yaxes(visible=False, matches="y", constrain="domain", constraintoward="top")
    height, width = views[0].pixels.shape[:2]
    figure.update_layout(
        title={"text": name, "x": 0, "xref": "paper"},
        font={"family": "system-ui, sans-serif", "size": 12, "color": TEXT},
        margin={"l": 4, "r": 4, "t": 90, "b": 4},
        height=int(rows * (320 * height / width + 50)) + 90,
        dragmode="zoom",
    )
    figure.update_annotations(font_size=11)
    return figure


def _still(groups: list[Group]) -> matplotlib.figure.Figure:
    """For every picture three rows: the whole, and its two regions enlarged."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    ratios, columns = [], len(groups[0].views)
    for group in groups:
        height, width = group.views[0].pixels.shape[:2]
        ratios += [height / width + 0.12, 1.1, 1.1]
    figure = Figure(figsize=(2.5 * columns, 2.5 * sum(ratios)), layout="constrained", dpi=120)
    axes = figure.subplots(len(ratios), columns, squeeze=False, height_ratios=ratios)
    for index, group in enumerate(groups):
        for column, each in enumerate(group.views):
            whole, *crops = axes[3 * index : 3 * index + 3, column]
            whole.imshow(each.pixels)
            whole.set_title(f"{each.label}\n{_caption(each)}", fontsize=8.5)
            for i, (axis, box) in enumerate(zip(crops, group.boxes, strict=True)):
                left, top, right, bottom = box
                colour = _COLOURS[i]
                whole.add_patch(
                    Rectangle(
                        (left, top), right - left, bottom - top, fill=False, ec=colour, lw=1.6
                    )
                )
                axis.imshow(each.pixels[top:bottom, left:right], interpolation="nearest")
                axis.set_title(
                    "" if each.bytes is None else f"{each.regions[i]:.4f}", fontsize=8.5, pad=3
                )
                axis.spines[:].set(color=colour, linewidth=2)
    for axis in axes.ravel():
        axis.set(xticks=[], yticks=[])
    for row in range(0, len(ratios), 3):
        for axis in axes[row]:
            axis.spines[:].set_visible(False)
    return figure


def _caption(each: _View) -> str:
    if each.bytes is None:
        return "bpp, MS-SSIM"
    return f"{each.bpp:.3f} bpp, {each.whole:.4f}"


def _data_uri(pixels: NDArray[np.uint8]) -> str:
    """Pixels as a PNG inside a link: nothing is lost on the way to the browser."""
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
