// data-opens="<id>" opens a <dialog>; data-closes, Escape and a click beside it close it.
document.addEventListener("click", (event) => {
  const opener = event.target.closest?.("[data-opens]");
  if (opener) {
    event.preventDefault();
    document.getElementById(opener.dataset.opens)?.showModal();
    return;
  }
  const dialog = event.target.closest?.("dialog");
  if (dialog && (event.target.closest("[data-closes]") || event.target === dialog)) dialog.close();
});
