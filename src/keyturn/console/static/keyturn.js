// Three small things: decisions are inert for a second, deeds are confirmed, pages follow what happens.
"use strict";

const arm = () => {
  for (const form of document.querySelectorAll("[data-inert]")) {
    const buttons = form.querySelectorAll("button");
    for (const button of buttons) button.disabled = true;
    setTimeout(() => { for (const button of buttons) button.disabled = false; }, 1000);
  }
};

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});
window.addEventListener("focus", arm);
document.addEventListener("DOMContentLoaded", () => {
  arm();
  const live = document.getElementById("live");
  if (!live) return;
  let due = null;
  const refresh = async () => {
    due = null;
    if (document.activeElement && document.activeElement.name === "note") return; // somebody is writing
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
    if (fresh && fresh.innerHTML !== live.innerHTML) { live.innerHTML = fresh.innerHTML; arm(); }
  };
  const events = new EventSource("/events");
  events.onmessage = (message) => {
    const about = JSON.parse(message.data).case;
    if (live.dataset.live && about !== live.dataset.live) return;
    if (!due) due = setTimeout(refresh, 300);
  };
});
