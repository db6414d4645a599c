// Going from step to step, printing, saving: all in the browser. A printed or saved lesson is put
// together from what the page shows.
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
    if (!scroll) return;
    // The reader, and whoever listens to it, goes on at the step's top.
    const top = frame.querySelector(`#lesson-${step} h2`) ?? frame.querySelector(".steps");
    top.tabIndex = -1;
    top.focus({ preventScroll: true });
    frame.querySelector(".steps").scrollIntoView({ block: "start" });
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
      <meta name="viewport" content="width=device-width, initial-scale=1"><title>@TITLE@</title>
      <style>${kept}</style></head><body><h1>@TITLE@</h1>${inner}${answers}
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
