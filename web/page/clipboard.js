// The clipboard.

import { find, h, say } from "./dom.js";

// copy puts text on it. A page may reach it only over a secure connection; elsewhere
// the older way remains.
export async function copy(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
  } else {
    const field = h("textarea", { class: "unseen" });
    field.value = text;
    (find("dialog[open]") ?? document.body).append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
  say(`Copied ${text}`);
}
