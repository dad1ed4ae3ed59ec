// What the files of the workspace share: where things are on the page.
export const desk = () => document.querySelector("[data-desk]");
export const base = () => desk().dataset.base;
export const pane = () => document.querySelector("#thread-pane[data-conversation]");
export const shownConversation = () => Number(pane()?.dataset.conversation ?? 0);
export const entries = () => document.querySelector("[data-entries]");
export const query = () => document.querySelector("[data-list-body]")?.dataset.query ?? "";
export const me = () => Number(desk().dataset.me);

/** The fragment at a path below the inbox, as a document fragment; null when it is gone. */
export async function fetchFragment(path, { withQuery = false } = {}) {
  const suffix = withQuery && query() ? `?${query()}` : "";
  const response = await fetch(base() + path + suffix, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
  if (!response.ok || response.redirected) return null;
  return parse(await response.text());
}

export function parse(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

export const isTyping = (target) => target.matches?.("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]");
