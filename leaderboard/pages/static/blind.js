// Rounds of the blind comparison: what is shown, the answer, the next pair. Until the answer comes
// this script knows three tokens and nothing of what they stand for.

const root = element.querySelector(".blind"), find = (s) => root.querySelector(s);
const all = (s) => [...root.querySelectorAll(s)];
const stage = find(".stage");
const clamp = (v, low, high) => Math.min(Math.max(v, low), high);
const view = { z: 1, x: 0, y: 0 };
const code = (new URLSearchParams(location.search).get("class") ?? "").trim().toUpperCase();
let visit = null, rounds = 10, round = null, next = null, result = null, shown = 0;

const tell = (text, note = "") => {
  const small = document.createElement("small");
  small.textContent = note;
  find(".told").replaceChildren(text, ...(note ? [small] : []));
  if (root.getBoundingClientRect().top < 0) root.scrollIntoView();   // a phone has scrolled past it
};
const phase = (name) => {
  root.dataset.phase = name;
  all("[data-choice]").forEach((b) => {
    b.disabled = name !== "ask"; b.hidden = ["answer", "result", "none"].includes(name);
  });
  find("[data-do=next]").hidden = name !== "answer";
  find(".result").hidden = name !== "result";
  for (const part of [".stage", ".tools", ".credit"]) find(part).hidden = name === "result" || name === "none";
};

// zoom and pan, the same for all pictures
const frame = () => all(".frame").find((f) => f.clientWidth) ?? find(".frame");
const natural = () => round ? round.width / frame().clientWidth : 1;
const draw = () => {
  const most = Math.max(16, 8 * natural());
  view.z = clamp(view.z, 1, most);
  view.x = clamp(view.x, 1 - view.z, 0); view.y = clamp(view.y, 1 - view.z, 0);
  stage.style.setProperty("--z", view.z);
  stage.style.setProperty("--x", 100 * view.x + "%");
  stage.style.setProperty("--y", 100 * view.y + "%");
  const percent = Math.round(100 * view.z / natural());
  find("[data-do=full]").textContent = percent + "%";
  find("[data-do=full]").setAttribute("aria-label", `Zoom ${percent}%: show at 100%`);
  find("[data-do=out]").disabled = find("[data-do=fit]").disabled = view.z === 1;
  root.classList.toggle("zoomed", view.z > 1);
  root.classList.toggle("pixels", percent >= 200);
};
const zoom = (factor, fx = 0.5, fy = 0.5) => {
  const old = view.z;
  view.z = clamp(old * factor, 1, Math.max(16, 8 * natural()));
  view.x = fx - (fx - view.x) * view.z / old;
  view.y = fy - (fy - view.y) * view.z / old;
  draw();
};
const fit = () => { Object.assign(view, { z: 1, x: 0, y: 0 }); draw(); };
const flip = (on) => {
  root.classList.toggle("flipped", on);
  find("[data-do=hold]").setAttribute("aria-pressed", on);
};

// pictures, fetched once each, the next round's while the answer is read
const fetched = new Map();
const picture = (token) => {
  if (!fetched.has(token)) fetched.set(token, server.picture([token]).then(async (answer) => {
    if (!answer.picture) throw new Error(answer.gone);
    const image = new Image();
    image.src = answer.picture;
    await image.decode();
    return answer.picture;
  }));
  return fetched.get(token);
};
const load = (of) => Promise.all(of.tokens.map(picture));

const ask = async (what) => {
  phase("wait");
  flip(false);
  try {
    const pictures = await load(what);
    fetched.clear();
    round = what; next = null;
    stage.style.setProperty("--ratio", what.width / what.height);
    root.classList.toggle("tall", what.width < what.height);
    all("figure").forEach((figure) => {
      const side = +figure.dataset.side;
      figure.querySelector(".own").src = pictures[side];
      if (side) figure.querySelector(".flip").src = pictures[0];
      figure.classList.remove("chosen");
      figure.querySelector("figcaption").textContent = ["Original", "A", "B"][side];
    });
    find(".credit").textContent = `${what.name}. ${what.credit}`;
    fit();
    tell(`Round ${what.number} of ${rounds}: which is closer to the original?`,
      code && `Class ${code}`);
    phase("ask");
    shown = performance.now();
  } catch (error) { lost(error); }
};
const lost = (error) => {
  fetched.clear();
  tell(error.message || "The server does not answer.", "Press Next pair to go on.");
  visit = round = next = result = null;
  phase("answer");
};
const start = async () => {
  phase("wait");
  try {
    const begun = await server.start([code]);
    if (begun.error) { tell(begun.error); return phase("none"); }
    ({ visit, rounds } = begun);
    await ask(begun.round);
  } catch (error) { lost(error); }
};
const answer = async (choice) => {
  if (root.dataset.phase !== "ask") return;
  const seconds = (performance.now() - shown) / 1000;
  phase("wait");
  let said;
  try {
    said = await server.vote([visit, round.number, choice, seconds]);
  } catch { said = { error: "The server does not answer. Answer again." }; }
  if (said.gone) return lost(new Error(said.gone));
  if (said.error) { tell(said.error); phase("ask"); return; }
  all("figure").forEach((figure) => {
    const side = +figure.dataset.side;
    if (!side) return;
    figure.querySelector("figcaption").textContent = `${["A", "B"][side - 1]}: ${said.captions[side - 1]}`;
    figure.classList.toggle("chosen", choice === ["left", "right"][side - 1]);
  });
  tell(said.told, said.note);
  next = said.round; result = said.result;
  find("[data-do=next]").textContent = result ? "What your eye prefers" : "Next pair";
  phase("answer");
  find("[data-do=next]").focus({ preventScroll: true });
  if (next) load(next).catch(() => {});
};
const conclude = () => {
  tell(`${rounds} rounds are done.`);
  find("h3").textContent = result.headline;
  find(".result ul").replaceChildren(...result.lines.map((line) => {
    const item = document.createElement("li"); item.textContent = line; return item;
  }));
  find("tbody").replaceChildren(...result.rows.map((cells) => {
    const row = document.createElement("tr");
    row.append(...cells.map((text) => {
      const cell = document.createElement("td"); cell.textContent = text; return cell;
    }));
    return row;
  }));
  phase("result");
  find(".result").focus({ preventScroll: true });
};
const acts = {
  in: () => zoom(1.5), out: () => zoom(1 / 1.5), fit, full: () => zoom(natural() / view.z),
  next: () => {
    if (next) return ask(next);
    if (result) return conclude();
    return start();
  },
  again: () => { result = null; start(); },
};
all("[data-do]").forEach((b) => acts[b.dataset.do]
  && b.addEventListener("click", () => acts[b.dataset.do]()));
