(link, picture) => {
  // The address holds the settings, the tab's memory where on the server an own picture lies.
  const page = new URL(location.href);
  for (const name of "picture model level allocation class focus without left right area".split(" "))
    page.searchParams.delete(name);
  if (link) new URL(link).searchParams.forEach((value, name) => page.searchParams.set(name, value));
  try {
    history.replaceState(history.state, "", page);
    sessionStorage.setItem("picture", link && picture?.path || "");
  } catch { /* a frame that may remember nothing */ }
  return [];
}
