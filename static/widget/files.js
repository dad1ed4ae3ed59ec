/* Pictures: sent by HTTP under the message's own id, shown on a canvas, which no img-src of the host page can forbid. */

import { el } from "./dom.js";

const PICTURE = /^image\/(png|jpeg|gif|webp)$/;
const WIDEST = 440;

class Refused extends Error {
  constructor(text, again) {
    super(text);
    this.again = again;
  }
}

export class Files {
  #config;
  #texts;
  #store;
  #origin;

  constructor({ config, texts, store, origin }) {
    this.#config = config;
    this.#texts = texts;
    this.#store = store;
    this.#origin = origin;
  }

  /** Send one file as the message `id`; gives `{id, sequence, at}`. Throws with `again` when another try may help. */
  async upload(file, id) {
    if (!PICTURE.test(file.type)) throw new Refused(this.#texts("only_pictures"), false);
    if (file.size > this.#config.max_bytes) throw new Refused(this.#texts("too_large", { limit: Math.floor(this.#config.max_bytes / 1e6) }), false);
    const who = this.#store.introduction();
    if (!who) throw new Refused(this.#texts("offline_notice"), true);
    const body = new FormData();
    for (const [name, value] of Object.entries({ id, visitor: who.visitor, token: who.token, language: this.#texts.language })) body.set(name, value);
    body.set("file", file);
    let answer;
    try {
      answer = await fetch(`${this.#origin}/widget/${this.#config.key}/files/`, { method: "POST", body, credentials: "omit" });
    } catch {
      throw new Refused(this.#texts("not_sent"), true);
    }
    const data = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Refused(data.error || this.#texts("not_sent"), answer.status === 429 || answer.status >= 500);
    return data;
  }

  /** A file of a message: the picture itself where it is one, else a link. */
  view(file) {
    const url = `${this.#origin}${file.path}`;
    const link = el("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, file.name || this.#texts("file"));
    if (!PICTURE.test(file.type)) return el("div", { class: "bubble" }, link);
    const canvas = el("canvas", { role: "img", "aria-label": file.name || this.#texts("picture"), width: "1", height: "1" });
    link.className = "picture";
    link.replaceChildren(canvas);
    this.#paint(canvas, url).catch(() => link.replaceChildren(file.name || this.#texts("picture")));
    return link;
  }

  async #paint(canvas, url) {
    const answer = await fetch(url, { credentials: "omit" });
    if (!answer.ok) throw new Error(String(answer.status));
    const picture = await createImageBitmap(await answer.blob());
    const scale = Math.min(1, WIDEST / picture.width, WIDEST / picture.height);
    canvas.width = Math.round(picture.width * scale);
    canvas.height = Math.round(picture.height * scale);
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  }
}
