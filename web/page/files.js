// The files: a table of a hundred at a time, whatever there are.

import { copy } from "./clipboard.js";
import { details } from "./details.js";
import { button, find, h, say, show, time } from "./dom.js";
import { download } from "./download.js";
import { ago, bytes, count, plural, until } from "./format.js";
import { icon } from "./icons.js";
import { ask } from "./question.js";
import { Scan, most } from "./scan.js";

const pageSize = 100;

let api;
let view; // the section
let total = null; // files of the project, if known
let shown = []; // the files on this page
let ticked = new Set(); // ids
let before = []; // the cursors of the pages before this one, for the server's own order
let after = "";
let more = false;
let scan = null; // when the order is not the server's
let scanPage = 0;
let latest = 0; // counts what was asked for: answers that come too late are dropped

export function startFiles(client) {
  api = client;
  view = find("#files");
  const form = find("#find");
  let typing;
  form.elements.search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(loadFiles, 300);
  });
  for (const name of ["purpose", "sort"]) form.elements[name].addEventListener("change", () => loadFiles());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(typing);
    loadFiles();
  });
  find("#next").addEventListener("click", () => turn(1));
  find("#previous").addEventListener("click", () => turn(-1));
  find("#tick-all").addEventListener("change", (event) => tickAll(event.target.checked));
  find("#delete-ticked").addEventListener("click", () => remove(shown.filter((file) => ticked.has(file.id))));
  find(".progress button", view).addEventListener("click", () => scan?.stop());
}

// loadFiles shows the first page of what the form asks for.
export async function loadFiles() {
  const { search, purpose, sort } = find("#find").elements;
  const [order, direction] = sort.value.split(" ");
  const question = { search: search.value.trim(), purpose: purpose.value, sort: order, direction };
  scan?.stop();
  before = [];
  after = "";
  scanPage = 0;
  scan = order === "created" && !question.search ? null : new Scan(question);
  countAll();
  await (scan ? look(scan) : fetchPage());
}

// countAll asks how many files there are. A key that may not know does without.
async function countAll() {
  try {
    total = (await api.usage()).project.files;
  } catch {
    total = null;
  }
  tellPlace();
}

async function fetchPage() {
  const mine = ++latest;
  const { purpose, sort } = find("#find").elements;
  try {
    const page = await api.files({ limit: pageSize, purpose: purpose.value, order: sort.value.split(" ")[1], after });
    if (mine !== latest) return;
    more = page.has_more;
    fill(page.data);
    show(find("#files-problem"), null);
  } catch (error) {
    if (mine === latest) refuse(error);
  }
}

async function look(mine) {
  latest++;
  const place = find(".progress", view);
  const bar = find("progress", place);
  const progress = () => {
    if (scan !== mine) return;
    place.hidden = false;
    if (total && !mine.purpose) [bar.max, bar.value] = [Math.max(total, mine.looked), mine.looked];
    else bar.removeAttribute("value");
    find("span", place).textContent = `Looked at ${plural(mine.looked, "file")}, found ${count(mine.matched)}.`;
    fillFromScan();
  };
  try {
    progress();
    await mine.run(api, progress);
    if (scan !== mine) return;
    fillFromScan();
    say(`Found ${plural(mine.matched, "file")}.`);
    show(find("#files-problem"), null);
  } catch (error) {
    if (scan === mine) refuse(error);
  }
  if (scan === mine) place.hidden = true;
}

function refuse(error) {
  more = false;
  fill([]);
  find(".empty", view).hidden = true;
  show(find("#files-problem"), error, loadFiles);
}

function fillFromScan() {
  more = scan.found.length > (scanPage + 1) * pageSize;
  fill(scan.found.slice(scanPage * pageSize, (scanPage + 1) * pageSize));
}

async function turn(by) {
  if (scan) {
    scanPage += by;
    fillFromScan();
  } else {
    if (by > 0) {
      before.push(after);
      after = shown.at(-1).id;
    } else {
      after = before.pop();
    }
    await fetchPage();
  }
  find("#files-title").scrollIntoView({ block: "nearest" });
}

function fill(files) {
  shown = files;
  ticked = new Set([...ticked].filter((id) => files.some((file) => file.id === id)));
  find("tbody", view).replaceChildren(...files.map(row));
  const empty = find(".empty", view);
  empty.hidden = files.length > 0;
  empty.textContent = scan ? "No file fits." : "There are no files yet.";
  find("#next").disabled = !more;
  find("#previous").disabled = scan ? scanPage === 0 : before.length === 0;
  tellTicked();
  tellPlace();
}

