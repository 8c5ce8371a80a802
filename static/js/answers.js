// What comes back while a page stays open: an answer that failed is said in words and nothing is swapped, so nothing typed
// is lost; focus survives what is swapped; and what changed is said aloud (data-announce).
const FAILED = "answer-failed";
const WORDS = {
  0: "The server cannot be reached. Nothing was done; it is tried again by itself, or by you.",
  403: "Your role does not allow this, so nothing was done.",
  404: "This is no longer there. Load the page again.",
  413: "This is too large to be taken.",
  429: "Too much at once: wait a minute, then try again. Nothing was done.",
  503: "The server cannot answer at this moment. Nothing was done; try again soon.",
};
const OTHERWISE = "Something broke on our side. Nothing was stored by halves: look before you try again.";

// One note for however many failures in a row; it goes with the next answer that succeeds.
function complain(status, isOld) {
  const notes = document.getElementById("messages");
  const pattern = document.getElementById("note-failed");
  if (!notes || !pattern) return;
  const text = isOld ? "This page is too old: you signed in or out since. Load it again; what you typed is kept." : WORDS[status] ?? OTHERWISE;
  const shown = document.getElementById(FAILED);
  if (shown?.querySelector("p").textContent === text) return;
  const note = shown ?? pattern.content.firstElementChild.cloneNode(true);
  note.id = FAILED;
  note.querySelector("p").textContent = text;
  if (!shown) notes.append(note);
}

document.addEventListener("htmx:responseError", ({ detail: { xhr } }) => {
  const isOld = xhr.getResponseHeader("X-Page-Too-Old") === "true";
  complain(xhr.status, isOld);
  if (isOld) document.dispatchEvent(new CustomEvent("conto:keep"));
});
document.addEventListener("htmx:sendError", () => complain(0));
document.addEventListener("htmx:timeout", () => complain(0));
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (detail.successful) document.getElementById(FAILED)?.remove();
});

// htmx keeps the focus of what has an id; the rest is found again by what it leads to or is called, else what is around it.
let held = null;

document.addEventListener("htmx:beforeSwap", ({ detail: { target } }) => {
  const active = document.activeElement;
  if (!target?.contains(active) || active === document.body) return;
  const names = ["href", "name", "data-key", "aria-label"].filter((name) => active.hasAttribute(name));
  const same = names.map((name) => `[${name}="${CSS.escape(active.getAttribute(name))}"]`).join("");
  const typed = active.matches("input, textarea") ? { value: active.value, at: active.selectionStart } : null;
  held = { around: target.id, same: active.id ? `#${CSS.escape(active.id)}` : same && active.localName + same, typed };
});

document.addEventListener("htmx:afterSettle", ({ detail: { elt } }) => {
  if (held && (document.activeElement === document.body || !document.activeElement)) {
    const around = document.getElementById(held.around) ?? elt;
    const found = held.same ? around.querySelector(held.same) : null;
    if (!found && !around.hasAttribute("tabindex")) around.tabIndex = -1;
    (found ?? around).focus({ preventScroll: true });
    if (found && held.typed) goOnTyping(found, held.typed);
  }
  held = null;
  announce(elt);
});

// What was typed while the answer was under way counts, and is asked for in its turn.
function goOnTyping(field, { value, at }) {
  if (field.type === "checkbox" || field.type === "radio") return;
  if (field.value !== value) {
    field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  if (at !== null) field.setSelectionRange(at, at);
}

const said = new Map();

function announce(part) {
  if (!part.isConnected) return;
  for (const one of [part, ...part.querySelectorAll("[data-announce]")]) {
    const { announce: words } = one.dataset;
    if (!words || said.get(one.id) === words) continue;
    said.set(one.id, words);
    document.dispatchEvent(new CustomEvent("conto:announce", { detail: words }));
  }
}
