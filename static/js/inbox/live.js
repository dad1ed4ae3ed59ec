// The socket: ids of what changed come in and become "hilo:live" events. It reconnects with a growing pause. Whenever it opens it
// asks everybody to catch up: between the page's making and its first opening, too, nobody would have told us.
import { desk } from "./desk.js";

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 20_000;
const AGAIN = 3_000;
const NOT_ALLOWED = 4403;
let socket = null;
let pause = FIRST_PAUSE;
let timer = 0;
let missedTimer = 0;

function isOpen() {
  return socket?.readyState === WebSocket.OPEN;
}

function tell(name, detail = {}) {
  document.dispatchEvent(new CustomEvent(name, { detail }));
}

function showOffline(offline) {
  for (const mark of document.querySelectorAll("[data-offline]")) mark.hidden = !offline;
}

function connect() {
  clearTimeout(timer);
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  socket = new WebSocket(`${scheme}://${location.host}${desk().dataset.socket}`);
  socket.addEventListener("open", () => {
    pause = FIRST_PAUSE;
    desk().dataset.live = "on";
    showOffline(false);
    tell("hilo:catch-up");
    tell("hilo:connected");
  });
  socket.addEventListener("message", (event) => tell("hilo:live", JSON.parse(event.data)));
  socket.addEventListener("close", (event) => {
    if (event.code === NOT_ALLOWED) return;
    desk().dataset.live = "off";
    // A first short break is nobody's business.
    if (pause > FIRST_PAUSE) showOffline(true);
    timer = setTimeout(connect, pause * (0.7 + Math.random() * 0.6));
    pause = Math.min(pause * 2, LONGEST_PAUSE);
  });
}

export function say(message) {
  if (isOpen()) socket.send(JSON.stringify(message));
}

// An answer did not come although the socket is open; when it is not, its next opening catches up anyway.
document.addEventListener("hilo:missed", () => {
  clearTimeout(missedTimer);
  missedTimer = setTimeout(() => { if (isOpen()) tell("hilo:catch-up"); }, AGAIN);
});

window.addEventListener("online", () => { if (socket?.readyState === WebSocket.CLOSED) connect(); });
document.addEventListener("visibilitychange", () => { if (!document.hidden && socket?.readyState === WebSocket.CLOSED) connect(); });
if (desk()) connect();
