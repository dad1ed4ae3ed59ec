// The composer: drafts per conversation, channel picker, templates, files by button, drag and paste, keys that send.
import { pane } from "./desk.js";

const form = () => document.querySelector("[data-composer]");
const box = () => form()?.querySelector("[data-text]");
const key = (mode) => `hilo:draft:${form().dataset.draft}:${mode}`;
const mode = () => form()?.dataset.mode ?? "reply";

function freshKey() {
  form().elements.client_key.value = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random().toString(36).slice(2)}`;
}

function keepDraft() {
  const text = box().value;
  if (text) localStorage.setItem(key(mode()), text);
  else localStorage.removeItem(key(mode()));
}

export function setMode(next, { focus = true } = {}) {
  const composer = form();
  if (!composer) return;
  if (composer.dataset.mode !== next) keepDraft();
  composer.dataset.mode = next;
  composer.elements.mode.value = next;
  for (const button of composer.querySelectorAll("[data-mode-button]")) button.setAttribute("aria-pressed", String(button.dataset.modeButton === next));
  box().placeholder = box().dataset[next === "note" ? "notePlaceholder" : "replyPlaceholder"];
  box().value = localStorage.getItem(key(next)) ?? "";
  const label = composer.querySelector("[data-send-label]");
  label.textContent = label.dataset[next];
  showProblem("");
  showChoice();
  if (focus) focusBox();
}

export function focusBox() {
  const composer = form();
  if (!composer) return;
  const first = composer.dataset.state === "convert" && mode() === "reply" ? composer.querySelector("[data-templates]:not([hidden]) select") : box();
  first?.focus();
}

export function openPicker() {
  const picker = form()?.querySelector("[data-picker]");
  if (!picker) return;
  if (mode() !== "reply") setMode("reply", { focus: false });
  picker.open = true;
}

function chosen() {
  return form().querySelector("input[name=to]:checked");
}

function showChoice() {
  const composer = form();
  const to = chosen();
  composer.dataset.state = to?.dataset.state ?? "none";
  for (const chip of composer.querySelectorAll("[data-window]")) chip.hidden = chip.dataset.window !== to?.value;
  for (const set of composer.querySelectorAll("[data-templates]")) {
    const on = set.dataset.templates === to?.value && mode() === "reply" && to.dataset.state === "convert";
    set.hidden = !on;
    set.disabled = !on;
    if (on) showTemplate(set);
  }
  if (to) {
    const name = composer.querySelector("[data-to-name]");
    name.dataset.ch = to.dataset.kind;
    const knot = document.createElement("i");
    knot.className = "knot";
    name.replaceChildren(knot, to.dataset.kindName);
    composer.querySelector("[data-to-address]").textContent = to.dataset.address;
  }
  const sendable = mode() === "note" || Boolean(to);
  for (const button of composer.querySelectorAll("[type=submit]")) button.disabled = !sendable;
}

function showTemplate(set) {
  const select = set.querySelector("[data-template-select]");
  let body = select.selectedOptions[0]?.dataset.body ?? "";
  for (const places of set.querySelectorAll("[data-places]")) {
    const on = places.dataset.places === select.value;
    places.hidden = !on;
    for (const input of places.querySelectorAll("input")) {
      input.disabled = !on;
      if (on && input.value) body = body.replaceAll(new RegExp(`\\{\\{\\s*${input.dataset.place}\\s*\\}\\}`, "g"), () => input.value);
    }
  }
  set.querySelector("[data-template-preview]").textContent = body;
}

function showProblem(html) {
  const place = form()?.querySelector("[data-problem]");
  if (place) place.innerHTML = html;
}

// Files

function staged() {
  return form().querySelector("[data-files]");
}

function addFiles(more) {
  const all = new DataTransfer();
  for (const file of [...staged().files, ...more]) all.items.add(file);
  staged().files = all.files;
  showFiles();
}

function showFiles() {
  const list = form().querySelector("[data-staged]");
  list.replaceChildren(...[...staged().files].map((file, index) => {
    const item = document.createElement("li");
    const name = document.createElement("span");
    name.className = "clip";
    name.textContent = file.name;
    const remove = document.createElement("button");
    remove.type = "button";
    remove.textContent = "×";
    remove.ariaLabel = list.dataset.remove.replace("%s", file.name);
    remove.addEventListener("click", () => {
      const rest = new DataTransfer();
      [...staged().files].forEach((other, at) => { if (at !== index) rest.items.add(other); });
      staged().files = rest.files;
      showFiles();
      box().focus();
    });
    item.append(name, remove);
    return item;
  }));
}

// Sending: what leaves is taken out of the box at once, so that one may write on; it comes back when it was refused.

let leaving = null;
let sendNext = null;

export function send({ resolve = false } = {}) {
  const composer = form();
  if (!composer) return;
  if (leaving?.composer === composer) {
    sendNext = { resolve };
    return;
  }
  composer.elements.resolve.value = resolve && mode() === "reply" ? "1" : "";
  composer.requestSubmit();
}

document.addEventListener("htmx:beforeSend", (event) => {
  const composer = form();
  if (!composer || event.target !== composer) return;
  leaving = { composer, mode: mode(), draft: key(mode()), text: box().value, files: [...staged().files] };
  box().value = "";
  staged().value = "";
  showFiles();
  showProblem("");
});

document.addEventListener("htmx:afterRequest", (event) => {
  if (!leaving || event.target !== leaving.composer) return;
  const { xhr } = event.detail;
  const left = leaving;
  leaving = null;
  if (form() !== left.composer) {
    // Another conversation is open by now: what was refused waits there as a draft.
    if (xhr.status === 200 && localStorage.getItem(left.draft) === left.text) localStorage.removeItem(left.draft);
    return;
  }
  form().elements.resolve.value = "";
  if (xhr.status === 200) accepted(left);
  else takeBack(left, xhr);
});

function accepted(left) {
  for (const input of form().querySelectorAll("[data-place]")) input.value = "";
  freshKey();
  const wrote = box().value;
  if (wrote) keepDraft();
  else localStorage.removeItem(left.draft);
  if (left.mode === "note" && !wrote && mode() === "note") setMode("reply", { focus: pane()?.contains(document.activeElement) });
  else { showChoice(); focusBox(); }
  const next = sendNext;
  sendNext = null;
  if (next && (wrote || staged().files.length)) send(next);
}

function takeBack(left, xhr) {
  sendNext = null;
  if (mode() !== left.mode) setMode(left.mode, { focus: false });
  const since = box().value === left.text ? "" : box().value;
  // The same words again are the same message; with more in it, it is another one.
  if (since) freshKey();
  box().value = [left.text, since].filter(Boolean).join("\n");
  addFiles(left.files);
  keepDraft();
  if (xhr.status === 422) {
    showProblem(xhr.responseText);
    refreshChoices();
  }
}

function start() {
  const composer = form();
  if (!composer || composer.dataset.started) return;
  composer.dataset.started = "1";
  freshKey();
  setMode("reply", { focus: false });
}

/** The addresses and their windows again; what is being written, the choice, an open picker and the focus stay. */
async function refreshChoices() {
  const composer = form();
  if (!composer) return;
  const response = await fetch(`${composer.dataset.again}?to=${encodeURIComponent(chosen()?.value ?? "")}`, { headers: { "HX-Request": "true" } });
  if (!response.ok || form() !== composer) return;
  const template = document.createElement("template");
  template.innerHTML = await response.text();
  const fresh = template.content.querySelector("[data-composer]");
  const templates = [...composer.querySelectorAll("[data-templates]")];
  if (!templates.some((set) => set.contains(document.activeElement))) {
    templates.forEach((set) => set.remove());
    composer.querySelector("[data-problem]").after(...fresh.querySelectorAll("[data-templates]"));
  }
  replaceTop(composer, fresh.querySelector(".composer-top"));
  for (const button of composer.querySelectorAll("[data-mode-button]")) button.setAttribute("aria-pressed", String(button.dataset.modeButton === mode()));
  showChoice();
}

function replaceTop(composer, top) {
  const old = composer.querySelector(".composer-top");
  const option = (value) => top.querySelector(`input[name=to][value="${CSS.escape(value)}"]:not(:disabled)`);
  const picked = chosen() && option(chosen().value);
  if (picked) picked.checked = true;
  const picker = top.querySelector("[data-picker]");
  if (picker) picker.open = Boolean(old.querySelector("[data-picker]")?.open);
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  old.replaceWith(top);
  if (!focused) return;
  const same = focused.name === "to" ? option(focused.value) : top.querySelector(`[data-mode-button="${focused.dataset.modeButton}"]`);
  (same ?? picker?.querySelector("summary"))?.focus();
}

document.addEventListener("submit", (event) => {
  if (event.target !== form()) return;
  if (leaving?.composer === event.target && !box().value && !staged().files.length) {
    // A second click on the way out.
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  form().elements.resolve.value ||= event.submitter?.matches("[data-send-resolve]") ? "1" : "";
}, true);

document.addEventListener("input", (event) => {
  const composer = form();
  if (!composer?.contains(event.target)) return;
  if (event.target === box()) keepDraft();
  const set = event.target.closest("[data-templates]");
  if (set) showTemplate(set);
});

document.addEventListener("change", (event) => {
  const composer = form();
  if (!composer?.contains(event.target)) return;
  if (event.target.name === "to") showChoice();
  if (event.target === staged()) showFiles();
  const set = event.target.closest("[data-templates]");
  if (set) showTemplate(set);
});

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-mode-button]");
  if (button) setMode(button.dataset.modeButton);
  if (event.target.closest?.("[data-opens-picker]")) openPicker();
  // A choice made with the pointer closes the picker; with arrows one may go on.
  if (event.target.closest?.(".choice") && event.detail > 0 && event.target.name !== "to") {
    const picker = form().querySelector("[data-picker]");
    setTimeout(() => { picker.open = false; focusBox(); }, 60);
  }
});

document.addEventListener("keydown", (event) => {
  const composer = form();
  if (!composer?.contains(event.target)) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    send({ resolve: event.shiftKey });
  } else if (event.key === "Enter" && event.target.name === "to") {
    event.preventDefault();
    composer.querySelector("[data-picker]").open = false;
    focusBox();
  } else if (event.key === "Escape" && event.target === box()) {
    box().blur();
    document.querySelector("[data-flow]")?.focus();
  }
});

document.addEventListener("paste", (event) => {
  if (event.target !== box() || !event.clipboardData.files.length) return;
  event.preventDefault();
  addFiles(event.clipboardData.files);
});

for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    const composer = form();
    if (!composer || !event.target.closest?.(".thread") || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    composer.classList.toggle("dropping", name === "dragover");
    if (name === "drop") { addFiles(event.dataTransfer.files); box().focus(); }
  });
}

document.addEventListener("htmx:afterSettle", start);
document.addEventListener("hilo:live", ({ detail }) => { if (detail.kind === "contact" || (detail.kind === "message" && detail.conversation === Number(pane()?.dataset.conversation))) { clearTimeout(refreshChoices.timer); refreshChoices.timer = setTimeout(refreshChoices, 400); } });
setInterval(refreshChoices, 60_000);
start();
