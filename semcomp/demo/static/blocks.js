// The block panel: the file's picture and grid, one block's numbers, clicks, keys, the slider,
// downloads. It keeps what it was given (levels, importance, bits) and what it fetched (pictures),
// so a click or a move of the slider asks the server for nothing the browser already has.
// Comes after radios.js; what stands between two @ are colour tables, base64.

const find = (name) => element.querySelector("." + name);
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const TABLES = { importance: bytes("@IMPORTANCE@"), levels: bytes("@LEVEL@") };
const LAYERS = [["decoded", "Decoded"], ["original", "Original"], ["importance", "Importance"],
  ["levels", "Levels"], ["bits", "Bits"]];
const ORIGINAL = -1;
const AROUND = 4;  // blocks on each side of the chosen one in a loupe
const count = (n) => Math.round(n).toLocaleString("en");
const canvas = find("picture"), slider = find("k");
let at = null;  // everything about the file at hand

const start = (value) => {
  at = { value, frames: new Map(), asked: new Map(), k: 0, follows: true, layer: "decoded",
    row: 0, column: 0, levels: bytes(value.levels), timer: null,
    importance: value.importance === null ? null : bytes(value.importance) };
  const raw = bytes(value.bits), words = new DataView(raw.buffer);
  const starts = new Uint32Array(at.levels.length + 1);
  at.levels.forEach((level, i) => { starts[i + 1] = starts[i] + level; });
  at.bits = (i, k) => k < at.levels[i] ? words.getUint16(2 * (starts[i] + k), true) / 100 : 0;
  at.total = Float64Array.from(at.levels, (level, i) => {
    let sum = 0;
    for (let k = 0; k < level; k++) sum += at.bits(i, k);
    return sum;
  });
  at.most = at.total.reduce((a, b) => Math.max(a, b), 1);
  at.least = at.levels.reduce((a, b) => Math.min(a, b));
  at.highest = at.levels.reduce((a, b) => Math.max(a, b));
  canvas.width = value.width; canvas.height = value.height;
  const tall = 620 * value.width / value.height;
  find("stage").style.maxWidth = Math.round(tall) + "px";
  slider.max = value.iterations; slider.value = 0;
  find("loupes").classList.toggle("one", !value.original);
  find("before").parentElement.hidden = !value.original;
  drawLayers();
  // The most important block is the one to begin with, else the one that cost most.
  const weight = at.importance ?? at.total;
  let best = 0;
  weight.forEach((w, i) => { if (w > weight[best]) best = i; });
  choose(Math.floor(best / value.columns), best % value.columns);
};

const drawLayers = () => {
  const offered = LAYERS.filter(([name]) => (name !== "original" || at.value.original)
    && (name !== "importance" || at.importance));
  radios(find("layers"), offered, (name) => { at.layer = name; markLayer(); draw(); });
  markLayer();
};
const markLayer = () => markRadio(find("layers"), at.layer);

// The picture after k iterations, from the server if it is not here yet; null if it is gone.
const picture = (k) => {
  const mine = at;
  if (mine.frames.has(k)) return Promise.resolve(mine.frames.get(k));
  if (k > mine.value.ready || (k === ORIGINAL && !mine.value.original)) {
    return Promise.resolve(null);
  }
  if (!mine.asked.has(k)) {
    mine.asked.set(k, server.frame([mine.value.token, k]).then(async (answer) => {
      if (answer.error) { find("note").textContent = answer.error; return null; }
      const image = new Image();
      image.src = answer.picture;
      await image.decode();
      mine.frames.set(k, image);
      return image;
    }).catch(() => { mine.asked.delete(k); return null; }));
  }
  return mine.asked.get(k);
};

const paint = (values, table, highest) => {
  const { rows, columns } = at.value;
  const small = document.createElement("canvas");
  small.width = columns; small.height = rows;
  const context = small.getContext("2d"), data = context.createImageData(columns, rows);
  values.forEach((value, i) => {
    const place = Math.round(255 * Math.min(1, value / highest));
    for (let c = 0; c < 3; c++) data.data[4 * i + c] = table ? table[3 * place + c] : place;
    data.data[4 * i + 3] = 255;
  });
  context.putImageData(data, 0, 0);
  return small;
};

const draw = async () => {
  const mine = at, context = canvas.getContext("2d"), { layer, value } = at;
  const scale = find("scale");
  const photo = layer === "decoded" || layer === "original";
  scale.classList.toggle("off", photo);  // its place stays, so that nothing jumps
  if (photo) {
    const k = mine.k;
    const image = await picture(layer === "original" ? ORIGINAL : k);
    if (!image || at !== mine || mine.layer !== layer || mine.k !== k) return;
    context.imageSmoothingEnabled = true;
    context.drawImage(image, 0, 0);
    return;
  }
  const [values, highest, low, high] = {
    importance: [at.importance, 255, "unimportant", "important"],
    levels: [at.levels.map((level) => level - at.least), Math.max(1, at.highest - at.least),
      `level ${at.least}`, `level ${at.highest}`],
    bits: [at.total, at.most, "0 bits", count(at.most) + " bits"],
  }[layer];
  const table = TABLES[layer];
  context.imageSmoothingEnabled = false;
  context.drawImage(paint(values, table, highest), 0, 0, value.columns * value.block,
    value.rows * value.block);
  find("low").textContent = low; find("high").textContent = high;
  const bar = scale.querySelector("canvas").getContext("2d");
  for (let i = 0; i < 256; i++) {
    bar.fillStyle = table ? `rgb(${table[3 * i]},${table[3 * i + 1]},${table[3 * i + 2]})`
      : `rgb(${i},${i},${i})`;
    bar.fillRect(i, 0, 1, 1);
  }
};

