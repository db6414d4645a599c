"""One step of the lesson: a moving picture, a sentence, a formula and a question behind folds."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from latex2mathml.converter import convert

from .book import Book, fold

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


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 block`, `1,200 blocks`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def waiting(number: int) -> str:
    """What stands in a step's place until it is computed."""
    return (
        f'<section class="lesson step"><h2>{number}. {escape(TITLES[number - 1])}</h2>'
        '<p class="see">A moment: this step is being computed.</p></section>'
    )
