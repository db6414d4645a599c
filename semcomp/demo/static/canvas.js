// The painting canvas: a grid of one grey value per block, under a brush. The picture comes from
// the server and goes nowhere; what goes back is the grid alone. What stands between two @ is a
// colour table, base64. Comes after radios.js.

const find = (name) => element.querySelector("." + name);
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const TABLE = bytes("@IMPORTANCE@");
const KEPT = 30;  // steps of undo
const canvas = find("picture"), brush = find("brush"), cursor = find("cursor");
let at = null, tool = "more", drawing = false, told = null;

const start = async (value) => {
  at = { value, grid: bytes(value.grid), first: bytes(value.start), undo: [], picture: null,
    x: value.width / 2, y: value.height / 2 };
  canvas.width = value.width; canvas.height = value.height;
  find("stage").style.maxWidth = Math.round(560 * value.width / value.height) + "px";
  brush.value = Math.max(2, Math.round(value.columns / 12));
  find("undo").disabled = true;
  const mine = at, answer = await server.frame([value.token, -1]);
  if (answer.error || at !== mine) { find("said").textContent = answer.error ?? ""; return; }
  const image = new Image();
  image.src = answer.picture;
  await image.decode();
  if (at !== mine) return;
  const grey = document.createElement("canvas");
  grey.width = value.width; grey.height = value.height;
  const context = grey.getContext("2d");
  context.drawImage(image, 0, 0);
  const data = context.getImageData(0, 0, grey.width, grey.height), p = data.data;
  for (let i = 0; i < p.length; i += 4) {
    const luma = 0.299 * p[i] + 0.587 * p[i + 1] + 0.114 * p[i + 2];
    p[i] = p[i + 1] = p[i + 2] = luma;
  }
  context.putImageData(data, 0, 0);
  at.picture = grey;
  draw();
};

// The picture in grey, the map in colour: as in the other drawings of importance.
const draw = () => {
  if (!at || !at.picture) return;
  const { rows, columns, block } = at.value, context = canvas.getContext("2d");
  const small = document.createElement("canvas");
  small.width = columns; small.height = rows;
  const inner = small.getContext("2d"), data = inner.createImageData(columns, rows);
  at.grid.forEach((grey, i) => {
    for (let c = 0; c < 3; c++) data.data[4 * i + c] = TABLE[3 * grey + c];
    data.data[4 * i + 3] = 255;
  });
  inner.putImageData(data, 0, 0);
  context.globalAlpha = 1;
  context.drawImage(at.picture, 0, 0);
  context.globalAlpha = 0.55;
  context.imageSmoothingEnabled = true;
  context.drawImage(small, 0, 0, columns * block, rows * block);
  context.globalAlpha = 1;
};

const share = () => {
  const painted = at.grid.reduce((n, grey) => n + (grey >= 128), 0);
  return Math.round(100 * painted / at.grid.length);
};
const say = (text) => {
  clearTimeout(told);
  told = setTimeout(() => { find("said").textContent = text; }, 150);
};
// What has been painted becomes the component's value, for the server.
const keep = () => {
  find("undo").disabled = at.undo.length === 0;
  let text = "";
  at.grid.forEach((grey) => { text += String.fromCharCode(grey); });
  at.value = { ...at.value, grid: btoa(text) };
  props.value = at.value;
  say(`${share()}% of the picture matters.`);
};
const remember = () => {
  at.undo.push(at.grid.slice());
  if (at.undo.length > KEPT) at.undo.shift();
};

const dab = (x, y) => {
  const { rows, columns, block } = at.value, radius = Number(brush.value) / 2;
  const row = y / block, column = x / block;
  for (let r = Math.max(0, Math.floor(row - radius)); r < Math.min(rows, row + radius); r++) {
    for (let c = Math.max(0, Math.floor(column - radius)); c < Math.min(columns, column + radius);
      c++) {
      const away = Math.hypot(r + 0.5 - row, c + 0.5 - column) / radius;
      // A brush of one block paints that block; larger ones fade out at the rim.
      const full = radius <= 0.5 ? 1 : Math.max(0, Math.min(1, (1.15 - away) / 0.35));
      const i = r * columns + c;
      at.grid[i] = tool === "more" ? Math.max(at.grid[i], Math.round(255 * full))
        : Math.min(at.grid[i], Math.round(255 * (1 - full)));
    }
  }
};
const stroke = (x, y) => {
  const steps = Math.max(1, Math.ceil(Math.hypot(x - at.x, y - at.y) / at.value.block));
  const fromX = at.x, fromY = at.y;
  for (let s = 1; s <= steps; s++) {
    dab(fromX + (x - fromX) * s / steps, fromY + (y - fromY) * s / steps);
  }
  at.x = x; at.y = y;
  draw();
};

