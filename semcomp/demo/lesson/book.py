"""A picture that moves: frames under a slider, in plain HTML that also works offline and on paper.

The same text serves the page, a saved copy, print and a notebook. All frames lie in one cell of a
grid, so turning pages moves nothing else; print shows the frames marked as `key` side by side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape


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


def _frame(frame: Frame, shown: bool) -> str:
    kind = " key" if frame.key else ""
    state = "" if shown else ' aria-hidden="true" data-away'
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


STYLE = """
.lesson, .book { --ink: var(--body-text-color, #1e293b); --card: var(--block-background-fill, #fff);
  --soft: var(--body-text-color-subdued, #475569); --line: var(--border-color-primary, #dbe1e8);
  --warm: #b83a2e; --cool: #0f766e; --faint: color-mix(in srgb, var(--soft) 30%, transparent);
  color: var(--ink); line-height: 1.5; }
.dark .lesson, .dark .book { --warm: #f59a4c; --cool: #5eead4; }
.lesson * { box-sizing: border-box; }
.lesson h2 { font-size: 1.35rem; font-weight: 650; letter-spacing: -.01em; margin: .2rem 0 .1rem;
  color: var(--ink); }
.lesson .see { font-size: 1.05rem; margin: 0 0 .6rem; max-width: 46rem; color: var(--ink); }
.book { margin: 0; }
.book .turns { margin: 0 0 .15rem; font-size: .85rem; color: var(--soft); }
.book .turn { display: flex; align-items: center; gap: .6rem; margin: 0 0 .7rem; }
.book .turn input { flex: 1 1 6rem; min-width: 0; height: 2rem; accent-color: var(--cool);
  background: transparent; border: 0; padding: 0; }
.book .turn output { flex: 0 0 auto; min-width: 8.5rem; font-weight: 600; font-size: .92rem;
  font-variant-numeric: tabular-nums; color: var(--ink); }
.lesson .book .turn .play { margin: 0; padding: 0; flex: 0 0 auto; width: 2.5rem; height: 2.5rem;
  border-radius: 50%; font-size: .9rem; line-height: 1; cursor: pointer; color: var(--ink);
  background: var(--card); border: 1px solid var(--line); }
.lesson .book .turn .play:hover { border-color: var(--cool); }
.lesson :is(button, input, summary):focus-visible { outline: 2px solid var(--cool);
  outline-offset: 2px; }
.book .frames { display: grid; }
.book .frame { grid-area: 1 / 1; display: grid; gap: .6rem 1.4rem; align-items: start;
  grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); min-width: 0; }
.book .frame[data-away] { visibility: hidden; }
.book .view, .book .beside { min-width: 0; }
.book .say { margin: 0 0 .7rem; font-size: .95rem; color: var(--ink); }
.book .stage { position: relative; width: 100%; overflow: hidden; border-radius: 8px;
  background: var(--faint) 0 0 / 100% 100% no-repeat; }
.book .stage.based { background-image: var(--base); print-color-adjust: exact;
  -webkit-print-color-adjust: exact; }
.book .stage img { position: absolute; inset: 0; width: 100%; height: 100%; display: block;
  margin: 0; max-width: none; border-radius: 0; }
.book img.sharp { image-rendering: pixelated; }
.book img.mixed { opacity: .68; }
.book .small { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: .6rem;
  align-items: center; margin-top: .6rem; max-width: 30rem; }
.book .small .stage, .lesson .small .stage { border-radius: 5px; }
.book .name { font-size: .8rem; color: var(--soft); margin: .15rem 0 0; }
.book svg, .lesson svg { display: block; width: 100%; height: auto; max-width: 30rem;
  font: 12px system-ui, sans-serif; overflow: visible; }
.lesson svg text { fill: var(--ink); }
.lesson svg .soft { fill: var(--soft); }
.lesson .charts { display: grid; gap: 1rem 1.4rem; max-width: 44rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 16rem), 1fr)); }
.lesson .dot { display: inline-block; width: .7rem; height: .7rem; border-radius: 50%;
  margin-right: .4rem; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.lesson table { border-collapse: collapse; font-size: .88rem; margin: .5rem 0 0; width: 100%;
  font-variant-numeric: tabular-nums; }
.lesson caption { text-align: left; color: var(--soft); font-size: .82rem; padding: 0 0 .2rem; }
.lesson :is(table, thead, tbody, tr) { border: 0 !important; background: none !important; }
.lesson :is(th, td) { text-align: right !important; padding: .2rem .35rem !important;
  font-weight: 400; border: 0 !important; border-bottom: 1px solid var(--line) !important;
  color: var(--ink); background: none !important; line-height: 1.4; }
.lesson th:first-child { text-align: left !important; padding-left: 0 !important; }
.lesson thead th { color: var(--soft); font-size: .8rem; }
.lesson details { border: 1px solid var(--line); border-radius: 8px; margin: .6rem 0 0;
  background: var(--card); }
.lesson details.question { border-left: 4px solid var(--cool); }
.lesson summary { padding: .6rem .8rem; cursor: pointer; font-weight: 500; color: var(--ink); }
.lesson details > :not(summary) { margin: 0 .8rem .7rem; max-width: 46rem; }
.lesson .sum { overflow-x: auto; overflow-y: hidden; padding: .3rem 0; font-size: 1.12rem; }
.lesson details > p { font-size: .95rem; color: var(--ink); }
.lesson .cases { display: grid; gap: 1rem 1rem; max-width: none !important;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 13rem), 1fr)); }
.lesson .case { margin: 0; } .lesson .case figcaption { font-size: .86rem; margin-top: .3rem; }
.lesson .case .stage { position: relative; border-radius: 6px; overflow: hidden; }
.lesson .case img { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; }
.lesson .case img.over { opacity: 0; transition: opacity .2s; }
.lesson .case:is(:hover, :focus-within) img.over, .lesson .case input:checked ~ .stage img.over
  { opacity: .68; }
