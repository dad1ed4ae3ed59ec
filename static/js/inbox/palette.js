// The box that finds everything: Ctrl-K, words, arrows, Enter.
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
  box.showModal();
  htmx.trigger(input(), "hilo:opened");
}

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target?.id === "palette-found") select(options()[0]);
});

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
    all[at]?.click();
  }
});

document.addEventListener("click", (event) => {
  const found = event.target.closest?.("[data-opens-conversation]");
  if (!found || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  dialog().close();
  const here = document.getElementById(`row-${found.dataset.opensConversation}`);
  if (here) here.click();
  else htmx.ajax("GET", found.getAttribute("href"), { target: "#thread-pane", swap: "outerHTML" }).then(() => history.pushState({ htmx: true }, "", found.getAttribute("href")));
});
