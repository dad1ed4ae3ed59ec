// The box that finds everything: Ctrl-K, words, arrows, Enter.
import { open } from "./desk.js";

const dialog = () => document.querySelector("[data-palette]");
const input = () => dialog().querySelector("input");
const options = () => [...dialog().querySelectorAll("[role=option]")];

function select(option) {
  for (const other of options()) other.setAttribute("aria-selected", String(other === option));
  if (option) {
    input().setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  } else input().removeAttribute("aria-activedescendant");
}

export function openPalette() {
  const box = dialog();
  if (!box || box.open) return;
  input().value = "";
  opensFirst = false;
  box.showModal();
  htmx.trigger(input(), "hilo:opened");
}

// What is found belongs to the words it was asked with; Enter on words that were typed since waits for their answer.
let answered = "";
let opensFirst = false;

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target?.id !== "palette-found") return;
  answered = event.detail.requestConfig.parameters.q;
  select(options()[0]);
  if (opensFirst && answered === input().value) options()[0]?.click();
});

document.addEventListener("input", (event) => { if (event.target === input()) opensFirst = false; });

document.addEventListener("keydown", (event) => {
  if (!dialog()?.open || !dialog().contains(event.target)) return;
  const all = options();
  const at = all.findIndex((option) => option.getAttribute("aria-selected") === "true");
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    const step = event.key === "ArrowDown" ? 1 : -1;
    select(all[(at + step + all.length) % all.length]);
  } else if (event.key === "Enter") {
    event.preventDefault();
    if (answered === input().value) all[at]?.click();
    else opensFirst = true;
  }
});

document.addEventListener("click", (event) => {
  const found = event.target.closest?.("[data-opens-conversation]");
  if (!found || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  dialog().close();
  const here = document.getElementById(`row-${found.dataset.opensConversation}`);
  if (here) here.click();
  else open(found.getAttribute("href"), { push: found.getAttribute("href"), event });
});
