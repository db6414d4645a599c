// The viewer: divider, zoom and pan, pointer, and what changes when a value arrives. No request
// leaves the page's host.

const find = (s) => element.querySelector(s), all = (s) => [...element.querySelectorAll(s)];
const root = find(".viewer"), frame = find(".view-frame.main"), divider = find(".divider");
const view = { z: 1, x: 0, y: 0, split: 50, solo: "split" };
const clamp = (v, low, high) => Math.min(Math.max(v, low), high);
let value = null, hover = null;
// Keys left and right: what an answer brought until the visitor chooses, then what they chose
// last, at once. An answer to an older choice changes neither; the choice is then asked again.
let stands = [], chosen = false;
// Once, while nobody has touched anything, the divider shows by itself that it can be moved.
const sweep = { at: null, over: matchMedia("(prefers-reduced-motion: reduce)").matches };

const natural = () => value ? value.size[0] / frame.clientWidth : 1;   // zoom that is 100%
const draw = () => {
  view.z = clamp(view.z, 1, Math.max(16, 8 * natural()));
  view.x = clamp(view.x, 1 - view.z, 0); view.y = clamp(view.y, 1 - view.z, 0);
  const style = element.style;
  style.setProperty("--z", view.z);
  style.setProperty("--x", 100 * view.x + "%"); style.setProperty("--y", 100 * view.y + "%");
  const split = { a: 100, b: 0, split: sweep.at ?? view.split }[view.solo];
  style.setProperty("--split", split + "%");
  const percent = Math.round(100 * view.z / natural());
  find("[data-do=full]").textContent = percent + "%";
  find("[data-do=full]").setAttribute("aria-label", `${percent}%: show at 100%`);
  find("[data-do=out]").disabled = view.z <= 1;
  find("[data-do=fit]").disabled = view.z === 1;
  element.classList.toggle("zoomed", view.z > 1);
  element.classList.toggle("pixels", percent >= 200);
  element.classList.toggle("solo", view.solo !== "split");
  for (const name of ["a", "split", "b"])
    find(`[data-do=${name}]`).setAttribute("aria-pressed", view.solo === name);
  divider.setAttribute("aria-valuenow", Math.round(view.split));
  const names = value?.sides.length ? value.sides.map((side) => side.label) : ["left", "right"];
  const left = `${Math.round(view.split)}% ${names[0]}`;
  divider.setAttribute("aria-valuetext", `${left}, the rest ${names[1]}`);
};
const zoom = (factor, fx = 0.5, fy = 0.5) => {       // around a point of the frame, 0..1
  const old = view.z;
  view.z = clamp(old * factor, 1, Math.max(16, 8 * natural()));
  view.x = fx - (fx - view.x) * view.z / old;
  view.y = fy - (fy - view.y) * view.z / old;
  draw();
};
const fit = () => { Object.assign(view, { z: 1, x: 0, y: 0 }); draw(); };
const acts = {
  in: () => zoom(1.5), out: () => zoom(1 / 1.5), fit,
  full: () => zoom(natural() / view.z),
  a: () => { view.solo = view.solo === "a" ? "split" : "a"; draw(); },
  b: () => { view.solo = view.solo === "b" ? "split" : "b"; draw(); },
  split: () => { view.solo = "split"; draw(); },
  swap: () => value && choose([stands[1], stands[0]]),
  original: () => value && choose([shows("original") ? value.pair[0] : "original", "ours"]),
  spent: () => {
    const on = element.classList.toggle("spending");
    if (on && value && !shows("ours")) choose([stands[0], "ours"]);
    legend();
  },
  paint: () => painting()?.click(),
};
const painting = () => [...document.querySelectorAll("[role=tab]")]
  .find((tab) => tab.textContent.trim() === "Paint importance");
const legend = () => {
  const on = element.classList.contains("spending"), spent = value && value.spent;
  find("[data-do=spent]").setAttribute("aria-pressed", on);
  find("[data-do=spent]").hidden = value?.phase === "exact" && !spent;
  find(".view-legend").hidden = !on || !spent;
  if (!spent) return;
  element.style.setProperty("--spent", `url("${spent.url}")`);
  find(".view-legend .low").textContent = Math.round(spent.low);
  find(".view-legend .high").textContent = `${Math.round(spent.high)} bits a block`;
};
const shows = (name) => stands.includes(name);
const stand = (sides) => {
  stands = sides;
  all(".pick").forEach((box, i) => { box.value = sides[i]; });   // `viewer.CHOSEN` reads them
  find("[data-do=original]").setAttribute("aria-pressed", shows("original"));
};
const choose = (sides) => {
  chosen = true;
  stand(sides);
  trigger("select");
};
all("[data-do]").forEach((b) => b.addEventListener("click", () => acts[b.dataset.do]()));
all(".pick").forEach((box) => box.addEventListener("change", () => {
  const sides = all(".pick").map((b) => b.value), me = +box.dataset.side;
  // The same picture twice says nothing: the other side takes what this one had.
  if (sides[0] === sides[1]) sides[1 - me] = stands[me];
  choose(sides);
}));

