// Keeps "5 min" true without asking the server. What is older than half a day stays as the server wrote it.
import { words } from "./words.js";

function age(seconds) {
  if (seconds < 60) return words.now;
  if (seconds < 3600) return words.minutes.replace("%d", Math.floor(seconds / 60));
  return words.hours.replace("%d", Math.floor(seconds / 3600));
}

export function refreshAges() {
  const now = new Date();
  for (const element of document.querySelectorAll("time[data-ago]")) {
    const at = new Date(element.dateTime);
    const seconds = (now - at) / 1000;
    if (at.toDateString() !== now.toDateString() && seconds > 12 * 3600) continue;
    const text = age(seconds);
    if (element.textContent !== text) element.textContent = text;
  }
}

setInterval(refreshAges, 20_000);
document.addEventListener("visibilitychange", () => { if (!document.hidden) refreshAges(); });
