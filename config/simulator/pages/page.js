import { make, post } from "./dom.js";
import { drawMail } from "./mail.js";
import { drawPhone } from "./phone.js";
import { drawShop } from "./shop.js";

const DEVICES = { whatsapp: drawPhone, instagram: drawPhone, email: drawMail, webchat: drawShop };

/* The frame around the device: channels, people, clock. The choice lives in the address (#channel/person). */
export class Page {
  constructor(document) {
    this.document = document;
    this.words = {};
    this.state = null;
    this.language = localStorage.getItem("simulator-language") ?? "";
    this.answering = null;
  }

  find(selector) {
    return this.document.querySelector(selector);
  }

  word(key) {
    return this.words[key] ?? key;
  }

  async start() {
    await this.translate();
    addEventListener("hashchange", () => this.choose());
    this.find(".language").addEventListener("click", () => this.switchLanguage());
    this.find(".add-person").addEventListener("click", () => this.showForm(true));
    this.find(".person-form .cancel").addEventListener("click", () => this.showForm(false));
    this.find(".person-form").addEventListener("submit", (event) => this.addPerson(event));
    this.find(".clock-buttons").addEventListener("click", (event) => this.moveClock(event));
    addEventListener("focus", () => this.look());
    setInterval(() => this.drawClock(), 1000);
    await this.refresh();
    this.follow();
  }

  async translate() {
    const response = await fetch(`/words.json?language=${this.language}`);
    const { language, words } = await response.json();
    this.words = words;
    this.language = language;
    this.document.documentElement.lang = language;
    this.document.title = `${words.title} · Hilo`;
    for (const element of this.document.querySelectorAll("[data-word]")) element.textContent = words[element.dataset.word];
    this.find(".language").textContent = language === "es" ? "English" : "Español";
  }

  async switchLanguage() {
    this.language = this.language === "es" ? "en" : "es";
    localStorage.setItem("simulator-language", this.language);
    await this.translate();
    this.draw();
  }

  async follow() {
    for (;;) {
      try {
        const response = await fetch(`/changes?version=${this.state.version}`);
        const { version } = await response.json();
        if (version !== this.state.version) await this.refresh();
      } catch {
        this.say("loading_failed");
        await new Promise((resolve) => setTimeout(resolve, 2000));
      }
    }
  }

  async refresh() {
    const response = await fetch("/state");
    this.state = await response.json();
    this.readAt = Date.now();
    this.draw();
    await this.look();
  }

  get channel() {
    const key = decodeURIComponent(location.hash.slice(1).split("/")[0] ?? "");
    return this.state.channels.find((channel) => channel.key === key) ?? this.state.channels[0];
  }

  get peopleHere() {
    return this.state.people.filter((person) => !person.account || person.account === this.channel.account);
  }

  get person() {
    const id = decodeURIComponent(location.hash.split("/")[1] ?? "");
    return this.peopleHere.find((person) => person.id === id) ?? this.peopleHere[0];
  }

  entries() {
    return this.state.entries.filter((entry) => entry.channel === this.channel.key && entry.person === this.person?.id);
  }

  go(channel, person) {
    location.hash = `${encodeURIComponent(channel)}/${encodeURIComponent(person ?? "")}`;
  }

  async choose() {
    this.answering = null;
    this.draw();
    await this.look();
  }

  /* Whoever looks at a device has read what is on it. */
  async look() {
    if (!this.document.hasFocus() || !this.person || this.channel.kind === "webchat") return;
    if (this.entries().some((entry) => !entry.mine && entry.status === "delivered")) {
      await this.act(() => post("/seen", { channel: this.channel.key, person: this.person.id }));
    }
  }

  async act(action) {
    try {
      return await action();
    } catch (error) {
      this.say(error.message);
      return null;
    }
  }

  say(key) {
    const toast = this.find(".toast");
    toast.textContent = this.word(key);
    toast.hidden = false;
    clearTimeout(this.toastTimer);
    this.toastTimer = setTimeout(() => { toast.hidden = true; }, 4000);
  }

  showForm(shown) {
    this.find(".person-form").hidden = !shown;
    this.find(".add-person").hidden = shown;
    if (shown) this.find(".person-form input").focus();
  }

  async addPerson(event) {
    event.preventDefault();
    const values = Object.fromEntries(new FormData(event.target));
    const person = await this.act(() => post("/people", { ...values, account: this.channel.account }));
    if (!person) return;
    event.target.reset();
    this.showForm(false);
    this.go(this.channel.key, person.id);
  }

  async moveClock(event) {
    const button = event.target.closest("button");
    if (!button) return;
    const change = button.dataset.hours ? { hours: Number(button.dataset.hours) } : { reset: true };
    await this.act(() => post("/clock", change));
  }

  draw() {
    this.drawClock();
    this.find(".open-hilo").href = this.state.hilo;
    this.drawChannels();
    this.drawPeople();
    const stage = this.find(".stage");
    DEVICES[this.channel.kind](this, stage);
  }

  drawClock() {
    if (!this.state) return;
    const now = new Date(new Date(this.state.now).getTime() + Date.now() - this.readAt);
    this.find(".clock-time").textContent = now.toLocaleString(this.language, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
    const hours = this.state.offset_hours;
    this.find(".clock-offset").textContent = hours ? this.word("clock_ahead").replace("%s", hours) : this.word("clock_now");
    this.find(".clock-reset").hidden = !hours;
  }

  drawChannels() {
    const accounts = group(this.state.channels);
    const parts = [];
    for (const [account, channels] of accounts) {
      parts.push(make("h2", {}, account));
      parts.push(make("ul", {}, ...channels.map((channel) => make("li", {}, make(
        "button",
        { className: "pick", "aria-pressed": String(channel === this.channel), "data-ch": channel.kind, onclick: () => this.go(channel.key, this.person?.id) },
        make("i", { className: "knot" }),
        make("span", {}, make("b", {}, channel.name), make("small", {}, channel.kind)),
      )))));
    }
    this.find(".channels").replaceChildren(...parts);
  }

  drawPeople() {
    this.find(".people").hidden = this.channel.kind === "webchat";
    const address = { whatsapp: "wa_id", instagram: "username", email: "email" }[this.channel.kind];
    const items = this.peopleHere.map((person) => make("li", {}, make(
      "button",
      { className: "pick", "aria-pressed": String(person === this.person), "data-ch": this.channel.kind, onclick: () => this.go(this.channel.key, person.id) },
      make("i", { className: "knot" }),
      make("span", {}, make("b", {}, person.name), make("small", {}, person[address]), person.hint ? make("small", {}, person.hint) : null),
    )));
    this.find(".people ul").replaceChildren(...items);
  }
}

function group(channels) {
  const accounts = new Map();
  for (const channel of channels) accounts.set(channel.account, [...(accounts.get(channel.account) ?? []), channel]);
  return accounts;
}
