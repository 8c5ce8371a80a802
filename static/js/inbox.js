// The inbox: moving through the queue loads the request, what others decide disappears with a note, and after an answer
// the next request is chosen. Without scripts the same links and forms load whole pages.
const QUEUE = "queue";
const queue = () => document.getElementById(QUEUE);
const pane = document.getElementById("request");
const rows = () => [...document.querySelectorAll("#queue .queue-item")];
const shownId = () => pane.querySelector("[data-request]")?.dataset.request;
const answered = new Set();
const UNREAD_MS = 400;
let shown = shownId();
let reading = 0;
let asked = "";
let before = { ids: [], version: "", focused: -1 };

// What a person has ticked, typed or chosen is not what the server sent; a morph leaves it alone.
globalThis.Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) =>
  !(name === "checked" && node.matches("[data-pick], [data-pick-all]")) && !(["aria-current", "data-current"].includes(name) && node.matches(".queue-item"));

function mark() {
  const id = shownId();
  for (const row of rows()) {
    const isShown = row.dataset.id === id;
    row.toggleAttribute("data-current", isShown);
    if (isShown) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
    const pick = row.querySelector("[data-pick]");
    if (pick) isShown ? (pick.dataset.key = "x") : delete pick.dataset.key;
  }
}

function focusRow(row) {
  row?.querySelector("a").focus({ preventScroll: true });
  row?.scrollIntoView({ block: "nearest" });
}

// Amounts are added exactly: in millionths, as whole numbers.
const millionths = (text) => {
  const [whole, fraction = ""] = text.split(".");
  return BigInt(whole + fraction.padEnd(6, "0").slice(0, 6));
};
const words = (sum) => {
  const fraction = String(sum % 1_000_000n).padStart(6, "0").replace(/0{1,4}$/, "");
  return `${(sum / 1_000_000n).toLocaleString("en-US")}.${fraction}`;
};

function addUp() {
  const line = document.querySelector("[data-bulk-sum]");
  if (!line) return;
  const picked = [...document.querySelectorAll("#queue [data-pick]:checked")];
  const sums = new Map();
  for (const { dataset } of picked) sums.set(dataset.currency, (sums.get(dataset.currency) ?? 0n) + millionths(dataset.amount));
  const totals = [...sums].map(([currency, sum]) => `${words(sum)} ${currency}`);
  line.value = picked.length ? [`${picked.length} selected`, ...totals].join(" · ") : "";
  const all = document.querySelector("[data-pick-all]");
  const most = document.querySelectorAll("#queue [data-pick]").length;
  if (all) Object.assign(all, { checked: picked.length > 0 && picked.length === most, indeterminate: picked.length > 0 && picked.length < most });
}

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-pick-all]")) {
    for (const pick of document.querySelectorAll("#queue [data-pick]")) pick.checked = event.target.checked;
  }
  if (event.target.matches("[data-pick], [data-pick-all]")) addUp();
});
document.addEventListener("reset", () => setTimeout(addUp));

// Never the button that answers: Enter pressed twice would answer the next one unseen.
function focusShown() {
  const reason = pane.querySelector("#bulk-answer textarea");
  if (reason) return reason.focus();
  const row = rows().find((one) => one.dataset.id === shownId());
  if (row?.checkVisibility()) return focusRow(row);
  pane.tabIndex = -1;
  return pane.focus({ preventScroll: true });
}

// j and k (static/js/keys.js) say which row is the current one.
document.addEventListener("conto:current", (event) => {
  const row = event.target.closest(".queue-item");
  if (row && row.dataset.id !== shownId()) row.querySelector("a").click();
});

document.addEventListener("htmx:beforeRequest", (event) => {
  const source = event.detail.elt;
  if (source.id === QUEUE && document.hidden) event.preventDefault();
  if (source.matches("#request form")) {
    if (!source.matches("[data-undo]")) answered.add(shownId());
    source.closest("[popover]")?.hidePopover();
  }
});

// From several answers, and from taking them back, the way leads to where one was.
document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.elt.id === "bulk" && shownId()) event.detail.parameters.at = shownId();
});

document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.elt.matches("#request form:not([data-undo])") && !event.detail.successful) answered.delete(shownId());
});

