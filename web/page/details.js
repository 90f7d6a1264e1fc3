// All that is known of one file.

import { walk } from "./api.js";
import { hexOfBase64 } from "./checksum.js";
import { copy } from "./clipboard.js";
import { button, find, h, show, time } from "./dom.js";
import { download } from "./download.js";
import { ago, bytes, count, moment, plural, until } from "./format.js";
import { table } from "./parts.js";

// details shows a file in a dialog. remove deletes files after a question.
export function details(api, file, remove) {
  const dialog = find("#details");
  const closed = new AbortController();
  dialog.onclose = () => dialog.open || closed.abort(); // it comes late, perhaps to the next one
  const problem = h("div", { class: "message", role: "alert" });
  const sum = h("dd", {}, "…");
  const parts = h("section", { "aria-label": "Parts" }, h("p", { class: "hint" }, "Looking for its parts…"));
  const copied = button("Copy id", async () => {
    await copy(file.id);
    copied.textContent = "Copied";
  });
  dialog.replaceChildren(
    h("h2", { id: "details-title" }, file.filename),
    problem,
    h("dl", {},
      fact("Id", h("code", {}, file.id)),
      fact("Purpose", file.purpose),
      fact("Size", file.bytes < 1024 ? bytes(file.bytes) : `${bytes(file.bytes)} (${count(file.bytes)} bytes)`),
      fact("Made", time(file.created_at, `${moment(file.created_at)}, ${ago(file.created_at)}`)),
      fact("Expires", file.expires_at === null ? "never" : time(file.expires_at, `${moment(file.expires_at)}, ${until(file.expires_at)}`)),
      h("dt", {}, "CRC-32C"), sum),
    parts,
    h("div", { class: "buttons" },
      button("Delete…", async () => await remove([file]) && dialog.close(), { class: "danger" }),
      copied,
      button("Download", () => download(api, file).catch((error) => show(problem, error)), { class: "main" }),
      button("Close", () => dialog.close(), { autofocus: true })));
  dialog.showModal();
  fillSum(api, file, sum);
  fillParts(api, file, parts, closed.signal);
}

const fact = (name, value) => [h("dt", {}, name), h("dd", {}, value)];

async function fillSum(api, file, place) {
  try {
    const sum = await api.checksum(file.id);
    place.replaceChildren(sum ? h("code", {}, hexOfBase64(sum)) : "not known");
  } catch (error) {
    show(place, error);
  }
}

async function fillParts(api, file, place, signal) {
  try {
    const upload = await uploadOf(api, file, signal, (n) => place.replaceChildren(
      h("p", { class: "hint" }, `Looking for its parts: ${plural(n, "Upload")} seen.`)));
    if (!upload) {
      place.replaceChildren(h("p", { class: "hint" }, "It was sent in one piece, or its Upload is not in the list."));
      return;
    }
    place.replaceChildren(h("p", {}, "Made by ", h("code", {}, upload.id)), await table(api, upload.id, signal));
  } catch (error) {
    if (!signal.aborted) show(place, error);
  }
}

// uploadOf finds the Upload that made a file. A file does not name it, and lists of
// Uploads do not name files; but both have the same time, name and size. The list is
// walked from the end that is nearer to that time.
async function uploadOf(api, file, signal, progress) {
  const recent = file.created_at > Date.now() / 1000 - 7 * 86_400;
  const order = recent ? "desc" : "asc";
  let seen = 0;
  for await (const page of walk((query) => api.uploads(query, signal), { limit: 1000, order })) {
    for (const upload of page) {
      if (upload.created_at === file.created_at && upload.filename === file.filename && upload.bytes === file.bytes) {
        const whole = await api.upload(upload.id, signal);
        if (whole.file?.id === file.id) return whole;
      }
      if (recent ? upload.created_at < file.created_at : upload.created_at > file.created_at) return null;
    }
    progress(seen += page.length);
  }
  return null;
}
