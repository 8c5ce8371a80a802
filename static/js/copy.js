// Copy to the clipboard: a button with data-copy="the whole text". Says so in words, for the eye and for the ear.
const SHOWN_MILLISECONDS = 1600;

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  const label = button.querySelector("[data-copy-label]");
  const before = label?.textContent;
  button.dataset.copied = "";
  if (label) label.textContent = "Copied";
  document.dispatchEvent(new CustomEvent("conto:announce", { detail: "Copied" }));
  setTimeout(() => {
    delete button.dataset.copied;
    if (label) label.textContent = before;
  }, SHOWN_MILLISECONDS);
});
