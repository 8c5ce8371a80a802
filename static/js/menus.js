// Menus (<details data-menu>) close on Escape and on a click elsewhere; notes can be dismissed, good news goes by itself;
// what is loaded into a [data-opens] popover opens it, ready to be typed into;
// filters that fold stay as somebody left them, whatever they find; focus survives it;
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

// Folds of filters stay as somebody left them: what is swapped in comes folded, and what is folded takes no focus.
const FOLDS = [".filters-fold", ".filters-more"];
let left = null;

document.addEventListener("htmx:beforeSwap", ({ detail: { target } }) => {
  const active = document.activeElement;
  const open = FOLDS.filter((fold) => target?.querySelector(`${fold}[open]`));
  const held = FOLDS.find((fold) => active?.matches(`${fold} > summary`) && target?.contains(active));
  const field = active?.id && active.closest("form.filters") ? `#${CSS.escape(active.id)}` : held && `${held} > summary`;
  left = open.length || held ? { open, field, y: scrollY } : null;
});

document.addEventListener("htmx:afterSwap", () => {
  if (!left) return;
  const { open, field, y } = left;
  left = null;
  for (const fold of open) document.querySelector(fold)?.setAttribute("open", "");
  // What has no id is the search box: the focus and the words in it are kept elsewhere.
  const found = field && document.querySelector(field);
  if (found && found !== document.activeElement) found.focus({ preventScroll: true });
  if (scrollY !== y) scrollTo({ top: y, behavior: "instant" });
});
