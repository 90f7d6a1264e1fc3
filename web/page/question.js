// A question before something that cannot be undone.

import { button, find, h } from "./dom.js";

// ask shows a question and yields whether the answer is yes.
export function ask(title, text, yes, no = "Keep") {
  const dialog = find("#question");
  return new Promise((resolve) => {
    const answer = (value) => () => {
      dialog.close();
      resolve(value);
    };
    dialog.replaceChildren(
      h("h2", { id: "question-title" }, title),
      h("p", { id: "question-text" }, text),
      h("div", { class: "buttons" }, button(no, answer(false), { autofocus: true }), button(yes, answer(true), { class: "danger" })));
    dialog.setAttribute("aria-describedby", "question-text");
    dialog.oncancel = () => resolve(false); // the key Escape
    dialog.showModal();
  });
}
