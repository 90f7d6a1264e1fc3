// The Uploads under way: what has been begun and is not a File yet.

import { walk } from "./api.js";
import { button, find, h, show, time } from "./dom.js";
import { ago, bytes, plural, until } from "./format.js";
import { table } from "./parts.js";
import { ask } from "./question.js";

const most = 200; // rows

let api;
let onCancel;
let view;

// startUploads shows what client sees. cancelled is called with the id of each Upload
// that is cancelled here.
export function startUploads(client, cancelled) {
  api = client;
  onCancel = cancelled;
  view = find("#uploads");
  find(".refresh", view).addEventListener("click", loadUploads);
}

export async function loadUploads() {
  const problem = find(".message", view);
  const empty = find(".empty", view);
  show(problem, null);
  try {
    const { pending, more } = await pendingUploads();
    find("tbody", view).replaceChildren(...pending.map(row));
    empty.textContent = pending.length === 0 ? "Nothing is under way." : more ? `These are the newest ${most}.` : "";
  } catch (error) {
    find("tbody", view).replaceChildren();
    empty.textContent = "";
    show(problem, error, loadUploads);
  }
}

// pendingUploads looks from the newest on. An Upload stays open for a fixed time: once
// one is past its end, so are all that are older.
async function pendingUploads() {
  const now = Date.now() / 1000;
  const pending = [];
  for await (const page of walk((query) => api.uploads(query), { limit: 1000 })) {
    pending.push(...page.filter((upload) => upload.status === "pending"));
    if (pending.length > most) return { pending: pending.slice(0, most), more: true };
    if (page.at(-1)?.expires_at < now) break;
  }
  return { pending, more: false };
}

function row(upload) {
  const arrived = h("td", { class: "number" }, `… of ${bytes(upload.bytes)}`);
  countArrived(upload, arrived);
  return h("tr", {},
    h("th", { scope: "row" },
      button(upload.filename, () => parts(upload), { class: "link", "aria-haspopup": "dialog" }),
      h("small", { class: "slim" }, `ends ${until(upload.expires_at)}`)),
    h("td", { class: "wide" }, upload.purpose),
    arrived,
    h("td", { class: "wide" }, time(upload.created_at, ago(upload.created_at))),
    h("td", { class: "wide" }, time(upload.expires_at, until(upload.expires_at))),
    h("td", { class: "actions" }, button("Cancel", () => cancel(upload), { name: `Cancel the Upload of ${upload.filename}`, class: "quiet" })));
}

async function countArrived(upload, place) {
  let sum = 0;
  try {
    for await (const page of walk((query) => api.parts(upload.id, query), {})) {
      for (const part of page) sum += part.bytes;
    }
    place.textContent = `${bytes(sum)} of ${bytes(upload.bytes)}`;
  } catch (error) {
    place.textContent = bytes(upload.bytes);
    place.title = error.message;
  }
}

async function cancel(upload) {
  if (!await ask(`Cancel the Upload of ${upload.filename}?`, "What has arrived of it is given up, whoever sends it.", "Cancel it", "Keep it")) return;
  let failed = null;
  try {
    await api.cancelUpload(upload.id);
    onCancel(upload.id);
  } catch (error) {
    failed = error;
  }
  await loadUploads();
  show(find(".message", view), failed);
  find("#uploads-title").focus();
}

async function parts(upload) {
  const dialog = find("#details");
  const place = h("section", { "aria-label": "Parts" });
  dialog.replaceChildren(
    h("h2", { id: "details-title" }, upload.filename),
    h("dl", {}, h("dt", {}, "Id"), h("dd", {}, h("code", {}, upload.id)),
      h("dt", {}, "Announced"), h("dd", {}, plural(upload.bytes, "byte")),
      h("dt", {}, "Ends"), h("dd", {}, until(upload.expires_at))),
    place,
    h("div", { class: "buttons" }, button("Close", () => dialog.close(), { autofocus: true })));
  dialog.showModal();
  try {
    place.replaceChildren(await table(api, upload.id));
  } catch (error) {
    show(place, error);
  }
}