.lesson .scale { height: 8px; border-radius: 4px; margin: .5rem 0 .1rem; max-width: 30rem;
  print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.lesson .ends { display: flex; justify-content: space-between; font-size: .78rem;
  color: var(--soft); max-width: 30rem; font-variant-numeric: tabular-nums; margin: 0; }
@media (max-width: 700px) {
  .book .frame { grid-template-columns: minmax(0, 1fr); }
  .book .turn output { min-width: 6.2rem; font-size: .85rem; }
  .lesson h2 { font-size: 1.2rem; } .lesson .see { font-size: 1rem; }
  .lesson .sum { font-size: .9rem; }
}
@media print {
  .book .turn, .book .turns { display: none; }
  .book .frames { grid-template-columns: repeat(3, minmax(0, 1fr)); gap: .5cm; }
  .book .frame { grid-area: auto; display: none; align-content: start; break-inside: avoid;
    grid-template-columns: minmax(0, 1fr); }
  .book .frame.key { display: grid; visibility: visible !important; }
  .book .frame::before { content: attr(data-label); font-weight: 600; font-size: .8rem; }
  .lesson details { break-inside: avoid; border: 0; }
  .lesson details:not([open]) > :not(summary) { display: block; }
  .lesson .step { break-inside: avoid; }
}
"""
SCRIPT = """
(() => {
  if (window.lessonBooks) return;
  window.lessonBooks = true;
  const turn = (book, to) => {
    const frames = [...book.querySelectorAll(".frame")];
    frames.forEach((frame, i) => {
      frame.toggleAttribute("data-away", i !== to);
      if (i === to) frame.removeAttribute("aria-hidden");
      else frame.setAttribute("aria-hidden", "true");
    });
    const slider = book.querySelector("input[type=range]");
    const label = frames[to].dataset.label;
    slider.value = to;
    slider.setAttribute("aria-valuetext", label);
    book.querySelector("output").textContent = label;
  };
  const stop = (book) => {
    clearInterval(book.playing);
    book.playing = null;
    const button = book.querySelector(".play");
    button.textContent = "▶";
    button.setAttribute("aria-pressed", "false");
  };
  document.addEventListener("input", (event) => {
    const book = event.target.closest?.(".book .turn") && event.target.closest(".book");
    if (!book) return;
    stop(book);
    turn(book, Number(event.target.value));
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.(".book .play");
    if (!button) return;
    const book = button.closest(".book");
    if (book.playing) return stop(book);
    const slider = book.querySelector("input[type=range]");
    const last = Number(slider.max);
    if (Number(slider.value) === last) turn(book, 0);
    button.textContent = "❚❚";
    button.setAttribute("aria-pressed", "true");
    book.playing = setInterval(() => {
      const at = Number(slider.value);
      if (at >= last || !book.isConnected) stop(book);
      else turn(book, at + 1);
    }, 1100);
  });
})();
"""
