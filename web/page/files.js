// The files: a hundred at a time, whatever there are. In the order of time the server
// gives them page by page; for other orders, and for names, all are looked at.

import { details } from "./details.js";
import { find, say, show } from "./dom.js";
import { download } from "./download.js";
import { FileTable } from "./filetable.js";
import { bytes, count, plural } from "./format.js";
import { ask } from "./question.js";
import { Scan, most } from "./scan.js";

const pageSize = 100;

let api;
let table;
let total = null; // files of the project, if the key may know
let page = 0;
let cursors = [""]; // in the server's order: after what each page begins, up to this one
let more = false; // whether there is another page
let scan = null; // in an order that is not the server's
let latest = 0; // counts questions: the answer to an older one comes too late

export function startFiles(client) {
  api = client;
  table = new FileTable({ open: (file) => details(api, file, remove), download: fetchContent, remove });
  const form = find("#find");
  let typing;
  form.elements.search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(loadFiles, 300);
  });
  for (const name of ["purpose", "sort"]) form.elements[name].addEventListener("change", loadFiles);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(typing);
    loadFiles();
  });
  find("#next").addEventListener("click", () => turnTo(page + 1));
  find("#previous").addEventListener("click", () => turnTo(page - 1));
  find("#files .progress button").addEventListener("click", () => scan?.stop());
}

function question() {
  const { search, purpose, sort } = find("#find").elements;
  const [order, direction] = sort.value.split(" ");
  return { search: search.value.trim(), purpose: purpose.value, order, direction };
}

// loadFiles shows the first page of what the form asks for.
export async function loadFiles() {
  scan?.stop();
  const asked = question();
  scan = asked.order === "created" && !asked.search ? null : new Scan(asked);
  page = 0;
  cursors = [""];
  find("#files .progress").hidden = true; // of a look at all that is over
  countAll();
  await (scan ? look(scan) : fetchPage());
}

// fileMade shows a new file where it belongs on the first page; it disturbs nobody who
// looks at another one.
export function fileMade() {
  countAll();
  if (!scan && page === 0) fetchPage();
}

async function countAll() {
  total = await api.usage().then((usage) => usage.project.files, () => null);
  tellPlace();
}

async function fetchPage() {
  const mine = ++latest;
  const { purpose, direction } = question();
  try {
    const answer = await api.files({ limit: pageSize, purpose, order: direction, after: cursors[page] });
    if (mine !== latest) return;
    cursors[page + 1] = answer.last_id;
    fill(answer.data, answer.has_more);
    show(find("#files-problem"), null);
  } catch (error) {
    if (mine === latest) refuse(error);
  }
}

async function look(mine) {
  latest++;
  const place = find("#files .progress");
  const bar = find("progress", place);
  const progress = () => {
    if (scan !== mine) return;
    place.hidden = false;
    if (total && !mine.purpose) [bar.max, bar.value] = [Math.max(total, mine.looked), mine.looked];
    else bar.removeAttribute("value");
    find("span", place).textContent = mine.note || `Looked at ${plural(mine.looked, "file")}, found ${count(mine.matched)}.`;
    fillFromScan();
  };
  show(find("#files-problem"), null);
  progress();
  const failed = await mine.run(api, progress).then(() => null, (error) => error);
  if (scan !== mine) return;
  place.hidden = true;
  if (failed) {
    refuse(failed);
    return;
  }
  fillFromScan();
  say(`Found ${plural(mine.matched, "file")}.`);
}

function refuse(error) {
  fill([], false);
  find("#files .empty").hidden = true;
  show(find("#files-problem"), error, loadFiles);
}

function fillFromScan() {
  const start = page * pageSize;
  fill(scan.found.slice(start, start + pageSize), scan.found.length > start + pageSize);
}

function fill(files, hasMore) {
  more = hasMore;
  table.fill(files);
  const empty = find("#files .empty");
  empty.hidden = files.length > 0 || !find("#files .progress").hidden;
  empty.textContent = scan ? "No file fits." : "There are no files yet.";
  find("#next").disabled = !more;
  find("#previous").disabled = page === 0;
  tellPlace();
}

async function turnTo(other) {
  page = other;
  if (scan) fillFromScan();
  else await fetchPage();
  const title = find("#files-title");
  title.focus({ preventScroll: true });
  title.scrollIntoView({ block: "nearest" });
  say(find("#files .place").textContent);
}

// tellPlace says where in all of it the page is.
function tellPlace() {
  const first = page * pageSize + 1;
  const here = table.files.length;
  find("#files .place").textContent = here ? `${count(first)} to ${count(first + here - 1)}` : "";
  find("#files .count").textContent = scan ? tellScan() : total === null ? "" : plural(total, "file");
}

function tellScan() {
  const { matched, looked, stopped, sort } = scan;
  let text = plural(matched, "find");
  if (matched > most) text = sort === "created" ? `the first ${count(most)} finds` : `the first ${count(most)} of ${count(matched)} files`;
  return stopped ? `${text}, stopped after ${plural(looked, "file")}` : text;
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
  const one = files.length === 1;
  const what = one ? files[0].filename : plural(files.length, "file");
  const size = bytes(files.reduce((sum, file) => sum + file.bytes, 0));
  const text = `${size} will be gone for good. Whoever asks for ${one ? "its id" : "their ids"} finds nothing.`;
  if (!await ask(`Delete ${what}?`, text, "Delete")) return false;
  const failed = await removeAll(files);
  await reload();
  show(find("#files-problem"), failed);
  if (!failed) say(`Deleted ${what}.`);
  find("#files-title").focus();
  return !failed;
}

// removeAll deletes one behind the other, and yields the first refusal. A file that is
// gone already is one less.
async function removeAll(files) {
  for (const file of files) {
    try {
      await api.deleteFile(file.id);
    } catch (error) {
      if (error.status !== 404) return error;
    }
    scan?.drop(file);
  }
  return null;
}

// reload shows the same page again, or the one before if nothing is left of it.
async function reload() {
  countAll();
  if (scan) fillFromScan();
  else await fetchPage();
  if (table.files.length === 0 && page > 0) await turnTo(page - 1);
}
