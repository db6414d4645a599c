(dataset, chosen) => [
  dataset,
  chosen,
  // What stands in the box when the event is sent; the event's own value may be old by then, if
  // another one was on its way.
  document.querySelector("#@LIST@ input")?.value ?? "",
]
