() => [...document.querySelectorAll("#viewer .subject[aria-pressed=false]")]
  .map((button) => button.dataset.name).join("\n")
