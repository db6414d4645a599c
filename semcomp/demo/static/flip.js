// Several pictures in one place, one at a time. Comes after radios.js.

const find = (name) => element.querySelector("." + name);
let at = null;

const show = async (k) => {
  at.k = k;
  const layer = at.value.layers.find((one) => one.k === k);
  markRadio(find("layers"), k);
  const mine = at, key = `${k}/${layer.stamp}`;
  if (!at.frames.has(key)) {
    const answer = await server.frame([at.value.token, k]);
    if (!answer.picture) return;
    mine.frames.set(key, answer.picture);
  }
  if (at !== mine || at.k !== k) return;
  find("picture").src = mine.frames.get(key);
  find("picture").alt = layer.alt;
  const [low, high, colours] = layer.scale ?? ["", "", []];
  find("scale").style.visibility = layer.scale ? "visible" : "hidden";
  find("low").textContent = low; find("high").textContent = high;
  find("bar").style.background = `linear-gradient(90deg, ${colours.join(", ")})`;
};

const arrived = () => {
  const value = props.value;
  if (nothing(value)) { at = null; find("picture").removeAttribute("src"); return; }
  if (!at || at.value.token !== value.token) at = { value, frames: new Map(), k: value.first };
  at.value = value;
  find("stage").style.aspectRatio = `${value.width} / ${value.height}`;
  const wide = Math.round(560 * value.width / value.height) + "px";
  find("stage").style.maxWidth = find("scale").style.maxWidth = wide;
  const box = find("layers"), had = box.querySelector(":focus")?.dataset.layer;
  radios(box, value.layers.map((layer) => [layer.k, layer.label]), show);
  if (had !== undefined) box.querySelector(`[data-layer="${had}"]`)?.focus();
  if (!value.layers.some((layer) => layer.k === at.k)) at.k = value.first;
  show(at.k);
};
watch("value", arrived);
arrived();