// One block: its numbers, its iterations, its loupes.
const describe = () => {
  const { value, row, column } = at, i = row * value.columns + column;
  const level = at.levels[i];
  find("which").textContent = `Block in row ${row + 1}, column ${column + 1}`;
  const tiles = [[String(level), `level, of 24`],
    [at.total[i].toFixed(1), `bits in the file, packed from ${value.raw[level]}`]];
  if (at.importance) {
    const below = at.importance.reduce((n, v) => n + (v < at.importance[i]), 0);
    const share = Math.floor(100 * below / at.importance.length);
    tiles.unshift([(at.importance[i] / 255).toFixed(2), `importance, above ${share}% of blocks`]);
  }
  find("tiles").replaceChildren(...tiles.map(([number, name]) => {
    const box = document.createElement("div");
    const term = document.createElement("dt"), text = document.createElement("dd");
    term.textContent = name; text.textContent = number;
    box.append(term, text);
    return box;
  }));
  const make = (k) => {
    const button = document.createElement("button");
    button.type = "button"; button.dataset.k = k;
    const small = document.createElement("canvas");
    small.width = small.height = 3 * value.block;
    const name = document.createElement("b"), cost = document.createElement("span");
    const bits = at.bits(i, k - 1).toFixed(1);
    name.textContent = k; cost.textContent = `${bits} bits`;
    button.setAttribute("aria-label", `Iteration ${k}: ${bits} bits`);
    button.append(small, name, cost);
    button.addEventListener("click", () => { at.follows = false; scrub(k); });
    return button;
  };
  find("steps").replaceChildren(...Array.from({ length: level }, (_, k) => make(k + 1)));
};

// The block's own 8 x 8 pixels of an image, as numbers.
const pixels = (image) => {
  const { block } = at.value, small = document.createElement("canvas");
  small.width = small.height = block;
  const context = small.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, -at.column * block, -at.row * block);
  return context.getImageData(0, 0, Math.min(block, at.value.width - at.column * block),
    Math.min(block, at.value.height - at.row * block)).data;
};
const error = (image, truth) => {
  const a = pixels(image), b = pixels(truth);
  let sum = 0;
  for (let i = 0; i < a.length; i++) if (i % 4 < 3) sum += (a[i] - b[i]) ** 2;
  return Math.sqrt(sum / (a.length * 3 / 4));
};

const describeAtK = () => {
  const { value, row, column, k } = at, i = row * value.columns + column;
  const level = at.levels[i];
  let spent = 0;
  for (let j = 0; j < Math.min(k, level); j++) spent += at.bits(i, j);
  const parts = [level === 0 ? "This block gets no bits at all." :
    k >= level ? `This block has all its ${level} iterations.` :
    `${spent.toFixed(1)} bits paid after iteration ${k}.`];
  const truth = at.frames.get(ORIGINAL), now = at.frames.get(k);
  const last = at.frames.get(value.iterations);
  if (truth && now) {
    parts.push(`Its error is ${error(now, truth).toFixed(1)} grey levels`
      + (last && k < level ? `, ${error(last, truth).toFixed(1)} in the whole file.` : "."));
  }
  find("said").textContent = parts.join(" ");
  find("aftername").textContent = `After iteration ${k}`;
  [...find("steps").children].forEach((button) => {
    const here = Math.min(k, level) === Number(button.dataset.k);
    button.setAttribute("aria-current", here);
    const image = at.frames.get(Number(button.dataset.k));
    const context = button.querySelector("canvas").getContext("2d");
    if (image) context.drawImage(image, -(column - 1) * value.block, -(row - 1) * value.block);
  });
};

const loupes = async () => {
  const mine = at, { row, column, k } = at, side = (2 * AROUND + 1) * at.value.block;
  for (const [name, which] of [["before", ORIGINAL], ["after", k]]) {
    const image = await picture(which);
    if (at !== mine || at.row !== row || at.column !== column || at.k !== k) return;
    if (!image) continue;
    const context = find(name).getContext("2d"), size = find(name).width;
    context.imageSmoothingEnabled = false;
    context.fillStyle = "#11141b"; context.fillRect(0, 0, size, size);
    const zoom = size / side, { block } = at.value;
    context.drawImage(image, -(column - AROUND) * block * zoom, -(row - AROUND) * block * zoom,
      image.width * zoom, image.height * zoom);
    const edge = block * zoom;
    context.lineWidth = 4; context.strokeStyle = "#000";
    context.strokeRect(AROUND * edge - 1, AROUND * edge - 1, edge + 2, edge + 2);
    context.lineWidth = 2; context.strokeStyle = "#fff";
    context.strokeRect(AROUND * edge - 1, AROUND * edge - 1, edge + 2, edge + 2);
  }
  describeAtK();
};

