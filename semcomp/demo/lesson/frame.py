"""The lesson's frame on the demo's page: going from step to step, printing, saving. In the browser.

Nothing here asks the server. A printed or saved lesson is put together from what the page shows.
"""

import json
from html import escape

from . import book, sheet
from .step import SHORT, TITLES

INTRO = """
<p class="quiet">Eight steps through the method, about ten minutes, on any picture. Move the
slider in each step, guess, then open the question.</p>
"""


def steps_bar() -> str:
    """The row of steps, as HTML."""
    buttons = "".join(
        f'<li><button type="button" data-step="{number}" title="{escape(title, quote=True)}"'
        f"{' aria-current=step' if number == 1 else ''}>"
        f'<span class="number">{number}</span><span class="word">{escape(short)}</span></button>'
        "</li>"
        for number, (title, short) in enumerate(zip(TITLES, SHORT, strict=True), 1)
    )
    return f'<nav class="steps" aria-label="Steps of the lesson"><ol>{buttons}</ol></nav>'


def turning() -> str:
    """Buttons below a step: back, on, print, save."""
    return (
        '<div class="onward"><button type="button" class="back" disabled>← Back</button>'
        '<button type="button" class="on">Next →</button><span class="gap"></span>'
        '<button type="button" class="print">Print the lesson</button>'
        '<button type="button" class="save">Save as one page</button></div>'
    )


