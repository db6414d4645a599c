"""Steps of the lesson and their books: pictures that move under a slider, beside what to see.

All of it is plain HTML: the same text serves the page, a saved copy without network, print and a
notebook. All frames lie in one cell of a grid, so turning pages moves nothing else; print shows the
frames marked as `key` side by side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from latex2mathml.converter import convert

from semcomp.demo.shared.static import static

TITLES = (
    "What a picture costs",
    "What the classifier looks at",
    "How much each block matters",
    "Sharing out the iterations",
    "What one iteration adds",
    "Where the bytes went",
    "What the score says, and hides",
    "How it does on 24 photographs",
)
SHORT = ("Cost", "Looking", "Importance", "Sharing", "Iterations", "Bytes", "Score", "Kodak")


@dataclass(frozen=True)
class Frame:
    """One page of a book.

    label: short, shown beside the slider. view, side: HTML, the picture and what stands beside it.
    caption: HTML, one or two sentences. key: whether paper shows this frame.
    """

    label: str
    view: str
    side: str = ""
    caption: str = ""
    key: bool = False


@dataclass(frozen=True)
class Book:
    """Frames and what the slider turns. start: number of the frame shown first."""

    name: str
    frames: tuple[Frame, ...]
    start: int = 0
    base: str = ""
    """Data URL of a picture that frames lay their own over (`pictures.layer`)."""

    def __post_init__(self) -> None:
        if not self.frames or not 0 <= self.start < len(self.frames):
            raise ValueError("a book needs frames, and a start among them")

    def html(self) -> str:
        """The book as HTML; `SCRIPT` and `STYLE` have to be on the page."""
        labels = [frame.label for frame in self.frames]
        style = f' style="--base: url({self.base})"' if self.base else ""
        frames = "".join(_frame(f, i == self.start) for i, f in enumerate(self.frames))
        name, first = escape(self.name, quote=True), escape(labels[self.start])
        turn = (
            '<button type="button" class="play" aria-pressed="false" '
            f'aria-label="Play: {name}">▶</button>'
            f'<input type="range" min="0" max="{len(labels) - 1}" value="{self.start}" step="1" '
            f'aria-label="{name}" aria-valuetext="{escape(first, quote=True)}">'
            f"<output>{first}</output>"
        )
        return (
            f'<figure class="book"{style}><p class="turns">{escape(self.name)}</p>'
            f'<div class="turn">{turn}</div><div class="frames">{frames}</div></figure>'
        )


def _frame(frame: Frame, first: bool) -> str:
    kind = " key" if frame.key else ""
    state = "" if first else ' aria-hidden="true" data-away'
    side = f'<div class="beside"><p class="say">{frame.caption}</p>{frame.side}</div>'
    label = escape(frame.label, quote=True)
    return (
        f'<div class="frame{kind}" data-label="{label}"{state}>'
        f'<div class="view">{frame.view}</div>{side}</div>'
    )


def fold(title: str, inner: str, kind: str) -> str:
    """A part that is closed at first. inner: HTML."""
    return f'<details class="{kind}"><summary>{escape(title)}</summary>{inner}</details>'


def table(head: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> str:
    """A small table of texts; the first column names the row."""
    top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    named = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{named}<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


@dataclass(frozen=True)
class Step:
    """A step. number: 1 to 8. see: plain text, the one sentence that says what to see.

    formulas: LaTeX, shown as MathML. meaning: HTML, what their letters stand for.
    question, answer: plain text and HTML. more: HTML that follows, such as a gallery.
    """

    number: int
    see: str
    book: Book
    formulas: Sequence[str]
    meaning: str
    question: str
    answer: str
    more: str = ""

    @property
    def title(self) -> str:
        """The step's name."""
        return TITLES[self.number - 1]

    def html(self) -> str:
        """The whole step."""
        signs = "".join(
            f'<div class="sum">{convert(f, display="block")}</div>' for f in self.formulas
        )
        return (
            f'<section class="lesson step" id="lesson-step-{self.number}">'
            f"<h2>{self.number}. {escape(self.title)}</h2>"
            f'<p class="see">{escape(self.see)}</p>{self.book.html()}'
            + fold("The formula", f"{signs}<p>{self.meaning}</p>", "formula")
            + fold(self.question, f"<p>{self.answer}</p>", "question")
            + f"{self.more}</section>"
        )


def times(value: float) -> str:
    """A factor for people: 40, 3.2, 0.25, 0."""
    if value < 0.005:
        return "0"
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def plural(count: int, one: str) -> str:
    """`1 block`, `1,200 blocks`."""
    return f"{count:,} {one}{'s' * (count != 1)}"


def waiting(number: int) -> str:
    """What stands in a step's place until it is computed."""
    return (
        f'<section class="lesson step"><h2>{number}. {escape(TITLES[number - 1])}</h2>'
        '<p class="see">A moment: this step is being computed.</p></section>'
    )


STYLE = static("lesson_book.css")
SCRIPT = static("lesson_book.js")
