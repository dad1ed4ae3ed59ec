/* The socket: it comes back by itself, says again what was not acknowledged, and asks for what it missed. */

const FIRST_WAIT = 500;
const LONGEST_WAIT = 30_000;
const PING_EVERY = 20_000;
const PONG_WITHIN = 8_000;
const FINAL = new Set([4401, 4403, 4404]);

export class Line extends EventTarget {
  #url;
  #hello;
  #store;
  #socket = null;
  #failures = 0;
  #timer = 0;
  #pulse = 0;
  #inFlight = new Set();
  #after = 0;
  #wanted = false;
  #introducedAs = "";

  /** "off", "connecting", "ready", "waiting" (for the next try) or "refused" (for good). */
  state = "off";

  constructor({ url, store, hello }) {
    super();
    this.#url = url;
    this.#store = store;
    this.#hello = hello;
    addEventListener("online", () => this.#retryNow());
    addEventListener("offline", () => this.#abandon());
    document.addEventListener("visibilitychange", () => !document.hidden && this.#retryNow());
  }

  start() {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#connect();
  }

  /** The widget has shown every line up to this number: a new connection goes on from there. */
  shown(sequence) {
    this.#after = Math.max(this.#after, sequence);
  }

  /** Send one frame if the line is up; receipts and typing are not worth keeping. */
  say(type, fields = {}) {
    if (this.state !== "ready") return false;
    this.#socket.send(JSON.stringify({ type, ...fields }));
    return true;
  }

  /** Keep a message until it is acknowledged, and send it as soon as there is a line. */
  post(message) {
    this.#store.put(message);
    this.start();
    this.#flush();
  }

  #connect() {
    clearTimeout(this.#timer);
    this.#to("connecting");
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.addEventListener("open", () => {
      const { visitor = "", token = "" } = this.#store.introduction() ?? {};
      this.#introducedAs = visitor;
      socket.send(JSON.stringify({ type: "hello", ...this.#hello, visitor, token, after: this.#after }));
    });
    socket.addEventListener("message", (event) => socket === this.#socket && this.#hear(JSON.parse(event.data)));
    socket.addEventListener("close", (event) => socket === this.#socket && this.#lost(event.code));
  }

  #hear(frame) {
    clearTimeout(this.#pulse);
    this.#pulse = setTimeout(() => this.#ping(), PING_EVERY);
    if (frame.type === "welcome") this.#welcomed(frame);
    if (frame.type === "ack") this.#settled(frame.id);
    if (frame.type === "refused") this.#refused(frame);
    this.dispatchEvent(new CustomEvent(frame.type, { detail: frame }));
  }

  #welcomed(frame) {
    // Two tabs opened at once: the one that was made second becomes the first one.
    const kept = this.#store.introduction()?.visitor;
    if (frame.token && this.state !== "ready" && kept && kept !== this.#introducedAs) return this.#abandon();
    if (!frame.resumed) this.#after = 0;
    this.#store.keep(frame);
    this.#failures = 0;
    this.#inFlight.clear();
    this.#to("ready");
    this.#flush();
  }

  #flush() {
    if (this.state !== "ready") return;
    for (const message of this.#store.waiting()) {
      if (this.#inFlight.has(message.id)) continue;
      this.#inFlight.add(message.id);
      this.say("message", { id: message.id, text: message.text, page: message.page });
    }
  }

  #settled(id) {
    this.#inFlight.delete(id);
    this.#store.drop(id);
  }

  #refused(frame) {
    if (frame.code === "too_many") {
      this.#inFlight.clear();
      if (this.state === "ready") setTimeout(() => this.#flush(), frame.wait * 1000 + Math.random() * 500);
      else this.#failures += 2;
    } else if (frame.id) {
      this.#settled(frame.id);
    }
  }

  #ping() {
    if (!this.say("ping")) return;
    this.#pulse = setTimeout(() => this.#abandon(), PONG_WITHIN);
  }

  /** A line that is cut may take minutes to say so: go on without waiting for its end. */
  #abandon() {
    const socket = this.#socket;
    if (!socket) return;
    this.#socket = null;
    socket.close();
    this.#lost(0);
  }

  #lost(code) {
    clearTimeout(this.#pulse);
    this.#inFlight.clear();
    if (FINAL.has(code)) return this.#to("refused", code);
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#failures) * (0.75 + Math.random() / 2);
    this.#failures += 1;
    this.#to("waiting");
    this.#timer = setTimeout(() => this.#connect(), wait);
  }

  #retryNow() {
    if (this.state === "waiting") this.#connect();
  }

  #to(state, code = 0) {
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: { state, code } }));
  }
}
