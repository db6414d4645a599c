// The line beside the level slider: how large the file will be, while the slider still moves.
const line = element.querySelector("p"), wide = new Intl.NumberFormat("en");
const at = (points, level) => {
  const i = points.findIndex(([l]) => l >= level);
  if (i <= 0) return points[i < 0 ? points.length - 1 : 0][1];
  const [[l0, b0], [l1, b1]] = [points[i - 1], points[i]];
  return b0 + (b1 - b0) * (level - l0) / (l1 - l0);
};
const draw = () => {
  const told = props.value;
  if (!told || !told.curves) { line.textContent = told && told.text || ""; return; }
  const level = document.querySelector("#level input[type=number]");
  const kind = document.querySelector("#allocation input:checked");
  if (!level || !kind) return;
  const bytes = at(told.curves[kind.value] || told.curves.uniform, +level.value);
  const round = 10 ** Math.max(0, Math.floor(Math.log10(bytes)) - 2);
  line.textContent = `Expected: about ${wide.format(Math.round(bytes / round) * round)} bytes, ` +
    `${(8 * bytes / told.pixels).toFixed(3)} bits per pixel`;
};
watch("value", draw);
for (const name of ["input", "change"])
  document.addEventListener(name, (event) => {
    if (event.target.closest?.("#level, #allocation")) setTimeout(draw, 0);
  });
draw();
