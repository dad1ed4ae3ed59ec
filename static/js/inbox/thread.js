// The thread: entries come in by their ids and never twice; the reader stays where they read.
import { desk, entries, fetchFragment, oneByOne, open as openInPane, pane, parse, shownConversation } from "./desk.js";
import { remember, renew } from "./renew.js";
import { toast } from "../toasts.js";

const NEAR = 90;
const SOON = 500;
const CLOSE = 5 * 60 * 1000;
const flow = () => document.querySelector("[data-flow]");
const isAtEnd = () => { const box = flow(); return !box || box.scrollHeight - box.scrollTop - box.clientHeight < NEAR; };
const toEnd = () => { const box = flow(); if (box) box.scrollTop = box.scrollHeight; jump(false); };
let arrived = new Set();
let isStale = false;
const known = new WeakSet();

function jump(there) {
  const button = document.querySelector("[data-jump]");
  if (button) button.hidden = !there;
}

/** Whether an entry belongs to the same turn as the one before it. */
function join(entry) {
  const before = entry.previousElementSibling;
  const close = before?.matches("[data-author]") && entry.dataset.author && before.dataset.author === entry.dataset.author
    && new Date(entry.dataset.at) - new Date(before.dataset.at) < CLOSE;
  entry.toggleAttribute("data-joined", Boolean(close));
}

/** Put a fragment of entries into the thread: known ones are replaced, new ones stand in their place in time. */
export function merge(fragment, { announce = true, follow = false } = {}) {
  const list = entries();
  if (!list) return 0;
  const atEnd = isAtEnd();
  let added = 0;
  for (const fresh of [...fragment.querySelectorAll("[data-entry]")]) {
    const old = document.getElementById(fresh.id);
    if (old) {
      fresh.toggleAttribute("data-joined", old.hasAttribute("data-joined"));
      renewEntry(old, fresh);
      continue;
    }
    const after = [...list.querySelectorAll(":scope > [data-entry]")].find((entry) => entry.dataset.at > fresh.dataset.at);
    const place = after ? dividersOf(after)[0] ?? after : null;
    for (const divider of fragment.querySelectorAll(`[data-of="${fresh.id}"]`)) {
      const known = divider.dataset.day ? list.querySelector(`[data-day="${divider.dataset.day}"]`) : after && divider.dataset.ch;
      if (!known) list.insertBefore(divider, place);
    }
    list.insertBefore(fresh, place);
    remember(fresh);
    fresh.classList.add("arriving");
    join(fresh);
    htmx.process(fresh);
    added += 1;
    if (announce && fresh.dataset.said) say(fresh.dataset.said);
    if (fresh.matches(".in")) arrived.add(fresh.id);
  }
  // One's own is always followed; what others write does not move somebody who reads further up.
  if (follow || (added && atEnd)) toEnd();
  else if (added) jump(true);
  if (added && !document.hidden && arrived.size && isAtEnd()) read();
  return added;
}

function renewEntry(old, fresh) {
  // "Send again" waits for its answer: that one tells the newest, and looks for its button.
  if (old.querySelector(".htmx-request")) {
    setTimeout(() => { if (old.isConnected) tellEntry(shownConversation(), Number(old.id.slice(1))); }, SOON);
    return;
  }
  const atEnd = isAtEnd();
  const hadFocus = old.contains(document.activeElement);
  renew(old, fresh);
  if (hadFocus && !old.contains(document.activeElement)) flow().focus({ preventScroll: true });
  if (atEnd) toEnd();
}

function dividersOf(entry) {
  return [...entries().querySelectorAll(`[data-of="${entry.id}"]`)];
}

function say(text) {
  const line = document.createElement("p");
  line.textContent = text;
  const announcer = document.querySelector("[data-announcer]");
  announcer.append(line);
  while (announcer.childElementCount > 5) announcer.firstElementChild.remove();
}

function read() {
  arrived = new Set();
  const mark = document.querySelector("[data-read]");
  if (mark) htmx.trigger(mark, "hilo:read");
}

function tellEntry(conversation, message) {
  oneByOne(`entry ${message}`, fetchEntry, conversation, message);
}

async function fetchEntry(conversation, message) {
  const fresh = await fetchFragment(`${conversation}/entries/${message}/`);
  if (fresh === undefined || shownConversation() !== conversation) return;
  if (fresh) merge(fresh);
  else if (document.getElementById(`m${message}`)) {
    document.getElementById(`m${message}`).remove();
    toast(pane().dataset.moved);
  }
}

/** A menu is open, or an answer is on its way that brings the header along and looks for the button that asked. */
const isBusy = () => Boolean(document.querySelector("#thread-head :is(details[open], .htmx-request), #notices .htmx-request"));

async function refreshHeader(conversation) {
  if (isBusy()) { isStale = true; return; }
  isStale = false;
  const fresh = await fetchFragment(`${conversation}/header/`, { withQuery: true });
  if (!fresh || shownConversation() !== conversation) return;
  if (isBusy()) { isStale = true; return; }
  for (const part of fresh.querySelectorAll("[hx-swap-oob]")) {
    const old = document.getElementById(part.id);
    part.removeAttribute("hx-swap-oob");
    if (!old) continue;
    const held = old.contains(document.activeElement) ? pathTo(document.activeElement) : "";
    renew(old, part);
    if (held && !old.contains(document.activeElement)) old.querySelector(held)?.focus();
  }
  document.dispatchEvent(new CustomEvent("hilo:header"));
}

