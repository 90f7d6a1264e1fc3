// What fills the space: by purpose, and within each by age.

import { walk } from "./api.js";
import { chart } from "./chart.js";
import { find, h, say, show } from "./dom.js";
import { bytes, count, plural } from "./format.js";
import { patiently } from "./retry.js";

const day = 86_400;

// ages are the classes, the youngest first, each with the age in seconds that it ends
// before.
export const ages = [
  ["less than a day", day],
  ["less than a week", 7 * day],
  ["less than a month", 30 * day],
  ["less than three months", 90 * day],
  ["older", Infinity],
];

let api;
let view;
let counting = new AbortController();

export function startSpace(client) {
  api = client;
  view = find("#space");
  find(".refresh", view).addEventListener("click", loadSpace);
  find(".progress button", view).addEventListener("click", () => counting.abort());
}

export async function loadSpace() {
  counting.abort();
  const mine = counting = new AbortController();
  const problem = find(".message", view);
  show(problem, null);
  let usage = null;
  try {
    usage = await api.usage();
    find(".totals", view).replaceChildren(...totals(usage));
    await countFiles(usage.project.files, mine);
  } catch (error) {
    if (counting === mine) show(problem, error, loadSpace);
  }
  if (counting === mine) find(".progress", view).hidden = true;
}

function totals({ project, key }) {
  const of = (limit, format) => (limit === null ? "" : ` of ${format(limit)}`);
  const lines = (account) => [
    ["Stored", `${bytes(account.bytes)}${of(account.limits.bytes, bytes)}`],
    ["Files", `${count(account.files)}${of(account.limits.files, count)}`],
    ["Under way", `${plural(account.uploads, "Upload")}, ${bytes(account.reserved_bytes)} set aside`],
  ];
  const whose = [["This project", project], ...(key && Object.values(key.limits).some((limit) => limit !== null) ? [["This key", key]] : [])];
  return whose.flatMap(([name, account]) => lines(account).map(([what, value]) =>
    h("div", {}, h("dt", {}, whose.length > 1 ? `${name}: ${what.toLowerCase()}` : what), h("dd", {}, value))));
}

// countFiles walks through all files and adds them up; the picture grows meanwhile.
async function countFiles(expected, mine) {
  const place = find(".progress", view);
  const bar = find("progress", place);
  const sums = new Map(); // of each purpose: {files, bytes} by age
  const now = Date.now() / 1000;
  let seen = 0;
  const draw = () => find("figure", view).replaceChildren(...picture(sums, mine.signal.aborted ? seen : null));
  try {
    const list = (query) => patiently(() => api.files(query, mine.signal), { signal: mine.signal });
    for await (const page of walk(list, { limit: 10_000 })) {
      if (counting !== mine) return;
      for (const file of page) add(sums, file, now);
      seen += page.length;
      place.hidden = seen >= expected;
      [bar.max, bar.value] = [Math.max(expected, seen, 1), seen];
      find("span", place).textContent = `Counted ${plural(seen, "file")}.`;
      draw();
    }
  } catch (error) {
    if (!mine.signal.aborted) throw error;
    if (counting === mine) draw();
    return;
  }
  say(`Counted ${plural(seen, "file")}.`);
}

function add(sums, file, now) {
  if (!sums.has(file.purpose)) sums.set(file.purpose, ages.map(() => ({ files: 0, bytes: 0 })));
  const sum = sums.get(file.purpose)[ages.findIndex(([, end]) => now - file.created_at < end)];
  sum.files++;
  sum.bytes += file.bytes;
}

// picture is the chart, what its colours mean, and the same in figures.
function picture(sums, stoppedAt) {
  const rows = [...sums].map(([purpose, byAge]) => ({
    purpose, byAge,
    files: byAge.reduce((sum, one) => sum + one.files, 0),
    bytes: byAge.reduce((sum, one) => sum + one.bytes, 0),
  })).sort((a, b) => b.bytes - a.bytes);
  if (rows.length === 0) return [h("p", { class: "empty" }, "There are no files yet.")];
  return [
    stoppedAt === null ? null : h("p", { class: "hint" }, `Stopped: this is of ${plural(stoppedAt, "file")} alone.`),
    chart(rows),
    h("ul", { class: "legend" }, ages.map(([name], i) => h("li", { class: `age-${i}` }, name))),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "In figures" }, figures(rows)),
  ].filter(Boolean);
}

function figures(rows) {
  return h("table", {},
    h("caption", { class: "unseen" }, "Bytes by purpose and age"),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Purpose"), ages.map(([name]) => h("th", { scope: "col", class: "number" }, name)),
      h("th", { scope: "col", class: "number" }, "all"), h("th", { scope: "col", class: "number" }, "files"))),
    h("tbody", {}, rows.map((row) => h("tr", {}, h("th", { scope: "row" }, row.purpose),
      row.byAge.map((one) => h("td", { class: "number" }, one.files ? bytes(one.bytes) : "–")),
      h("td", { class: "number" }, bytes(row.bytes)), h("td", { class: "number" }, count(row.files))))));
}
