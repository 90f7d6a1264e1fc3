// The files being sent: choosing and dropping them, and the list of those under way.

import { find, h, say } from "./dom.js";
import { plural } from "./format.js";
import { forget, remembered } from "./memory.js";
import { Transfer } from "./transfer.js";
import { transferRow } from "./transferrow.js";

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

// pauseAll stops everything, to go on another time.
export function pauseAll() {
  for (const transfer of transfers) if (transfer.active) transfer.pause();
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
  find("#transfers").append(transferRow(transfer, () => {
    if (transfer.state === "done") onDone(transfer.file);
    arrange();
  }));
  arrange();
  return transfer;
}
