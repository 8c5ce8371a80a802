// Menus (<details data-menu>) close on Escape and on a click elsewhere; notes can be dismissed, good news goes by itself;
// what is loaded into a [data-opens] popover opens it, ready to be typed into;
// filters that fold are folded again by what they find, unless somebody types or goes by keys in them; focus survives it;
// "conto:note" (detail: the words) shows a note, "conto:announce" says its words in the page's live region.
const NOTE_MILLISECONDS = 7000;

const openMenus = () => document.querySelectorAll("details[data-menu][open]");

document.addEventListener("click", (event) => {
  for (const menu of openMenus()) if (!menu.contains(event.target)) menu.open = false;
  if (event.target.closest("[data-dismiss]")) event.target.closest("[data-note]").remove();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of openMenus()) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

function leaveInTime(note) {
  if (note.getAttribute("role") === "alert" || note.dataset.timed) return;
  note.dataset.timed = "1";
  const leave = () => (note.matches(":hover, :focus-within") ? setTimeout(leave, NOTE_MILLISECONDS) : note.remove());
  setTimeout(leave, NOTE_MILLISECONDS);
}

const notes = document.getElementById("messages");
if (notes) {
  notes.querySelectorAll("[data-note]").forEach(leaveInTime);
  new MutationObserver(() => notes.querySelectorAll("[data-note]").forEach(leaveInTime)).observe(notes, { childList: true });
}

document.addEventListener("conto:announce", (event) => {
  const region = document.getElementById("announcements");
  if (!region) return;
  region.textContent = "";
  requestAnimationFrame(() => {
    region.textContent = event.detail;
  });
});

document.addEventListener("conto:note", (event) => {
  const note = document.getElementById("note-said")?.content.firstElementChild.cloneNode(true);
  if (!note) return;
  note.querySelector("p").textContent = event.detail;
  notes?.append(note);
});

document.addEventListener("htmx:afterSwap", (event) => {
  const target = event.detail.target;
  if (!target.matches("[data-opens]") || target.matches(":popover-open")) return;
  target.showPopover();
  (target.querySelector("[autofocus]") ?? target.querySelector("textarea"))?.focus();
});

const foldsOf = (field) =>
  [field.closest("form.filters")?.querySelector(".filters-fold"), field.closest(".filters-more")].filter(Boolean);
let inUse = null;

document.addEventListener("htmx:beforeSwap", () => {
  const field = document.activeElement ?? document.body;
  const isOpen = foldsOf(field).some((fold) => fold.open);
  inUse = isOpen ? { id: field.id, name: field.name, keepsOpen: field.matches(":focus-visible") } : null;
});

document.addEventListener("htmx:afterSwap", () => {
  if (!inUse) return;
  const called = inUse.name ? document.querySelector(`form.filters [name="${CSS.escape(inUse.name)}"]`) : null;
  const field = inUse.id ? document.getElementById(inUse.id) : called;
  if (!field) return;
  const folds = foldsOf(field);
  if (inUse.keepsOpen) for (const fold of folds) fold.open = true;
  // What has no id is the search box: the focus and the words in it are kept elsewhere.
  if (!inUse.id) return;
  const seen = [field, ...folds.map((fold) => fold.firstElementChild)].find((one) => one.checkVisibility());
  if (seen !== document.activeElement) seen?.focus({ preventScroll: true });
});
