// The form of a rule: its sentence follows what is typed, chips and rows come without a new page, and Enter in a field
// that adds to a list presses the button beside it. Without scripts the same buttons load the page again.
globalThis.Idiomorph.defaults.ignoreActiveValue = true;

document.addEventListener("keydown", (event) => {
  const line = event.key === "Enter" && event.target.matches("input") && event.target.closest(".picks-line");
  if (!line) return;
  event.preventDefault();
  const button = line.querySelector("button");
  button.focus();
  button.click();
});

// What came new is part of what the rule says; whoever adds one adds another.
document.addEventListener("htmx:afterSettle", (event) => {
  const { elt, target } = event.detail;
  if (target.id === "said") return;
  globalThis.htmx.trigger("#said", "refresh");
  const asked = event.detail.requestConfig?.elt ?? elt;
  if (asked.matches(".picks-line button")) asked.closest(".picks-line").querySelector("input, textarea")?.focus();
});
