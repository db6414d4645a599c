
// What was found in the picture: framed over the importance, named below it; both switch it off
// and on again. Runs after viewer.js and uses its names.
const names = find(".subjects"), frames = find(".frames"), field = find("[data-view=heat]");
// Switched off: as an answer brought it until the visitor switches, then as they left it.
let off = new Set(), offOf = null, drawn = "";

const showSubjects = () => {
  const found = value && value.subjects || [];
  if (value && value.subjects && value.key !== offOf) {
    offOf = value.key;
    off = new Set(found.filter((each) => !each.counts).map((each) => each.name));
  }
  const content = JSON.stringify(found.map(({ name, text, box }) => [name, text, box]));
  if (content !== drawn) {                 // kept otherwise, and with it the keyboard's place
    drawn = content;
    names.replaceChildren(...found.map((each) => {
      const button = document.createElement("button");
      Object.assign(button, { type: "button", className: "subject", textContent: each.text });
      button.dataset.name = each.name;
      button.addEventListener("click", () => toggle(each.name));
      button.addEventListener("pointerenter", () => pointOut(each.name));
      button.addEventListener("pointerleave", () => pointOut(null));
      return button;
    }));
    frames.replaceChildren(...found.filter((each) => each.box).map((each) => {
      const [left, top, right, bottom] = each.box.map((v) => 100 * v);
      const box = document.createElement("i"), label = document.createElement("span");
      box.dataset.name = each.name;
      box.style.cssText =
        `left:${left}%;top:${top}%;width:${right - left}%;height:${bottom - top}%`;
      label.textContent = each.text;
      box.append(label);
      return box;
    }));
  }
  names.hidden = !found.length;
  for (const button of names.children)
    button.setAttribute("aria-pressed", !off.has(button.dataset.name));
  for (const box of frames.children) box.classList.toggle("off", off.has(box.dataset.name));
  const hint = find(".subject-hint"), said = value && value.hint || "";
  if (hint.textContent !== said) hint.textContent = said;
};
const toggle = (name) => {
  if (!off.delete(name)) off.add(name);
  showSubjects();
  trigger("apply");
};
const pointOut = (name) => {
  for (const box of frames.children) box.classList.toggle("pointed", box.dataset.name === name);
};

// A click in the map means the smallest frame around it; a drag moves the map.
let pressed = null;
field.addEventListener("pointerdown", (event) => { pressed = [event.clientX, event.clientY]; });
field.addEventListener("click", (event) => {
  const moved = pressed && Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]);
  if (!value || !value.subjects || moved > 5) return;
  const [fx, fy] = place(event, field);
  const x = (fx - view.x) / view.z, y = (fy - view.y) / view.z;
  const size = ([left, top, right, bottom]) => (right - left) * (bottom - top);
  const around = value.subjects.filter(({ box }) =>
    box && x >= box[0] && y >= box[1] && x < box[2] && y < box[3]);
  around.sort((a, b) => size(a.box) - size(b.box));
  if (around.length) toggle(around[0].name);
});
watch("value", showSubjects);
showSubjects();
