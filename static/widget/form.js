/* Name, email, phone: checked by the server, errors beside their fields. */

import { el } from "./dom.js";

const FIELDS = [
  ["name", "text", "name"],
  ["email", "email", "email"],
  ["phone", "tel", "tel"],
];

export class ContactForm {
  element;
  /** The visitor said "not now", or asked for the form. */
  left = false;
  wanted = false;
  #inputs = {};
  #errors = {};
  #later;
  #general;
  #body;
  #unfold;

  constructor({ texts, config, onSubmit, onLater }) {
    const fields = FIELDS.map(([name, type, autocomplete]) => {
      this.#errors[name] = el("span", { class: "error", id: `${name}-error` });
      this.#inputs[name] = el("input", { name, type, autocomplete, maxlength: "200", "aria-describedby": `${name}-error` });
      return el("label", {}, texts(name), this.#inputs[name], this.#errors[name]);
    });
    this.#later = el("button", { type: "button", class: "button quiet", onclick: onLater }, texts("later"));
    this.#general = el("p", { class: "error", role: "alert" });
    this.#unfold = el(
      "button",
      { type: "button", "aria-expanded": "false", "aria-controls": "form-body", onclick: () => this.#show(this.#body.hidden) },
      texts("form_title"),
    );
    this.#body = el(
      "div",
      { id: "form-body", class: "fields" },
      fields,
      this.#general,
      el("div", { class: "row" }, el("button", { class: "button" }, texts("save")), this.#later),
      config.privacy_url && el("small", {}, el("a", { href: config.privacy_url, target: "_blank", rel: "noopener noreferrer" }, texts("privacy"))),
    );
    this.element = el(
      "form",
      {
        class: "form",
        novalidate: true,
        hidden: true,
        "aria-labelledby": "form-title",
        onsubmit: (event) => {
          event.preventDefault();
          this.refuse({}, { quietly: true });
          const values = Object.fromEntries(Object.entries(this.#inputs).map(([name, input]) => [name, input.value.trim()]));
          if (!onSubmit(values)) this.#general.textContent = texts("offline_notice");
        },
      },
      el("h3", { id: "form-title" }, this.#unfold),
      this.#body,
    );
    this.texts = texts;
  }

  /** Open it; an offer shows its title only, so that it does not push the messages away. */
  show({ later, folded = false }) {
    this.#later.hidden = !later;
    if (this.element.hidden || !folded) this.#show(!folded);
    this.element.hidden = false;
  }

  #show(open) {
    this.#body.hidden = !open;
    this.#unfold.setAttribute("aria-expanded", String(open));
    if (open) this.element.scrollIntoView?.({ block: "nearest" });
  }

  hide() {
    this.element.hidden = true;
  }

  focus() {
    this.#inputs.name.focus();
  }

  /** Show what is wrong, field by field, and go to the first one. */
  refuse(errors, { quietly = false } = {}) {
    for (const [name, input] of Object.entries(this.#inputs)) {
      this.#errors[name].textContent = errors[name] ?? "";
      if (errors[name]) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    }
    const wrong = FIELDS.find(([name]) => errors[name]);
    this.#general.textContent = wrong || quietly ? "" : this.texts("too_many");
    if (wrong) this.#inputs[wrong[0]].focus();
  }
}
