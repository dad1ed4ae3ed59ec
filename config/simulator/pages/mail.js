import { clockTime, day, make, post } from "./dom.js";

/* A mailbox: what the person wrote and received, newest first, and a form to write or reply. */
export function drawMail(page, stage) {
  const identity = `${page.channel.key}/${page.person?.id}/${page.language}`;
  if (stage.dataset.shows !== identity) {
    stage.replaceChildren(buildMail(page));
    stage.dataset.shows = identity;
  }
  const entries = page.entries().toReversed();
  const letters = entries.length ? entries.map((entry) => letter(page, entry)) : [make("p", { className: "empty" }, page.word("empty_mail"))];
  stage.querySelector(".mails").replaceChildren(...letters);
}

function buildMail(page) {
  const { channel, person } = page;
  const form = make(
    "form",
    { className: "compose" },
    make("span", {}, `${page.word("to")}: ${channel.name} <${channel.address}>`),
    make("input", { name: "subject", required: true, maxLength: 200, placeholder: page.word("subject"), "aria-label": page.word("subject") }),
    make("textarea", { name: "text", required: true, placeholder: page.word("write_mail"), "aria-label": page.word("write_mail") }),
    make("div", { className: "row" }, make("input", { type: "file", name: "file", "aria-label": page.word("attach") }), make("button", { type: "submit", className: "primary" }, page.word("send"))),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = new FormData(form);
    for (const [name, value] of Object.entries({ channel: channel.key, person: person.id, answers: page.answering ?? "" })) body.set(name, value);
    if (await page.act(() => post("/write", body))) form.reset();
    page.answering = null;
  });
  return make(
    "article",
    { className: "mail" },
    make("header", {}, make("b", {}, person?.name ?? ""), make("span", {}, person?.email ?? "")),
    make("div", { className: "mails", role: "log", "aria-label": person?.email ?? "" }),
    form,
  );
}

function letter(page, entry) {
  const { channel, person } = page;
  const reply = () => {
    page.answering = entry.id;
    const form = page.find(".compose");
    form.subject.value = entry.subject.startsWith("Re: ") ? entry.subject : `Re: ${entry.subject}`;
    form.text.focus();
  };
  return make(
    "section",
    { className: `letter${entry.mine ? " mine" : ""}` },
    make("header", {}, make("b", {}, entry.subject), make("span", {}, `${day(entry.at, page.language)} ${clockTime(entry.at, page.language)}`)),
    make("span", { className: "meta" }, `${page.word("from")}: ${entry.mine ? person.email : channel.address}`),
    make("p", {}, entry.text),
    make(
      "span",
      { className: "meta" },
      entry.media_name ? `📎 ${entry.media_name}` : null,
      entry.mine ? page.word(entry.status) : make("button", { type: "button", onclick: reply }, page.word("reply")),
      entry.problem || null,
    ),
  );
}
