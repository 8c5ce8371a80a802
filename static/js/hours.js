// A week of hours to tick, as a calendar: one stop of the keyboard with arrows inside it, days and hours that are toggled
// as a whole, and an area that is painted with the pointer. Without scripts each hour is a checkbox, and stays one.
const HOURS = 24;
const DAYS = 7;
let painting = null;

const cellsOf = (week) => [...week.querySelectorAll("td > input")];
const weekOf = (target) => target.closest?.(".hours-week");
const told = (week) => week.dispatchEvent(new Event("input", { bubbles: true }));

// What the server sent has neither buttons nor one stop; what was morphed has lost them.
function dress() {
  for (const week of document.querySelectorAll(".hours-week")) {
    for (const head of week.querySelectorAll("th:not(:has(button))")) {
      const button = document.createElement("button");
      button.type = "button";
      button.tabIndex = -1;
      button.append(...head.childNodes);
      head.append(button);
    }
    const cells = cellsOf(week);
    const stop = cells.find((cell) => cell === document.activeElement) ?? cells.find((cell) => cell.checked) ?? cells[0];
    for (const cell of cells) cell.tabIndex = cell === stop ? 0 : -1;
  }
}

// The cells of a day, of an hour, or all of them: unticked where each of them is ticked, else ticked.
function toggle(head) {
  const week = weekOf(head);
  const hour = head.scope === "col" ? head.cellIndex - 1 : null;
  const cells = head.scope === "row" ? cellsOf(head.parentElement) : cellsOf(week);
  const meant = hour === null ? cells : cells.filter((_, place) => place % HOURS === hour);
  const isTicked = !meant.every((cell) => cell.checked);
  for (const cell of meant) cell.checked = isTicked;
  told(week);
}

function step(event) {
  const week = weekOf(event.target);
  const cells = cellsOf(week);
  const place = cells.indexOf(event.target);
  // On a phone days stand beside each other, and hours below.
  const isTurned = getComputedStyle(week).display === "grid";
  const [across, down] = isTurned ? [HOURS, 1] : [1, HOURS];
  const day = Math.floor(place / HOURS) * HOURS;
  const steps = {
    ArrowRight: place + across,
    ArrowLeft: place - across,
    ArrowDown: place + down,
    ArrowUp: place - down,
    Home: day,
    End: day + HOURS - 1,
  };
  const next = steps[event.key];
  if (place < 0 || next === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  const to = cells[(next + HOURS * DAYS) % (HOURS * DAYS)];
  event.target.tabIndex = -1;
  to.tabIndex = 0;
  to.focus();
  // With Shift what stands in this hour is drawn on into the next.
  if (event.shiftKey && to.checked !== event.target.checked) {
    to.checked = event.target.checked;
    told(week);
  }
}

function paint(cell) {
  const { week, cells, before, from, isTicked } = painting;
  const to = cells.indexOf(cell);
  if (to < 0 || weekOf(cell) !== week) return;
  const [left, right] = [from % HOURS, to % HOURS].sort((one, other) => one - other);
  const [top, bottom] = [Math.floor(from / HOURS), Math.floor(to / HOURS)].sort((one, other) => one - other);
  cells.forEach((one, place) => {
    const [hour, day] = [place % HOURS, Math.floor(place / HOURS)];
    one.checked = hour >= left && hour <= right && day >= top && day <= bottom ? isTicked : before[place];
  });
  painting.isMoved ||= to !== from;
}

document.addEventListener("click", (event) => {
  const head = event.target.closest(".hours-week th");
  if (head) toggle(head);
  // What was painted is ticked already: the click that ends it would take the first hour back.
  if (painting?.isMoved && event.target === painting.cells[painting.from]) event.preventDefault();
});

document.addEventListener("keydown", (event) => {
  if (event.target.matches(".hours-week td > input")) step(event);
});

document.addEventListener("pointerdown", (event) => {
  painting = null;
  const week = event.button === 0 && event.pointerType !== "touch" && weekOf(event.target);
  if (!week || !event.target.matches("td > input")) return;
  const cells = cellsOf(week);
  const from = cells.indexOf(event.target);
  const before = cells.map((cell) => cell.checked);
  painting = { week, cells, before, from, isTicked: !before[from], isMoved: false };
});

document.addEventListener("pointerover", (event) => {
  if (painting && event.buttons === 1 && event.target.matches?.("td > input")) paint(event.target);
});

document.addEventListener("pointerup", () => {
  if (painting?.isMoved) told(painting.week);
});

document.addEventListener("htmx:afterSettle", (event) => {
  dress();
  const said = event.detail.target.id === "said" && document.getElementById("exact-hours");
  if (!said) return;
  const exact = Object.fromEntries(said.dataset.cells.split(" ").map((one) => one.split(":")));
  for (const cell of document.querySelectorAll(".hours-week td > input")) {
    if (exact[cell.value]) cell.dataset.exact = exact[cell.value];
    else delete cell.dataset.exact;
  }
});

dress();
