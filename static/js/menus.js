// <details data-menu>: one open at a time, closed by Escape and by a click elsewhere, arrows move inside.
const STEPS = { ArrowDown: 1, ArrowUp: -1 };

function close(menu, { focus = false } = {}) {
  menu.open = false;
  if (focus) menu.querySelector("summary").focus();
}

function items(menu) {
  return [...menu.querySelectorAll("a[href], button:not(:disabled), input:not(:disabled)")].filter((item) => item.offsetParent);
}

document.addEventListener("toggle", (event) => {
  const menu = event.target;
  if (!menu.matches?.("details[data-menu]") || !menu.open) return;
  document.querySelectorAll("details[data-menu][open]").forEach((other) => { if (other !== menu) close(other); });
  (menu.querySelector("[autofocus], input:checked") ?? items(menu)[0])?.focus();
}, true);

document.addEventListener("pointerdown", (event) => {
  document.querySelectorAll("details[data-menu][open]").forEach((menu) => { if (!menu.contains(event.target)) close(menu); });
});

document.addEventListener("focusout", (event) => {
  const menu = event.target.closest?.("details[data-menu][open]");
  if (menu && event.relatedTarget && !menu.contains(event.relatedTarget)) close(menu);
});

document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.("details[data-menu][open]");
  if (!menu) return;
  if (event.key === "Escape") {
    event.stopPropagation();
    event.preventDefault();
    close(menu, { focus: true });
  } else if (event.key in STEPS && event.target.type !== "radio" && event.target.type !== "search") {
    event.preventDefault();
    const all = items(menu);
    const next = all.indexOf(document.activeElement) + STEPS[event.key];
    all[(next + all.length) % all.length]?.focus();
  }
}, true);

document.addEventListener("click", (event) => {
  const menu = event.target.closest?.("details[data-menu]");
  if (menu && event.target.closest(".menu-item") && !event.target.closest("[data-stays]")) close(menu);
});