divider.addEventListener("keydown", (event) => {
  const by = event.shiftKey ? 10 : 2, pan = 0.1;
  const pans = { ArrowLeft: [pan, 0], ArrowRight: [-pan, 0],
    ArrowUp: [0, pan], ArrowDown: [0, -pan] };
  const splits = { ArrowLeft: view.split - by, ArrowRight: view.split + by, Home: 0, End: 100 };
  const keys = { a: acts.a, b: acts.b, s: acts.split, Escape: acts.split, "+": acts.in,
    "=": acts.in, "-": acts.out, "0": fit, "1": acts.full };
  const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.ctrlKey || event.metaKey) return;
  if (event.altKey && pans[name]) {
    view.x += pans[name][0]; view.y += pans[name][1]; draw();
  } else if (name in splits) {
    view.solo = "split"; view.split = clamp(splits[name], 0, 100); draw();
  } else if (keys[name]) keys[name](); else return;
  event.preventDefault();
});

const place = (event, box) => {
  const r = box.getBoundingClientRect();
  return [(event.clientX - r.left) / r.width, (event.clientY - r.top) / r.height];
};
const fingers = new Map();
let grip = null, last = 0;
const gesture = (box) => {
  const [a, b] = [...fingers.values()];
  const r = box.getBoundingClientRect();
  return { d: Math.hypot(a[0] - b[0], a[1] - b[1]) || 1,
    x: ((a[0] + b[0]) / 2 - r.left) / r.width, y: ((a[1] + b[1]) / 2 - r.top) / r.height };
};
all(".view-frame").forEach((box) => {
  const main = box === frame;
  box.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    box.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    const onDivider = main && (event.target.closest(".divider") || view.z === 1);
    grip = fingers.size === 2 ? "pinch" : onDivider ? "split" : "pan";
    if (main) divider.focus({ preventScroll: true });
    if (grip === "split" && view.solo === "split") {
      view.split = clamp(100 * place(event, box)[0], 0, 100); draw();
    }
  });
  box.addEventListener("pointermove", (event) => {
    const [fx, fy] = place(event, box);
    hover = [(fx - view.x) / view.z, (fy - view.y) / view.z]; point(fx, fy);
    const from = fingers.get(event.pointerId);
    if (!from) return;
    const before = fingers.size === 2 ? gesture(box) : null;
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    if (grip === "pinch" && before) {
      const now = gesture(box);
      view.x += now.x - before.x; view.y += now.y - before.y;
      zoom(now.d / before.d, now.x, now.y);
    } else if (grip === "split") {
      view.solo = "split"; view.split = clamp(100 * fx, 0, 100); draw();
    } else if (grip === "pan") {
      view.x += (event.clientX - from[0]) / box.clientWidth;
      view.y += (event.clientY - from[1]) / box.clientHeight; draw();
    }
  });
  const up = (event) => {
    fingers.delete(event.pointerId);
    if (!fingers.size) grip = null; else grip = "pan";
    if (event.pointerType === "touch" && event.type === "pointerup") {
      const now = performance.now();            // a double tap; mice have dblclick
      if (now - last < 280) flip(event, box);
      last = now;
    }
  };
  box.addEventListener("pointerup", up); box.addEventListener("pointercancel", up);
  box.addEventListener("pointerleave", () => { hover = null; point(); });
  const flip = (event, at) => {
    if (view.z > 1) return fit();
    zoom(Math.max(3, natural()), ...place(event, at));
  };
  box.addEventListener("dblclick", (event) => flip(event, box));
  box.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;    // the page scrolls
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 300), ...place(event, box));
  }, { passive: false });
});