const scrub = (k) => {
  const { value } = at;
  at.k = Math.max(0, Math.min(k, value.iterations));
  slider.value = at.k;
  slider.setAttribute("aria-valuetext", `${at.k} of ${value.iterations}`);
  find("kname").textContent = `${at.k} of ${value.iterations}`;
  const size = value.cuts[at.k], whole = value.cuts[value.cuts.length - 1];
  const parts = [`${count(size)} of ${count(whole)} bytes`,
    `${(8 * size / value.width / value.height).toFixed(3)} bits per pixel`];
  const decibels = value.psnr[at.k];
  if (decibels !== undefined) parts.push(decibels === null ? "exact" :
    `PSNR ${decibels.toFixed(2)} dB`);
  if (at.k > value.ready && !value.note) parts.push("decoding …");
  find("cut").textContent = parts.join(" · ");
  find("save").textContent = at.k === value.iterations
    ? `Download the file (${count(size)} bytes)`
    : `Download the file cut here (${count(size)} bytes)`;
  find("png").disabled = at.k > value.ready;
  draw(); describeAtK(); loupes();
};

const choose = (row, column) => {
  const { value } = at;
  at.row = Math.max(0, Math.min(row, value.rows - 1));
  at.column = Math.max(0, Math.min(column, value.columns - 1));
  const cursor = find("cursor"), { block } = value;
  cursor.style.left = 100 * at.column * block / value.width + "%";
  cursor.style.top = 100 * at.row * block / value.height + "%";
  cursor.style.width = 100 * block / value.width + "%";
  cursor.style.height = 100 * block / value.height + "%";
  describe(); describeAtK(); loupes();
};

canvas.addEventListener("click", (event) => {
  if (!at) return;
  const box = canvas.getBoundingClientRect();
  choose(Math.floor((event.clientY - box.top) / box.height * at.value.height / at.value.block),
    Math.floor((event.clientX - box.left) / box.width * at.value.width / at.value.block));
});
canvas.addEventListener("keydown", (event) => {
  const by = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  const step = by[event.key];
  if (!at || !step) return;
  event.preventDefault();
  const far = event.shiftKey ? 8 : 1;
  choose(at.row + far * step[0], at.column + far * step[1]);
});
for (const name of ["before", "after"]) find(name).addEventListener("click", (event) => {
  const box = find(name).getBoundingClientRect(), across = 2 * AROUND + 1;
  choose(at.row - AROUND + Math.floor((event.clientY - box.top) / box.height * across),
    at.column - AROUND + Math.floor((event.clientX - box.left) / box.width * across));
});
slider.addEventListener("input", () => {
  at.follows = false; stop(); scrub(Number(slider.value));
});

const play = find("play");
const stop = () => {
  clearInterval(at.timer); at.timer = null;
  play.textContent = "▶"; play.setAttribute("aria-label", "Play the iterations");
};
play.addEventListener("click", () => {
  if (at.timer) return stop();
  at.follows = false;
  if (at.k >= Math.min(at.value.ready, at.value.iterations)) scrub(0);
  play.textContent = "❚❚"; play.setAttribute("aria-label", "Pause");
  at.timer = setInterval(() => {
    if (at.k >= at.value.iterations) return stop();
    if (at.frames.has(at.k + 1) || at.k + 1 > at.value.ready) scrub(at.k + 1);
    else picture(at.k + 1);
  }, 350);
});
const give = (blob, name) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
};
find("save").addEventListener("click", async () => {
  const answer = await server.cut_file([at.value.token, at.k]);
  if (answer.error) { find("note").textContent = answer.error; return; }
  give(new Blob([bytes(answer.data)]), answer.name);
});
find("png").addEventListener("click", async () => {
  const { k, value } = at, image = await picture(k);
  if (!image) return;
  const whole = document.createElement("canvas");
  whole.width = value.width; whole.height = value.height;
  whole.getContext("2d").drawImage(image, 0, 0);
  whole.toBlob((blob) => give(blob, `${value.name}-${k}.png`), "image/png");
});

// Once all is decoded, the pictures a scrub would need are fetched one after the other.
const prefetch = async () => {
  const mine = at;
  for (let k = mine.value.iterations; k >= 0 && at === mine; k--) await picture(k);
  if (at === mine) describeAtK();
};
const arrived = () => {
  const value = props.value;
  if (nothing(value)) { if (at) stop(); at = null; return; }
  const fresh = !at || at.value.token !== value.token;
  if (fresh) { if (at) stop(); start(value); }
  at.value = value;
  find("note").textContent = value.note;
  scrub(at.follows ? Math.max(value.ready, value.note ? value.iterations : 0) : at.k);
  if (value.ready === value.iterations) prefetch();
};
watch("value", arrived);
arrived();
