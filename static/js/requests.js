// What goes wrong with an htmx request is said in a toast; a session that ended leads to the login page.
import { toast } from "./toasts.js";
import { words } from "./words.js";

document.addEventListener("htmx:responseError", (event) => {
  const status = event.detail.xhr.status;
  const text = { 403: words.forbidden, 404: words.gone, 409: words.busy }[status] ?? words.failed;
  toast(text, { level: "error" });
});

document.addEventListener("htmx:sendError", () => toast(words.offline, { level: "error" }));
document.addEventListener("htmx:timeout", () => toast(words.failed, { level: "error" }));

document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, requestConfig } = event.detail;
  const answered = xhr.responseURL && new URL(xhr.responseURL, location.href).pathname;
  if (answered === words.login_url && requestConfig.path !== words.login_url) {
    event.detail.shouldSwap = false;
    location.assign(`${words.login_url}?next=${encodeURIComponent(location.pathname + location.search)}`);
  }
});
