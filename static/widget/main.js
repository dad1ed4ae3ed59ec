/* Puts the chat on the host page: one custom element with a shadow root, no global names, no cookies. */

import { Chat } from "./chat.js";
import { Line } from "./line.js";
import { Store } from "./store.js";
import { sheets } from "./styles.js";
import { chooseTexts } from "./texts.js";

/** Start the chat of `config` (from the server) for the script element `tag`, once per page and chat. */
export function start(config, tag) {
  if (document.querySelector(`hilo-chat[data-key="${config.key}"]`)) return;
  const host = document.createElement("hilo-chat");
  host.dataset.key = config.key;
  const root = host.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = sheets(config);

  const user = tag.dataset.user || "";
  const texts = chooseTexts(config);
  const store = new Store(config.key, slotOf(user));
  const socket = new URL(`/ws/chat/${config.key}/`, tag.src);
  socket.protocol = socket.protocol.replace("http", "ws");
  const line = new Line({
    url: socket.href,
    store,
    hello: { user, signature: tag.dataset.signature || "", language: texts.language },
  });
  const chat = new Chat({ root, config, texts, line, store, origin: new URL(tag.src).origin });

  const mount = () => document.body.append(host);
  if (document.body) mount();
  else document.addEventListener("DOMContentLoaded", mount, { once: true });

  // Somebody who has not written yet costs the server nothing until the chat is opened.
  if (store.identity() || user) line.start();
  chat.restore();
}

/** Each signed-in user of the host page has a place of their own in this browser's storage. */
function slotOf(user) {
  try {
    return String(JSON.parse(user).id ?? "");
  } catch {
    return "";
  }
}
