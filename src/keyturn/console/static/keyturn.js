// What htmx does not do: decisions are inert for a second after load, focus and change, and a changed case says so.
"use strict";

const ARM_MS = 1000; // a click meant for something else, or for what stood here before, decides nothing
const SENT_MS = 5000; // the second click of a double click is not a second decision
const root = document.documentElement;
let armedAt = 0;
let timer = 0;

const disarm = (ms) => {
  armedAt = performance.now() + ms;
  root.dataset.arming = "";
  clearTimeout(timer);
  timer = setTimeout(() => { delete root.dataset.arming; }, ms);
};

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-armed]")) return;
  if (performance.now() < armedAt) event.preventDefault();
  else disarm(SENT_MS);
}, true);

for (const name of ["focus", "pageshow"]) window.addEventListener(name, () => disarm(ARM_MS));
disarm(ARM_MS);

// What a review binds to, as last shown. Between two revisions there is none, and the page may be refreshed just then.
let read = document.getElementById("page")?.dataset.binding;
document.addEventListener("htmx:after:swap", () => {
  const now = document.getElementById("page")?.dataset.binding;
  if (!now || now === read) return;
  const before = read;
  read = now;
  disarm(ARM_MS);
  for (const box of document.querySelectorAll("[data-armed] input[type=checkbox]")) box.checked = false;
  if (before) document.getElementById("changed").hidden = false;
});

// A page that follows says so; one that does not is not taken for calm.
const say = (live) => {
  const link = document.getElementById("link");
  if (!link) return;
  link.textContent = live ? "● live" : "○ not live";
  link.className = live ? "good" : "warn";
};
document.addEventListener("htmx:sse:after:connection", () => say(true));
for (const name of ["htmx:sse:error", "htmx:sse:close"]) document.addEventListener(name, () => say(false));
document.addEventListener("ended", () => location.reload()); // the login has ended: the page asks for another
