// Who else looks at this conversation or writes in it.
import { me, pane, shownConversation } from "./desk.js";
import { say } from "./live.js";

const ALIVE = 25_000;
const TYPING = 4_000;
const others = new Map();
let spoken = 0;
let typingUntil = 0;
let shown = 0;

const names = () => JSON.parse(document.getElementById("members")?.textContent ?? "{}");

function draw() {
  const mark = document.querySelector("[data-viewers]");
  const line = document.querySelector("[data-typing]");
  if (!mark || !line) return;
  const known = names();
  const who = (state) => [...others].filter(([id, its]) => its === state && id !== me() && known[id]).map(([id]) => known[id].split(" ")[0]);
  const looking = who("viewing");
  const writing = who("typing");
  mark.hidden = !looking.length;
  mark.textContent = looking.length ? mark.dataset.views.replace("%s", looking.join(", ")) : "";
  line.hidden = !writing.length;
  line.textContent = writing.length ? mark.dataset.types.replace("%s", writing.join(", ")) : "";
}

function tell() {
  const open = shownConversation();
  if (open !== shown) { others.clear(); shown = open; }
  if (open) say({ kind: Date.now() < typingUntil ? "typing" : "viewing", conversation: open });
  else say({ kind: "left" });
  draw();
}

document.addEventListener("hilo:live", ({ detail }) => {
  if (detail.conversation !== shownConversation()) return;
  if (detail.kind === "present") {
    others.clear();
    for (const [id, state] of Object.entries(detail.members)) others.set(Number(id), state);
  } else if (detail.kind === "presence") {
    if (detail.state === "left") others.delete(detail.membership);
    else others.set(detail.membership, detail.state);
  } else return;
  draw();
});

document.addEventListener("input", (event) => {
  if (!event.target.matches("[data-text]") || Date.now() - spoken < TYPING / 2) return;
  spoken = Date.now();
  typingUntil = spoken + TYPING;
  tell();
  setTimeout(() => { if (Date.now() >= typingUntil) tell(); }, TYPING + 50);
});

document.addEventListener("hilo:connected", tell);
document.addEventListener("hilo:header", draw);
document.addEventListener("htmx:afterSettle", (event) => { if (event.detail.target?.id === "thread-pane" || !pane()) tell(); else draw(); });
setInterval(() => { if (!document.hidden) tell(); }, ALIVE);
