/* The list of messages: lines from the server in the order of their numbers, then what waits to be acknowledged. */

import { el, withLinks } from "./dom.js";

export class Messages {
  element = el("ol", { class: "lines" });
  /** Up to which number the visitor has read. */
  read = 0;
  #texts;
  #files;
  #resend;
  #rows = new Map();
  #teamRead = "";

  constructor({ texts, files, resend }) {
    this.#texts = texts;
    this.#files = files;
    this.#resend = resend;
  }

  get #numbered() {
    return [...this.#rows.values()].filter((row) => row.sequence);
  }

  get last() {
    return Math.max(0, ...this.#numbered.map((row) => row.sequence));
  }

  get first() {
    return Math.min(...this.#numbered.map((row) => row.sequence));
  }

  get unread() {
    return this.#numbered.filter((row) => !row.mine && row.sequence > this.read).length;
  }

  get hasMine() {
    return [...this.#rows.values()].some((row) => row.mine);
  }

  /** Forget the lines; what is not acknowledged stays. */
  clear() {
    for (const [id, row] of this.#rows) if (row.sequence) this.#rows.delete(id);
    this.#arrange();
  }

  /** Put lines in their places; gives those from the team that were not there yet. */
  add(lines) {
    const news = lines.filter((line) => line.from !== "visitor" && !this.#rows.has(key(line)));
    for (const line of lines) {
      const known = this.#rows.get(key(line));
      this.#rows.set(key(line), { ...line, mine: line.from === "visitor", node: known?.node, state: "sent" });
    }
    this.#arrange();
    return news;
  }

  /** A message of this visitor that the server has not confirmed: `{id, text, order, file?}`. */
  addMine(message) {
    if (this.#rows.get(message.id)?.sequence) return;
    this.#rows.set(message.id, { files: [], ...message, mine: true, state: "waiting", node: this.#rows.get(message.id)?.node });
    this.#arrange();
  }

  acknowledge({ id, sequence, at }) {
    const row = this.#rows.get(id);
    if (!row || row.sequence) return;
    Object.assign(row, { sequence, at, state: "sent" });
    this.#arrange();
  }

  fail(id, reason, { again = false } = {}) {
    const row = this.#rows.get(id);
    if (!row || row.sequence) return;
    Object.assign(row, { state: "failed", reason, again });
    this.#arrange();
  }

  /** The team has read what was written until `at` (ISO 8601). */
  readByTeam(at) {
    this.#teamRead = at ?? "";
    this.#arrange();
  }

  #arrange() {
    const rows = [...this.#rows.values()].sort((a, b) => (a.sequence ?? Infinity) - (b.sequence ?? Infinity) || a.order - b.order);
    let before = null;
    rows.forEach((row, place) => {
      this.#draw(row, rows[place - 1], rows[place + 1]);
      const expected = before ? before.nextSibling : this.element.firstChild;
      if (row.node !== expected) this.element.insertBefore(row.node, expected);
      before = row.node;
    });
    while (this.element.children.length > rows.length) this.element.lastChild.remove();
  }

  #draw(row, previous, next) {
    const turn = !previous || who(previous) !== who(row);
    const lastOfTurn = !next || who(next) !== who(row) || next.state !== row.state;
    const state = [row.text, row.sequence, row.state, row.reason, turn, lastOfTurn, this.#isRead(row), row.files?.length].join("|");
    if (row.node && row.drawn === state) return;
    const node = row.node ?? el("li");
    row.drawn = state;
    row.node = node;
    node.className = ["line", row.mine && "mine", turn && "turn", row.state === "failed" && "failed"].filter(Boolean).join(" ");
    node.replaceChildren(
      ...[
        turn && !row.mine && el("p", { class: "who" }, row.name || this.#texts(row.from === "bot" ? "assistant" : "team")),
        turn && row.mine && el("span", { class: "unseen" }, this.#texts("you")),
        row.text && el("div", { class: "bubble" }, withLinks(row.text)),
        ...(row.files ?? []).map((file) => this.#files.view(file)),
        row.file && !row.files?.length && el("div", { class: "bubble" }, row.file.name),
        (lastOfTurn || row.state === "failed") && this.#meta(row),
      ].filter(Boolean),
    );
  }

  #meta(row) {
    const t = this.#texts;
    if (row.state === "failed") {
      const again = row.again && el("button", { type: "button", onclick: () => this.#resend(row) }, t("try_again"));
      return el("p", { class: "meta" }, row.reason, again);
    }
    if (row.state === "waiting") return el("p", { class: "meta" }, t(row.file ? "uploading" : "waiting"));
    const time = el("time", { datetime: row.at }, t.time(row.at));
    return el("p", { class: "meta" }, time, row.mine && ` · ${t(this.#isRead(row) ? "read" : "sent")}`);
  }

  #isRead(row) {
    return Boolean(row.mine && row.at && this.#teamRead && new Date(row.at) <= new Date(this.#teamRead));
  }
}

function key(line) {
  return line.from === "visitor" ? line.id : line.sequence;
}

function who(row) {
  return row.mine ? "" : `${row.from}:${row.name}`;
}
