// The queue of merge suggestions by keyboard. Every key presses a button or a link of the page, so nothing works by key alone.
const OFF = "hilo:single-keys-off";
const KEYS = new Set(["a", "r", "l", "s", "u"]);
const pane = () => document.getElementById("suggestion");
const links = () => [...document.querySelectorAll("#suggestion-queue a[data-suggestion]")];

function step(by) {
  const all = links();
  const at = all.findIndex((link) => link.dataset.suggestion === pane().dataset.suggestion);
  (all[at + by] ?? (at < 0 ? all[0] : null))?.click();
}

const isTyping = (target) => target.matches?.("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]");

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.repeat || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (document.querySelector("dialog[open]") || event.target.closest?.("details[data-menu][open]")) return;
  if (localStorage.getItem(OFF)) return;
  if (KEYS.has(event.key)) pane().querySelector(`[data-key="${event.key}"]`)?.click();
  else if (event.key === "j") step(1);
  else if (event.key === "k") step(-1);
  else if (event.key === "?") document.getElementById("suggestion-keys").showModal();
  else return;
  event.preventDefault();
});

for (const box of document.querySelectorAll("[data-single-keys]")) {
  box.checked = !localStorage.getItem(OFF);
  box.addEventListener("change", () => { if (box.checked) localStorage.removeItem(OFF); else localStorage.setItem(OFF, "1"); });
}

// What comes next takes the focus, so that a screen reader reads it and the page is where the eyes are.
function arrive() {
  const fresh = document.querySelector("#suggestion[data-fresh]");
  if (!fresh) return;
  delete fresh.dataset.fresh;
  for (const link of links()) {
    if (link.dataset.suggestion === fresh.dataset.suggestion) {
      link.setAttribute("aria-current", "true");
      link.scrollIntoView({ block: "nearest" });
    } else link.removeAttribute("aria-current");
  }
  fresh.querySelector("[data-title]")?.focus({ preventScroll: true });
  if (fresh.getBoundingClientRect().top < 0) fresh.scrollIntoView({ block: "start" });
}

// What the last decision said makes room for what the next one says: its undo would come too late.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.requestConfig.verb !== "post") return;
  for (const toast of document.querySelectorAll("#toasts [data-toast]")) if (!toast.contains(event.target)) toast.remove();
});

// The first one came with the page: the focus stays where the browser put it.
if (pane()) delete pane().dataset.fresh;
document.addEventListener("htmx:afterSettle", arrive);
document.addEventListener("htmx:afterRequest", arrive);