all("[data-choice]").forEach((b) => b.addEventListener("click", () => answer(b.dataset.choice)));

const hold = find("[data-do=hold]");
hold.addEventListener("pointerdown", (event) => {
  hold.setPointerCapture(event.pointerId); flip(true);
});
for (const kind of ["pointerup", "pointercancel", "blur"])
  hold.addEventListener(kind, () => flip(false));
hold.addEventListener("contextmenu", (event) => event.preventDefault());

root.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey) return;
  const pans = { ArrowLeft: [0.1, 0], ArrowRight: [-0.1, 0], ArrowUp: [0, 0.1],
    ArrowDown: [0, -0.1] };
  const choices = { ArrowLeft: "left", ArrowRight: "right", ArrowDown: "none" };
  const keys = { "+": acts.in, "=": acts.in, "-": acts.out, "0": fit, "1": acts.full };
  const onHold = event.target === hold && (event.key === " " || event.key === "Enter");
  if (event.altKey && pans[event.key]) {
    view.x += pans[event.key][0]; view.y += pans[event.key][1]; draw();
  } else if (event.key.toLowerCase() === "o" || onHold) flip(true);
  else if (choices[event.key] && root.dataset.phase === "ask" && !event.repeat)
    answer(choices[event.key]);
  else if (keys[event.key]) keys[event.key]();
  else return;
  event.preventDefault();
});
root.addEventListener("keyup", (event) => {
  if (event.key.toLowerCase() === "o" || event.target === hold) flip(false);
});

const fingers = new Map();
let waiting = null, moved = 0;
const centre = (box) => {
  const r = box.getBoundingClientRect(), points = [...fingers.values()];
  const [a, b] = [points[0], points[1] ?? points[0]];
  return { d: Math.hypot(a[0] - b[0], a[1] - b[1]) || 1,
    x: ((a[0] + b[0]) / 2 - r.left) / r.width, y: ((a[1] + b[1]) / 2 - r.top) / r.height };
};
all(".frame").forEach((box) => {
  box.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    box.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    stage.focus({ preventScroll: true });
    moved = 0; clearTimeout(waiting); flip(false);
    if (fingers.size === 1) waiting = setTimeout(() => flip(true), 150);   // a hold, not a drag
  });
  box.addEventListener("pointermove", (event) => {
    if (!fingers.has(event.pointerId)) return;
    const before = centre(box), [x, y] = fingers.get(event.pointerId);
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    moved += Math.hypot(event.clientX - x, event.clientY - y);
    if (moved > 6) clearTimeout(waiting);
    const now = centre(box);
    if (view.z > 1 || fingers.size > 1) { view.x += now.x - before.x; view.y += now.y - before.y; }
    zoom(fingers.size > 1 ? now.d / before.d : 1, now.x, now.y);
  });
  for (const kind of ["pointerup", "pointercancel"]) box.addEventListener(kind, (event) => {
    fingers.delete(event.pointerId);
    clearTimeout(waiting);
    flip(false);
  });
  box.addEventListener("contextmenu", (event) => event.preventDefault());
  box.addEventListener("dblclick", (event) => {
    if (view.z > 1) return fit();
    const r = box.getBoundingClientRect();
    zoom(Math.max(3, natural()), (event.clientX - r.left) / r.width, (event.clientY - r.top) / r.height);
  });
  box.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;    // the page scrolls
    event.preventDefault();
    const r = box.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY / 300), (event.clientX - r.left) / r.width,
      (event.clientY - r.top) / r.height);
  }, { passive: false });
});
new ResizeObserver(() => round && draw()).observe(stage);

// The first pair is fetched when somebody looks at the tab.
new IntersectionObserver((seen, watching) => {
  if (!seen.some((one) => one.isIntersecting)) return;
  watching.disconnect();
  start();
}).observe(root);
