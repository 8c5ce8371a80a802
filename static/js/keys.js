// Keys: ? help, / filter, j and k through lists, Enter opens, and any element with data-key="a" answers to its letter;
// one with data-key="A a" answers to both, and of several that are seen the first one on the page does.
const SWITCH = "conto.keys";
const isOn = () => (localStorage.getItem(SWITCH) ?? document.body.dataset.keys ?? "on") !== "off";
const help = document.getElementById("keys");

function isTyping(target) {
  return target.isContentEditable || target.matches?.("textarea, select, input:not([type=checkbox], [type=radio])");
}

function rows() {
  const list = document.querySelector("[data-list]");
  if (!list) return [];
  const marked = [...list.querySelectorAll("[data-row]")];
  return marked.length ? marked : [...list.querySelectorAll("tbody > tr, :scope > li")];
}

function move(step) {
  const all = rows();
  if (!all.length) return;
  // A list that renews itself may have lost the mark: the row that is focused is the current one then.
  const marked = all.findIndex((row) => "current" in row.dataset);
  const at = marked >= 0 ? marked : all.findIndex((row) => row.contains(document.activeElement));
  const next = all[Math.min(all.length - 1, Math.max(0, at + step))];
  if (at >= 0) delete all[at].dataset.current;
  next.dataset.current = "";
  const target = next.matches("a, button") ? next : next.querySelector("a, button, input") ?? next;
  target.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
  next.dispatchEvent(new CustomEvent("conto:current", { bubbles: true }));
}

const own = {
  j: () => move(1),
  k: () => move(-1),
  "?": () => help?.togglePopover(),
  "/": () => document.querySelector("[data-search]")?.focus(),
};

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !isOn() || isTyping(event.target)) return;
  const dialog = document.querySelector(".dialog:popover-open, dialog[open]");
  if (dialog && !(dialog === help && event.key === "?")) return;
  const marked = [...document.querySelectorAll(`[data-key~="${CSS.escape(event.key)}"]`)].find((one) => one.checkVisibility());
  // A key that is held down moves through a list; it must not answer what has just come under it.
  if (marked && event.repeat) return;
  const act = marked ? () => marked.click() : own[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

function listPageKeys() {
  const list = help?.querySelector("[data-key-list]");
  if (!list) return;
  list.querySelectorAll("[data-page-key]").forEach((line) => line.remove());
  const seen = new Set();
  for (const element of document.querySelectorAll("[data-key][data-key-label]")) {
    const [own, ...more] = element.dataset.key.split(" ");
    const keys = [own, ...(element.checkVisibility() ? more : [])].filter((key) => !seen.has(key));
    if (!keys.length) continue;
    keys.forEach((key) => seen.add(key));
    const line = document.createElement("div");
    line.dataset.pageKey = "";
    line.append(document.createElement("dt"), document.createElement("dd"));
    line.firstChild.textContent = element.dataset.keyLabel;
    for (const key of keys) {
      if (line.lastChild.firstChild) line.lastChild.append(" ");
      line.lastChild.append(Object.assign(document.createElement("kbd"), { textContent: key }));
    }
    list.append(line);
  }
}

if (help) {
  help.addEventListener("beforetoggle", listPageKeys);
  const toggle = help.querySelector("[data-key-switch]");
  toggle.checked = isOn();
  toggle.addEventListener("change", () => localStorage.setItem(SWITCH, toggle.checked ? "on" : "off"));
}
