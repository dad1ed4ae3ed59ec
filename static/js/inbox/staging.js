// Files that go out with the next message: by button, by drag, by paste.
const form = () => document.querySelector("[data-composer]");
const box = () => form().querySelector("[data-text]");

export function staged() {
  return form()?.querySelector("[data-files]");
}

export function addFiles(more) {
  const all = new DataTransfer();
  for (const file of [...staged().files, ...more]) all.items.add(file);
  staged().files = all.files;
  showFiles();
}

export function showFiles() {
  const list = form().querySelector("[data-staged]");
  list.replaceChildren(...[...staged().files].map((file, index) => {
    const item = document.createElement("li");
    const name = document.createElement("span");
    name.className = "clip";
    name.textContent = file.name;
    const remove = document.createElement("button");
    remove.type = "button";
    remove.textContent = "×";
    remove.ariaLabel = list.dataset.remove.replace("%s", file.name);
    remove.addEventListener("click", () => {
      const rest = new DataTransfer();
      [...staged().files].forEach((other, at) => { if (at !== index) rest.items.add(other); });
      staged().files = rest.files;
      showFiles();
      box().focus();
    });
    item.append(name, remove);
    return item;
  }));
}

document.addEventListener("change", (event) => { if (event.target === staged()) showFiles(); });

document.addEventListener("paste", (event) => {
  if (!form() || event.target !== box() || !event.clipboardData.files.length) return;
  event.preventDefault();
  addFiles(event.clipboardData.files);
});

for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    const composer = form();
    if (!composer || !event.target.closest?.(".thread") || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    composer.classList.toggle("dropping", name === "dragover");
    if (name === "drop") { addFiles(event.dataTransfer.files); box().focus(); }
  });
}
