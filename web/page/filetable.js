// The table of files: one page of them, and which of these are ticked.

import { copy } from "./clipboard.js";
import { button, find, h, time } from "./dom.js";
import { ago, bytes, plural, until } from "./format.js";
import { icon } from "./icons.js";

export class FileTable {
  files = [];
  #ticked = new Set(); // ids
  #actions;
  #body = find("#files tbody");
  #all = find("#tick-all");
  #remover = find("#delete-ticked");

  // actions are what can be done with files: open and download take one, remove a list.
  constructor(actions) {
    this.#actions = actions;
    this.#all.addEventListener("change", () => this.#tickAll(this.#all.checked));
    this.#remover.addEventListener("click", () => actions.remove(this.files.filter((file) => this.#ticked.has(file.id))));
  }

  // fill shows other files. What was ticked and is still there stays so, and the focus
  // stays on the file that had it.
  fill(files) {
    const row = document.activeElement.closest("#files tbody tr");
    const focus = row && [row.dataset.id, [...row.querySelectorAll("button, input")].indexOf(document.activeElement)];
    this.files = files;
    this.#ticked = new Set(files.map((file) => file.id).filter((id) => this.#ticked.has(id)));
    this.#body.replaceChildren(...files.map((file) => this.#row(file)));
    if (focus) this.#body.querySelector(`[data-id="${focus[0]}"]`)?.querySelectorAll("button, input")[focus[1]].focus();
    this.#tell();
  }

  #row(file) {
    const { open, download, remove } = this.#actions;
    const tick = h("input", { type: "checkbox", "aria-label": `Select ${file.filename}`, change: () => {
      if (tick.checked) this.#ticked.add(file.id);
      else this.#ticked.delete(file.id);
      this.#tell();
    } });
    tick.checked = this.#ticked.has(file.id);
    return h("tr", { "data-id": file.id },
      h("td", { class: "tick" }, tick),
      h("th", { scope: "row" },
        button(file.filename, () => open(file), { class: "link", "aria-haspopup": "dialog" }),
        h("small", { class: "slim" }, `${file.purpose} · ${ago(file.created_at)}`)),
      h("td", { class: "wide" }, file.purpose),
      h("td", { class: "number" }, bytes(file.bytes)),
      h("td", { class: "wide" }, time(file.created_at, ago(file.created_at))),
      h("td", { class: "wide" }, file.expires_at === null ? "never" : time(file.expires_at, until(file.expires_at))),
      h("td", { class: "actions" },
        button(icon("download"), () => download(file), { name: `Download ${file.filename}`, title: "Download" }),
        button(icon("copy"), () => copy(file.id), { name: `Copy the id of ${file.filename}`, title: "Copy id", class: "wide" }),
        button(icon("delete"), () => remove([file]), { name: `Delete ${file.filename}`, title: "Delete", class: "wide" })));
  }

  #tickAll(on) {
    this.#ticked = new Set(on ? this.files.map((file) => file.id) : []);
    for (const tick of this.#body.querySelectorAll("input")) tick.checked = on;
    this.#tell();
  }

  #tell() {
    const count = this.#ticked.size;
    this.#all.checked = count > 0 && count === this.files.length;
    this.#all.indeterminate = count > 0 && count < this.files.length;
    this.#all.disabled = this.files.length === 0;
    this.#remover.disabled = count === 0;
    this.#remover.textContent = count ? `Delete ${plural(count, "file")}…` : "Delete selected";
  }
}
