import { clockTime, day, make, post } from "./dom.js";

/* A phone with WhatsApp or Instagram on it. The writer is kept between draws, so that nobody loses what they type. */
export function drawPhone(page, stage) {
  const identity = `${page.channel.key}/${page.person?.id}`;
  if (stage.dataset.shows !== identity) {
    stage.replaceChildren(buildPhone(page));
    stage.dataset.shows = identity;
  }
  const phone = stage.firstElementChild;
  const chat = phone.querySelector(".chat");
  const atEnd = chat.scrollHeight - chat.scrollTop - chat.clientHeight < 60;
  chat.replaceChildren(...bubbles(page));
  if (atEnd) chat.scrollTop = chat.scrollHeight;
  drawAnswering(page, phone);
  for (const button of phone.querySelectorAll("[data-word]")) button.textContent = page.word(button.dataset.word);
  const reach = phone.querySelector(".reach");
  if (reach) reach.checked = !page.person?.unreachable;
}

function buildPhone(page) {
  const { channel, person } = page;
  const text = make("textarea", { name: "text", rows: 1, "aria-label": page.word("write"), placeholder: page.word("write") });
  const file = make("input", { type: "file", name: "file", hidden: true });
  const form = make(
    "form",
    { className: "writer" },
    make("button", { type: "button", className: "icon", title: page.word("attach"), "aria-label": page.word("attach"), onclick: () => file.click() }, "+"),
    file,
    text,
    make("button", { type: "submit", className: "icon primary", title: page.word("send"), "aria-label": page.word("send") }, "➤"),
  );
  const write = async (extra = {}) => {
    const body = new FormData(form);
    for (const [name, value] of Object.entries({ channel: channel.key, person: person.id, answers: page.answering ?? "", ...extra })) body.set(name, value);
    if (!file.files.length) body.delete("file");
    form.reset();
    page.answering = null;
    await page.act(() => post("/write", body));
  };
  form.addEventListener("submit", (event) => { event.preventDefault(); write(); });
  text.addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); form.requestSubmit(); } });
  file.addEventListener("change", () => write());
  const name = channel.name;
  return make(
    "article",
    { className: `phone ${channel.kind}` },
    make("header", { className: "phone-top" }, make("span", { className: "face" }, name.slice(0, 1)), make("div", {}, make("b", {}, name), make("small", {}, person?.name ?? ""))),
    make("div", { className: "chat", tabIndex: 0, role: "log", "aria-label": name }),
    make("div", { className: "answering", hidden: true }),
    form,
    make("footer", { className: "phone-more" }, ...extras(page, write)),
  );
}

function extras(page, write) {
  const { channel, person } = page;
  if (channel.kind === "instagram") {
    return [make("button", { type: "button", "data-word": "story_reply", onclick: () => write({ kind: "story_reply" }) })];
  }
  const prefer = (wants) => page.act(() => post("/prefer", { channel: channel.key, person: person.id, wants }));
  return [
    make("button", { type: "button", "data-word": "location", onclick: () => write({ kind: "location" }) }),
    make("button", { type: "button", "data-word": "no_promotions", onclick: () => prefer(false) }),
    make("button", { type: "button", "data-word": "yes_promotions", onclick: () => prefer(true) }),
    make("label", {}, make("input", { type: "checkbox", className: "reach", onchange: (event) => page.act(() => post("/reach", { person: person.id, reachable: event.target.checked })) }), make("span", { "data-word": "reachable" })),
  ];
}

function bubbles(page) {
  const entries = page.entries();
  if (!entries.length) return [make("p", { className: "empty" }, page.word("empty_chat"))];
  const parts = [];
  let last = "";
  for (const entry of entries) {
    const today = day(entry.at, page.language);
    if (today !== last) parts.push(make("span", { className: "day" }, today));
    last = today;
    parts.push(bubble(page, entry, entries));
  }
  return parts;
}

function bubble(page, entry, entries) {
  const answered = entries.find((other) => other.id === entry.answers);
  const mark = entry.mine ? page.word(entry.status) : "";
  return make(
    "div",
    { className: `bubble${entry.mine ? " mine" : ""}${entry.status === "failed" ? " failed" : ""}` },
    answered ? make("span", { className: "answered" }, answered.text.slice(0, 80)) : null,
    entry.kind === "template" ? make("span", { className: "tag" }, `${page.word("template")} `) : null,
    media(entry),
    entry.kind === "location" ? `📍 ${entry.extra.name ?? ""}` : null,
    entry.text || null,
    make("span", { className: "meta" }, [clockTime(entry.at, page.language), mark, entry.problem].filter(Boolean).join(" · ")),
    entry.reaction ? make("span", { className: "heart" }, entry.reaction) : null,
    entry.mine ? null : tools(page, entry),
  );
}

function tools(page, entry) {
  const react = () => page.act(() => post("/react", { channel: page.channel.key, person: page.person.id, entry: entry.id }));
  const answer = () => { page.answering = entry.id; page.draw(); page.find(".writer textarea").focus(); };
  return make("span", { className: "tools" }, make("button", { type: "button", onclick: answer }, page.word("reply")), make("button", { type: "button", onclick: react, "aria-label": page.word("react") }, "❤️"));
}

function media(entry) {
  const source = entry.media ? `/media/${entry.media}` : "";
  if (!source) return null;
  if (entry.media_type.startsWith("image/")) return make("img", { src: source, alt: entry.media_name });
  if (entry.media_type.startsWith("audio/")) return make("audio", { src: source, controls: true });
  if (entry.media_type.startsWith("video/")) return make("video", { src: source, controls: true });
  return `📎 ${entry.media_name}`;
}

function drawAnswering(page, phone) {
  const bar = phone.querySelector(".answering");
  const answered = page.entries().find((entry) => entry.id === page.answering);
  bar.hidden = !answered;
  if (!answered) return;
  bar.replaceChildren(`${page.word("reply")}: ${answered.text.slice(0, 60)}`, make("button", { type: "button", onclick: () => { page.answering = null; page.draw(); } }, page.word("cancel")));
}
