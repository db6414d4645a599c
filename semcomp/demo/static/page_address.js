() => {
  let last = "";
  try { last = sessionStorage.getItem("picture") || ""; } catch { /* see remember.js */ }
  return [window.location.origin + window.location.pathname, last];
}
