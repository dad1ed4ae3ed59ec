// The composer: drafts per conversation, channel picker, templates, sending, and the keys for it.
import { ask, pane } from "./desk.js";
import { addFiles, showFiles, staged } from "./staging.js";
import { toast } from "../toasts.js";

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

// Sending: what leaves is taken out of the box at once, so that one may write on; it comes back when it was refused. Until the answer
// it is kept beside the draft, with its key: after a reload it may be sent again without becoming two messages.

const leaving = new WeakMap();
const onTheWay = new Set();

const keptAt = (draft) => draft.replace("hilo:draft:", "hilo:leaving:");
/** What makes a message another one: a second try with the same is the same message. */
const attempt = (composer) => JSON.stringify([...new FormData(composer)].filter(([name]) => !["client_key", "resolve"].includes(name)).map(([name, value]) => [name, value.name ?? value]));

export function send({ resolve = false } = {}) {
  const composer = form();
  if (!composer) return;
  if (leaving.has(composer)) {
    leaving.get(composer).next = { resolve };
    return;
  }
  composer.elements.resolve.value = resolve && mode() === "reply" ? "1" : "";
  composer.requestSubmit();
}

document.addEventListener("submit", (event) => {
  const composer = form();
  if (event.target !== composer) return;
  const resolve = Boolean(event.submitter?.matches("[data-send-resolve]"));
  if (leaving.has(composer)) {
    // It goes after the one that is on its way; a second click on that one has nothing left to send.
    event.preventDefault();
    event.stopImmediatePropagation();
    leaving.get(composer).next = { resolve };
    return;
  }
  if (composer.dataset.attempt && composer.dataset.attempt !== attempt(composer)) freshKey();
  composer.dataset.attempt = attempt(composer);
  if (resolve) composer.elements.resolve.value = "1";
}, true);

function leave(event) {
  const composer = event.target;
  const kept = JSON.stringify({ text: box().value, same: composer.elements.client_key.value, tried: composer.dataset.attempt });
  const left = { mode: mode(), draft: key(mode()), text: box().value, files: [...staged().files], next: null };
  leaving.set(composer, left);
  onTheWay.add(left.draft);
  localStorage.setItem(keptAt(left.draft), kept);
  localStorage.removeItem(left.draft);
  box().value = "";
  staged().value = "";
  showFiles();
  showProblem("");
}

function answered(event) {
  const composer = event.target;
  const left = leaving.get(composer);
  if (!left) return;
  leaving.delete(composer);
  onTheWay.delete(left.draft);
  composer.elements.resolve.value = "";
  const { xhr } = event.detail;
  // Without an answer nobody knows whether it arrived: only the same key keeps it from becoming two.
  if (xhr.status > 0 && xhr.status < 500) localStorage.removeItem(keptAt(left.draft));
  // After the end of a session the answer is the login page.
  const isAccepted = xhr.status === 200 && new URL(xhr.responseURL).pathname === new URL(composer.action).pathname;
  if (form() === composer && isAccepted) accepted(left);
  else if (form() === composer) takeBack(left, xhr);
  else if (!isAccepted || left.next) waitAsDraft(composer, isAccepted ? null : left);
}

/** Another conversation is open by now: what did not leave waits where it was written. */
function waitAsDraft(composer, left) {
  if (left) prepend(left.draft, left.text);
  if (left && form() && key(left.mode) === left.draft && mode() === left.mode && !leaving.has(form())) {
    restore(left.mode);
    box().value = localStorage.getItem(left.draft);
  }
  toast(composer.dataset.waits, { level: "error" });
}

function prepend(draft, text) {
  localStorage.setItem(draft, [text, localStorage.getItem(draft)].filter(Boolean).join("\n"));
}

/** The focus is where one writes, or nowhere: it may go to the box. */
function isFocusFree() {
  return document.activeElement === document.body || form().contains(document.activeElement);
}

function accepted(left) {
  for (const input of form().querySelectorAll("[data-place]")) input.value = "";
  freshKey();
  const wrote = box().value;
  if (left.mode === "note" && !wrote && mode() === "note") setMode("reply", { focus: isFocusFree() });
  else {
    showChoice();
    if (isFocusFree()) focusBox();
  }
  if (left.next && (wrote || staged().files.length)) send(left.next);
}

function takeBack(left, xhr) {
  if (mode() !== left.mode) setMode(left.mode, { focus: false });
  box().value = [left.text, box().value].filter(Boolean).join("\n");
  addFiles(left.files);
  keepDraft();
  if (xhr.status === 422) {
    showProblem(xhr.responseText);
    refreshChoices();
  }
}

/** What was leaving when the page went away is in the box again, as the same message. */
function restore(written) {
  const place = keptAt(key(written));
  const kept = localStorage.getItem(place);
  if (!kept || onTheWay.has(key(written))) return;
  const { text, same, tried } = JSON.parse(kept);
  form().elements.client_key.value = same;
  form().dataset.attempt = tried;
  if (!localStorage.getItem(key(written))?.startsWith(text)) prepend(key(written), text);
  if (written === mode()) box().value = localStorage.getItem(key(written));
}

function start() {
  const composer = form();
  if (!composer || composer.dataset.started) return;
  composer.dataset.started = "1";
  // On the form itself: the answer may come when the form is no longer on the page.
  composer.addEventListener("htmx:beforeSend", leave);
  composer.addEventListener("htmx:afterRequest", answered);
  freshKey();
  setMode("reply", { focus: false });
  for (const written of ["note", "reply"]) restore(written);
}

/** The addresses and their windows again; what is being written, the choice, an open picker and the focus stay. */
async function refreshChoices() {
  const composer = form();
  if (!composer) return;
  const answer = await ask(`${composer.dataset.again}?to=${encodeURIComponent(chosen()?.value ?? "")}`);
  if (!answer || form() !== composer) return;
  const fresh = answer.querySelector("[data-composer]");
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

document.addEventListener("input", (event) => {
  const composer = form();
  if (!composer?.contains(event.target)) return;
  if (event.target === box()) {
    keepDraft();
    if (!onTheWay.has(key(mode()))) localStorage.removeItem(keptAt(key(mode())));
  }
  const set = event.target.closest("[data-templates]");
  if (set) showTemplate(set);
});

document.addEventListener("change", (event) => {
  const composer = form();
  if (!composer?.contains(event.target)) return;
  if (event.target.name === "to") showChoice();
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

document.addEventListener("htmx:afterSettle", start);
document.addEventListener("hilo:live", ({ detail }) => { if (detail.kind === "contact" || (detail.kind === "message" && detail.conversation === Number(pane()?.dataset.conversation))) { clearTimeout(refreshChoices.timer); refreshChoices.timer = setTimeout(refreshChoices, 400); } });
setInterval(refreshChoices, 60_000);
start();
