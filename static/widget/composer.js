/* Where the visitor writes: Enter sends, Shift+Enter makes a line, the paperclip sends a picture. */

import { el, icon } from "./dom.js";

const TYPING_EVERY = 3_000;
const LONGEST = 4_000;

export class Composer {
  element;
  #area;
  #buttons;
  #onText;
  #typed = 0;

  constructor({ texts, attachments, onText, onFile, onTyping }) {
    this.#onText = onText;
    this.#area = el("textarea", {
      rows: "1",
      maxlength: String(LONGEST),
      "aria-label": texts("write"),
      placeholder: texts("write"),
      enterkeyhint: "send",
      oninput: () => {
        if (Date.now() - this.#typed < TYPING_EVERY || !this.#area.value.trim()) return;
        this.#typed = Date.now();
        onTyping();
      },
      onkeydown: (event) => {
        if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
        event.preventDefault();
        this.#send();
      },
    });
    const picker = el("input", {
      type: "file",
      accept: "image/png,image/jpeg,image/gif,image/webp",
      hidden: true,
      onchange: () => {
        for (const file of picker.files) onFile(file);
        picker.value = "";
      },
    });
    const clip = el("button", { type: "button", "aria-label": texts("attach"), title: texts("attach"), onclick: () => picker.click() }, icon("clip"));
    const send = el("button", { class: "send", "aria-label": texts("send"), title: texts("send") }, icon("send"));
    this.#buttons = [clip, send];
    this.element = el(
      "form",
      {
        class: "composer",
        onsubmit: (event) => {
          event.preventDefault();
          this.#send();
        },
      },
      attachments && clip,
      attachments && picker,
      this.#area,
      send,
    );
  }

  get enabled() {
    return !this.#area.disabled;
  }

  set enabled(value) {
    for (const control of [this.#area, ...this.#buttons]) control.disabled = !value;
  }

  focus() {
    this.#area.focus();
  }

  #send() {
    const text = this.#area.value.trim();
    if (!text || !this.enabled) return;
    this.#area.value = "";
    this.#typed = 0;
    this.#onText(text);
    this.#area.focus();
  }
}
