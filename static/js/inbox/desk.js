// What the files of the workspace share: where things are on the page, and how they ask the server.
export const desk = () => document.querySelector("[data-desk]");
export const base = () => desk().dataset.base;
export const pane = () => document.querySelector("#thread-pane[data-conversation]");
export const shownConversation = () => Number(pane()?.dataset.conversation ?? 0);
export const entries = () => document.querySelector("[data-entries]");
export const query = () => document.querySelector("[data-list-body]")?.dataset.query ?? "";
export const me = () => Number(desk().dataset.me);

/** No answer came: everybody catches up a little later (see live.js). */
function missed() {
  document.dispatchEvent(new CustomEvent("hilo:missed"));
}

/** The fragment at an address: a document fragment, null when it is gone, undefined when there was no answer. */
export async function ask(address) {
  let response, text;
  try {
    response = await fetch(address, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
    text = await response.text();
  } catch {
    missed();
    return undefined;
  }
  if (response.status === 404) return null;
  if (response.ok && !response.redirected) return parse(text);
  // After the end of a session every answer is the login page: there is nothing to catch up with.
  if (!response.redirected) missed();
  return undefined;
}

/** The fragment at a path below the inbox. ``withQuery``: as the list is filtered; an answer to another filter is none. */
export async function fetchFragment(path, { withQuery = false } = {}) {
  const asked = query();
  const fresh = await ask(base() + path + (withQuery && asked ? `?${asked}` : ""));
  if (!withQuery || asked === query()) return fresh;
  missed();
  return undefined;
}

/** Open a page of the workspace in the thread's pane; the latest opening wins. */
export function open(address, { push, event } = {}) {
  return htmx.ajax("GET", address, { source: "[data-opener]", target: "#thread-pane", swap: "outerHTML", push, event }).catch(() => {});
}

export function parse(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

const underWay = new Map();

/** One question about a thing at a time. A question asked meanwhile is asked afterwards, once, as it was asked last, so that the newest
 * answer comes last; different questions about the same thing wait for each other and none takes another's place. */
export async function oneByOne(thing, question, ...subject) {
  if (underWay.has(thing)) {
    underWay.get(thing).set(question, subject);
    return;
  }
  const waiting = new Map([[question, subject]]);
  underWay.set(thing, waiting);
  try {
    for (const [next, about] of waiting) {
      waiting.delete(next);
      await next(...about);
    }
  } finally {
    underWay.delete(thing);
  }
}

export const isTyping = (target) => target.matches?.("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]");
