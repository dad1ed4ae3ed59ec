// Bring what is on the screen up to what the server says now, touching only what it says differently than before. What the reader did
// meanwhile – unfolded a quotation, loaded pictures, holds the pointer or the focus there – stays.
const told = new WeakMap();
const PARTS = ".item[data-conversation], [data-entry], #tabs, #thread-head, #notices, #person-pane";

/** From here on this element is known as the server made it. */
export function remember(element) {
  told.set(element, element.cloneNode(true));
}

/** ``fresh`` is what the server says of ``live`` now; ``live`` stays the same element. */
export function renew(live, fresh) {
  const before = told.get(live);
  told.set(live, fresh.cloneNode(true));
  if (before) patch(live, before, fresh);
  else {
    renewAttributes(live, live, fresh);
    refill(live, fresh);
  }
}

function patch(live, before, fresh) {
  if (before.isEqualNode(fresh)) return;
  if (live.nodeType !== Node.ELEMENT_NODE) {
    live.data = fresh.data;
    return;
  }
  renewAttributes(live, before, fresh);
  if (!isAlike(live, before) || !isAlike(before, fresh)) refill(live, fresh);
  else [...live.childNodes].forEach((child, index) => patch(child, before.childNodes[index], fresh.childNodes[index]));
}

function isAlike(one, other) {
  return one.childNodes.length === other.childNodes.length && [...one.childNodes].every((child, index) => child.nodeName === other.childNodes[index].nodeName);
}

function refill(live, fresh) {
  const children = [...fresh.cloneNode(true).childNodes];
  live.replaceChildren(...children);
  for (const child of children) if (child.nodeType === Node.ELEMENT_NODE) htmx.process(child);
}

function renewAttributes(live, before, fresh) {
  let asksElsewhere = false;
  for (const name of new Set([...before.getAttributeNames(), ...fresh.getAttributeNames()])) {
    const value = fresh.getAttribute(name);
    if (before.getAttribute(name) === value || name === "class") continue;
    if (value === null) live.removeAttribute(name);
    else live.setAttribute(name, value);
    asksElsewhere ||= name.startsWith("hx-");
  }
  // The page's own marks, of a request on its way for one, are not the server's to take away.
  live.classList.remove(...[...before.classList].filter((name) => !fresh.classList.contains(name) && !name.startsWith("htmx-")));
  live.classList.add(...[...fresh.classList].filter((name) => live === before || !before.classList.contains(name)));
  if (asksElsewhere) htmx.process(live);
}

function learn() {
  for (const part of document.querySelectorAll(PARTS)) if (!told.has(part)) remember(part);
}

document.addEventListener("htmx:afterSettle", learn);
learn();
