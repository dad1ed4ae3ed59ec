// HTML mail in its sandboxed frame: as tall as its content, opened on demand, remote pictures only after a click.
function fit(frame) {
  const inside = frame.contentDocument?.documentElement;
  if (!inside) return;
  const measure = () => { frame.height = Math.min(Math.max(inside.getBoundingClientRect().height + 2, 48), 4000); };
  measure();
  new ResizeObserver(measure).observe(inside);
}

document.addEventListener("load", (event) => {
  if (event.target.matches?.("iframe.mail-frame")) fit(event.target);
}, true);

document.addEventListener("click", (event) => {
  const mail = event.target.closest?.("[data-mail]");
  if (!mail) return;
  const frame = mail.querySelector("iframe");
  const original = event.target.closest("[data-mail-original]");
  if (original) {
    const shows = frame.hidden;
    if (shows && !frame.src) frame.src = frame.dataset.src;
    frame.hidden = !shows;
    original.setAttribute("aria-expanded", String(shows));
    for (const text of mail.querySelectorAll("[data-mail-text]")) text.hidden = shows;
    const images = mail.querySelector("[data-mail-images]");
    if (images) images.hidden = !shows || frame.src.includes("images=1");
  }
  const images = event.target.closest("[data-mail-images]");
  if (images) {
    frame.src = `${frame.dataset.src}?images=1`;
    images.hidden = true;
  }
});
