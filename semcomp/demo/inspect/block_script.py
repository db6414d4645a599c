"""The block panel's script, the part about one block: its numbers, its iterations, its loupes.

It reads `at`, everything about the file at hand, which `blocks_script` keeps.
"""

SCRIPT = r"""
const AROUND = 4;  // blocks on each side of the chosen one in a loupe

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
"""
