// What htmx does not do: decisions are inert for a second after load, focus and change, a changed case says so, and lines
// arrive in open lists as the plane draws them.
"use strict";

const ARM_MS = 1000; // a click meant for something else, or for what stood here before, decides nothing
const SENT_MS = 5000; // the second click of a double click is not a second decision
const ROWS_MAX = 100; // a list that stays open for a week does not grow for a week
const LINES_MAX = 500;
const root = document.documentElement;
const el = (id) => document.getElementById(id);
let armedAt = 0;
let timer = 0;

const disarm = (ms) => {
  armedAt = Math.max(armedAt, performance.now() + ms);
  root.dataset.arming = "";
  clearTimeout(timer);
  timer = setTimeout(() => { delete root.dataset.arming; }, armedAt - performance.now());
};

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-armed]")) return;
  if (performance.now() < armedAt) event.preventDefault();
  else disarm(SENT_MS);
}, true);

for (const name of ["focus", "pageshow"]) window.addEventListener(name, () => disarm(ARM_MS));
window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); }); // shown from memory: it may be old
disarm(ARM_MS);

// What a review binds to, as last shown. Between two revisions there is none, and the page may be refreshed just then.
let read = el("page")?.dataset.binding;
document.addEventListener("htmx:after:swap", (event) => {
  const target = event.detail?.ctx?.target ?? event.target;
  if (target?.id !== "fresh") disarm(ARM_MS); // what is shown was made just now: the plane takes no decision on it within a second
  picked();
  const now = el("page")?.dataset.binding;
  if (!now || now === read) return;
  const before = read;
  read = now;
  for (const box of document.querySelectorAll("[data-armed] input[type=checkbox]")) box.checked = false;
  if (before) el("changed").hidden = false;
});

// A page that follows says so; one that does not is not taken for calm.
const say = (live) => {
  const link = el("link");
  if (!link) return;
  link.textContent = live ? "● live" : "○ not live";
  link.className = live ? "good" : "warn";
};
document.addEventListener("htmx:sse:after:connection", () => say(true));
for (const name of ["htmx:sse:error", "htmx:sse:close"]) document.addEventListener(name, () => say(false));
document.addEventListener("ended", () => location.reload()); // the login has ended: the page asks for another

// --- lines that arrive -----------------------------------------------------------------------------------------------

const drawn = (html) => {
  const made = document.createElement("template");
  made.innerHTML = html.trim();
  return made.content.firstElementChild;
};

const told = (event) => JSON.parse(event.detail.data);

document.addEventListener("counts", (event) => {
  const counts = told(event);
  for (const one of document.querySelectorAll("[data-count]")) {
    one.textContent = counts[one.dataset.count];
    if (one.closest(".places")) one.hidden = !counts[one.dataset.count];
  }
});

// One line of the inbox: drawn anew where it stands, put where it belongs, or taken out.
document.addEventListener("row", (event) => {
  const list = el("rows");
  if (!list) return;
  const said = told(event);
  const old = el(`case-${said.id}`);
  if (!said.html) {
    if (old) leave(old);
  } else if (old) {
    replace(old, drawn(said.html));
  } else if (!list.dataset.later) {
    arrive(list, drawn(said.html), said);
  }
  el("nothing").hidden = list.children.length > 0;
  picked();
});

const replace = (old, row) => {
  const focused = old.contains(document.activeElement) && document.activeElement.className;
  const box = row.querySelector(".pick");
  if (box) box.checked = Boolean(old.querySelector(".pick")?.checked && old.querySelector(".pick").value === box.value);
  old.replaceWith(row);
  if (focused) row.querySelector(`.${focused}`)?.focus();
};

const leave = (old) => {
  const next = old.nextElementSibling ?? old.previousElementSibling;
  const group = old.closest(".group");
  if (old.contains(document.activeElement)) next?.querySelector("a")?.focus();
  old.remove();
  if (group) sized(group, -1);
};

const arrive = (list, row, said) => {
  row.classList.add("new");
  const group = [...list.children].find((one) => one.dataset.group === said.like);
  if (group) {
    group.querySelector("ol").prepend(row);
    sized(group, 1);
  } else {
    const newest = list.dataset.tab === "decided";
    const place = [...list.children].find((one) => newest || one.dataset.rank > said.rank);
    list.insertBefore(row, place ?? null);
  }
  while (list.children.length > ROWS_MAX) list.lastElementChild.remove();
  el("said").textContent = `${row.dataset.id} is new here`;
};

const sized = (group, by) => {
  group.dataset.size = Number(group.dataset.size) + by;
  group.querySelector(".size").textContent = group.dataset.size;
  if (!group.querySelector("li.row")) group.remove();
};

// One line of the log, on top; while it is paused they wait.
let paused = null;
document.addEventListener("line", (event) => {
  const list = el("lines");
  if (!list) return;
  const line = drawn(told(event).html);
  if (paused) {
    paused.push(line);
    if (paused.length > LINES_MAX) paused.shift();
    el("pause").textContent = `▸ Go on (${paused.length} new)`;
  } else {
    put(list, line);
  }
});

const put = (list, line) => {
  if (el(line.id)) return;
  list.prepend(line);
  while (list.children.length > LINES_MAX) list.lastElementChild.remove();
  el("nothing").hidden = true;
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("#pause");
  if (!button) return;
  if (paused) {
    const waited = paused;
    paused = null;
    for (const line of waited) put(el("lines"), line);
  } else {
    paused = [];
  }
  button.setAttribute("aria-pressed", String(Boolean(paused)));
  button.textContent = paused ? "▸ Go on" : "‖ Pause";
});

// --- what is selected ------------------------------------------------------------------------------------------------

const PICKED_MAX = 15; // one form; more are not read together
const picked = () => {
  const bar = el("several");
  if (!bar) return;
  const boxes = [...document.querySelectorAll(".pick")];
  const count = boxes.filter((box) => box.checked).length;
  for (const box of boxes) box.disabled = !box.checked && count >= PICKED_MAX;
  const chosen = boxes.filter((box) => box.checked);
  const goes = chosen.some((box) => box.closest(".row").querySelector(".e-delete, .e-replace"));
  el("together").hidden = goes || count < 2; // what takes something away is read on a page of its own
  bar.hidden = !count;
  el("picked").textContent = count;
};
document.addEventListener("change", (event) => { if (event.target.matches(".pick")) picked(); });

// --- times that pass -------------------------------------------------------------------------------------------------

const span = (ms) => {
  const s = Math.floor(Math.max(0, ms) / 1000);
  if (s < 90) return `${s} s`;
  const m = Math.floor(s / 60);
  if (m < 60) return `${m} min`;
  const h = Math.floor(m / 60);
  return h < 48 ? `${h} h ${m % 60} min` : `${Math.floor(h / 24)} days`;
};
setInterval(() => {
  for (const one of document.querySelectorAll("time[data-until], time[data-since]")) {
    const { until, since } = one.dataset;
    one.textContent = span(until ? until - Date.now() : Date.now() - since);
  }
  for (const one of document.querySelectorAll("[data-ends]")) one.hidden = one.dataset.ends < Date.now(); // a claim that ended by itself
}, 15000);
