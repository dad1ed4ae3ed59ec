/* What the browser keeps: who the visitor is, and what has not been acknowledged yet. One entry per waiting message, so that
   two tabs never overwrite each other. Where storage is forbidden the chat works until the page is left. */

export class Store {
  #memory = new Map();
  #prefix;
  #slot;

  constructor(key, slot) {
    this.#prefix = `hilo:${key}:`;
    this.#slot = slot;
  }

  /** `{visitor, token}` of this page's person, or null. */
  identity() {
    return this.#get(this.#name("visitor")) ?? null;
  }

  /** Who to introduce ourselves as: a person who signs in on the host page goes on with what they wrote before. */
  introduction() {
    return this.identity() ?? (this.#slot && this.#get(this.#name("visitor", ""))) ?? null;
  }

  /** Keep who the server says we are. An anonymous visitor who is known by name from now on leaves nothing for the next one. */
  keep({ visitor, token, identified }) {
    if (this.#slot && !identified) this.#moveTo("");
    const anonymous = this.#get(this.#name("visitor", ""));
    if (token) {
      this.#set(this.#name("visitor"), { visitor, token });
    } else if (this.#slot && anonymous?.visitor === visitor) {
      this.#set(this.#name("visitor"), anonymous);
      this.#remove(this.#name("visitor", ""));
      this.#moveWaiting("", this.#slot);
    }
  }

  #moveTo(slot) {
    this.#moveWaiting(this.#slot, slot);
    this.#slot = slot;
  }

  #moveWaiting(from, to) {
    for (const message of this.waiting(from)) {
      this.#set(this.#name(`out:${message.id}`, to), message);
      this.#remove(this.#name(`out:${message.id}`, from));
    }
  }

  /** Messages without an acknowledgement, oldest first. */
  waiting(slot = this.#slot) {
    const prefix = this.#name("out:", slot);
    return this.#names()
      .filter((name) => name.startsWith(prefix))
      .map((name) => this.#get(name))
      .filter(Boolean)
      .sort((a, b) => a.order - b.order);
  }

  put(message) {
    this.#set(this.#name(`out:${message.id}`), message);
  }

  drop(id) {
    this.#remove(this.#name(`out:${id}`));
  }

  /** Whether the panel is open in this tab. */
  get isOpen() {
    try {
      return sessionStorage.getItem(`${this.#prefix}open`) === "1";
    } catch {
      return false;
    }
  }

  set isOpen(value) {
    try {
      sessionStorage.setItem(`${this.#prefix}open`, value ? "1" : "0");
    } catch {
      /* closed after the next page load: no harm */
    }
  }

  #name(what, slot = this.#slot) {
    return `${this.#prefix}${encodeURIComponent(slot)}:${what}`;
  }

  #names() {
    try {
      return [...new Set([...Object.keys(localStorage), ...this.#memory.keys()])];
    } catch {
      return [...this.#memory.keys()];
    }
  }

  #get(name) {
    try {
      return JSON.parse(localStorage.getItem(name)) ?? this.#memory.get(name);
    } catch {
      return this.#memory.get(name);
    }
  }

  #set(name, value) {
    try {
      localStorage.setItem(name, JSON.stringify(value));
    } catch {
      this.#memory.set(name, value);
    }
  }

  #remove(name) {
    this.#memory.delete(name);
    try {
      localStorage.removeItem(name);
    } catch {
      /* it was in memory only */
    }
  }
}