function row(file) {
  const tick = h("input", { type: "checkbox", "aria-label": `Select ${file.filename}`, change: () => {
    if (tick.checked) ticked.add(file.id);
    else ticked.delete(file.id);
    tellTicked();
  } });
  tick.checked = ticked.has(file.id);
  const age = time(file.created_at, ago(file.created_at));
  return h("tr", { "data-id": file.id },
    h("td", { class: "tick" }, tick),
    h("th", { scope: "row" },
      button(file.filename, () => details(api, file, remove), { class: "link", "aria-haspopup": "dialog" }),
      h("small", { class: "slim" }, `${file.purpose} · ${ago(file.created_at)}`)),
    h("td", { class: "wide" }, file.purpose),
    h("td", { class: "number" }, bytes(file.bytes)),
    h("td", { class: "wide" }, age),
    h("td", { class: "wide" }, file.expires_at === null ? "never" : time(file.expires_at, until(file.expires_at))),
    h("td", { class: "actions" },
      button(icon("download"), () => fetchContent(file), { name: `Download ${file.filename}`, title: "Download" }),
      button(icon("copy"), () => copy(file.id), { name: `Copy the id of ${file.filename}`, title: "Copy id", class: "wide" }),
      button(icon("delete"), () => remove([file]), { name: `Delete ${file.filename}`, title: "Delete", class: "wide" })));
}

// fetchContent downloads a file, or says why not.
async function fetchContent(file) {
  const place = find("#files-problem");
  show(place, null);
  try {
    await download(api, file);
    say(`The download of ${file.filename} has begun.`);
  } catch (error) {
    show(place, error);
  }
}

// remove deletes files after a question, and yields whether all are gone.
async function remove(files) {
  const what = files.length === 1 ? files[0].filename : plural(files.length, "file");
  const size = bytes(files.reduce((sum, file) => sum + file.bytes, 0));
  if (!await ask(`Delete ${what}?`, `${size} will be gone for good. Whoever uses the ${files.length === 1 ? "file's id" : "files' ids"} finds nothing.`, "Delete")) return false;
  const failed = await removeAll(files);
  await reload();
  show(find("#files-problem"), failed);
  if (!failed) say(`Deleted ${what}.`);
  find("#files-title").focus();
  return !failed;
}

// removeAll deletes one behind the other, and yields the first refusal. A file that
// is gone already is one less.
async function removeAll(files) {
  for (const file of files) {
    try {
      await api.deleteFile(file.id);
    } catch (error) {
      if (error.status !== 404) return error;
    }
    ticked.delete(file.id);
    if (scan) scan.found = scan.found.filter((one) => one.id !== file.id);
  }
  return null;
}

// reload shows the same page again, or the one before if nothing is left of it.
async function reload() {
  countAll();
  if (scan) {
    fillFromScan();
    return;
  }
  await fetchPage();
  if (shown.length === 0 && before.length > 0) await turn(-1);
}

function tickAll(on) {
  ticked = new Set(on ? shown.map((file) => file.id) : []);
  for (const tick of view.querySelectorAll("tbody input")) tick.checked = on;
  tellTicked();
}

function tellTicked() {
  const all = find("#tick-all");
  all.checked = shown.length > 0 && ticked.size === shown.length;
  all.indeterminate = ticked.size > 0 && ticked.size < shown.length;
  all.disabled = shown.length === 0;
  const remover = find("#delete-ticked");
  remover.disabled = ticked.size === 0;
  remover.textContent = ticked.size ? `Delete ${plural(ticked.size, "file")}…` : "Delete selected";
}

// tellPlace says where in all of it the page is.
function tellPlace() {
  const first = (scan ? scanPage : before.length) * pageSize + 1;
  find(".place", view).textContent = shown.length ? `${count(first)} to ${count(first + shown.length - 1)}` : "";
  let text = total === null ? "" : plural(total, "file");
  if (scan?.matched > most) text = `the first ${count(most)} of ${scan.sort === "created" ? "more finds" : plural(scan.matched, "find")}`;
  else if (scan) text = plural(scan.matched, "find");
  if (scan?.stopped) text += `, stopped after ${plural(scan.looked, "file")}`;
  find(".count", view).textContent = text;
}
