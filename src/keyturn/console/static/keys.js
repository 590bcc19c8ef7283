// The keyboard: moving, opening, going to a panel. No key decides anything.
"use strict";

{
  const PLACES = { i: "/", a: "/activity", t: "/agents", p: "/policy", e: "/evidence" };
  let going = 0; // until when a key after g names a place

  const writing = (target) => target.matches("input:not([type=checkbox]), textarea, select") || target.isContentEditable;
  const rows = () => [...document.querySelectorAll("#rows .case, #rows .group summary, #lines a")].filter((one) => one.checkVisibility());

  const move = (by) => {
    const all = rows();
    if (!all.length) return;
    const at = all.indexOf(document.activeElement.closest?.(".row")?.querySelector(".case") ?? document.activeElement);
    const to = at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + by));
    all[to].focus();
    all[to].scrollIntoView({ block: "nearest" });
  };

  // Brings a panel into view and the cursor to its first field. What it asks is still asked.
  const panel = (selector) => {
    const found = document.querySelector(selector);
    if (!found) return false;
    found.scrollIntoView({ block: "center" });
    const field = found.querySelector("textarea, input:not([type=hidden])");
    if (field) {
      field.focus({ preventScroll: true });
    } else {
      found.tabIndex = -1;
      found.focus({ preventScroll: true });
    }
    return true;
  };

  const open = (from) => from?.querySelector?.("a.case")?.href;

  const KEYS = {
    j: () => move(1),
    k: () => move(-1),
    x: () => document.activeElement.closest?.(".row")?.querySelector(".pick")?.click(),
    "/": () => document.querySelector("input[type=search]")?.focus(),
    "?": () => document.getElementById("keys")?.togglePopover(),
    a: () => panel("[data-panel=approve]") || panel("#decide") || follow("#decide"),
    d: () => panel("[data-panel=deny]") || panel("#decide") || follow("#decide"),
    c: () => panel("[data-panel=claim]") || follow("#decide"),
    u: () => panel("[data-panel=undo]") || follow("#decide"),
    ...Object.fromEntries(["1", "2", "3"].map((key, at) => [key, () => document.querySelectorAll(".tabs a")[at]?.click()])),
    n: () => panel("#narrower") || follow("#narrower"),
    g: () => { going = performance.now() + 1500; },
  };

  // In a list, the key goes to the case that has the focus, and there to its panel.
  const follow = (hash) => {
    const href = open(document.activeElement.closest?.(".row"));
    if (href) location.href = href + hash;
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat && !"jk".includes(event.key)) return;
    if (event.key === "Escape" && writing(event.target)) return event.target.blur();
    if (writing(event.target) || document.querySelector("[role=dialog]:popover-open") && event.key !== "?") return;
    if (performance.now() < going && PLACES[event.key]) {
      event.preventDefault();
      location.href = PLACES[event.key];
      return;
    }
    going = 0;
    const deed = KEYS[event.key];
    if (!deed) return;
    event.preventDefault();
    deed();
  });
}