const place = () => {
  const { value } = at, across = Number(brush.value) * value.block;
  cursor.style.left = 100 * at.x / value.width + "%";
  cursor.style.top = 100 * at.y / value.height + "%";
  cursor.style.width = 100 * across / value.width + "%";
  cursor.style.height = 100 * across / value.height + "%";
  cursor.classList.toggle("less", tool === "less");
};
const pick = (name) => {
  tool = name;
  element.querySelectorAll("[data-tool]").forEach((button) => {
    button.setAttribute("aria-pressed", button.dataset.tool === name);
  });
  if (at) place();
};

const spot = (event) => {
  const box = canvas.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width * at.value.width,
    (event.clientY - box.top) / box.height * at.value.height];
};
canvas.addEventListener("pointerdown", (event) => {
  if (!at || !at.picture || event.button > 0) return;
  canvas.setPointerCapture(event.pointerId);
  drawing = true;
  remember();
  [at.x, at.y] = spot(event);
  stroke(at.x, at.y); place();
});
canvas.addEventListener("pointermove", (event) => {
  if (!at) return;
  const [x, y] = spot(event);
  if (drawing) stroke(x, y); else { at.x = x; at.y = y; }
  place();
});
for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => {
  if (drawing) { drawing = false; keep(); }
});
canvas.addEventListener("keydown", (event) => {
  if (!at || !at.picture) return;
  const step = (event.shiftKey ? 8 : 1) * at.value.block;
  const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const move = by[event.key];
  if (move) {
    at.x = Math.max(0, Math.min(at.value.width - 1, at.x + step * move[0]));
    at.y = Math.max(0, Math.min(at.value.height - 1, at.y + step * move[1]));
  } else if (event.key === " ") { remember(); dab(at.x, at.y); draw(); keep(); }
  else if (event.key === "e" || event.key === "E") pick(tool === "more" ? "less" : "more");
  else if (event.key === "+" || event.key === "-") {
    brush.value = Number(brush.value) + (event.key === "+" ? 1 : -1);
  } else if (event.key === "z" || event.key === "Z") undo();
  else return;
  event.preventDefault();
  place();
});
brush.addEventListener("input", () => { if (at) place(); });
element.querySelectorAll("[data-tool]").forEach((button) => {
  button.addEventListener("click", () => pick(button.dataset.tool));
});

const undo = () => {
  if (!at || !at.undo.length) return;
  at.grid = at.undo.pop();
  draw(); keep();
};
find("undo").addEventListener("click", undo);
element.querySelectorAll("[data-fill]").forEach((button) => button.addEventListener("click", () => {
  if (!at) return;
  remember();
  const fill = { start: (_, i) => at.first[i], none: () => 0, all: () => 255,
    invert: (grey) => 255 - grey }[button.dataset.fill];
  at.grid = at.grid.map(fill);
  draw(); keep();
}));
element.querySelectorAll("[data-box]").forEach((button) => button.addEventListener("click", () => {
  if (!at) return;
  const { rows, columns } = at.value;
  const part = (name) => {
    const given = Number(element.querySelector(`[name=${name}]`).value);
    return Math.max(0, Math.min(100, given)) / 100;
  };
  if (part("right") <= part("left") || part("bottom") <= part("top")) {
    say("Right has to be more than left, and bottom more than top.");
    return;
  }
  remember();
  for (let r = Math.floor(part("top") * rows); r < Math.ceil(part("bottom") * rows); r++) {
    for (let c = Math.floor(part("left") * columns); c < Math.ceil(part("right") * columns); c++) {
      at.grid[r * columns + c] = Number(button.dataset.box);
    }
  }
  draw(); keep();
}));

const arrived = () => {
  const value = props.value;
  if (nothing(value)) { at = null; return; }
  if (at && at.value.token === value.token) return;
  start(value).then(() => { if (at.value === value) { place(); say(`${share()}% of the picture
    matters, as the classifier sees it. Paint over it.`); } });
};
watch("value", arrived);
arrived();
