// A session that ended loses no typed text: it is kept in this tab only, until the same person is back at the same address.
// Passwords, secrets, codes, files and hidden fields are never kept; nor is a form that says data-never-kept.
const PLACE = "conto.draft";
const SECRET = /secret|passw|token|csrf|code|otp|key/i;
const LONGEST_CHARACTERS = 100_000;
const KEPT_MILLISECONDS = 12 * 3_600_000;
const { viewer, page: kind } = document.body.dataset;
const here = location.pathname + location.search;

function isKept(field) {
  const type = field.type ?? "";
  if (!field.name || field.disabled || ["password", "hidden", "file", "submit", "button", "reset"].includes(type)) return false;
  return !SECRET.test(field.name) && !/password|one-time-code|cc-/.test(field.autocomplete ?? "");
}

const isChosen = (field) => field.type === "checkbox" || field.type === "radio";

function changed(field) {
  if (isChosen(field)) return field.checked !== field.defaultChecked;
  if (field.options) return [...field.options].some((one) => one.selected !== one.defaultSelected);
  return field.value !== field.defaultValue;
}

const written = () => [...document.querySelectorAll("form[method=post]:not([data-never-kept])")].map((form) => ({ form, fields: [...form.elements].filter(isKept) }));
const valuesOf = (field) => (field.options ? [...field.options].filter((one) => one.selected).map((one) => one.value) : [field.value]);

// The forms of this page in which something was typed; `state` is "sent" until it is known whether the server took it.
function keep(state) {
  const forms = written()
    .filter(({ fields }) => fields.some(changed))
    .map(({ form, fields }) => ({
      action: form.getAttribute("action") ?? "",
      fields: fields.filter((one) => !isChosen(one) || one.checked).map((one) => [one.name, valuesOf(one)]),
    }));
  const text = JSON.stringify({ state, viewer, here, at: Date.now(), forms });
  if (viewer && forms.length && text.length <= LONGEST_CHARACTERS) sessionStorage.setItem(PLACE, text);
  else if (viewer) sessionStorage.removeItem(PLACE);
}

function restore(draft) {
  let number = 0;
  for (const { action, fields } of draft.forms) {
    const form = written().find((one) => (one.form.getAttribute("action") ?? "") === action);
    for (const field of form?.fields ?? []) {
      const values = fields.filter(([name]) => name === field.name).flatMap(([, kept]) => kept);
      if (isChosen(field)) field.checked = values.includes(field.value);
      else if (field.options) for (const one of field.options) one.selected = values.includes(one.value);
      else if (values.length) [field.value] = values;
      if (changed(field)) number += 1;
      field.dispatchEvent(new Event("change", { bubbles: true }));
    }
    form?.form.closest("[popover]")?.showPopover();
  }
  return number;
}

function look() {
  const text = sessionStorage.getItem(PLACE);
  if (!text) return;
  const draft = JSON.parse(text);
  if (!viewer || kind === "refused") {
    // Signing in, or a page that says why the server did not take it.
    if (kind) sessionStorage.setItem(PLACE, JSON.stringify({ ...draft, state: "kept" }));
    for (const words of document.querySelectorAll("[data-draft-kept]")) words.hidden = false;
    return;
  }
  const isMine = draft.viewer === viewer && Date.now() - draft.at < KEPT_MILLISECONDS;
  if (isMine && draft.state === "kept" && draft.here !== here) return;
  sessionStorage.removeItem(PLACE);
  if (isMine && draft.state === "kept" && restore(draft)) document.dispatchEvent(new CustomEvent("conto:note", { detail: "What you had typed is here again; it is not stored yet." }));
}

look();
document.addEventListener("submit", ({ target }) => target.method === "post" && keep("sent"));
document.addEventListener("conto:keep", () => keep("kept"));
document.addEventListener("htmx:beforeOnLoad", ({ detail: { xhr } }) => {
  if (xhr.getResponseHeader("HX-Redirect")?.startsWith("/accounts/")) keep("kept");
});
