// The files being sent: choosing them, and the list that shows how far they are.

import { copy } from "./clipboard.js";
import { button, find, h, requestOf, say } from "./dom.js";
import { bytes, left, plural, until } from "./format.js";
import { forget, remembered } from "./memory.js";
import { ask } from "./question.js";
import { Transfer } from "./transfer.js";

const transfers = new Set();
let api;
let onDone;

// startSending lets files be sent through client. done is called with each new File.
export function startSending(client, done) {
  api = client;
  onDone = done;
  const pick = find("#pick");
  find("#choose").addEventListener("click", () => pick.click());
  pick.addEventListener("change", () => {
    send(pick.files);
    pick.value = ""; // so that the same file can be chosen again
  });
  find("#clear-done").addEventListener("click", clear);
  acceptDrops();
  window.addEventListener("beforeunload", (event) => {
    if (sending()) event.preventDefault(); // the browser asks
  });
  setInterval(() => transfers.forEach((transfer) => transfer.active && transfer.dispatchEvent(new Event("change"))), 1000);
  offerRemembered();
}

// sending says whether anything is on its way.
export const sending = () => [...transfers].some((transfer) => transfer.active);

// uploadCancelled ends the sending of a file whose Upload is no more.
export function uploadCancelled(id) {
  [...transfers].find((transfer) => transfer.id === id)?.cancel();
}

function send(files) {
  const options = { purpose: find("#send-purpose").value };
  const seconds = Number(find("#send-expiry").value);
  if (seconds) options.expires_after = { anchor: "created_at", seconds };
  for (const file of files) {
    const same = [...transfers].find((t) => t.needsFile && t.name === file.name && t.size === file.size);
    if (same) same.resume(file);
    else add(new Transfer(api, file, options)).resume();
  }
  if (files.length) say(`Sending ${plural(files.length, "file")}.`);
}

// offerRemembered shows what was interrupted, as far as the server lets this key see
// it: what it does not is another's, or is gone.
async function offerRemembered() {
  for (const entry of remembered()) {
    try {
      const upload = await api.upload(entry.id);
      if (upload.status === "pending") add(new Transfer(api, null, entry.options, entry));
      else forget(entry.id);
    } catch {
      // It stays remembered, for the key that may see it, until its time is up.
    }
  }
}

function acceptDrops() {
  const place = find("#send-problem");
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  const over = (on) => document.body.classList.toggle("dropping", on);
  document.addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    over(true);
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget === null && over(false));
  document.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    over(false);
    const folders = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()?.isDirectory ?? false);
    place.replaceChildren(folders.includes(true) ? h("p", { class: "error" }, "Folders are not sent. Choose the files in them.") : "");
    send([...event.dataTransfer.files].filter((_, i) => !folders[i]));
  });
}

function clear() {
  for (const transfer of transfers) if (transfer.over) transfers.delete(transfer);
  for (const row of find("#transfers").querySelectorAll("[data-state=done], [data-state=cancelled]")) row.remove();
  arrange();
  find("#choose").focus();
}

// arrange shows the list, and its button, when there is something for them.
function arrange() {
  find("#sending").hidden = transfers.size === 0;
  find("#clear-done").hidden = ![...transfers].some((transfer) => transfer.over);
}

function add(transfer) {
  transfers.add(transfer);
  find("#transfers").append(row(transfer));
  arrange();
  return transfer;
}

// row is a line of the list that follows its transfer.
function row(transfer) {
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
    if (transfer.state === "done") onDone(transfer.file);
    arrange();
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
const keeps = (transfer) => until(transfer.expiresAt).replace(/^in/, "for another");

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
