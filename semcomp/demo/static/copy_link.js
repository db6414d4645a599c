async (link) => {
  try { await navigator.clipboard.writeText(link); }
  catch {  // a page without https
    const box = document.createElement("textarea");
    box.value = link; document.body.append(box); box.select();
    document.execCommand("copy"); box.remove();
  }
  return [link];
}
