() => {
  // Gradio reads a gallery's pictures out as "Thumbnail 1 of 5".
  const name = () => document.querySelectorAll("#samples, #lesson-samples").forEach((row) =>
    row.querySelectorAll("button.thumbnail-item").forEach((button) => {
      const caption = button.querySelector(".caption-label")?.textContent.trim();
      const label = `Sample picture: ${caption}`;
      if (caption && button.ariaLabel !== label) button.ariaLabel = label;
    }));
  new MutationObserver(name).observe(document.body, { childList: true, subtree: true });
  name();
  // A link to a place on the page leaves no trace in the address, which holds the settings.
  document.addEventListener("click", (event) => {
    const jump = event.target.closest?.(".jump a"), skip = event.target.closest?.(".skip");
    if (jump || skip) event.preventDefault();
    if (jump) document.querySelector(jump.getAttribute("href"))?.scrollIntoView();
    if (skip) document.querySelector("#viewer .divider")?.focus();
  });
  // A picture pasted anywhere on the first tab is taken as if it had been uploaded.
  document.addEventListener("paste", (event) => {
    const picture = [...event.clipboardData.files].find((f) => f.type.startsWith("image/"));
    if (!picture || !document.querySelector("#picture")?.checkVisibility()) return;
    const put = () => {
      const input = document.querySelector("#picture input[type=file]");
      if (!input) return false;
      const files = new DataTransfer();
      files.items.add(picture);
      input.files = files.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
      return true;
    };
    if (put()) return;
    document.querySelector("#picture button[aria-label='Remove Image']")?.click();
    setTimeout(put, 150);
  });
}