function headerAgain() {
  const open = shownConversation();
  if (open) oneByOne("header", refreshHeader, open);
}

function pathTo(element) {
  return ["data-key-resolve", "data-person-toggle"].filter((name) => element.hasAttribute(name)).map((name) => `[${name}]`).join("") || (element.matches("summary") ? "summary" : "");
}

document.addEventListener("toggle", (event) => {
  if (isStale && !event.target.open && event.target.closest?.("#thread-head")) headerAgain();
}, true);
document.addEventListener("htmx:afterRequest", () => { if (isStale) headerAgain(); });

let headerTimer = 0;
document.addEventListener("hilo:live", ({ detail }) => {
  const open = shownConversation();
  if (!open) return;
  if (detail.kind === "message" && detail.conversation === open) {
    if (detail.message) tellEntry(open, detail.message);
    else catchUp();
  }
  const touches = (detail.kind === "conversation" || detail.kind === "message") && detail.conversation === open;
  if (detail.kind === "conversation" && touches) catchUp();
  if (touches || detail.kind === "contact") {
    clearTimeout(headerTimer);
    headerTimer = setTimeout(headerAgain, 150);
  }
});

/** The latest page of entries again: the screen keeps what it has and takes what it lacks. */
async function fetchLatest() {
  const open = shownConversation();
  if (!open) return;
  const fresh = await fetchFragment(`${open}/latest/`);
  if (fresh && shownConversation() === open) merge(fresh);
}

const catchUp = () => oneByOne("latest", fetchLatest);
document.addEventListener("hilo:catch-up", () => { catchUp(); headerAgain(); });

// People were parted or joined: everything about this conversation may be different now.
document.addEventListener("hilo:moved", () => { if (pane()) openInPane(pane().dataset.url); });

// Answers to writing and to sending again bring their entry along.
document.addEventListener("htmx:beforeSwap", (event) => {
  const source = event.detail.requestConfig?.elt;
  if (!source?.matches("[data-composer], [data-merges]") || event.detail.xhr.status !== 200) return;
  merge(parse(event.detail.serverResponse), { announce: false, follow: source.matches("[data-composer]") });
});

// Earlier entries come in above without moving what is read.
let heightBefore = 0;
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.target.closest?.(".earlier")) heightBefore = flow().scrollHeight - flow().scrollTop;
});
document.addEventListener("htmx:afterSettle", () => {
  if (!heightBefore) return;
  flow().scrollTop = flow().scrollHeight - heightBefore;
  heightBefore = 0;
  dropRepeatedDays();
});

function dropRepeatedDays() {
  const seen = new Set();
  for (const day of entries().querySelectorAll("[data-day]")) {
    if (seen.has(day.dataset.day)) day.remove();
    seen.add(day.dataset.day);
  }
}

/** Answers that come after another conversation was opened: their toasts are shown all the same, and nothing else of them. */
function hearLateAnswers(section) {
  section.addEventListener("htmx:beforeSwap", (event) => {
    if (section.isConnected) return;
    event.detail.shouldSwap = false;
    for (const toasts of parse(event.detail.serverResponse).querySelectorAll("[hx-swap-oob='beforeend:#toasts']")) {
      for (const one of [...toasts.children]) {
        document.getElementById("toasts").append(one);
        htmx.process(one);
      }
    }
  });
  for (const name of ["htmx:responseError", "htmx:sendError"]) {
    section.addEventListener(name, ({ detail }) => { if (!section.isConnected) document.dispatchEvent(new CustomEvent(name, { detail })); });
  }
}

function open() {
  if (!pane()) return;
  if (!known.has(pane())) {
    known.add(pane());
    hearLateAnswers(pane());
  }
  arrived = new Set();
  const unread = document.querySelector("[data-first-unread]");
  if (unread) unread.scrollIntoView({ block: "start" });
  else toEnd();
  if (unread && isAtEnd()) toEnd();
}

document.addEventListener("htmx:afterSettle", (event) => { if (event.detail.target?.id === "thread-pane" || event.target?.id === "thread-pane") open(); });
document.addEventListener("htmx:historyRestore", open);
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-jump]")) { toEnd(); read(); }
  const answered = event.target.closest("a.answered");
  if (answered) {
    event.preventDefault();
    const target = document.querySelector(answered.hash);
    target?.scrollIntoView({ block: "center" });
    target?.classList.add("target");
    setTimeout(() => target?.classList.remove("target"), 1600);
  }
  const toggle = event.target.closest("[data-person-toggle]");
  if (toggle) showPerson(desk().dataset.person !== "open");
});

export function showPerson(open) {
  desk().dataset.person = open ? "open" : "closed";
  document.querySelector(".person-toggle")?.setAttribute("aria-expanded", String(open));
  if (open) document.querySelector(".person-close")?.focus();
  else document.querySelector(".person-toggle")?.focus();
}
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && desk()?.dataset.person === "open" && document.querySelector(".person")?.contains(event.target)) showPerson(false);
});

document.addEventListener("scroll", (event) => {
  if (event.target === flow() && isAtEnd()) { jump(false); if (arrived.size && !document.hidden) read(); }
}, true);
document.addEventListener("visibilitychange", () => { if (!document.hidden && arrived.size && isAtEnd()) read(); });
open();
