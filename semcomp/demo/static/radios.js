// Buttons of which one is chosen: mouse and arrow keys. A part of other components' scripts.

// Whether a value has nothing to show; then the component says why, and nothing former stays.
const nothing = (value) => {
  const empty = !value?.token;
  element.querySelector(".empty").hidden = !empty;
  element.querySelector(".body").hidden = empty;
  if (value?.text) element.querySelector(".empty").textContent = value.text;
  return empty;
};

// One button for each [name, label] in a box of role radiogroup; `pick` is told the name chosen.
const radios = (box, offered, pick) => box.replaceChildren(...offered.map(([name, label]) => {
  const button = document.createElement("button");
  button.type = "button"; button.textContent = label; button.dataset.layer = name;
  button.setAttribute("role", "radio");
  button.addEventListener("click", () => pick(name));
  button.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const all = [...box.children];
    const next = all[(all.indexOf(button) + by + all.length) % all.length];
    next.focus(); next.click();
  });
  return button;
}));
const markRadio = (box, name) => [...box.children].forEach((button) => {
  const chosen = button.dataset.layer === String(name);
  button.setAttribute("aria-checked", chosen);
  button.tabIndex = chosen ? 0 : -1;
});
