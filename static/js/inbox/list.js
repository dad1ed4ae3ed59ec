// The list: rows change in place; what is new waits behind a button while somebody points at the list or has the cursor in it.
import { base, desk, fetchFragment, oneByOne, query, shownConversation } from "./desk.js";
import { remember, renew } from "./renew.js";
import { refreshAges } from "../ages.js";

const PAUSE = 120;
const MANY = 6;
const changed = new Set();
let timer = 0;
let isStirred = false;

const body = () => document.querySelector("[data-list-body]");
const rows = () => document.querySelector("[data-rows]");
const row = (id) => document.getElementById(`row-${id}`);
const isHeld = () => body()?.matches(":hover") || body()?.contains(document.activeElement) || body()?.scrollTop > 8;

export function markCurrent() {
  const open = String(shownConversation());
  for (const item of document.querySelectorAll(".item[data-conversation]")) {
    if (item.dataset.conversation === open) item.setAttribute("aria-current", "true");
    else item.removeAttribute("aria-current");
  }
}

function showEmpty() {
  const note = document.querySelector("[data-empty]");
  if (note) note.hidden = Boolean(rows().querySelector(".item"));
}

function stir() {
  isStirred = true;
  const button = document.querySelector("[data-stirred-button]");
  button.querySelector("[data-stirred-text]").textContent = desk().dataset.stirred;
  button.hidden = false;
}

/** The first page of rows again. Known rows stay what they are and take on what changed; ``waits``: an order that others would notice
 * under the pointer waits behind the button. */
async function reload({ waits = false } = {}) {
  const fresh = await fetchFragment("rows/", { withQuery: true });
  if (!fresh || !rows()) return;
  const next = [...fresh.children].map((child) => {
    const old = child.id && row(child.id.slice(4));
    if (!old) return child;
    renew(old, child);
    return old;
  });
  const isInOrder = next.every((child, index) => child === rows().children[index]) && next.length === rows().children.length;
  const isOnlyFurther = next.at(-1)?.matches(".more") && next.slice(0, -1).every((child, index) => child === rows().children[index]);
  if (waits && isHeld()) {
    if (!isInOrder && !isOnlyFurther) stir();
  } else if (!isInOrder) {
    arrange(next);
  }
  if (!(waits && isHeld())) calm();
  settle();
}

function calm() {
  isStirred = false;
  document.querySelector("[data-stirred-button]").hidden = true;
}

function arrange(next) {
  const held = rows().contains(document.activeElement) ? document.activeElement.dataset.conversation : null;
  const kept = new Set(next);
  for (const child of [...rows().children]) if (!kept.has(child)) child.remove();
  next.forEach((child, index) => {
    if (rows().children[index] === child) return;
    const isNew = !child.isConnected;
    if (isNew && child.matches(".item")) remember(child);
    rows().insertBefore(child, rows().children[index] ?? null);
    if (isNew) htmx.process(child);
  });
  if (held) row(held)?.focus({ preventScroll: true });
}

function settle() {
  markCurrent();
  showEmpty();
  refreshAges();
}

async function refreshRow(id) {
  const fresh = await fetchFragment(`rows/${id}/`, { withQuery: true });
  if (fresh === undefined || !rows()) return;
  const next = fresh?.querySelector(".item");
  const old = row(id);
  if (!next) {
    // It left this view: not under the pointer, and not while it is open.
    if (old && Number(id) !== shownConversation() && !old.matches(":hover, :focus")) old.remove();
    return;
  }
  const others = [...rows().querySelectorAll(".item")].filter((item) => item !== old);
  const after = others.find((item) => item.dataset.at < next.dataset.at);
  const more = rows().querySelector(".more");
  // It belongs to a page that is not there yet.
  if (!old && !after && more) return;
  const moves = !old || others.find((item) => old.compareDocumentPosition(item) & Node.DOCUMENT_POSITION_FOLLOWING) !== after;
  if (old) renew(old, next);
  if (!moves) return;
  if (isHeld()) {
    stir();
    return;
  }
  const moving = old ?? next;
  moving.classList.add("arriving");
  rows().insertBefore(moving, after ?? more);
  if (old) return;
  remember(next);
  htmx.process(next);
}

