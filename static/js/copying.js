// data-copies="<text>" puts the text on the clipboard and says so.
import { toast } from "./toasts.js";
import { words } from "./words.js";

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copies]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copies);
  toast(words.copied);
});
