// Toasts leave by themselves after a while, but not while somebody reads them or has the focus on them.
import { words } from "./words.js";

const STAY = 8000;
const region = document.getElementById("toasts");

export function toast(text, { level = "info" } = {}) {
  const box = document.createElement("div");
  box.className = level === "error" ? "toast error" : "toast";
  box.dataset.toast = "";
  const said = document.createElement("span");
  said.textContent = text;
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.dismiss = "";
  button.textContent = words.dismiss;
  box.append(said, button);
  region.append(box);
  return box;
}

function leave(box) {
  box.classList.add("leaving");
  setTimeout(() => box.remove(), 240);
}

function watch(box) {
  let timer;
  const start = () => { clearTimeout(timer); timer = setTimeout(() => leave(box), STAY); };
  const stop = () => clearTimeout(timer);
  box.addEventListener("pointerenter", stop);
  box.addEventListener("focusin", stop);
  box.addEventListener("pointerleave", start);
  box.addEventListener("focusout", start);
  start();
}

if (region) {
  region.querySelectorAll("[data-toast]").forEach(watch);
  new MutationObserver((changes) => {
    for (const change of changes) {
      for (const node of change.addedNodes) if (node.matches?.("[data-toast]")) watch(node);
    }
    // Three at most: the oldest make room.
    const all = [...region.querySelectorAll("[data-toast]:not(.leaving)")];
    all.slice(0, -3).forEach(leave);
  }).observe(region, { childList: true });
  region.addEventListener("click", (event) => {
    if (event.target.closest("[data-dismiss]")) leave(event.target.closest("[data-toast]"));
  });
  region.addEventListener("htmx:afterRequest", (event) => {
    if (event.target.matches("[data-undo]") && event.detail.successful) leave(event.target.closest("[data-toast]"));
  });
}