STYLE = (
    """
#lesson .steps ol { display: grid; grid-template-columns: repeat(8, minmax(0, 1fr)); gap: 6px;
  list-style: none; margin: .3rem 0 .6rem; padding: 0; }
#lesson .steps li { margin: 0; padding: 0; list-style: none; }
#lesson .steps button { width: 100%; display: flex; align-items: baseline; gap: .4rem;
  justify-content: center; padding: .5rem .3rem; border-radius: 8px; cursor: pointer;
  font-size: .88rem; color: var(--body-text-color); background: var(--block-background-fill);
  border: 1px solid var(--border-color-primary); min-height: 2.6rem; }
#lesson .steps .number { font-weight: 650; color: var(--body-text-color-subdued); }
#lesson .steps button[aria-current] { background: var(--primary-700); color: #fff;
  border-color: var(--primary-700); }
#lesson .steps button[aria-current] span { color: #fff; }
"""
    + ", ".join(f"#lesson #lesson-{n}" for n in range(1, 9))
    + """ { display: none; border: 0; }
#lesson:not([data-step]) #lesson-1, """
    + ", ".join(f'#lesson[data-step="{n}"] #lesson-{n}' for n in range(1, 9))
    + """ { display: block; }
#lesson .onward { display: flex; flex-wrap: wrap; gap: 8px; margin: .9rem 0 .4rem; }
#lesson .onward .gap { flex: 1 1 0; }
#lesson .onward button { margin: 0; padding: .55rem .95rem; border-radius: 8px; cursor: pointer;
  font-size: .92rem; color: var(--body-text-color); background: var(--block-background-fill);
  border: 1px solid var(--border-color-primary); min-height: 2.6rem; }
#lesson .onward .on { background: var(--primary-700); color: #fff; border-color: var(--primary-700);
  min-width: 7rem; }
#lesson .onward button:disabled { opacity: .45; cursor: default; }
#lesson :is(.steps, .onward) button:focus-visible { outline: 2px solid var(--color-accent);
  outline-offset: 2px; }
#lesson-samples .grid-wrap { height: auto; min-height: 0; max-height: none; padding: 2px; }
#lesson-samples .grid-container { grid-template-columns: repeat(5, minmax(0, 1fr)) !important;
  gap: 8px; grid-auto-rows: auto !important; max-width: 30rem; }
#lesson-samples .gallery-item { height: auto; }
#lesson-samples .thumbnail-item { border-radius: 8px; min-width: 0; aspect-ratio: 1;
  height: auto !important; }
#lesson-samples .caption-label { display: none; }
@media (max-width: 700px) {
  #lesson-source { order: 1; } #lesson-teachers { order: 2; }
  #lesson .steps .word { display: none; } #lesson .steps ol { gap: 4px; }
  #lesson .steps button { padding: .5rem 0; } #lesson .onward .gap { flex-basis: 100%; height: 0; }
  #lesson .onward button { flex: 1 1 auto; }
}
"""
)
SCRIPT = """
(() => {
  const lesson = () => document.querySelector("#lesson");
  const at = () => Number(lesson().dataset.step ?? 1);
  const go = (step, scroll) => {
    const frame = lesson();
    frame.dataset.step = step;
    frame.querySelectorAll(".book .play[aria-pressed=true]").forEach((b) => b.click());
    frame.querySelectorAll(".steps button").forEach((button) => {
      if (Number(button.dataset.step) === step) button.setAttribute("aria-current", "step");
      else button.removeAttribute("aria-current");
    });
    frame.querySelector(".onward .back").disabled = step === 1;
    frame.querySelector(".onward .on").disabled = step === 8;
    if (scroll) frame.querySelector(".steps").scrollIntoView({ block: "start" });
  };
  const escaped = (text) => {
    const box = document.createElement("p");
    box.textContent = text;
    return box.innerHTML;
  };
  const sheet = (forPrint) => {
    const parts = [...lesson().querySelectorAll(".lesson.step")].map((p) => p.cloneNode(true));
    let answers = "";
    for (const part of parts) {
      part.querySelectorAll("details").forEach((fold) => { fold.open = forPrint; });
      if (!forPrint) continue;
      part.querySelectorAll("details.question").forEach((fold) => {
        const question = fold.querySelector("summary").textContent;
        answers += `<li><b>${escaped(question)}</b>${fold.querySelector("p").innerHTML}</li>`;
        fold.querySelector("p").remove();
      });
    }
    if (answers) {
      answers = `<section class="lesson answers"><h2>Answers</h2><ol>${answers}</ol></section>`;
    }
    const kept = ["lesson-book-style", "lesson-sheet-style"].map(
      (id) => document.getElementById(id).textContent).join("");
    const script = document.getElementById("lesson-book-script").textContent;
    const inner = parts.map((part) => part.outerHTML).join("");
    return `<!doctype html><html lang="en"><head><meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1"><title>TITLE</title>
      <style>${kept}</style></head><body><h1>TITLE</h1>${inner}${answers}
      <script>${script}</` + `script></body></html>`;
  };
  const print = () => {
    document.querySelector("#lesson-print")?.remove();
    const paper = document.createElement("iframe");
    paper.id = "lesson-print";
    paper.title = "The lesson, for print";
    paper.style.cssText = "position: fixed; width: 0; height: 0; border: 0; visibility: hidden";
    paper.srcdoc = sheet(true);
    paper.addEventListener("load", () => paper.contentWindow.print());
    document.body.append(paper);
  };
  const save = () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([sheet(false)], { type: "text/html" }));
    link.download = "lesson.html";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("#lesson .steps button, #lesson .onward button");
    if (!button) return;
    if (button.dataset.step) go(Number(button.dataset.step), false);
    else if (button.matches(".back")) go(at() - 1, true);
    else if (button.matches(".on")) go(at() + 1, true);
    else if (button.matches(".print")) print();
    else if (button.matches(".save")) save();
  });
  // Gradio's slider is released by a pointer only: arrow keys are a release once they rest.
  let resting = null;
  document.addEventListener("keyup", (event) => {
    if (!event.target.matches?.("#lesson-level input[type=range]")) return;
    if (!/^(Arrow|Page|Home|End)/.test(event.key)) return;
    clearTimeout(resting);
    const slider = event.target, up = new PointerEvent("pointerup", { bubbles: true });
    resting = setTimeout(() => slider.dispatchEvent(up), 400);
  });
  // A link such as ?lesson=4 opens that step.
  const asked = Number(new URLSearchParams(location.search).get("lesson"));
  if (!(asked >= 1 && asked <= 8)) return;
  const looking = setInterval(() => {
    const tab = [...document.querySelectorAll("[role=tab]")].find(
      (each) => each.textContent.trim() === "Lesson");
    if (!tab) return;
    if (tab.getAttribute("aria-selected") !== "true") tab.click();
    if (!document.querySelector("#lesson .steps") || !document.querySelector("#lesson .onward")) {
      return;
    }
    clearInterval(looking);
    go(asked, false);
  }, 200);
  setTimeout(() => clearInterval(looking), 20000);
})();
""".replace("TITLE", json.dumps(sheet.TITLE)[1:-1])
HEAD = (
    f'<style id="lesson-book-style">{book.STYLE}</style>'
    f'<style id="lesson-sheet-style" media="not all">{sheet.PAGE}</style>'
    f"<style>{STYLE}</style>"
    f'<script id="lesson-book-script">{book.SCRIPT}</script><script>{SCRIPT}</script>'
)
"""For the page's head: Gradio confines its own style sheet, and this goes into saved pages too."""
