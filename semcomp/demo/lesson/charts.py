"""The lesson's charts as SVG, in the colours of the page they stand on. Pure: numbers in, text out.

A chart is 340 units wide, about a phone's width, so that its 12-unit text stays readable there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 340
_WARM, _COOL, _SOFT, _LINE = "var(--warm)", "var(--cool)", "var(--soft)", "var(--line)"


@dataclass(frozen=True)
class Bar:
    """A bar: its name, value >= 0, the text at its end, and a colour."""

    name: str
    value: float
    text: str
    colour: str = _COOL


def bars(alt: str, items: Sequence[Bar]) -> str:
    """Horizontal bars to one scale, the largest of full length."""
    top = max(bar.value for bar in items) or 1
    parts, y = [], 0
    for bar in items:
        length = max(bar.value / top * (WIDTH - 96), 1.5 if bar.value > 0 else 0)
        parts.append(
            f'<text x="0" y="{y + 12}">{escape(bar.name)}</text>'
            f'<rect x="0" y="{y + 18}" width="{length:.1f}" height="14" rx="3" '
            f'style="fill: {bar.colour}"/>'
            f'<text x="{length + 6:.1f}" y="{y + 30}" class="soft">{escape(bar.text)}</text>'
        )
        y += 42
    return _svg(alt, y, "".join(parts))


def stacked(alt: str, parts: Sequence[Bar], most: float) -> str:
    """One bar of several parts, and a line for each part below."""
    x, drawn, rows = 0.0, [], []
    for i, part in enumerate(parts):
        width = part.value / most * WIDTH
        drawn.append(
            f'<rect x="{x:.2f}" y="4" width="{width:.2f}" height="26" style="fill: {part.colour}"/>'
        )
        x += width
        y = 50 + 20 * i
        rows.append(
            f'<rect x="0" y="{y - 10}" width="11" height="11" rx="2" style="fill: {part.colour}"/>'
            f'<text x="18" y="{y}">{escape(part.name)}</text>'
            f'<text x="{WIDTH}" y="{y}" text-anchor="end">{escape(part.text)}</text>'
        )
    outline = (
        f'<rect x="0" y="4" width="{WIDTH}" height="26" rx="2" '
        f'style="fill: none; stroke: {_LINE}"/>'
    )
    return _svg(alt, 56 + 20 * (len(parts) - 1), outline + "".join(drawn + rows))


def columns(
    alt: str,
    values: Sequence[float],
    *,
    title: str,
    ticks: Sequence[tuple[float, str]],
    warm: Sequence[bool] | None = None,
    faint: Sequence[bool] | None = None,
    most: float | None = None,
    height: int = 130,
) -> str:
    """Upright bars, one for each value. ticks: (index, label). warm, faint: which stand out."""
    top = (max(values, default=0) if most is None else most) or 1
    step = WIDTH / max(len(values), 1)
    parts = [f'<text x="0" y="11" class="soft">{escape(title)}</text>']
    base = height + 18
    for i, value in enumerate(values):
        tall = min(value / top, 1) * height
        colour = _WARM if warm is not None and warm[i] else _COOL
        dim = "; opacity: .3" if faint is not None and faint[i] else ""
        if value > 0:
            tall = max(tall, 1)
        parts.append(
            f'<rect x="{i * step + step * 0.1:.1f}" y="{base - tall:.1f}" '
            f'width="{step * 0.8:.1f}" height="{tall:.1f}" style="fill: {colour}{dim}"/>'
        )
    parts.append(f'<line x1="0" x2="{WIDTH}" y1="{base}" y2="{base}" style="stroke: {_SOFT}"/>')
    for index, label in ticks:
        x = (index + 0.5) * step
        anchor = "start" if x < 15 else "end" if x > WIDTH - 15 else "middle"
        x = 0 if anchor == "start" else WIDTH if anchor == "end" else x
        parts.append(
            f'<text x="{x:.1f}" y="{base + 15}" text-anchor="{anchor}" class="soft">'
            f"{escape(label)}</text>"
        )
    return _svg(alt, base + 18, "".join(parts))


@dataclass(frozen=True)
class Line:
    """A curve of a chart. points: (x, y). colour: CSS. dash: SVG dash array, empty for none."""

    points: tuple[tuple[float, float], ...]
    colour: str = _COOL
    width: float = 2.2
    dash: str = ""


@dataclass(frozen=True)
class Axis:
    """Range of an axis, its name, and (value, label) of its ticks."""

    low: float
    high: float
    name: str
    ticks: tuple[tuple[float, str], ...]

    def place(self, value: float, length: float) -> float:
        """Where a value lies along `length`, clipped to the axis."""
        share = (value - self.low) / ((self.high - self.low) or 1)
        return min(max(share, 0.0), 1.0) * length


def lines(
    alt: str,
    curves: Sequence[Line],
    x: Axis,
    y: Axis,
    *,
    marks: Sequence[tuple[float, float, str]] = (),
    cursor: float | None = None,
    height: int = 170,
) -> str:
    """Curves over two axes. marks: points (x, y, colour). cursor: an upright line at this x."""
    left, right, top = 40, WIDTH - 6, 20
    wide, tall = right - left, height
    parts = [f'<text x="0" y="11" class="soft">{escape(y.name)}</text>']

    def at(point: tuple[float, float]) -> tuple[float, float]:
        return left + x.place(point[0], wide), top + tall - y.place(point[1], tall)

    for value, label in y.ticks:
        _, py = at((x.low, value))
        parts.append(
            f'<line x1="{left}" x2="{right}" y1="{py:.1f}" y2="{py:.1f}" style="stroke: {_LINE}"/>'
            f'<text x="{left - 6}" y="{py + 4:.1f}" text-anchor="end" class="soft">'
            f"{escape(label)}</text>"
        )
    for value, label in x.ticks:
        px, _ = at((value, y.low))
        parts.append(
            f'<text x="{px:.1f}" y="{top + tall + 15}" text-anchor="middle" class="soft">'
            f"{escape(label)}</text>"
        )
    parts.append(
        f'<text x="{right}" y="{top + tall + 31}" text-anchor="end" class="soft">'
        f"{escape(x.name)}</text>"
    )
    if cursor is not None:
        px, _ = at((cursor, y.low))
        parts.append(
            f'<line x1="{px:.1f}" x2="{px:.1f}" y1="{top}" y2="{top + tall}" '
            f'style="stroke: {_SOFT}; stroke-dasharray: 3 3"/>'
        )
    for curve in curves:
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in map(at, curve.points))
        dash = f"; stroke-dasharray: {curve.dash}" if curve.dash else ""
        parts.append(
            f'<polyline points="{path}" style="fill: none; stroke: {curve.colour}; '
            f'stroke-width: {curve.width:g}; stroke-linejoin: round{dash}"/>'
        )
    for mx, my, colour in marks:
        px, py = at((mx, my))
        parts.append(
            f'<circle cx="{px:.1f}" cy="{py:.1f}" r="5" '
            f'style="fill: {colour}; stroke: var(--card); stroke-width: 1.5"/>'
        )
    return _svg(alt, top + tall + 34, "".join(parts))


def _svg(alt: str, height: float, inner: str) -> str:
    name = escape(alt, quote=True)
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{name}" '
        f'xmlns="http://www.w3.org/2000/svg">{inner}</svg>'
    )
