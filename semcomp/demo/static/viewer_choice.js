(_, ...rest) => {
  // Read when the request leaves, not when it was asked for; see `LAST` in `shared/events.py`.
  const boxes = [...document.querySelectorAll("#viewer .pick")];
  return [boxes.map((box) => box.value).join(" "), ...rest];
}