document.addEventListener("htmx:beforeSwap", (event) => {
  // What was asked for again must not come over what is shown meanwhile.
  if (event.detail.requestConfig?.elt === pane && shownId() !== asked) event.detail.shouldSwap = false;
  if (event.detail.target.id !== QUEUE) return;
  const all = rows();
  const current = all.find((row) => row.dataset.id === shownId());
  before = {
    ids: all.map((row) => row.dataset.id),
    version: current?.dataset.version,
    focused: all.findIndex((row) => row.contains(document.activeElement)),
  };
});

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target.id === "request") {
    mark();
    document.getElementById("inbox").classList.add("is-alone");
    pane.scrollIntoView({ block: "nearest" });
    scrollTo({ top: 0 });
    const { xhr, requestConfig } = event.detail;
    const isAnswered = requestConfig?.verb === "post" && xhr.status < 400;
    if (requestConfig?.elt.matches("[data-undo]")) answered.delete(shownId());
    if (requestConfig?.verb === "post") globalThis.htmx.trigger(document.body, "reviewed");
    countDown();
    if (isAnswered || document.activeElement === document.body) focusShown();
    return;
  }
  if (!document.getElementById(QUEUE) || event.detail.elt.id !== QUEUE) return;
  mark();
  addUp();
  const here = new Set(rows().map((row) => row.dataset.id));
  const gone = before.ids.filter((id) => !here.has(id));
  if (before.focused >= 0 && document.activeElement === document.body) {
    focusRow(rows()[Math.min(before.focused, rows().length - 1)]);
  }
  tell(gone.filter((id) => !answered.has(id)));
  freshen(gone);
});

function tell(gone) {
  if (!gone.length) return;
  const query = gone.map((id) => `id=${id}`).join("&");
  globalThis.htmx.ajax("GET", `${queue().dataset.left}?${query}`, { source: "#announcements", target: "#messages", swap: "beforeend" });
}

// The request beside the queue is shown again where it has gone or has got another answer; not under somebody's hands.
function freshen(gone) {
  const id = shownId();
  const row = rows().find((one) => one.dataset.id === id);
  const isStale = gone.includes(id) || (row && before.version !== undefined && row.dataset.version !== before.version);
  const isTyping = pane.querySelector(":popover-open") !== null;
  if (!id || !isStale || isTyping || answered.has(id) || pane.querySelector("[data-gone]")) return;
  asked = id;
  globalThis.htmx.ajax("GET", pane.querySelector("[data-request]").dataset.url, { source: pane, target: pane, swap: "innerHTML" });
}

// Another request comes under the same key and the same finger: what repeats faster than anybody reads answers nothing.
function leaveUnread() {
  const id = shownId();
  if (id === shown) return;
  shown = id;
  delete pane.dataset.unread;
  clearTimeout(reading);
  if (!id) return;
  pane.dataset.unread = "";
  reading = setTimeout(() => delete pane.dataset.unread, UNREAD_MS);
}

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id === "request") leaveUnread();
});
document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-unread] .answer")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, true);

// What opens is ready at once: a reason is typed, and a payment that is asked about twice is approved with Enter. The
// event "toggle" would come a letter too late.
document.addEventListener("click", (event) => {
  const opener = event.target.closest("#request [popovertarget]:not([popovertargetaction])");
  if (!opener) return;
  event.preventDefault();
  const dialog = document.getElementById(opener.getAttribute("popovertarget"));
  dialog.showPopover({ source: opener });
  (dialog.querySelector("textarea") ?? dialog.querySelector(".btn-primary"))?.focus();
});

// Seconds are counted from when the page got them: clocks differ.
const ends = new Map();

function countDown() {
  for (const one of document.querySelectorAll("[data-undo]")) {
    if (!ends.has(one.id)) ends.set(one.id, performance.now() + 1000 * Number(one.dataset.undo));
    const seconds = Math.ceil((ends.get(one.id) - performance.now()) / 1000);
    if (seconds > 0) one.querySelector("[data-undo-left]").textContent = `takes effect in ${seconds} s`;
    else one.remove();
  }
}

setInterval(countDown, 250);

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches("#request textarea")) {
    event.preventDefault();
    // htmx sends the value of a button only where that was pressed.
    const answer = event.target.form.querySelector("button[name=answer]");
    answer ? answer.click() : event.target.form.requestSubmit();
  }
});

document.addEventListener("click", (event) => {
  const ready = event.target.closest("[data-fill]");
  if (!ready) return;
  const field = document.getElementById(ready.dataset.fill);
  field.value = ready.textContent;
  field.focus();
});

mark();
addUp();
countDown();
