// The parts of an Upload, as a table.

import { h } from "./dom.js";
import { bytes, plural } from "./format.js";

const most = 1000; // rows

// table lists them in the order in which they arrived, which is the server's.
export async function table(api, uploadId, signal) {
  const { data, has_more: more } = await api.parts(uploadId, { order: "asc", limit: most }, signal);
  if (data.length === 0) return h("p", { class: "hint" }, "It has no parts.");
  return h("details", {},
    h("summary", {}, `${more ? `The first ${most} parts` : plural(data.length, "part")}, as they arrived`),
    h("table", { class: "parts" },
      h("caption", { class: "unseen" }, "Parts"),
      h("thead", {}, h("tr", {}, 
        h("th", { scope: "col" }, "Id"), h("th", { scope: "col", class: "number" }, "Size"), h("th", { scope: "col" }, "CRC-32C"))),
      h("tbody", {}, data.map((part) => h("tr", {},
        h("th", { scope: "row" }, h("code", { class: "id" }, part.id)),
        h("td", { class: "number" }, bytes(part.bytes)),
        h("td", {}, h("code", {}, part.crc32c)))))));
}
