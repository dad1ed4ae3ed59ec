// A review by keyboard: every key presses a button of the card, so nothing works by key alone.
const OFF = "hilo:single-keys-off";
const pane = () => document.getElementById("review");
const isTyping = (target) => target.matches?.("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]");

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.repeat || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (document.querySelector("dialog[open]") || event.target.closest?.("details[data-menu][open]")) return;
  if (localStorage.getItem(OFF) || !/^[a-z0-9]$/.test(event.key)) return;
  const button = pane()?.querySelector(`[data-key="${event.key}"]`);
  if (!button) return;
  button.click();
  event.preventDefault();
});

// What the last decision said makes room for what the next one says; the next card takes the focus, so that it is read.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.requestConfig.verb !== "post") return;
  for (const toast of document.querySelectorAll("#toasts [data-toast]")) if (!toast.contains(event.target)) toast.remove();
});

function arrive() {
  const fresh = document.querySelector("#review[data-fresh]");
  if (!fresh) return;
  delete fresh.dataset.fresh;
  fresh.querySelector("[data-title]")?.focus({ preventScroll: true });
}

if (pane()) delete pane().dataset.fresh;
document.addEventListener("htmx:afterSettle", arrive);
