// The command palette: Ctrl or ⌘ and K, or whatever carries data-palette-open, opens it; the server finds.
// Focus stays in the field (a combobox); the option that Enter opens is named by aria-activedescendant.
const palette = document.getElementById("palette");
const field = palette?.querySelector("[role=combobox]");
const found = document.getElementById("palette-results");
const said = palette?.querySelector("[data-palette-said]");
const options = () => [...found.querySelectorAll("[role=option]")];
const current = () => found.querySelector("[aria-selected=true]");
const PAUSE_MILLISECONDS = 120;
let isOpening = false; // Enter came before what it is meant for
let asked = null;
let pause = 0;

function choose(option) {
  current()?.setAttribute("aria-selected", "false");
  if (!option) return field.removeAttribute("aria-activedescendant");
  option.setAttribute("aria-selected", "true");
  option.scrollIntoView({ block: "nearest" });
  field.setAttribute("aria-activedescendant", option.id);
}

function move(to) {
  const all = options();
  if (all.length) choose(all[(to + all.length) % all.length]);
}

function open() {
  if (palette.open) return field.select();
  for (const one of document.querySelectorAll(":popover-open")) one.hidePopover();
  palette.showModal();
  field.select();
  find();
}

// Asks the server, and takes back what was asked before; htmx would write an error to the console for that.
async function find() {
  clearTimeout(pause);
  asked?.abort();
  asked = new AbortController();
  const { signal } = asked;
  try {
    const address = `${field.form.action}?${new URLSearchParams({ q: field.value })}`;
    const answer = await fetch(address, { headers: { "HX-Request": "true", "HX-Current-URL": location.href }, signal });
    const text = await answer.text();
    if (signal.aborted) return;
    const elsewhere = answer.headers.get("HX-Redirect");
    if (elsewhere) return location.assign(elsewhere);
    if (!answer.ok) throw new Error(answer.statusText);
    found.innerHTML = text;
    arrived();
  } catch {
    if (!signal.aborted) say("The server cannot answer at this moment.");
  }
}

function say(words) {
  said.textContent = words;
  if (!options().length) found.textContent = words;
}

function leave() {
  isOpening = false;
  asked?.abort();
  clearTimeout(pause);
  found.replaceChildren();
  field.value = "";
  field.setAttribute("aria-expanded", "false");
  choose(null);
}

const keys = {
  ArrowDown: () => move(options().indexOf(current()) + 1),
  ArrowUp: () => move(Math.max(0, options().indexOf(current())) - 1),
  PageDown: () => choose(options().at(-1)),
  PageUp: () => choose(options()[0]),
  Enter: (event) => {
    if (found.firstElementChild?.dataset.text === field.value.trim()) return press(event);
    isOpening = true;
    find();
  },
};

function press({ ctrlKey = false, metaKey = false } = {}) {
  current()?.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, ctrlKey, metaKey }));
}

function arrived() {
  const number = options().length;
  field.setAttribute("aria-expanded", String(number > 0));
  choose(options()[0]);
  said.textContent = number === 1 ? "One found" : number ? `${number} found` : "Nothing found";
  if (isOpening) press();
  isOpening = false;
}

if (palette) {
  for (const hint of document.querySelectorAll("[data-palette-hint]")) hint.textContent = /Mac|iP/.test(navigator.platform) ? "⌘ K" : "Ctrl K";
  document.addEventListener("click", (event) => {
    if (event.target === palette || event.target.closest("[data-palette-close]")) return palette.close();
    if (!event.target.closest("[data-palette-open]") || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open();
  });
  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || event.key.toLowerCase() !== "k") return;
    event.preventDefault();
    palette.open ? palette.close() : open();
  });
  field.addEventListener("keydown", (event) => {
    const act = keys[event.key];
    if (!act || event.isComposing || event.shiftKey || event.altKey) return;
    event.preventDefault();
    act(event);
  });
  found.addEventListener("pointermove", (event) => {
    const option = event.target.closest("[role=option]");
    if (option && option !== current()) choose(option);
  });
  field.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(find, PAUSE_MILLISECONDS);
  });
  palette.addEventListener("close", leave);
}