async function refreshTabs() {
  const fresh = await fetchFragment("counts/", { withQuery: true });
  const tabs = fresh?.querySelector("#tabs");
  const old = document.getElementById("tabs");
  if (!tabs || !old) return;
  renew(old, tabs);
  showUnread(Number(tabs.dataset.unread));
}

function showUnread(count) {
  document.title = `${count ? `(${count}) ` : ""}${document.title.replace(/^\(\d+\) /, "")}`;
  const link = document.querySelector('.rail-link[aria-current="page"]');
  if (!link) return;
  let badge = link.querySelector(".badge-count");
  if (!count) { badge?.remove(); return; }
  if (!badge) {
    badge = document.createElement("span");
    badge.className = "badge-count";
    badge.ariaHidden = "true";
    link.append(badge);
  }
  badge.textContent = count > 99 ? "99+" : count;
}

async function flush() {
  const ids = [...changed];
  changed.clear();
  if (!rows()) return;
  if (ids.length >= MANY) await reload({ waits: true });
  else for (const id of ids) await refreshRow(id);
  settle();
  await refreshTabs();
}

/** What is told of a row while another answer is on its way is asked after it. */
export function refresh(id) {
  changed.add(id);
  clearTimeout(timer);
  timer = setTimeout(() => oneByOne("list", flush), PAUSE);
}

async function catchUp() {
  if (!rows()) return;
  await reload({ waits: true });
  await flush();
}

document.addEventListener("hilo:live", ({ detail }) => {
  if (detail.kind === "message" || detail.kind === "conversation") refresh(detail.conversation);
  else if (detail.kind === "contact") for (const item of document.querySelectorAll(".item[aria-current]")) refresh(item.dataset.conversation);
});
document.addEventListener("hilo:catch-up", () => oneByOne("list", catchUp));

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-stirred-button]")) {
    body().scrollTop = 0;
    oneByOne("list", reload);
  }
});
document.addEventListener("pointerout", (event) => {
  // What waited comes in once the pointer has left the list.
  if (isStirred && body() && !body().contains(event.relatedTarget) && body().contains(event.target)) setTimeout(() => { if (isStirred && !isHeld()) oneByOne("list", reload); }, 300);
});

document.addEventListener("htmx:afterSettle", (event) => {
  markCurrent();
  if (event.detail.target?.id === "thread-pane") {
    const open = row(shownConversation());
    open?.classList.remove("unread");
  }
  if (event.detail.target?.id === "list-pane" || event.detail.target?.id === "list-body") showUnread(Number(document.getElementById("tabs")?.dataset.unread ?? 0));
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.target.matches?.("[data-read]") && event.detail.successful) refresh(shownConversation());
});

// The search keeps the address in step, so that a reload shows the same list.
document.addEventListener("htmx:afterRequest", (event) => {
  const { target, detail } = event;
  if (!detail.successful || !target.closest?.("#list-pane") || !["list-pane", "list-body"].includes(detail.target?.id)) return;
  if (!shownConversation()) history.replaceState(history.state, "", `${base()}${query() ? `?${query()}` : ""}`);
});

/** Walk through the rows: the cursor is the focus. */
export function step(by) {
  const all = [...document.querySelectorAll(".item[data-conversation]")];
  if (!all.length) return;
  const at = all.findIndex((item) => item === document.activeElement);
  const from = at >= 0 ? at : all.findIndex((item) => item.hasAttribute("aria-current"));
  const next = all[Math.max(0, Math.min(all.length - 1, from + by))];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

/** After resolving: the next matter opens; on the last one, nothing is open. */
document.addEventListener("hilo:resolved", () => {
  const id = shownConversation();
  const current = row(id);
  const next = current?.nextElementSibling?.matches(".item") ? current.nextElementSibling : current?.previousElementSibling;
  if (!current || query().includes("status=")) return;
  current.remove();
  if (next?.matches(".item")) {
    // Whoever walks through the list with e goes on with e: the cursor does not fall into the text.
    next.dataset.walked = "";
    next.click();
  } else document.querySelector(".thread-head .back")?.click();
  refresh(id);
});

markCurrent();
if (document.getElementById("tabs")) showUnread(Number(document.getElementById("tabs").dataset.unread));