const bytesOf = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const point = (fx, fy) => {
  element.classList.toggle("pointing", hover !== null);
  const texts = { importance: "", level: "" };
  if (hover && value && value.grid) {
    element.style.setProperty("--px", 100 * fx + "%");
    element.style.setProperty("--py", 100 * fy + "%");
    const [rows, columns] = value.grid.shape;
    const r = Math.floor(hover[1] * value.size[1] / 8);
    const c = Math.floor(hover[0] * value.size[0] / 8);
    if (r >= 0 && c >= 0 && r < rows && c < columns) {
      const { levels, importance } = value.grid;
      value.bytes ??= { levels: bytesOf(levels), importance: bytesOf(importance) };
      const i = r * columns + c;
      texts.level = "here: " + value.bytes.levels[i];
      texts.importance = "here: " + Math.round(value.bytes.importance[i] / 2.55) + "%";
    }
  }
  for (const name in texts) find(`[data-of=${name}].hover`).textContent = texts[name];
};

const greet = () => {
  const there = all(".layer img").every((image) => image.dataset.ready && !image.dataset.next);
  if (sweep.over || value.phase !== "exact" || !there) return;
  sweep.over = true;
  let began = null;
  const move = (now) => {
    if (sweep.halted) return;
    const t = (now - (began ??= now)) / 2800;
    sweep.at = t < 1 ? 50 - 36 * Math.sin(2 * Math.PI * t * t * (3 - 2 * t)) : null;
    draw();
    if (t < 1) requestAnimationFrame(move);
  };
  requestAnimationFrame(move);
};
for (const kind of ["pointerdown", "keydown"]) document.addEventListener(kind, () => {
  sweep.over = sweep.halted = true;
  if (sweep.at !== null) { sweep.at = null; draw(); }
}, { capture: true, once: true });

const wanted = new WeakMap();
const show = (image, url, alt) => {          // swapped when it is there, so that nothing flickers
  image.alt = alt;
  if (!url || wanted.get(image) === url) return;
  wanted.set(image, url);
  image.dataset.next = 1;
  const next = new Image();
  next.onload = () => {
    if (wanted.get(image) !== url) return;
    image.src = url;
    image.dataset.ready = 1;
    delete image.dataset.next;
    greet();
  };
  next.src = url;
};
const forget = (image) => {                  // nothing of a former picture stays in sight
  wanted.delete(image);
  image.alt = "";
  image.removeAttribute("src");
  delete image.dataset.ready; delete image.dataset.next;
};
const update = () => {
  const fresh = props.value;
  if (!fresh || typeof fresh !== "object") return;
  if (value && value.key !== fresh.key) {
    fit();
    all(".view-frame img").forEach(forget);
    all(".view-tag, .level-scale span").forEach((told) => { told.textContent = ""; });
    element.style.removeProperty("--spent");
  }
  value = { ...fresh };
  root.dataset.phase = value.phase;
  element.style.setProperty("--ratio", value.size[0] / value.size[1]);
  all(".pick").forEach((box) => {
    if (box.options.length !== value.options.length)
      box.replaceChildren(...value.options.map(([k, label]) => new Option(label, k)));
  });
  const sides = value.sides.map((side) => side.key);
  if (!sides.length) {
    if (!stands.length) stand(value.pair);
    all(".layer").forEach((layer) => layer.classList.remove("waiting"));
  } else if (!chosen) stand(sides);
  else if (sides.some((key, i) => key !== stands[i])) choose(stands);
  value.sides.forEach((side, i) => {
    const layer = find(`.layer[data-side="${i}"]`);
    show(layer.querySelector("img"), side.url, side.alt);
    layer.classList.toggle("waiting", !side.url);
    layer.dataset.key = side.key;
    layer.dataset.problem = side.problem || "";
    find(i ? ".view-tag.right" : ".view-tag.left").textContent = side.tag;
  });
  show(find(".grey"), value.original, "");
  if (value.heat) show(find(".heat"), value.heat, "Importance drawn over the picture");
  if (value.blocks) {
    const { url, width, height, low, high, place } = value.blocks;
    show(find(".grid"), url, "Level of every block of 8 by 8 pixels");
    element.style.setProperty("--w", 100 * width + "%");
    element.style.setProperty("--h", 100 * height + "%");
    find(".level-scale b").style.left = 100 * place + "%";
    find(".level-scale .low").textContent = low; find(".level-scale .high").textContent = high;
  }
  for (const name of ["heat", "levels"])
    find(`[data-of=${name}]`).textContent = value.captions[name];
  const note = find(".view-note");
  if (note.textContent !== value.note) note.textContent = value.note;
  find(".view-progress i").style.width = 100 * (value.share || 0) + "%";
  find("[data-do=paint]").hidden = !painting();
  legend(); draw(); greet();
};
watch("value", update);
new ResizeObserver(draw).observe(frame);
update(); draw();
