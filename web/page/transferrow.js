// A file being sent, as the list shows it: how far it is, how fast, and what can be done.

import { copy } from "./clipboard.js";
import { button, h, requestOf, say } from "./dom.js";
import { bytes, left, until } from "./format.js";
import { ask } from "./question.js";

// transferRow is a line of the list that follows its transfer. become is called when
// that gets into another state.
export function transferRow(transfer, become) {
  const { name } = transfer;
  const progress = h("progress", { "aria-label": `Sent of ${name}`, max: Math.max(transfer.size, 1), value: 0 });
  const status = h("p", { class: "status" });
  const problem = h("div", { class: "message", role: "alert" });
  const again = h("input", { type: "file", hidden: true, "aria-label": `Choose ${name} again`, change: () => {
    transfer.resume(again.files[0]);
    again.value = "";
  } });
  const main = button("", () => {
    if (transfer.active) transfer.pause();
    else if (transfer.file) copy(transfer.file.id);
    else if (transfer.needsFile) again.click();
    else transfer.resume();
  });
  const over = button("Start over", () => transfer.startOver(), { name: `Start over with ${name}`, class: "quiet" });
  const cancel = button("Cancel", async () => {
    if (await ask(`Cancel sending ${name}?`, "What has arrived of it is given up.", "Cancel it", "Go on")) transfer.cancel();
  }, { name: `Cancel sending ${name}`, class: "quiet" });
  const line = h("li", {},
    h("div", { class: "line" }, h("strong", {}, name), h("span", { class: "buttons" }, main, over, cancel, again)),
    progress, status, problem);

  let announced = "";
  const update = () => {
    line.dataset.state = transfer.state;
    progress.value = transfer.size ? transfer.progress : Number(transfer.state === "done");
    status.textContent = describe(transfer);
    const [text, label] = mainButton(transfer);
    main.textContent = text;
    main.setAttribute("aria-label", label);
    main.hidden = transfer.state === "cancelled";
    over.hidden = !transfer.changed || transfer.state === "interrupted";
    cancel.hidden = transfer.over;
    const key = transfer.state + (transfer.error?.message ?? "");
    if (key === announced) return;
    announced = key;
    problem.replaceChildren(transfer.error ? h("p", { class: "error" }, transfer.error.message, requestOf(transfer.error)) : "");
    if (["paused", "done", "cancelled"].includes(transfer.state)) say(`${name}: ${transfer.state}`);
    become();
  };
  transfer.addEventListener("change", inFrames(update));
  update();
  return line;
}

function mainButton({ active, file, needsFile, name }) {
  if (active) return ["Pause", `Pause sending ${name}`];
  if (file) return ["Copy id", `Copy id of ${name}`];
  if (needsFile) return ["Choose again…", `Choose again… ${name}`];
  return ["Resume", `Resume sending ${name}`];
}

function describe(transfer) {
  const { state, size, progress } = transfer;
  const far = `${bytes(progress)} of ${bytes(size)}`;
  switch (state) {
    case "interrupted":
      return `${far} had arrived. Choose the file again to go on; what has arrived is kept ${keeps(transfer)}.`;
    case "waiting":
      return `${far} · waiting`;
    case "sending": {
      const speed = transfer.speed.perSecond();
      const moving = speed ? `${bytes(speed)}/s · ${left((size - progress) / speed)}` : "";
      return [far, transfer.note || moving].filter(Boolean).join(" · ");
    }
    case "finishing":
      return transfer.note || "All of it has arrived; finishing.";
    case "paused":
    case "failed":
      return `${far} · ${state}${transfer.expiresAt ? ` · what has arrived is kept ${keeps(transfer)}` : ""}`;
    case "done":
      return `${bytes(size)} · done`;
    default:
      return "Cancelled. Nothing of it is kept.";
  }
}

// keeps says how long the Upload stays open.
const keeps = (transfer) => until(transfer.expiresAt).replace(/^in/, "for another").replace("now", "no longer");

// inFrames calls update at most once a frame, and in the background once a second.
function inFrames(update) {
  let due = false;
  return () => {
    if (due) return;
    due = true;
    const run = () => {
      due = false;
      update();
    };
    if (document.hidden) setTimeout(run, 1000);
    else requestAnimationFrame(run);
  };
}
