() => ({
  here: window.location.origin + window.location.pathname,
  dark: document.body.classList.contains("dark"),
  narrow: window.innerWidth < 700,
})
