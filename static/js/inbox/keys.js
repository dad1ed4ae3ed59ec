// Every key of the workspace. Those without Ctrl can be switched off, for people who speak to their computer.
import { desk, isTyping } from "./desk.js";
import { focusBox, openPicker, setMode } from "./composer.js";
import { openPalette } from "./palette.js";
import { refresh, step } from "./list.js";

const OFF = "hilo:single-keys-off";
const click = (selector) => document.querySelector(selector)?.click();

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  r: () => setMode("reply"),
  n: () => setMode("note"),
  c: () => openPicker(),
  e: () => click("[data-key-resolve]"),
  a: () => click("[data-key-assign]"),
  s: () => click("[data-key-separate]"),
  u: () => markUnread(),
  "/": () => document.querySelector("[data-search]")?.focus(),
  "?": () => document.getElementById("keys")?.showModal(),
};

function markUnread() {
  const open = document.querySelector("#thread-pane[data-conversation]");
  if (!open) return;
  const id = Number(open.dataset.conversation);
  htmx.ajax("POST", `${open.dataset.url}unread/`, { swap: "none", source: open }).then(() => refresh(id), () => {});
}

document.addEventListener("keydown", (event) => {
  if (!desk() || event.defaultPrevented) return;
  if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "k") {
    event.preventDefault();
    openPalette();
    return;
  }
  if (event.key === "Escape" && event.target.matches?.("[data-search]")) {
    event.target.blur();
    return;
  }
  if (event.key === "ArrowDown" && event.target.matches?.("[data-search]")) {
    event.preventDefault();
    step(1);
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (document.querySelector("dialog[open]") || event.target.closest?.("details[data-menu][open]")) return;
  if (localStorage.getItem(OFF)) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-single-keys]")) return;
  if (event.target.checked) localStorage.removeItem(OFF);
  else localStorage.setItem(OFF, "1");
});
for (const box of document.querySelectorAll("[data-single-keys]")) box.checked = !localStorage.getItem(OFF);

// Enter on a row opens it and puts the cursor where the answer is written.
document.addEventListener("htmx:afterSettle", (event) => {
  // The panes that come along settle with events of their own.
  if (event.target?.id !== "thread-pane") return;
  const cause = event.detail.requestConfig?.triggeringEvent;
  if (cause?.detail !== 0 || !matchMedia("(min-width: 721px)").matches) return;
  const walked = cause.target.closest?.("[data-walked]");
  if (walked) {
    delete walked.dataset.walked;
    document.querySelector("[data-flow]")?.focus();
  } else focusBox();
});
