(() => {
  if (window.lessonBooks) return;
  window.lessonBooks = true;
  const turn = (book, to) => {
    const frames = [...book.querySelectorAll(".frame")];
    frames.forEach((frame, i) => {
      frame.toggleAttribute("data-away", i !== to);
      if (i === to) frame.removeAttribute("aria-hidden");
      else frame.setAttribute("aria-hidden", "true");
    });
    const slider = book.querySelector("input[type=range]");
    const label = frames[to].dataset.label;
    slider.value = to;
    slider.setAttribute("aria-valuetext", label);
    book.querySelector("output").textContent = label;
  };
  const stop = (book) => {
    clearInterval(book.playing);
    book.playing = null;
    const button = book.querySelector(".play");
    button.textContent = "▶";
    button.setAttribute("aria-pressed", "false");
  };
  document.addEventListener("input", (event) => {
    const book = event.target.closest?.(".book .turn") && event.target.closest(".book");
    if (!book) return;
    stop(book);
    turn(book, Number(event.target.value));
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.(".book .play");
    if (!button) return;
    const book = button.closest(".book");
    if (book.playing) return stop(book);
    const slider = book.querySelector("input[type=range]");
    const last = Number(slider.max);
    if (Number(slider.value) === last) turn(book, 0);
    button.textContent = "❚❚";
    button.setAttribute("aria-pressed", "true");
    book.playing = setInterval(() => {
      const at = Number(slider.value);
      if (at >= last || !book.isConnected) stop(book);
      else turn(book, at + 1);
    }, 1100);
  });
})();
