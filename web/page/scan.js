// Answers to what the server's lists do not answer by themselves: names searched for
// and orders other than by time. All pages are looked at, and only the best are kept,
// so that neither memory nor the page grows with the number of files.

import { walk } from "./api.js";
import { patiently } from "./retry.js";

const pageSize = 10_000; // the most that the server gives at once

// most is how many finds are kept.
export const most = 1000;

// orders compare two files; each ends in an order by id, so that it is a whole one.
const byId = (a, b) => (a.id < b.id ? -1 : 1);
const orders = {
  bytes: (a, b) => a.bytes - b.bytes || byId(a, b),
  filename: (a, b) => collator.compare(a.filename, b.filename) || byId(a, b),
  expires: (a, b) => (a.expires_at ?? Infinity) - (b.expires_at ?? Infinity) || byId(a, b),
};
const collator = new Intl.Collator(undefined, { numeric: true });

// Scan is one such question.
export class Scan {
  found = []; // the best so far, in order
  looked = 0; // files looked at
  matched = 0; // of them fit
  note = ""; // why it does not go on at present, in the server's words
  #abort = new AbortController();

  // order is "created", or one of orders; direction "asc" or "desc".
  constructor({ search, purpose, order, direction }) {
    Object.assign(this, { search: search.toLowerCase(), purpose, sort: order, direction });
  }

  stop() { this.#abort.abort(); }
  get stopped() { return this.#abort.signal.aborted; }

  // drop takes out a file that has been deleted.
  drop(file) {
    const at = this.found.findIndex((one) => one.id === file.id);
    if (at < 0) return;
    this.found.splice(at, 1);
    this.matched--;
  }

  // run looks at every file, and calls progress now and then. In the order of time the
  // first finds are the best: it ends when there are enough of them.
  async run(api, progress) {
    const { signal } = this.#abort;
    const waiting = (error) => {
      this.note = error.message;
      progress(this);
    };
    const list = (query) => patiently(() => api.files(query, signal), { signal, waiting });
    const query = { limit: pageSize, purpose: this.purpose, order: this.sort === "created" ? this.direction : "desc" };
    try {
      for await (const page of walk(list, query)) {
        for (const file of page) this.#look(file);
        this.note = "";
        progress(this);
        if (this.sort === "created" && this.matched > most) return;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  #look(file) {
    this.looked++;
    if (this.search && !file.filename.toLowerCase().includes(this.search) && !file.id.toLowerCase().includes(this.search)) return;
    this.matched++;
    if (this.sort === "created") {
      if (this.found.length < most) this.found.push(file);
      return;
    }
    const sign = this.direction === "asc" ? 1 : -1;
    const compare = (a, b) => sign * orders[this.sort](a, b);
    if (this.found.length === most && compare(file, this.found[most - 1]) > 0) return;
    let [low, high] = [0, this.found.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compare(this.found[middle], file) < 0) low = middle + 1;
      else high = middle;
    }
    this.found.splice(low, 0, file);
    if (this.found.length > most) this.found.pop();
  }
}
