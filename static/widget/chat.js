/* The launcher and the panel: opening, closing, focus, and which part hears what from the line. */

import { Composer } from "./composer.js";
import { el, icon } from "./dom.js";
import { Files } from "./files.js";
import { ContactForm } from "./form.js";
import { Messages } from "./messages.js";

const TYPING_SHOWN = 6_000;
const FULL_SCREEN = "(max-width: 480px)";

export class Chat {
  #texts;
  #line;
  #store;
  #config;
  #parts = {};
  #messages;
  #composer;
  #form;
  #files;
  #typing = 0;
  #known = true;
  #order = Date.now();

  constructor({ root, config, texts, line, store, origin }) {
    this.#texts = texts;
    this.#line = line;
    this.#store = store;
    this.#config = config;
    this.#files = new Files({ config, texts, store, origin });
    this.#messages = new Messages({ texts, files: this.#files, resend: (message) => this.#attach(message.file, message.id) });
    this.#composer = new Composer({
      texts,
      attachments: config.attachments,
      onText: (text) => this.#write(text),
      onFile: (file) => this.#attach(file),
      onTyping: () => line.say("typing"),
    });
    this.#form = new ContactForm({ texts, config, onSubmit: (values) => line.say("form", values), onLater: () => this.#leaveForm() });
    this.#build(root);
    this.#listen();
  }

  /** As the tab was left: open, and with what was not acknowledged yet. */
  restore() {
    for (const message of this.#store.waiting()) this.#messages.addMine(message);
    if (this.#store.isOpen) this.#show();
  }

  #build(root) {
    const t = this.#texts;
    const parts = this.#parts;
    parts.badge = el("span", { class: "badge", hidden: true, "aria-hidden": "true" });
    parts.launcher = el(
      "button",
      { type: "button", class: "launcher", "aria-expanded": "false", "aria-controls": "panel", onclick: () => this.#toggle() },
      icon("chat"),
      parts.badge,
    );
    parts.state = el("p", { id: "state" });
    parts.details = el("button", { type: "button", "aria-label": t("your_details"), title: t("your_details"), onclick: () => this.#openForm() }, icon("person"));
    parts.close = el("button", { type: "button", "aria-label": t("close"), title: t("close"), onclick: () => this.#hide() }, icon("close"));
    parts.notice = el("p", { class: "notice", role: "status", hidden: true });
    parts.typing = el("p", { class: "typing", "aria-live": "off" });
    parts.news = el("div", { class: "unseen", "aria-live": "polite" });
    parts.older = el("button", { type: "button", class: "older", hidden: true, onclick: () => this.#askOlder() }, t("older"));
    parts.flow = el(
      "div",
      { class: "flow", tabindex: "0", role: "region", "aria-label": t("messages") },
      parts.older,
      el("p", { class: "welcome" }, this.#config.welcome || t("welcome")),
      this.#messages.element,
      this.#form.element,
    );
    parts.panel = el(
      "section",
      { id: "panel", class: "panel", role: "dialog", "aria-labelledby": "title", "aria-describedby": "state", hidden: true },
      el(
        "header",
        { class: "head" },
        el("div", {}, el("h2", { id: "title" }, this.#config.title || t("title")), parts.state),
        this.#config.form !== "off" && parts.details,
        parts.close,
      ),
      parts.notice,
      parts.flow,
      parts.typing,
      this.#composer.element,
    );
    parts.root = el("div", { class: `root ${this.#config.side}`, lang: t.language }, parts.launcher, parts.panel, parts.news);
    parts.root.addEventListener("keydown", (event) => this.#key(event));
    // The host page's shortcuts are not for what is typed here.
    for (const type of ["keyup", "keypress", "input"]) parts.root.addEventListener(type, (event) => event.stopPropagation());
    root.append(parts.root);
    this.#count();
    this.#showState();
  }

  #listen() {
    const on = (type, hear) => this.#line.addEventListener(type, (event) => hear(event.detail));
    on("state", (change) => this.#showState(change.code));
    on("welcome", (frame) => this.#welcome(frame));
    on("lines", (frame) => this.#add(frame.messages));
    on("older", (frame) => this.#older(frame));
    on("ack", (frame) => this.#acknowledge(frame));
    on("refused", (frame) => frame.id && frame.code !== "too_many" && this.#messages.fail(frame.id, this.#texts("refused")));
    on("team_read", (frame) => this.#messages.readByTeam(frame.at));
    on("typing", (frame) => this.#showTyping(frame.name));
    on("form_saved", () => this.#formSaved());
    on("form_refused", (frame) => this.#form.refuse(frame.errors));
    document.addEventListener("visibilitychange", () => this.#noteRead());
  }

  // Opening and closing

  #toggle() {
    if (this.#parts.panel.hidden) {
      this.#show();
      this.#focusInside();
    } else {
      this.#hide();
    }
  }

  #show() {
    this.#line.start();
    this.#parts.panel.hidden = false;
    this.#parts.panel.setAttribute("aria-modal", String(matchMedia(FULL_SCREEN).matches));
    this.#parts.root.classList.add("open");
    this.#parts.launcher.setAttribute("aria-expanded", "true");
    this.#store.isOpen = true;
    this.#offerForm();
    this.#toEnd();
    this.#noteRead();
    this.#count();
  }

  #hide() {
    this.#parts.panel.hidden = true;
    this.#parts.root.classList.remove("open");
    this.#parts.launcher.setAttribute("aria-expanded", "false");
    this.#store.isOpen = false;
    this.#count();
    this.#parts.launcher.focus();
  }

  #focusInside() {
    if (this.#composer.enabled) this.#composer.focus();
    else if (!this.#form.element.hidden) this.#form.focus();
    else this.#parts.close.focus();
  }

  #key(event) {
    event.stopPropagation();
    if (event.key === "Escape" && !this.#parts.panel.hidden) {
      event.preventDefault();
      this.#hide();
    } else if (event.key === "Tab" && !this.#parts.panel.hidden && matchMedia(FULL_SCREEN).matches) {
      this.#keepFocus(event);
    }
  }

  /** On a phone nothing of the page is to be seen, so focus stays in the panel. */
  #keepFocus(event) {
    const stops = [...this.#parts.panel.querySelectorAll("button, textarea, input, a[href], [tabindex='0']")].filter(
      (stop) => !stop.disabled && stop.checkVisibility(),
    );
    const leaving = event.shiftKey ? stops[0] : stops.at(-1);
    if (this.#parts.root.getRootNode().activeElement !== leaving) return;
    event.preventDefault();
    (event.shiftKey ? stops.at(-1) : stops[0]).focus();
  }

  // Messages

  #write(text) {
    const message = { id: uuid(), text, page: location.href.split("#")[0].slice(0, 500), order: (this.#order += 1) };
    this.#messages.addMine(message);
    this.#line.post(message);
    this.#toEnd();
    this.#offerForm();
  }

  async #attach(file, id = uuid()) {
    this.#line.start();
    this.#messages.addMine({ id, text: "", file, order: (this.#order += 1) });
    this.#toEnd();
    try {
      this.#acknowledge(await this.#files.upload(file, id));
    } catch (error) {
      this.#messages.fail(id, error.message, { again: error.again });
      this.#parts.news.textContent = error.message;
    }
  }

  #welcome(frame) {
    this.#known = frame.known;
    if (!frame.resumed) {
      this.#messages.clear();
      this.#parts.older.hidden = !frame.more;
    }
    this.#messages.read = frame.read;
    this.#add(frame.messages, { quietly: !frame.resumed });
    if (frame.team_read) this.#messages.readByTeam(frame.team_read);
    this.#offerForm();
    this.#toEnd();
  }

  #add(messages, { quietly = false } = {}) {
    const { flow } = this.#parts;
    const atEnd = flow.scrollHeight - flow.scrollTop - flow.clientHeight < 80;
    const news = this.#messages.add(messages);
    if (!messages.length) return;
    this.#line.shown(this.#messages.last);
    this.#line.say("received", { up_to: this.#messages.last });
    if (news.length && !quietly) {
      this.#showTyping("");
      this.#parts.news.textContent = news.map((message) => `${message.name || this.#texts("team")}: ${message.text}`).join("\n");
    }
    if (atEnd) this.#toEnd();
    this.#noteRead();
    this.#count();
  }

  #older(frame) {
    const { flow } = this.#parts;
    const fromEnd = flow.scrollHeight - flow.scrollTop;
    this.#messages.add(frame.messages);
    this.#parts.older.hidden = !frame.more;
    flow.scrollTop = flow.scrollHeight - fromEnd;
  }

  #askOlder() {
    this.#line.say("older", { before: this.#messages.first });
  }

  #acknowledge(frame) {
    this.#messages.acknowledge(frame);
  }

  #noteRead() {
    if (this.#parts.panel.hidden || document.hidden || this.#messages.read >= this.#messages.last) return;
    if (!this.#line.say("read", { up_to: this.#messages.last })) return;
    this.#messages.read = this.#messages.last;
    this.#count();
  }

  #count() {
    const unread = this.#messages.unread;
    this.#parts.badge.hidden = unread === 0 || !this.#parts.panel.hidden;
    this.#parts.badge.textContent = unread > 9 ? "9+" : String(unread);
    const open = !this.#parts.panel.hidden;
    this.#parts.launcher.setAttribute("aria-label", open ? this.#texts("close") : unread ? this.#texts("open_unread", { count: unread }) : this.#texts("open"));
  }

  #toEnd() {
    this.#parts.flow.scrollTop = this.#parts.flow.scrollHeight;
  }

  // The state of the line, and who is typing

  #showState(code = 0) {
    const { state } = this.#line;
    const words = { ready: "here", off: "here", connecting: "connecting", waiting: "offline", refused: "refused_chat" }[state];
    this.#parts.state.textContent = this.#texts(words);
    this.#parts.notice.hidden = state !== "waiting" && state !== "refused";
    if (state === "waiting") this.#parts.notice.textContent = this.#texts("offline_notice");
    if (state === "refused") this.#parts.notice.textContent = this.#texts(code === 4401 ? "sign_in" : "not_here");
    this.#allowWriting();
  }

  #allowWriting() {
    const mustFill = this.#config.form === "required" && !this.#known;
    this.#composer.enabled = this.#line.state !== "refused" && !mustFill;
  }

  #showTyping(name) {
    clearTimeout(this.#typing);
    this.#parts.typing.textContent = name ? this.#texts("typing", { name }) : "";
    if (name) this.#typing = setTimeout(() => this.#showTyping(""), TYPING_SHOWN);
  }

  // The contact form

  #offerForm() {
    const asked = this.#config.form === "required" || (this.#config.form === "offer" && this.#messages.hasMine && !this.#form.left);
    if (!this.#known && asked && this.#line.state === "ready") this.#showForm();
    if (this.#known && !this.#form.wanted) this.#form.hide();
    this.#allowWriting();
  }

  #showForm() {
    const required = this.#config.form === "required";
    this.#form.show({ later: !required, folded: !required && !this.#form.wanted });
  }

  #openForm() {
    this.#form.wanted = true;
    this.#form.show({ later: true });
    this.#form.focus();
    this.#toEnd();
  }

  #leaveForm() {
    this.#form.left = true;
    this.#form.wanted = false;
    this.#form.hide();
    this.#focusInside();
  }

  #formSaved() {
    this.#known = true;
    this.#form.wanted = false;
    this.#form.hide();
    this.#allowWriting();
    this.#parts.news.textContent = this.#texts("form_saved");
    this.#composer.focus();
  }
}

/** A random UUID; `crypto.randomUUID` is missing on pages without TLS. */
function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
